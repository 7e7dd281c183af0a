"""Whole runs: the same result however often they are interrupted, and nothing half-written."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import load_file

from support.training_fakes import (
    SCRIPT,
    SilentObserver,
    assert_same_weights,
    small_recipe,
    small_run,
)
from topformer.data import open_dataset
from topformer.data.loading import training_batches
from topformer.errors import TopformerError
from topformer.evaluation.scored_model import open_scored_model
from topformer.evaluation.scoring import score_split
from topformer.model import create_model
from topformer.training import checkpoints, loop
from topformer.training.journal import Journal, ScoreRecord, StepRecord, read_log
from topformer.training.learner import Learner
from topformer.training.loop import train
from topformer.training.processes import Place
from topformer.training.recipe import recipe_text
from topformer.weights import load_weights

ALONE = Place(rank=0, world_size=1, device=torch.device("cpu"))
pytestmark = pytest.mark.slow


def run_training(folder: Path, out: Path, *, resume: bool = False, observer=None, **fields):
    torch.manual_seed(0)
    run = small_run(folder, out, small_recipe(**fields))
    watcher = observer or SilentObserver()
    return train(run, create_model("tiny", 3), ALONE, watcher, resume=resume), watcher


@pytest.fixture(scope="module")
def uninterrupted(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("through")
    trained, observer = run_training(folder, out, ema_decay=0.5)
    return out, trained, observer


def test_a_run_leaves_weights_log_and_checkpoints(uninterrupted):
    out, trained, observer = uninterrupted
    assert trained.steps == 4
    assert trained.resumed_from is None
    assert trained.best.step == 4
    assert trained.best_path == out / "best.safetensors"
    assert {path.name for path in out.iterdir()} >= {
        "best.safetensors", "last.safetensors", "log.jsonl", "checkpoints",
    }  # fmt: skip
    assert [path.name for path in sorted((out / "checkpoints").iterdir())] == [
        "step-00000002",
        "step-00000004",
    ]
    records = read_log(out / "log.jsonl")
    assert records == observer.records
    assert [type(record) for record in records] == [StepRecord] * 4 + [ScoreRecord]
    assert observer.steps == [1, 2, 3, 4]
    assert not observer.notices


def test_trained_weights_load_like_any_others(uninterrupted):
    out, _, _ = uninterrupted
    loaded = load_weights(out / "best.safetensors")
    assert loaded.classes.names == ("sky", "road", "car")
    assert loaded.info.name == "trained in a test"
    assert not loaded.info.is_random


class Interrupting(SilentObserver):
    """Sends this process a signal after a step."""

    def __init__(self, step: int, number: signal.Signals) -> None:
        super().__init__()
        self.step, self.number = step, number

    def on_step(self, step):
        super().on_step(step)
        if step == self.step:
            os.kill(os.getpid(), self.number)


def test_a_stopped_run_keeps_what_tensorboard_was_told(folder, tmp_path, monkeypatch):
    closed = []
    monkeypatch.setattr(Journal, "close", lambda _journal: closed.append(True))
    with pytest.raises(TopformerError, match="Stopped after step"):
        run_training(folder, tmp_path, observer=Interrupting(1, signal.SIGINT))
    assert len(closed) == 1


@pytest.mark.parametrize(
    ("number", "step", "workers"),
    [
        (signal.SIGINT, 1, 0),
        (signal.SIGINT, 2, 2),
        (signal.SIGTERM, 2, 2),
        (signal.SIGHUP, 1, 0),
    ],
)
def test_a_signal_saves_and_resuming_ends_in_the_same_bits(
    uninterrupted, folder, tmp_path, number, step, workers
):
    observer = Interrupting(step, number)
    with pytest.raises(TopformerError, match="Stopped after step") as caught:
        run_training(folder, tmp_path, observer=observer, ema_decay=0.5, workers=workers)
    assert number.name in caught.value.why
    assert caught.value.exit_code == 128 + number
    saved = checkpoints.restore(tmp_path).index.step
    assert saved in {step, step + 1}
    trained, observer = run_training(folder, tmp_path, resume=True, ema_decay=0.5)
    assert trained.resumed_from == saved
    assert observer.steps[0] == saved + 1
    assert_same_weights(trained.last_path, uninterrupted[0] / "last.safetensors")
    assert_same_weights(trained.best_path, uninterrupted[0] / "best.safetensors")
    steps = [record.step for record in read_log(tmp_path / "log.jsonl")]
    assert steps == [1, 2, 3, 4, 4]


def test_resuming_from_the_checkpoint_before_a_damaged_one(uninterrupted, folder, tmp_path):
    run_training(folder, tmp_path, ema_decay=0.5)
    (tmp_path / "checkpoints" / "step-00000004" / "state.pt").write_bytes(b"damaged")
    trained, observer = run_training(folder, tmp_path, resume=True, ema_decay=0.5)
    assert trained.resumed_from == 2
    assert "passed over: step-00000004" in observer.notices[0]
    assert_same_weights(trained.last_path, uninterrupted[0] / "last.safetensors")


class Stuck:
    """Batches of which one never comes, and a signal while it is waited for."""

    def __init__(self, after: int, number: signal.Signals) -> None:
        self.after, self.number = after, number

    def __call__(self, *arguments, **settings):
        made = training_batches(*arguments, **settings)
        for _ in range(self.after):
            yield next(made)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        before = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), self.number))
        try:
            time.sleep(60)
        finally:
            signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [0, 1])
def test_a_signal_is_answered_also_while_data_are_waited_for(
    uninterrupted, folder, tmp_path, monkeypatch, number, after
):
    monkeypatch.setattr(loop, "training_batches", Stuck(after, number))
    began = time.monotonic()
    with pytest.raises(TopformerError, match=f"Stopped after step {after} of") as caught:
        run_training(folder, tmp_path, ema_decay=0.5)
    assert time.monotonic() - began < 30
    assert number.name in caught.value.why
    monkeypatch.undo()
    trained, _ = run_training(folder, tmp_path, resume=True, ema_decay=0.5)
    assert trained.resumed_from == after
    assert_same_weights(trained.last_path, uninterrupted[0] / "last.safetensors")


def test_a_reading_process_that_dies_in_a_step_is_told_and_checkpoints_stay(
    folder, tmp_path, monkeypatch
):
    class Killing(SilentObserver):
        def on_step(self, step):
            if step == 3:
                os.kill(active_children()[0].pid, signal.SIGKILL)
                time.sleep(10)  # torch ends it

    with pytest.raises(TopformerError, match="A reading process is gone"):
        run_training(folder, tmp_path, workers=2, iterations=50, observer=Killing())
    assert not active_children()
    assert checkpoints.restore(tmp_path).index.step == 2


def begun(folder, out: Path, **fields) -> Path:
    """A run with its recipe beside it, as the command line leaves it."""
    run_training(folder, out, **fields)
    path = out / "recipe.toml"
    path.write_text(recipe_text(small_recipe(**fields)))
    return path


def test_resuming_with_another_recipe_names_the_fields_that_differ(folder, tmp_path):
    path = begun(folder, tmp_path)
    changes = {"learning_rate": 5e-4, "iterations": 8, "crop": (96, 64), "workers": 1}
    with pytest.raises(TopformerError, match="another recipe") as caught:
        run_training(folder, tmp_path, resume=True, **changes)
    assert caught.value.why == (
        "They differ in iterations: 4 then, 8 now; learning_rate: 0.001 then, 0.0005 now; "
        "crop: [64,96] then, [96,64] now."
    )
    assert str(path) in caught.value.next_step


def test_a_recipe_changed_since_is_not_believed(folder, tmp_path):
    path = begun(folder, tmp_path)
    path.write_text(recipe_text(small_recipe(seed=7)))
    with pytest.raises(TopformerError, match="another recipe") as caught:
        run_training(folder, tmp_path, resume=True, learning_rate=5e-4)
    assert "was changed since then" in caught.value.why


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"\xff\xfe\x00",
        b"seed = " + b"[" * 100_000,
        b"a." * 100_000 + b"a = 1",
        b"x" * 2**21,
        b"iterations = -1",
        b"unheard_of = 1",
    ],
)
def test_a_recipe_that_cannot_be_read_is_one_clear_error(folder, tmp_path, finished, content):
    shutil.copytree(finished, tmp_path / "run")
    if content is not None:
        (tmp_path / "run" / "recipe.toml").write_bytes(content)
    with pytest.raises(TopformerError, match="another recipe") as caught:
        run_training(folder, tmp_path / "run", resume=True, learning_rate=5e-4)
    assert "cannot be read" in caught.value.why
    assert len(caught.value.why) < 1000


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("finished")
    run_training(folder, out, iterations=1)
    return out


def test_a_checkpoint_index_nested_without_end_is_damage(folder, tmp_path, finished):
    shutil.copytree(finished, tmp_path / "run")
    (index,) = (tmp_path / "run" / "checkpoints").glob("*/checkpoint.json")
    index.write_bytes(b"[" * 60_000)
    with pytest.raises(TopformerError, match="None of the checkpoints"):
        run_training(folder, tmp_path / "run", resume=True, iterations=1)


@pytest.mark.parametrize("stretch", [0.0, 1.0])
def test_scores_are_taken_as_the_recipe_shows_pictures_and_name_the_protocol(
    folder, tmp_path, stretch
):
    trained, observer = run_training(folder, tmp_path, iterations=1, stretch=stretch)
    dataset = open_dataset("folder", folder)
    size = (64, 96) if stretch else None
    subject = open_scored_model(trained.best_path, dataset, image_size=size)
    scores = score_split(subject.segment, dataset.split("val"), dataset.classes).scores
    assert observer.records[-1].miou == scores.miou
    assert observer.records[-1].protocol == subject.protocol.description


def scored(step: int, scores: Iterator[float]) -> ScoreRecord:
    return ScoreRecord(step=step, miou=next(scores), mean_accuracy=0.0, pixel_accuracy=0.0)


def test_the_best_weights_of_a_rounded_run_have_learnt_to_be_rounded(folder, tmp_path, monkeypatch):
    scores = iter([0.8, 0.9, 0.3, 0.2])
    monkeypatch.setattr(
        loop, "validate", lambda _network, _goal, _place, step: scored(step, scores)
    )
    trained, _ = run_training(folder, tmp_path, evaluate_every=1, quantise_from=0.5)
    assert trained.best == checkpoints.Best(step=3, miou=0.3)
    best, last = load_file(trained.best_path), load_file(trained.last_path)
    assert best.keys() == last.keys()
    assert any(not torch.equal(best[name], tensor) for name, tensor in last.items())


def test_resuming_with_another_network_is_refused(folder, tmp_path):
    run_training(folder, tmp_path)
    run = small_run(folder, tmp_path, small_recipe())
    with pytest.raises(TopformerError, match="another network"):
        train(run, create_model("small", 3), ALONE, SilentObserver(), resume=True)


def test_resuming_on_other_classes_is_refused(folder, tmp_path):
    """As many as before: nothing else would tell that 0 stands for something else now."""
    run_training(folder, tmp_path)
    then = small_run(folder, tmp_path, small_recipe()).goal.classes
    now = msgspec.structs.replace(then, names=(then.names[0], "tram", *then.names[2:]))
    run = small_run(folder, tmp_path, small_recipe())
    run.goal.classes = now
    with pytest.raises(TopformerError, match="other classes") as caught:
        train(run, create_model("tiny", 3), ALONE, SilentObserver(), resume=True)
    assert caught.value.why == f'Class 1 was "{then.names[1]}" and is "tram" now.'


def test_a_finished_run_resumed_does_nothing_more(folder, tmp_path):
    run_training(folder, tmp_path)
    before = (tmp_path / "last.safetensors").read_bytes()
    trained, observer = run_training(folder, tmp_path, resume=True)
    assert trained.resumed_from == 4
    assert observer.steps == []
    assert (tmp_path / "last.safetensors").read_bytes() == before


def test_a_run_that_goes_on_has_the_licence_that_it_was_begun_with(folder, tmp_path):
    run_training(folder, tmp_path)
    other = replace(small_run(folder, tmp_path, small_recipe()), licence="another")
    trained = train(other, create_model("tiny", 3), ALONE, SilentObserver(), resume=True)
    assert trained.licence == "none"
    assert load_weights(trained.last_path).info.licence == "none"


def test_a_disk_that_is_full_for_a_while_does_not_end_a_run(folder, tmp_path, monkeypatch):
    real, calls = checkpoints.make_shareable, []

    def full_at_first(path):
        calls.append(path)
        if len(calls) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path)

    monkeypatch.setattr(checkpoints, "make_shareable", full_at_first)
    _, observer = run_training(folder, tmp_path)
    assert observer.notices == [
        "The checkpoint could not be written (No space left on device); training goes on."
    ]
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000004"]


def test_the_best_score_is_that_of_the_weights_that_could_be_written(folder, tmp_path, monkeypatch):
    scores, real = iter([0.4, 0.6, 0.5, 0.3]), loop.atomic_write

    def full_once(path, data):
        if path.name == "best.safetensors" and next(writes):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, data)

    monkeypatch.setattr(
        loop, "validate", lambda _network, _goal, _place, step: scored(step, scores)
    )
    writes = iter([False, True, False])
    monkeypatch.setattr(loop, "atomic_write", full_once)
    trained, observer = run_training(folder, tmp_path, evaluate_every=1)
    assert "best.safetensors could not be written" in observer.notices[0]
    assert trained.best == checkpoints.Best(step=3, miou=0.5)


@pytest.mark.parametrize("where", ["step", "load_state"])
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_memory_that_is_short_is_told_with_what_to_do(folder, tmp_path, monkeypatch, where, error):
    run_training(folder, tmp_path, iterations=1)

    def fail(*_):
        raise error

    monkeypatch.setattr(Learner, where, fail)
    resume = where == "load_state"
    with pytest.raises(TopformerError, match="not enough memory") as caught:
        run_training(folder, tmp_path, iterations=1, resume=resume)
    assert caught.value.why == str(error)
    assert "accumulate" in caught.value.next_step


def test_a_disk_that_stays_full_fails_the_run_at_its_end(folder, tmp_path, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints, "make_shareable", full)
    with pytest.raises(TopformerError, match="checkpoint could not be written") as caught:
        run_training(folder, tmp_path)
    assert "--resume" in caught.value.next_step


def test_kill_minus_9_loses_at_most_the_steps_since_the_last_checkpoint(
    folder, scripted_run, tmp_path
):
    """A process of its own is killed outright; what it left is resumed in another."""
    command = [sys.executable, SCRIPT, folder, tmp_path]
    process = subprocess.Popen([*command, "--slow"])
    first = tmp_path / "checkpoints" / "step-00000002"
    deadline = time.monotonic() + 120
    while not first.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert first.exists()
    subprocess.run([*command, "--resume"], check=True, timeout=240)
    assert_same_weights(tmp_path / "last.safetensors", scripted_run / "last.safetensors")
