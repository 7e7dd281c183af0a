"""What can be taken again from a report's folder."""

import pytest

from topformer.verbs.report.kept import FILE_NAME, Kept

FACTS = {"weights": "a" * 64, "size": (64, 64), "versions": {"torch": "2.14"}}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "scores").mkdir()
    paths = [tmp_path / "scores" / "b.json", tmp_path / "scores" / "a.json"]
    for path in paths:
        path.write_text(path.name)
    Kept(tmp_path).note("score", FACTS, paths)
    return tmp_path


def names(found):
    return found and [path.name for path in found]


def test_what_is_unchanged_is_found_by_another_run(folder):
    assert names(Kept(folder).find("score", FACTS)) == ["b.json", "a.json"]
    # The order of facts says nothing.
    assert Kept(folder).find("score", dict(reversed(FACTS.items())))


@pytest.mark.parametrize(
    "facts",
    [
        FACTS | {"weights": "b" * 64},
        FACTS | {"size": (64, 96)},
        FACTS | {"versions": {"torch": "2.15"}},
        FACTS | {"more": 1},
        {},
    ],
)
def test_what_was_made_from_something_else_is_made_again(folder, facts):
    assert Kept(folder).find("score", facts) is None


def test_another_result_of_the_same_facts_is_not_taken_for_it(folder):
    assert Kept(folder).find("other", FACTS) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "scores" / "a.json").write_text("changed"),
        lambda folder: (folder / "scores" / "b.json").unlink(),
        lambda folder: (folder / FILE_NAME).write_text("{"),
        lambda folder: (folder / FILE_NAME).write_text('{"schema": "topformer.bench/1"}'),
        lambda folder: (folder / FILE_NAME).unlink(),
    ],
    ids=["changed", "gone", "no JSON", "another document", "no list"],
)
def test_what_was_spoilt_is_made_again(folder, spoil):
    spoil(folder)
    assert Kept(folder).find("score", FACTS) is None


def test_a_result_that_is_made_again_takes_the_place_of_the_old_one(folder):
    kept = Kept(folder)
    path = folder / "scores" / "a.json"
    path.write_text("newer")
    kept.note("score", FACTS | {"more": 1}, [path])
    assert kept.find("score", FACTS) is None
    assert names(Kept(folder).find("score", FACTS | {"more": 1})) == ["a.json"]


def test_results_of_long_names_get_names_that_file_systems_take(tmp_path):
    kept = Kept(tmp_path)
    long, longer = (kept.place("scores", letter * 400, ".json") for letter in "ab")
    assert long != longer
    assert len(long.name) <= 255
    assert kept.place("scores", "tiny 64x64 fp32 onnx", ".json").name == "tiny-64x64-fp32-onnx.json"
