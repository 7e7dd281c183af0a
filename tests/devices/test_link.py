"""Only whole answers count."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topformer.devices.links.client import marked_script, read_marked
from topformer.devices.links.link import printable

TOKEN = "0123456789abcdef"


def shell(argv):
    script = marked_script(argv, TOKEN)
    return subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["printf", "a\\n"], (b"a\n", 0)),
        (["true"], (b"", 0)),
        (["sh", "-c", "exit 3"], (b"", 3)),
        (["sh", "-c", "kill -9 $$"], (b"", 137)),
        (["echo", "$HOME; `id` \n'\""], (b"$HOME; `id` \n'\"\n", 0)),
        (["no-such-program"], (b"", 127)),
        (["sh", "-c", "printf 'x%.0s' $(seq 5000)"], (b"x" * 5000, 0)),
    ],
)
def test_output_and_exit_status_come_back(argv, expected):
    assert read_marked(shell(argv), TOKEN) == expected


@given(st.binary(max_size=300), st.integers(0, 255))
def test_what_was_printed_is_not_changed(printed, status):
    whole = printed + f"\n{TOKEN} {status}\n".encode()
    assert read_marked(whole, TOKEN) == (printed, status)


@given(st.binary(max_size=300), st.integers(1, 20))
def test_a_torn_answer_is_none(printed, missing):
    assert read_marked(printed, TOKEN) is None
    whole = printed + f"\n{TOKEN} 0\n".encode()
    assert read_marked(whole[:-missing], TOKEN) is None


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=50, alphabet=st.characters(exclude_characters="\0", codec="utf-8"))
    | st.text(max_size=20, alphabet=" \t\n'\"\\$`*?~#&;|<>(){}[]!=-%a")
)
def test_words_reach_the_program_as_they_are(word):
    assert read_marked(shell(["printf", "%s", word]), TOKEN) == (word.encode(), 0)


@given(st.binary(max_size=5000))
def test_nothing_a_terminal_obeys_is_printed(data):
    shown = printable(data)
    assert len(shown) <= 1000
    assert all(c.isprintable() or c == "\n" for c in shown)
