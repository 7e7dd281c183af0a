"""The comparison of reading and training, on a small data set."""

import sys

import pytest

from support.training_fakes import make_folder, small_recipe
from topformer.benchmarks.studies import training


@pytest.fixture
def folder(tmp_path, monkeypatch):
    def load(_dataset, _size, *, overrides):
        return small_recipe(workers=1, **{name: int(text) for name, text in overrides.items()})

    monkeypatch.setattr(training, "load_recipe", load)
    return make_folder(tmp_path)


@pytest.mark.slow
def test_every_round_gives_both_times(folder):
    timing = training.measure("folder", folder, "tiny", small_recipe(), rounds=3)
    assert len(timing.batch_ms) == len(timing.step_ms) == 3
    assert min(*timing.batch_ms, *timing.step_ms) > 0
    assert timing.reading_share > 0


@pytest.mark.slow
def test_the_command_says_whether_reading_keeps_up(folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["training", "folder", str(folder), "tiny", "batch=3"])
    assert training.main() in {0, 1}  # as this machine happens to be loaded
    printed = capsys.readouterr().out
    assert "a step" in printed
    assert "tiny on folder, 3 samples of 64x96" in printed


def test_slow_reading_exits_with_1(folder, monkeypatch):
    slow = training.Timing(batch_ms=[30.0], step_ms=[10.0])
    monkeypatch.setattr(training, "measure", lambda *_arguments: slow)
    monkeypatch.setattr(sys, "argv", ["training", "folder", str(folder)])
    assert training.main() == 1
    quick = training.Timing(batch_ms=[10.0], step_ms=[10.0])
    monkeypatch.setattr(training, "measure", lambda *_arguments: quick)
    assert training.main() == 0


def test_wrong_usage_prints_what_it_is_for(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["training"])
    assert training.main() == 2
    assert "DATASET ROOT" in capsys.readouterr().err


def test_what_goes_wrong_is_told_in_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["training", "camvid", "nowhere", "tiny", "batch=1"])
    assert training.main() == 2
    assert capsys.readouterr().err.startswith("There is no folder nowhere.")
