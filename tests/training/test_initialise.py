"""What a run begins with."""

import pytest
import torch

from support.training_fakes import small_recipe
from topformer.data import open_dataset
from topformer.detector import create_detector
from topformer.errors import TopformerError, UsageError
from topformer.model import TopFormerClassifier, create_model
from topformer.training import initialise
from topformer.training.initialise import begin, form_for
from topformer.training.processes import Place
from topformer.variants import VARIANTS
from topformer.weights import save_weights

CPU = Place(rank=0, world_size=1, device=torch.device("cpu"))


@pytest.fixture(scope="module")
def classes(folder):
    return open_dataset("folder", folder).classes


def test_random_weights_depend_on_the_seed_only(classes):
    first = begin(form_for("tiny", "folder"), classes, small_recipe(seed=4))
    torch.rand(3)
    same, other = (
        begin(form_for("tiny", "folder"), classes, small_recipe(seed=seed)) for seed in (4, 5)
    )
    name = "backbone.tpm.stem.0.c.weight"
    assert torch.equal(first.model.state_dict()[name], same.model.state_dict()[name])
    assert not torch.equal(first.model.state_dict()[name], other.model.state_dict()[name])
    assert first.description == "random weights, seed 4"
    assert first.model.num_classes == 3


def test_the_published_start_is_the_classifier_of_the_same_size(classes, monkeypatch, tmp_path):
    classifier = TopFormerClassifier(VARIANTS["small"])
    path = tmp_path / "classifier.pth"
    torch.save({"state_dict": classifier.state_dict()}, path)
    asked = []

    def find(name, *, task, progress):
        asked.append((name, task))
        from topformer.weights.sources import file_source

        return file_source(path)

    monkeypatch.setattr(initialise, "find_source", find)
    start = begin(form_for("small", "folder"), classes, small_recipe(init="imagenet"))
    assert asked == [("topformer-S-224-72.3", "classification")]
    state = start.model.state_dict()
    for name in ("tpm.stem.0.c.weight", "trans.transformer_blocks.3.attn.to_q.c.weight"):
        assert torch.equal(state[f"backbone.{name}"], classifier.state_dict()[name])


def test_weights_for_other_classes_give_all_but_the_classifying_layer(classes, tmp_path):
    other = create_model("tiny", 7)
    torch.save({"state_dict": other.state_dict()}, tmp_path / "other.pth")
    start = begin(
        form_for("tiny", "folder"), classes, small_recipe(init=str(tmp_path / "other.pth"))
    )
    state = start.model.state_dict()
    assert start.description == (
        f"{len(state) - 2} of {len(state)} tensors of other.pth, the others drawn at random: "
        "decode_head.conv_seg (2); 7 classes were told apart there, and 3 are here"
    )
    name = "backbone.SIM.3.global_act.conv.weight"
    assert torch.equal(state[name], other.state_dict()[name])


def test_all_of_ones_own_weights_are_taken(classes, tmp_path):
    own = create_model("tiny", 3)
    path = tmp_path / "own.safetensors"
    save_weights(path, own, classes=classes, name="n", licence="l", source="s")
    state = begin(
        form_for("tiny", "folder"), classes, small_recipe(init=str(path))
    ).model.state_dict()
    assert all(torch.equal(tensor, own.state_dict()[name]) for name, tensor in state.items())


def test_a_start_that_was_all_learnt_may_be_averaged_in(classes, tmp_path):
    torch.save({"state_dict": create_model("tiny", 3).state_dict()}, tmp_path / "w.pth")
    recipe = small_recipe(init=str(tmp_path / "w.pth"), start_share=0.5)
    start = begin(form_for("tiny", "folder"), classes, recipe)
    assert start.description == "376 of 376 tensors of w.pth"


def test_a_start_of_which_a_part_is_drawn_is_not_averaged_in(classes, tmp_path):
    torch.save({"state_dict": create_model("tiny", 7).state_dict()}, tmp_path / "w.pth")
    recipe = small_recipe(init=str(tmp_path / "w.pth"), start_share=0.5)
    with pytest.raises(UsageError, match="drawn at random here"):
        begin(form_for("tiny", "folder"), classes, recipe)


def test_random_weights_are_not_averaged_in(classes):
    with pytest.raises(UsageError, match="drawn at random here"):
        begin(form_for("tiny", "folder"), classes, small_recipe(init="none", start_share=0.5))


@pytest.mark.parametrize("prefix", ["", "backbone.", "module.model.backbone."])
def test_a_bare_backbone_gives_what_it_has(classes, tmp_path, prefix):
    backbone = create_model("tiny", 7).backbone.state_dict()
    path = tmp_path / "backbone.pth"
    torch.save({"model": {prefix + name: tensor for name, tensor in backbone.items()}}, path)
    start = begin(form_for("tiny", "folder"), classes, small_recipe(init=str(path)))
    state = start.model.state_dict()
    assert all(torch.equal(state[f"backbone.{name}"], t) for name, t in backbone.items())
    assert start.description == (
        f"{len(backbone)} of {len(state)} tensors of backbone.pth, the others drawn at random: "
        "decode_head.conv_seg (2), decode_head.linear_fuse (5)"
    )


HEAD_PARTS = (
    "fpn.inner_blocks (15), fpn.layer_blocks (30), fpn.p6 (10), fpn.p7 (10), head.logits (110), "
    "head.offsets (110)"
)


def test_a_detector_begins_with_a_segmentation_networks_backbone(classes, tmp_path):
    other = create_model("tiny", 7)
    torch.save({"state_dict": other.state_dict()}, tmp_path / "other.pth")
    form = form_for("tiny", "coco", "lite")
    start = begin(form, classes, small_recipe(init=str(tmp_path / "other.pth")))
    state = start.model.state_dict()
    assert all(
        torch.equal(state[f"backbone.{n}"], t) for n, t in other.backbone.state_dict().items()
    )
    taken = sum(name.startswith("backbone.") for name in state)
    assert start.description == (
        f"{taken} of {len(state)} tensors of other.pth, the others drawn at random: {HEAD_PARTS}"
    )


def test_a_detector_goes_on_from_its_own_weights_and_from_those_for_other_classes(
    classes, tmp_path
):
    from topformer.classes import numbered_classes

    form = form_for("tiny", "coco", "lite")
    stated = {"name": "n", "licence": "l", "source": "s"}
    for count, named in ((3, classes), (5, numbered_classes(5))):
        path = tmp_path / f"{count}.safetensors"
        own = create_detector("tiny", count, head="lite")
        save_weights(path, own, classes=named, **stated)
        start = begin(form, classes, small_recipe(init=str(path)))
        state = start.model.state_dict()
        same = [name for name, t in own.state_dict().items() if torch.equal(state[name], t)]
        if count == 3:
            assert len(same) == len(state)
        else:
            assert start.description.endswith("the others drawn at random: head.logits (10)")
            assert "head.offsets.0.last.weight" in same


def test_a_segmentation_network_may_begin_with_a_detectors_backbone(classes, tmp_path):
    path = tmp_path / "boxes.safetensors"
    detector = create_detector("tiny", 3)
    save_weights(path, detector, classes=classes, name="n", licence="l", source="s")
    start = begin(form_for("tiny", "folder"), classes, small_recipe(init=str(path)))
    name = "backbone.SIM.3.global_act.conv.weight"
    assert torch.equal(start.model.state_dict()[name], detector.state_dict()[name])
    assert "drawn at random: decode_head.conv_seg (2)" in start.description


def test_a_detector_begins_as_published_with_the_classifier(classes, monkeypatch, tmp_path):
    classifier = TopFormerClassifier(VARIANTS["tiny"])
    torch.save({"state_dict": classifier.state_dict()}, tmp_path / "classifier.pth")

    def find(_name, *, task, progress):
        from topformer.weights.sources import file_source

        return file_source(tmp_path / "classifier.pth")

    monkeypatch.setattr(initialise, "find_source", find)
    form = form_for("tiny", "coco", "retinanet")
    state = begin(form, classes, small_recipe(init="imagenet")).model.state_dict()
    name = "tpm.stem.0.c.weight"
    assert torch.equal(state[f"backbone.{name}"], classifier.state_dict()[name])


def test_class_names_that_are_malformed_do_not_matter_here(classes, tmp_path):
    path = tmp_path / "w.pth"
    state = {f"_orig_mod.{n}": t for n, t in create_model("tiny", 3).state_dict().items()}
    torch.save({"meta": {"CLASSES": 7}, "state_dict": state}, path)
    start = begin(form_for("tiny", "folder"), classes, small_recipe(init=str(path)))
    assert start.description == "376 of 376 tensors of w.pth"


def test_weights_of_another_size_are_refused(classes, tmp_path):
    path = tmp_path / "base.pth"
    torch.save({"state_dict": create_model("base", 3).state_dict()}, path)
    with pytest.raises(TopformerError, match="does not fit a tiny network"):
        begin(form_for("tiny", "folder"), classes, small_recipe(init=str(path)))


def test_weights_nobody_knows_are_wrong_usage(classes):
    with pytest.raises(UsageError, match="no weights called nowhere"):
        begin(form_for("tiny", "folder"), classes, small_recipe(init="nowhere"))


def test_a_resumed_run_opens_nothing_to_begin_with(classes):
    start = begin(form_for("tiny", "folder"), classes, small_recipe(init="nowhere"), resumed=True)
    assert start.model.num_classes == 3
    assert start.description == "begun with init nowhere"


def test_cityscapes_gets_its_published_form():
    variant = form_for("base", "cityscapes").variant
    assert (variant.fused_channels, variant.depthwise_head) == (128, False)
    assert form_for("base", "ade20k").variant == VARIANTS["base"]
