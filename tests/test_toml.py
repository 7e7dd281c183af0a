import pytest

from topformer.errors import UsageError
from topformer.toml import NoTomlError, decode_toml


def test_tables_are_read():
    assert decode_toml("a = 1\n[b]\nc = [1.5, 'x']\n", "x") == {"a": 1, "b": {"c": [1.5, "x"]}}


@pytest.mark.parametrize("text", ["a", "a = ", "a = [" + "[" * 5000, "a = 1\na = 2", "= 1"])
def test_what_is_no_toml_is_told_so(text):
    with pytest.raises(NoTomlError, match="is not TOML"):
        decode_toml(text, "r.toml")


@pytest.mark.parametrize(
    ("text", "said"), [("a = " + "1" * 5000, "4,300 digits"), ("a." * 1001 + "b = 1", "1,000 dots")]
)
def test_what_would_take_too_long_is_refused(text, said):
    with pytest.raises(UsageError, match=said):
        decode_toml(text, "r.toml")
