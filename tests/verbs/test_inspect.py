"""What `inspect` says first of a model."""

import pytest

from topformer.runtimes import open_model
from topformer.verbs.inspect import _describe

SIGNED = "https://example.org/tiny.pth?signature=" + "a" * 300


@pytest.mark.parametrize(
    ("source", "called"),
    [("tiny", "model: tiny"), (SIGNED, "model: https://example.org/tiny.pth")],
    ids=["a size beside a folder of its name", "a signed address"],
)
def test_what_is_no_file_is_called_a_model(source, called, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").mkdir()
    assert _describe(source, open_model("tiny"), None)[0] == called
