"""A split is looked through once, and what is wrong with it is told by file."""

import numpy as np
import pytest
from PIL import Image

from support.folders import write_folder
from topformer.data import open_dataset
from topformer.data.check import MOST_PROBLEMS, check_split, require_sound
from topformer.errors import TopformerError


def make(root, count: int = 4):
    pairs = {}
    for number in range(count):
        labels = np.zeros((6, 8 + number), np.uint8)
        labels[0, :3] = [1, 1, 255]
        pairs[f"{number:02}"] = np.zeros((*labels.shape, 3), np.uint8), labels
    write_folder(root, pairs, split="train", classes=["a", "b", "c"])
    return open_dataset("folder", root)


def check(dataset, **named):
    return check_split(dataset.split("train"), dataset.classes, **named)


def test_a_sound_split_is_counted(tmp_path):
    report = check(make(tmp_path))
    assert report.pairs == 4
    assert report.problem_count == 0
    assert report.pixels.tolist() == [6 * (8 + 9 + 10 + 11) - 12, 8, 0]
    assert report.pictures.tolist() == [4, 4, 0]
    assert report.empty == 0
    assert report.ignored_pixels == 4
    assert (report.smallest, report.largest) == ((6, 8), (6, 11))
    require_sound(report)


def test_progress_counts_to_the_end(tmp_path):
    told = []
    check(make(tmp_path, 30), progress=lambda done, total: told.append((done, total)))
    assert told == [(n, 30) for n in range(1, 31)]


def test_each_faulty_file_is_a_problem_and_the_rest_go_on(tmp_path):
    dataset = make(tmp_path, 6)
    labels = tmp_path / "annotations" / "train"
    (labels / "00.png").write_bytes(b"no png")
    Image.new("L", (5, 5)).save(labels / "01.png")
    Image.new("RGB", (10, 6), "red").save(labels / "02.png")
    Image.new("L", (11, 6), 3).save(labels / "03.png")
    Image.new("L", (12, 6), 255).save(labels / "04.png")
    report = check(dataset)
    said = [problem.what for problem in report.problems]
    assert [report.problem_count, len(said)] == [4, 4]
    for number, words in enumerate(["cannot be read", "size", "colours", "out of range: 3"]):
        assert f"{number:02}.png" in said[number]
        assert words in said[number]
    assert report.empty == 1
    with pytest.raises(TopformerError, match="cannot be read as labels") as caught:
        require_sound(report)
    assert "3 more files have problems" in caught.value.next_step


def test_one_problem_is_raised_as_it_is(tmp_path):
    dataset = make(tmp_path)
    (tmp_path / "images" / "train" / "02.png").write_bytes(b"no picture")
    report = check(dataset)
    assert "02.png" in report.problems[0].what
    with pytest.raises(TopformerError) as caught:
        require_sound(report)
    assert str(caught.value) == str(report.problems[0])


def test_a_split_in_which_nothing_counts_is_a_problem(tmp_path):
    dataset = make(tmp_path)
    for path in (tmp_path / "annotations" / "train").iterdir():
        with Image.open(path) as image:
            size = image.size
        Image.new("L", size, 255).save(path)
    report = check(dataset)
    assert report.problem_count == 1
    assert report.empty == report.pairs
    with pytest.raises(TopformerError, match="no pixel that counts"):
        require_sound(report)


def test_only_the_first_problems_are_kept_and_all_are_counted(tmp_path):
    dataset = make(tmp_path, MOST_PROBLEMS + 5)
    for path in (tmp_path / "annotations" / "train").iterdir():
        path.write_bytes(b"")
    report = check(dataset)
    assert report.problem_count == MOST_PROBLEMS + 5
    assert len(report.problems) == MOST_PROBLEMS
    assert report.smallest is None
