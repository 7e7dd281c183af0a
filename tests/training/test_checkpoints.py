"""Checkpoints: whole or absent, checked when read, the one before taken when one is damaged."""

import errno
from pathlib import Path

import pytest
import torch

from topformer.errors import TopformerError
from topformer.training import checkpoints
from topformer.training.checkpoints import (
    Best,
    has_checkpoints,
    pack_state,
    restore,
    save_checkpoint,
)


def save(out: Path, step: int, *, keep: int = 3, state: bytes | None = None) -> Path:
    state = state or pack_state({"step": step, "model": {"w": torch.arange(4.0) + step}})
    return save_checkpoint(
        out,
        step=step,
        recipe_sha256="0" * 64,
        classes=("road", "sky"),
        best=Best(step=step, miou=0.5),
        licence="as a test allows",
        model=b"m",
        state=state,
        keep=keep,
    )


def names(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "checkpoints").iterdir())


def test_what_is_saved_is_restored(tmp_path):
    assert restore(tmp_path) is None
    assert not has_checkpoints(tmp_path)
    save(tmp_path, 7)
    restored = restore(tmp_path)
    assert restored is not None
    assert has_checkpoints(tmp_path)
    assert restored.index.step == 7
    assert restored.index.classes == ("road", "sky")
    assert restored.index.best == Best(step=7, miou=0.5)
    assert torch.equal(restored.state["model"]["w"], torch.arange(4.0) + 7)
    assert restored.passed_over == ()


def test_only_the_last_few_are_kept_and_the_newest_is_the_one_with_most_steps(tmp_path):
    for step in (5, 10, 20, 100_000_000):
        save(tmp_path, step, keep=2)
    assert names(tmp_path) == ["step-00000020", "step-100000000"]
    assert restore(tmp_path).index.step == 100_000_000


def test_a_step_saved_twice_is_there_once(tmp_path):
    save(tmp_path, 5)
    save(tmp_path, 5)
    assert names(tmp_path) == ["step-00000005"]


@pytest.mark.parametrize("name", ["state.pt", "model.safetensors", "checkpoint.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "missing", "empty"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path, name, damage):
    save(tmp_path, 1)
    path = save(tmp_path, 2) / name
    data = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "flip":
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
    else:
        path.write_bytes(data[: len(data) // 2] if damage == "cut" else b"")
    restored = restore(tmp_path)
    assert restored.index.step == 1
    assert len(restored.passed_over) == 1
    assert "step-00000002" in restored.passed_over[0]


def test_damaged_ones_are_never_kept_in_place_of_sound_ones(tmp_path):
    for step in (1, 2, 3):
        save(tmp_path, step)
    (tmp_path / "checkpoints" / "step-00000003" / "state.pt").write_bytes(b"")
    # It went on from 2, and has not come to the step of the damaged one yet.
    save(tmp_path, 2, keep=1)
    assert names(tmp_path) == ["step-00000002", "step-00000003"]
    assert restore(tmp_path).index.step == 2
    save(tmp_path, 3, keep=1)
    assert names(tmp_path) == ["step-00000003"]
    assert restore(tmp_path).passed_over == ()


def test_when_all_are_damaged_nothing_is_begun_anew_in_silence(tmp_path):
    (save(tmp_path, 1) / "state.pt").write_bytes(b"")
    with pytest.raises(TopformerError, match="None of the checkpoints"):
        restore(tmp_path)


def test_a_state_that_would_run_code_is_not_loaded(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    save(tmp_path, 1)
    save(tmp_path, 2, state=pack_state({"model": Hostile()}))
    assert restore(tmp_path).index.step == 1
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("fails_at", [0, 1, 2, 3])
def test_a_full_disk_leaves_the_checkpoints_that_were_there(tmp_path, monkeypatch, fails_at):
    save(tmp_path, 1, keep=1)
    real, calls = checkpoints.make_shareable, []

    def full(path):
        calls.append(path)
        if len(calls) > fails_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path)

    monkeypatch.setattr(checkpoints, "make_shareable", full)
    with pytest.raises(OSError, match="No space"):
        save(tmp_path, 2, keep=1)
    assert names(tmp_path) == ["step-00000001"]
    assert restore(tmp_path).index.step == 1


def test_what_a_crash_left_half_written_is_no_checkpoint(tmp_path):
    left = tmp_path / "checkpoints" / ".topformer-k2_l3m4n"
    left.mkdir(parents=True)
    (left / "state.pt").touch()
    (tmp_path / "checkpoints" / "step-00000003.bak").mkdir()
    assert restore(tmp_path) is None
    save(tmp_path, 1)
    assert restore(tmp_path).index.step == 1
    assert not left.exists()
