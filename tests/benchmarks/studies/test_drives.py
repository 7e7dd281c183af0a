"""CamVid divided by drives: a small CamVid of two drives in two splits."""

import sys

import numpy as np
import pytest

from support.folders import write_folder
from topformer.benchmarks.studies import drives
from topformer.data import open_dataset


@pytest.fixture
def camvid(tmp_path):
    rng = np.random.default_rng(0)
    for split, names in (
        ("train", ("0001TP_1", "0016E5_1", "0016E5_2")),
        ("val", ("0016E5_3",)),
    ):
        pairs = {
            name: (
                rng.integers(0, 256, (12, 16, 3), np.uint8),
                rng.integers(0, 11, (12, 16), np.uint8),
            )
            for name in names
        }
        write_folder(tmp_path / "camvid", pairs, split=split)
    return tmp_path / "camvid"


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["drives", *map(str, arguments)])
    return drives.main()


def names(dataset, split):
    return {pair.picture.stem for pair in dataset.split(split).pairs}


def test_one_drive_is_apart_and_all_others_are_to_train_on(camvid, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    assert run(monkeypatch, camvid, out, "0001TP") == 0
    printed = capsys.readouterr()
    assert printed.out == f"{out}\n"
    assert printed.err == "3 pictures to train on, 1 of 0001TP apart\n"
    dataset = open_dataset("camvid", out)
    assert names(dataset, "val") == {"0001TP_1"}
    assert names(dataset, "train") == {"0016E5_1", "0016E5_2", "0016E5_3"}
    pair = dataset.split("val").pairs[0]
    assert pair.labels.read_bytes() == (camvid / "annotations/train/0001TP_1.png").read_bytes()


def test_a_drive_that_there_is_not_and_a_folder_that_there_is_are_refused(
    camvid, tmp_path, monkeypatch, capsys
):
    assert run(monkeypatch, camvid, tmp_path / "out", "0006R0") == 2
    assert "The drives are 0001TP, 0016E5." in capsys.readouterr().err
    assert run(monkeypatch, camvid, camvid, "0001TP") == 2
    assert run(monkeypatch) == 2
    assert "CAMVID OUT DRIVE" in capsys.readouterr().err
