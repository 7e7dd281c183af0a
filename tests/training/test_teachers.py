"""What teaches: weights of ours, or any ONNX file that gives logits."""

import functools
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn
from torch.nn import functional

from support.onnx_teachers import KERNEL, write_teacher
from support.training_fakes import settled_model, small_recipe
from topformer.classes import numbered_classes
from topformer.data.sharing import Batch
from topformer.errors import TopformerError, UsageError
from topformer.model import TopFormer
from topformer.training.learner import Learner
from topformer.training.losses.segmentation import taught_loss
from topformer.training.processes import Place
from topformer.training.teachers import OnnxTeacher, open_teacher

THREE = numbered_classes(3)


def node(name: str, *outputs: str, **attributes) -> onnx.NodeProto:
    return onnx.helper.make_node(name, ["y"], list(outputs), **attributes)


class Patches(nn.Module):
    """What the file computes, in torch."""

    def forward(self, pictures):
        return functional.conv2d(pictures, torch.from_numpy(KERNEL), stride=16)


def test_a_file_teaches_as_the_network_in_it(tmp_path):
    opened = open_teacher(small_recipe(teacher=str(write_teacher(tmp_path / "t.onnx"))), THREE)
    assert (opened.weights.name, opened.weights.licence) == ("t.onnx", "not stated")
    teacher = opened.network
    generator = torch.Generator().manual_seed(1)
    batch = Batch(
        pictures=torch.randn(2, 3, 64, 96, generator=generator),
        truth=torch.randint(0, 3, (2, 64, 96), generator=generator),
        sources=(Path("0.png"), Path("1.png")),
    )
    # Rows of channels, as channels_last leaves them, mean the same.
    torch.testing.assert_close(
        teacher(batch.pictures.to(memory_format=torch.channels_last)), Patches()(batch.pictures)
    )
    recipe = small_recipe(distill_weight=3.0, channels_last=True)
    place = Place(rank=0, world_size=1, device=torch.device("cpu"))
    losses = [
        Learner(
            settled_model(),
            recipe,
            place,
            functools.partial(taught_loss, recipe=recipe),
            teacher=one,
        ).step(0, batch)
        for one in (teacher, Patches(), None)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert losses[0] > losses[2]


@pytest.mark.parametrize(
    ("made", "said", "why"),
    [
        ({"batch": 1}, "cannot teach with pictures of shape [2, 3, 64, 96]", "Expected: 1"),
        ({"last": [node("ArgMax", "z", axis=1)]}, "cannot teach", "[2, 1, 4, 6] in int64"),
        ({"last": [node("Flatten", "z")]}, "cannot teach", "[2, 72] in float32"),
        ({"last": [node("Split", "z", "w", axis=3)]}, "cannot teach", "[2, 3, 4, 3] in float32, "),
        ({"inputs": ("x", "scale")}, "cannot teach", "scale"),
        ({"kernel": KERNEL[:2]}, "tells 2 classes apart, the data set 3", ""),
    ],
)
def test_files_that_cannot_teach_are_refused(tmp_path, made, said, why):
    path = write_teacher(tmp_path / "t.onnx", **made)
    with pytest.raises(UsageError) as error:
        open_teacher(small_recipe(teacher=str(path)), THREE)
    assert said in error.value.what
    assert why in error.value.why


@pytest.mark.parametrize("content", [b"", b"\x08\x07junk"])
def test_files_that_hold_no_network_are_refused(tmp_path, content):
    path = tmp_path / "t.ONNX"
    path.write_bytes(content)
    with pytest.raises(TopformerError, match="ONNX Runtime cannot load"):
        open_teacher(small_recipe(teacher=str(path)), THREE)
    with pytest.raises(TopformerError, match="cannot load"):
        OnnxTeacher(tmp_path / "none.onnx")


def test_a_file_that_is_not_there_is_told_as_such(tmp_path):
    for name in ("none.onnx", "none.pth"):
        with pytest.raises(UsageError, match=f"no weights called {tmp_path / name}"):
            open_teacher(small_recipe(teacher=str(tmp_path / name)), THREE)
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(TopformerError, match="is not a file"):
        open_teacher(small_recipe(teacher=str(tmp_path / "folder.onnx")), THREE)
    with pytest.raises(UsageError, match="cannot be used") as caught:
        open_teacher(small_recipe(teacher="https://example.org/t.onnx"), THREE)
    assert "Download it" in caught.value.next_step


def test_weights_teach_the_classes_they_know():
    opened = open_teacher(small_recipe(teacher="tiny"), numbered_classes(11))
    assert isinstance(opened.network, TopFormer)
    assert opened.weights.licence.startswith("CamVid, CC BY-NC")
    with pytest.raises(UsageError, match="tells 11 classes apart, the data set 3"):
        open_teacher(small_recipe(teacher="tiny"), THREE)
