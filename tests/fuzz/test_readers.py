"""A small part of `make fuzz`, and every input that it ever found."""

from dataclasses import replace
from pathlib import Path

import pytest

from fuzz.loop import make_input, try_reader
from fuzz.readers import READERS, reads

FOUND = sorted((Path(__file__).parent / "found").iterdir())
INPUTS = 40


def file_name(reader: str) -> str:
    return reader.replace(" ", "-")


@pytest.mark.parametrize("name", READERS)
def test_good_inputs_are_read(name, tmp_path):
    for number, (_, data) in enumerate(READERS[name].seeds()):
        error = reads(name, data, tmp_path / str(number))
        assert error is None, f"{error}"


@pytest.mark.parametrize("name", [name for name, one in READERS.items() if one.share > 0.01])
def test_hostile_inputs_are_values_or_one_error(name, tmp_path):
    for number in range(INPUTS):
        reads(name, make_input(READERS[name], 0, number), tmp_path / str(number))


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_was_found_stays_mended(path, tmp_path):
    """In a process of its own, which is held to a time and a memory, too."""
    (name,) = [name for name in READERS if file_name(name) == path.name.partition(".")[0]]
    found = [(READERS[name].seeds()[0][0], path.read_bytes())]
    outcome = try_reader(replace(READERS[name], seeds=lambda: found), seed=0, first=0, count=1)
    # As the first of its reader it is taken for a good one, which it need not be.
    assert [what for what in outcome.failures if not what.startswith("a good input")] == []
    reads(name, path.read_bytes(), tmp_path)


def test_an_input_can_be_made_again():
    for one in READERS.values():
        if one.share > 0.01:
            assert make_input(one, 7, 20) == make_input(one, 7, 20)
            assert len({make_input(one, 7, number) for number in range(20, 30)}) > 5
