"""The log: what was written is read back, cut where a run resumes, and mirrored for TensorBoard."""

import errno
import math
import resource

import pytest

from topformer.errors import TopformerError
from topformer.training import journal
from topformer.training.journal import Journal, ScoreRecord, StepRecord, read_log


def step(number: int) -> StepRecord:
    return StepRecord(
        step=number, loss=1.5, learning_rate=1e-4, images_per_s=8.0, waiting_share=0.1
    )


def score(number: int) -> ScoreRecord:
    return ScoreRecord(step=number, miou=0.5, mean_accuracy=0.6, pixel_accuracy=0.9)


def write(out, *records, keep_to_step: int = 0):
    log = Journal(out, keep_to_step=keep_to_step)
    for record in records:
        log.write(record)
    log.close()
    return read_log(out / "log.jsonl")


def test_records_are_read_back_in_order(tmp_path):
    assert read_log(tmp_path / "log.jsonl") == []
    records = [step(1), score(1), step(2)]
    assert write(tmp_path, *records) == records


def test_scores_that_are_none_are_read_back(tmp_path):
    none = ScoreRecord(step=2, miou=None, mean_accuracy=None, pixel_accuracy=None)
    assert write(tmp_path, step(1), none) == [step(1), none]
    assert none.text == "mIoU -, mean accuracy -, pixels - (whole)"
    assert math.isnan(none.best.score)


def test_what_an_interrupted_run_wrote_too_much_is_cut_off(tmp_path):
    write(tmp_path, step(1), step(2), score(2), step(3))
    assert write(tmp_path, step(3), keep_to_step=2) == [step(1), step(2), score(2), step(3)]


def test_a_new_run_begins_an_empty_log(tmp_path):
    write(tmp_path, step(1))
    assert write(tmp_path) == []


def test_a_last_line_cut_short_by_a_crash_is_left_out(tmp_path):
    write(tmp_path, step(1), step(2))
    path = tmp_path / "log.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert read_log(path) == [step(1)]
    assert write(tmp_path, keep_to_step=9) == [step(1)]


def test_damage_in_the_middle_is_told(tmp_path):
    write(tmp_path, step(1), step(2))
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(TopformerError, match="damaged in line 1"):
        read_log(path)


@pytest.mark.parametrize("after", [b"", b"{}\n"])
def test_a_log_nested_without_end_is_damage_wherever_it_stands(tmp_path, after):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"a":' * 100_000 + b"\n" + after)
    with pytest.raises(TopformerError, match="damaged in line 1"):
        read_log(path)


def test_scores_from_before_protocols_were_told_are_of_whole_pictures(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(
        '{"kind":"score","step":1,"miou":0.5,"mean_accuracy":0.6,"pixel_accuracy":0.9}\n'
    )
    assert read_log(path) == [score(1)]
    assert score(1).protocol == "whole"


def test_tensorboard_gets_the_same_numbers(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write(tmp_path, step(1), score(1), step(2))
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 1.5), (2, 1.5)]
    assert [event.value for event in events.Scalars("miou")] == [0.5]


def test_tensorboard_keeps_the_step_that_a_run_goes_on_from(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write(tmp_path, step(1), step(2), score(2), step(3))
    write(tmp_path, step(3), keep_to_step=2)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("loss")] == [1, 2, 3]
    assert [event.step for event in events.Scalars("miou")] == [2]


# TensorBoard's own thread tells of it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_full_disk_loses_records_and_nothing_else(tmp_path):
    log = Journal(tmp_path, keep_to_step=0)
    log.write(step(1))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # It takes the beginning of a line, as a disk that is nearly full does.
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.path.stat().st_size + 20, limits[1]))
    try:
        log.write(step(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    log.write(step(3))
    log.close()
    assert read_log(log.path) == [step(1), step(3)]


def test_a_full_disk_under_tensorboard_does_not_end_a_run(tmp_path, monkeypatch):
    asked = []

    class Full:
        def add_scalar(self, name, *_):
            asked.append(name)
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            self.add_scalar("close")

    monkeypatch.setattr(journal, "_tensorboard", lambda *_a, **_n: Full())
    assert write(tmp_path, step(1), step(2)) == [step(1), step(2)]
    assert asked == ["loss", "close"], "It fails ever after, and is not asked again."


def test_without_tensorboard_the_log_is_written_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_tensorboard", lambda *_a, **_n: None)
    assert write(tmp_path, step(1)) == [step(1)]
    assert not (tmp_path / "tensorboard").exists()
