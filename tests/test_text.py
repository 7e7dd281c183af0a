import pytest
from hypothesis import given
from hypothesis import strategies as st

from topformer.text import brief, columns, first_line, printable, well_formed

# Also what is no character: `st.text()` leaves surrogates out.
ANY_TEXT = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("street 1.jpg", "street 1.jpg"),
        ("街.png", "街.png"),
        ("a [red] b.png", "a [red] b.png"),
        (b"caf\xe9.jpg".decode(errors="surrogateescape"), r"caf\xe9.jpg"),
        ("\ud83d.jpg", r"\ud83d.jpg"),
        ("\x1b[2Ja\x07", r"\x1b[2Ja\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),
        ("a\u200bb\u2066", r"a\u200bb\u2066"),
        ("\U000e0041", r"\U000e0041"),
        ("one\ntwo\t\r", r"one\x0atwo\x09\x0d"),
    ],
)
def test_what_could_steer_a_terminal_is_shown_as_an_escape(name, shown):
    assert printable(name) == shown


def test_lines_stay_lines():
    assert printable("one\n\ttwo\r", lines=True) == "one\n\ttwo\\x0d"


@given(ANY_TEXT)
def test_any_text_becomes_printable_and_can_be_written(text):
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown
    shown.encode()
    well_formed(text).encode()
    assert all(line.isprintable() for line in printable(text, lines=True).split("\n") if line) or (
        "\t" in text
    )


@given(st.text())
def test_unicode_is_well_formed_as_it_is(text):
    assert well_formed(text) == text


def test_a_long_text_is_cut():
    assert brief("x" * 200) == "x" * 200
    assert brief("x" * 201) == "x" * 200 + "..."


def test_a_chinese_letter_takes_two_columns():
    assert columns("天地 sky") == 8


@pytest.mark.parametrize(
    ("error", "line"),
    [(ValueError(), ""), (ValueError("a\nb"), "a"), (OSError(2, "No"), "[Errno 2] No")],
)
def test_the_first_line_of_an_error_may_be_nothing(error, line):
    assert first_line(error) == line
