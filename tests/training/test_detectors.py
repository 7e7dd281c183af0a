"""Whole runs of detectors: by the same loop, ending in the same bits however they are read."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
from safetensors.torch import load_file

from support.training_fakes import (
    SCRIPT,
    SilentObserver,
    assert_same_weights,
    make_box_folder,
    small_box_run,
    small_recipe,
)
from topformer.errors import TopformerError, UsageError
from topformer.networks import create_network
from topformer.tasks import DETECTION, SEGMENTATION
from topformer.training.goals import open_goal
from topformer.training.journal import BoxScoreRecord, read_log
from topformer.training.loop import train
from topformer.training.pictures import write_pictures
from topformer.training.processes import Place
from topformer.weights import load_weights

ALONE = Place(rank=0, world_size=1, device=torch.device("cpu"))
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    return make_box_folder(tmp_path_factory.mktemp("boxes"))


def run_training(folder, out, *, head="lite", resume=False, observer=None, **fields):
    torch.manual_seed(0)
    recipe = small_recipe(**({"stretch": 1.0, "crop": (64, 96)} | fields))
    run = small_box_run(folder, out, recipe)
    model = create_network("tiny", 2, detection_head=head)
    return run, train(run, model, ALONE, observer or SilentObserver(), resume=resume)


@pytest.fixture(scope="module")
def uninterrupted(boxes, tmp_path_factory):
    out = tmp_path_factory.mktemp("through")
    return run_training(boxes, out, ema_decay=0.5)


@pytest.mark.slow
def test_a_run_leaves_a_detector_and_its_scores(uninterrupted):
    run, trained = uninterrupted
    loaded = load_weights(trained.best_path, task=DETECTION)
    assert loaded.model.detection_head == "lite"
    assert loaded.classes.names == ("dog", "cat")
    score = read_log(run.out / "log.jsonl")[-1]
    assert isinstance(score, BoxScoreRecord)
    assert score.protocol == "fixed: 64x96, stretched"
    assert trained.best.ap == score.ap
    assert trained.best.miou is None
    with pytest.raises(TopformerError, match="is not for semantic-segmentation"):
        load_weights(trained.best_path, task=SEGMENTATION)


@pytest.mark.slow
def test_its_pictures_are_drawn(uninterrupted):
    from PIL import Image

    for path in write_pictures(*uninterrupted):
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert min(image.size) > 300


class Interrupting(SilentObserver):
    def on_step(self, step):
        if step == 1:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_an_interrupted_run_ends_in_the_same_bits(uninterrupted, boxes, tmp_path, workers):
    fields = {"ema_decay": 0.5, "workers": workers}
    with pytest.raises(TopformerError, match="Stopped after step"):
        run_training(boxes, tmp_path, observer=Interrupting(), **fields)
    _, trained = run_training(boxes, tmp_path, resume=True, **fields)
    assert trained.resumed_from in {1, 2}
    assert_same_weights(trained.last_path, uninterrupted[1].last_path)


@pytest.mark.slow
@pytest.mark.parametrize("head", ["lite", "retinanet"])
def test_as_published_pictures_keep_their_shape_and_sgd_steps(boxes, tmp_path, head):
    fields = {"optimizer": "sgd", "rate_drops": (0.5,), "stretch": 0.0, "scale": (128, 96)}
    run, trained = run_training(boxes, tmp_path, head=head, iterations=2, crop=(192, 192), **fields)
    assert trained.steps == 2
    score = read_log(run.out / "log.jsonl")[-1]
    assert score.protocol.startswith("whole: short side 800")


@pytest.mark.slow
def test_two_processes_end_where_one_does(boxes, tmp_path):
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    subprocess.run([sys.executable, SCRIPT, boxes, alone, "--boxes"], check=True, timeout=240)
    subprocess.run([*TORCHRUN, SCRIPT, boxes, shared, "--boxes"], check=True, timeout=300)
    one, two = load_file(alone / "last.safetensors"), load_file(shared / "last.safetensors")
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        difference = (tensor.double() - two[name].double()).abs()
        # AdamW's first steps follow the gradient's sign: where that is noise, so is the step.
        assert difference.mean().item() < 2e-4, name
    # After so few steps nothing is found: that scores are shared is seen below.
    first, second = (read_log(path / "log.jsonl")[-1] for path in (alone, shared))
    assert (first.step, first.protocol) == (second.step, second.protocol)


def test_processes_score_together_what_one_does_alone(boxes, tmp_path):
    from support.coco_fakes import save_detector

    goal = open_goal(DETECTION, "coco-folder", boxes, small_recipe(stretch=1.0, crop=(64, 96)))
    weights = save_detector(tmp_path / "drawn.safetensors")
    network = load_weights(str(weights), task=DETECTION).model.eval()
    alone = goal.score(network, ALONE, 4, lambda: None)
    assert alone.ap > 0
    all_here, told = Barrier(2, timeout=60), [None, None]

    class Together(Place):
        """Of processes that are threads here."""

        def meet(self):
            all_here.wait()

        def gather(self, own):
            told[self.rank] = dict(own)  # as sent
            all_here.wait()
            return told

    def score(rank):
        place = Together(rank=rank, world_size=2, device=ALONE.device)
        return goal.score(network, place, 4, lambda: None)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(score, range(2))) == [alone, alone]
    assert [sorted(found) for found in told] == [[0, 2], [1]]


def test_a_set_without_a_box_is_refused(tmp_path):
    from support.coco_fakes import annotation, annotations, write_split

    write_split(tmp_path, annotations(annotations=[]), split="val")
    crowd = [annotation(1, 2, [1, 2, 30, 40], iscrowd=1)]
    write_split(tmp_path, annotations(annotations=crowd), split="train")
    with pytest.raises(TopformerError, match="no box to learn from"):
        open_goal(DETECTION, "coco-folder", tmp_path, small_recipe())


def test_what_data_check_finds_in_pictures_is_told_before_training(tmp_path):
    from PIL import Image

    path = make_box_folder(tmp_path) / "images" / "train" / "2.png"
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down: of the same size as the boxes say
    Image.open(path).save(path, exif=exif)
    goal, told = open_goal(DETECTION, "coco-folder", tmp_path, small_recipe()), []
    doubts = goal.check("train", lambda *done: told.append(done))
    assert "1 picture is turned or mirrored by an EXIF orientation." in doubts
    assert told == [(1, 3), (2, 3), (3, 3)]
    for number in (1, 2):
        path.with_name(f"{number}.png").write_bytes(b"broken")
    with pytest.raises(TopformerError, match=r"1.png is not a picture") as caught:
        goal.check("train", lambda *_: None)
    assert "1 more files have problems" in caught.value.next_step


@pytest.mark.parametrize(
    ("task", "field", "value"),
    [
        (DETECTION, "class_mix", 0.5),
        (DETECTION, "teacher", "tiny"),
        (DETECTION, "quantise_from", 0.5),
        (DETECTION, "iou_weight", 1.0),
        (SEGMENTATION, "offset_weight", 2.0),
    ],
)
def test_fields_of_the_other_task_are_refused(tmp_path, task, field, value):
    with pytest.raises(UsageError, match=f"sets {field}, which is for") as caught:
        open_goal(task, "coco-folder", tmp_path, small_recipe(**{field: value}))
    assert "Leave it out" in caught.value.next_step
