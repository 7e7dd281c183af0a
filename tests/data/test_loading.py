"""Batches are a function of the step, whoever reads them and wherever reading begins."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from support.folders import write_folder
from support.lacking import lacking
from topformer.data import loading, open_dataset, sharing
from topformer.data.loading import reading_trouble, slot_at, training_batches
from topformer.data.pairs import open_pair, read_ahead, usual_picture_size
from topformer.data.samples import LabelledSamples
from topformer.data.sharing import Copied, Send
from topformer.data.transforms import Augmentation
from topformer.errors import TopformerError

AUGMENTATION = Augmentation(
    scale=(128, 64),
    ratio_range=(0.5, 2.0),
    crop=(64, 64),
    cat_max_ratio=0.75,
    flip_probability=0.5,
    photometric=True,
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("folder")
    rng = np.random.default_rng(0)
    pairs = {}
    for number in range(5):
        picture = rng.integers(0, 256, (70, 90, 3)).astype(np.uint8)
        pairs[str(number)] = picture, rng.integers(0, 2, (70, 90)).astype(np.uint8)
    return open_dataset("folder", write_folder(root, pairs, split="train", classes=["a", "b"]))


def reading(
    dataset,
    *,
    first=0,
    end=6,
    positions=range(4),
    workers=0,
    seed=3,
    told=None,
    augmentation=AUGMENTATION,
):
    return training_batches(
        LabelledSamples(dataset.split("train"), dataset.classes, augmentation),
        first_step=first,
        end_step=end,
        batch=4,
        positions=positions,
        seed=seed,
        workers=workers,
        on_notice=[].append if told is None else told.append,
    )


def batches(dataset, **settings):
    return list(reading(dataset, **settings))


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.pictures, other.pictures)
        assert torch.equal(one.truth, other.truth)
        assert one.sources == other.sources


MIXED = replace(AUGMENTATION, class_mix=0.5, degradation=0.5, stretch=1.0)


@pytest.mark.parametrize("augmentation", [AUGMENTATION, MIXED])
def test_reading_processes_change_nothing(dataset, augmentation):
    assert_same(
        batches(dataset, workers=2, augmentation=augmentation),
        batches(dataset, augmentation=augmentation),
    )


def test_pasted_classes_come_from_other_pictures(dataset):
    pasted = batches(dataset, augmentation=replace(AUGMENTATION, class_mix=1.0))
    for one, other in zip(pasted, batches(dataset), strict=True):
        assert one.sources == other.sources
        changed = [not torch.equal(a, b) for a, b in zip(one.pictures, other.pictures, strict=True)]
        assert all(changed)


def test_the_usual_size_is_that_of_the_middle_picture(dataset):
    assert usual_picture_size(dataset.split("train")) == (70, 90)


def test_beginning_at_a_later_step_gives_the_rest(dataset):
    assert_same(batches(dataset, first=2), batches(dataset)[2:])


def test_two_processes_share_a_batch(dataset):
    whole = batches(dataset)
    first = batches(dataset, positions=range(2))
    second = batches(dataset, positions=range(2, 4))
    for one, two, both in zip(first, second, whole, strict=True):
        assert torch.equal(torch.cat([one.pictures, two.pictures]), both.pictures)
        assert one.sources + two.sources == both.sources


def test_another_seed_gives_other_batches(dataset):
    assert not torch.equal(batches(dataset, seed=4)[0].pictures, batches(dataset)[0].pictures)


def test_every_picture_is_seen_once_a_pass():
    pairs = [slot_at(n // 4, n % 4, pictures=7, batch=4, seed=1).picture for n in range(28)]
    for start in range(0, 28, 7):
        assert sorted(pairs[start : start + 7]) == list(range(7))
    assert pairs[:7] != pairs[7:14]


def test_labels_of_another_size_are_refused_by_name(dataset, tmp_path):
    found = dataset.split("train")
    pair = found.pairs[0]
    Image.new("L", (91, 70)).save(tmp_path / "other.png")
    from topformer.data.layouts import Pair

    with pytest.raises(TopformerError) as caught:
        open_pair(Pair(picture=pair.picture, labels=tmp_path / "other.png"), found, dataset.classes)
    assert "is not of its picture's size" in caught.value.what
    assert "91x70" in caught.value.why


def test_a_file_that_broke_meanwhile_is_named_also_from_a_reading_process(dataset, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(dataset.root, copy)
    for path in (copy / "annotations" / "train").iterdir():
        Image.new("L", (90, 70), 9).save(path)
    for workers in (0, 1):
        with pytest.raises(TopformerError, match="out of range: 9") as caught:
            batches(open_dataset("folder", copy), workers=workers)
        # As it was raised, not as the text of a traceback.
        assert "Traceback" not in str(caught.value)
        assert "classes" in caught.value.why
        assert "--dataset" in caught.value.next_step


def test_the_order_is_that_of_the_seed_and_pass_and_stays_so():
    """Runs that were begun go on in this order: it must never change."""
    seen = [slot_at(0, position, pictures=5, batch=10, seed=3).picture for position in range(10)]
    again = np.random.default_rng((3, 2**31, 0)).permutation(5).tolist()
    assert seen == again + np.random.default_rng((3, 2**31, 1)).permutation(5).tolist()


def test_the_loader_pins_batches_by_their_own_method(dataset, monkeypatch):
    from torch.utils.data._utils.pin_memory import pin_memory

    batch = batches(dataset, end=1)[0]
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor + 1)
    pinned = pin_memory(batch)
    assert torch.equal(pinned.truth, batch.truth + 1)
    assert pinned.sources == batch.sources


def test_without_memory_to_share_batches_come_through_pipes_and_it_is_said_once(
    dataset, monkeypatch
):
    told = []
    assert_same(batches(dataset, workers=2, told=told), batches(dataset))
    assert told == []
    monkeypatch.setattr(sharing, "_memory_files_work", lambda: False)
    assert_same(batches(dataset, workers=2, told=told), batches(dataset))
    (notice,) = told
    assert "pipes" in notice


def test_a_batch_whose_file_cannot_be_made_comes_through_a_pipe(dataset, monkeypatch):
    def full(_name):
        raise OSError(28, "No space left on device")

    send = Send()
    monkeypatch.setattr(os, "memfd_create", full)
    sample = (torch.zeros(3, 64, 64), torch.full((64, 64), 255), Path("one.png"))
    sent = send([sample])
    assert isinstance(sent, Copied)
    assert torch.equal(sent.batch().truth, sample[1][None])


def test_batches_stay_as_they_are_while_later_ones_are_made(dataset):
    kept = batches(dataset, workers=1, end=12)
    assert_same(kept, batches(dataset, end=12))


@pytest.mark.slow
def test_reading_needs_no_room_in_dev_shm(dataset):
    """In a mount namespace with a /dev/shm of 64 KB, where no batch has room."""
    mounted = "mount -t tmpfs -o size=64k tmpfs /dev/shm"
    if subprocess.run(["unshare", "-m", "sh", "-c", mounted], check=False).returncode:
        lacking("mounts cannot be changed here")
    read = (
        "import sys; from pathlib import Path; from test_loading import *\n"
        "dataset = open_dataset('folder', Path(sys.argv[1]))\n"
        "assert_same(batches(dataset, workers=2), batches(dataset))\n"
    )
    inside = [sys.executable, "-c", read, str(dataset.root)]
    command = ["unshare", "-m", "sh", "-c", f'{mounted} && exec "$@"', "sh", *inside]
    here = Path(__file__).parent
    modules = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (here, here.parent)))}
    subprocess.run(command, check=True, timeout=120, env=modules)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGBUS])
def test_a_reading_process_that_dies_ends_reading_with_advice(dataset, number):
    made = reading(dataset, workers=2, end=10_000)
    next(made)
    os.kill(active_children()[0].pid, number)
    # torch tells it wherever this process is: in the wait, or here.
    with pytest.raises((TopformerError, RuntimeError)) as caught:
        for _ in made:
            pass
    error = caught.value
    trouble = error if isinstance(error, TopformerError) else reading_trouble(error)
    assert trouble.what == "A reading process is gone."
    for advice in ("--set workers=0", "--shm-size", "--resume"):
        assert advice in trouble.next_step
    made.close()
    assert not active_children()


def test_reading_processes_that_bring_nothing_are_not_waited_for_for_ever(dataset, monkeypatch):
    monkeypatch.setattr(loading, "PATIENCE_S", 1.0)
    monkeypatch.setattr(loading, "PATIENCE_PER_SAMPLE_S", 0.0)
    # How long torch waits for a process to end by itself.
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.1)
    made = reading(dataset, workers=1, end=10_000)
    next(made)
    (reader,) = active_children()
    os.kill(reader.pid, signal.SIGSTOP)
    with pytest.raises(TopformerError, match="brought no batch") as caught:
        for _ in made:
            pass
    assert "--set workers=0" in caught.value.next_step
    reader.join(20)
    assert reader.exitcode is not None


def test_other_errors_are_none_of_reading():
    assert reading_trouble(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None


def test_no_process_to_be_had_is_told(dataset, monkeypatch):
    def refuse(_self):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.process.BaseProcess.start", refuse)
    with pytest.raises(TopformerError, match="could not be started") as caught:
        batches(dataset, workers=1)
    assert "--set workers=0" in caught.value.next_step


@pytest.mark.parametrize(("threads", "furthest"), [(1, 5), (2, 7)])
def test_reading_ahead_keeps_the_order_and_raises_in_turn(threads, furthest):
    seen = []

    def read(number):
        seen.append(number)
        if number == 3:
            raise TopformerError("three")
        return number * number

    found = read_ahead(range(9), read, threads=threads)
    assert [next(found) for _ in range(3)] == [(0, 0), (1, 1), (2, 4)]
    with pytest.raises(TopformerError, match="three"):
        next(found)
    assert max(seen) <= furthest
    assert list(read_ahead([], read, threads=threads)) == []
