from pathlib import Path

import pytest
import safetensors.torch
import torch

import topformer.weights
from topformer.classes import dataset_classes, named_classes, numbered_classes
from topformer.errors import TopformerError, UsageError
from topformer.model import TopFormerClassifier, create_model
from topformer.training.recipe import load_recipe, recipe_sha256
from topformer.variants import TINY, VARIANTS
from topformer.weights import (
    initialise_backbone,
    load_model,
    load_weights,
    save_weights,
)
from topformer.weights import sources as sources_module
from topformer.weights.catalogue import LICENCE
from topformer.weights.checkpoints import read_checkpoint

DATA = Path(__file__).parent / "data"
SIZES = tuple(VARIANTS)


def official_layout(size):
    """Name, shape and dtype of every tensor of the official model, in its order."""
    return (DATA / f"state_dict_{size}.txt").read_text().splitlines()


def layout(state):
    return [
        f"{name} {list(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
        for name, tensor in state.items()
    ]


def mmseg_file(path, model, **meta):
    torch.save({"meta": meta, "state_dict": model.state_dict(), "optimizer": None}, path)
    return path


def state_file(path, state):
    torch.save({"state_dict": state}, path)
    return path


def equal_states(first, second):
    one, two = first.state_dict(), second.state_dict()
    return list(one) == list(two) and all(torch.equal(one[name], two[name]) for name in one)


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(1)
    return create_model("tiny")


# Official checkpoints


@pytest.mark.parametrize("size", SIZES)
def test_names_shapes_and_order_are_the_official_ones(size):
    assert layout(create_model(size).state_dict()) == official_layout(size)


def test_an_official_checkpoint_loads_with_all_it_says(golden_path, golden):
    loaded = load_weights(golden_path)
    assert loaded.model.variant == TINY
    assert not loaded.model.training
    assert loaded.classes == dataset_classes("ade20k")
    state = loaded.model.state_dict()
    assert all(torch.equal(state[name], t) for name, t in golden["state_dict"].items())
    assert loaded.info.name == "topformer_t.pt"
    assert loaded.info.sha256 == read_checkpoint(golden_path).sha256
    assert not loaded.info.is_random


@pytest.mark.parametrize("size", SIZES)
def test_the_size_is_read_from_the_shapes(tmp_path, size):
    model = create_model(size, num_classes=7)
    loaded = load_weights(mmseg_file(tmp_path / "w.pth", model))
    assert loaded.model.variant == VARIANTS[size]
    assert loaded.model.num_classes == 7
    assert equal_states(loaded.model, model)


@pytest.mark.parametrize("size", SIZES)
def test_the_cityscapes_form_is_read_from_the_shapes(tmp_path, size):
    variant = VARIANTS[size].for_cityscapes()
    model = create_model(variant, num_classes=19)
    loaded = load_weights(mmseg_file(tmp_path / "w.pth", model), variant=size)
    assert loaded.model.variant == variant
    assert equal_states(loaded.model, model)


def test_parameters_of_a_loaded_model_can_be_trained(golden_path):
    model = load_model(golden_path)
    assert all(parameter.requires_grad for parameter in model.parameters())
    pointers = [tensor.data_ptr() for tensor in model.state_dict().values()]
    assert len(set(pointers)) == len(pointers)


def test_counters_may_be_missing(tmp_path, tiny):
    state = {k: v for k, v in tiny.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert equal_states(load_model(state_file(tmp_path / "w.pth", state)), tiny)


def test_unnamed_classes_are_not_guessed(tmp_path, tiny):
    loaded = load_weights(state_file(tmp_path / "w.pth", tiny.state_dict()))
    assert loaded.classes == numbered_classes(150)


def test_classes_a_person_names_go_before_the_files(tmp_path):
    model = create_model("tiny", 2)
    own = named_classes(["left", "right"])
    for meta in ({}, {"CLASSES": ("cat", "dog")}, {"CLASSES": ("cat",)}, {"CLASSES": 7}):
        path = mmseg_file(tmp_path / "w.pth", model, **meta)
        assert load_weights(path, classes=own).classes == own
    with pytest.raises(UsageError, match=r"2 class names were given, and w\.pth has 3 classes"):
        load_weights(mmseg_file(tmp_path / "w.pth", create_model("tiny", 3)), classes=own)
    assert load_weights("random", variant="tiny", num_classes=2, classes=own).classes == own


# Weights that do not fit


def misfit(*arguments, **options):
    with pytest.raises(TopformerError) as caught:
        load_weights(*arguments, **options)
    return caught.value


def test_another_size_is_named_with_the_keys(golden_path):
    error = misfit(golden_path, variant="small")
    assert "backbone.tpm.layer2.conv.4.c.weight" in error.what
    assert error.why == "These are weights of size tiny, not small."


def test_another_class_count_is_named_with_the_keys(golden_path):
    error = misfit(golden_path, num_classes=19)
    assert "decode_head.conv_seg.weight" in error.what
    assert error.why == "It was trained for 150 classes, and 19 are asked for."


@pytest.mark.parametrize(
    "key",
    [
        # Of fudan-zvg/SeaFormer's segmentation and classification checkpoints.
        "backbone.smb1.stem_block.0.c.weight",
        "backbone.trans1.transformer_blocks.0.attn.pos_emb_rowq.pos_embed",
        "smb2.layer1.conv.0.c.weight",
    ],
)
def test_a_seaformer_checkpoint_is_recognised(tmp_path, key):
    state = {key: torch.zeros(2), "decode_head.linear_fuse.conv.weight": torch.zeros(2)}
    error = misfit(state_file(tmp_path / "w.pth", state))
    assert key in error.what
    assert "SeaFormer" in error.why


def test_a_classification_checkpoint_is_recognised(tmp_path):
    model = TopFormerClassifier(TINY)
    error = misfit(state_file(tmp_path / "w.pth", model.state_dict()))
    assert "head.l.weight" in error.what
    assert "ImageNet classification" in error.why


def test_another_network_is_recognised(tmp_path):
    error = misfit(state_file(tmp_path / "w.pth", {"conv1.weight": torch.zeros(3)}))
    assert "conv1.weight" in error.what
    assert "another network" in error.why


def test_missing_tensors_are_named(tmp_path, tiny):
    state = dict(tiny.state_dict())
    del state["backbone.SIM.2.global_act.conv.weight"]
    error = misfit(state_file(tmp_path / "w.pth", state))
    assert "backbone.SIM.2.global_act.conv.weight" in error.what
    assert "part of the model" in error.why


@pytest.mark.parametrize(
    "name",
    [
        "decode_head.conv_seg.weight",
        "decode_head.linear_fuse.conv.weight",
        "backbone.SIM.1.local_embedding.conv.weight",
        "backbone.tpm.stem.0.c.weight",
    ],
)
def test_the_tensors_the_size_is_read_from_may_be_missing_too(tmp_path, tiny, name):
    state = dict(tiny.state_dict())
    del state[name]
    assert name in misfit(state_file(tmp_path / "w.pth", state)).what


def test_tensors_too_many_are_named(tmp_path, tiny):
    state = dict(tiny.state_dict()) | {"decode_head.conv.weight": torch.zeros(1)}
    assert "decode_head.conv.weight" in misfit(state_file(tmp_path / "w.pth", state)).what


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("backbone.trans.transformer_blocks.3.mlp.fc2.c.weight", (208, 208, 1, 1)),
        ("decode_head.conv_seg.weight", (0, 128, 1, 1)),
        ("decode_head.conv_seg.weight", ()),
        ("decode_head.conv_seg.weight", (70_000, 1, 1, 1)),
        ("decode_head.conv_seg.bias", (149,)),
        ("backbone.SIM.1.local_embedding.conv.weight", (65_000, 1, 1, 1)),
    ],
)
def test_a_tensor_of_another_shape_is_named(tmp_path, tiny, name, shape):
    state = dict(tiny.state_dict()) | {name: torch.zeros(shape)}
    assert misfit(state_file(tmp_path / "w.pth", state)).what.count("w.pth does not fit") == 1


def test_class_names_that_do_not_match_the_head_are_refused(tmp_path, tiny):
    error = misfit(mmseg_file(tmp_path / "w.pth", tiny, CLASSES=("cat", "dog"), PALETTE=None))
    assert "2 classes" in error.why
    assert "150" in error.why
    assert "--classes FILE" in error.next_step


# Weights of our own


def saved(path, model, **changes):
    description = {
        "classes": named_classes(["cat", "dog"], [[1, 2, 3], [4, 5, 6]]),
        "name": "pets",
        "licence": "CC0",
        "source": "trained here",
    }
    return save_weights(path, model, **(description | changes))


def test_saved_weights_come_back_as_they_were(tmp_path):
    model = create_model(VARIANTS["small"].for_cityscapes(), num_classes=2)
    info = saved(tmp_path / "pets.safetensors", model)
    loaded = load_weights(tmp_path / "pets.safetensors")
    assert equal_states(loaded.model, model)
    assert loaded.info == info
    assert (info.name, info.licence, info.source) == ("pets", "CC0", "trained here")
    assert not info.is_random
    assert loaded.classes.names == ("cat", "dog")
    assert loaded.classes.palette == ((1, 2, 3), (4, 5, 6))
    assert [path.name for path in tmp_path.iterdir()] == ["pets.safetensors"]


def test_saved_weights_say_what_pictures_they_learnt_from(tmp_path):
    model = create_model("tiny", num_classes=2)
    saved(tmp_path / "w.safetensors", model, picture_size=(360, 480))
    assert load_weights(tmp_path / "w.safetensors").picture_size == (360, 480)
    saved(tmp_path / "w.safetensors", model)
    assert load_weights(tmp_path / "w.safetensors").picture_size is None


def test_saved_weights_say_to_what_size_pictures_were_stretched(tmp_path):
    model, path = create_model("tiny", num_classes=2), tmp_path / "w.safetensors"
    saved(path, model, sample_size=(96, 128))
    assert load_weights(path).input_size == load_weights(path).sample_size == (96, 128)
    saved(path, model)
    assert (load_weights(path).sample_size, load_weights(path).input_size) == (None, (448, 448))


def test_untrained_weights_stay_marked(tmp_path):
    model = create_model("tiny", num_classes=2)
    saved(tmp_path / "w.safetensors", model, random_seed=3)
    assert load_weights(tmp_path / "w.safetensors").info.random_seed == 3


def test_class_names_must_fit_the_model_to_be_saved(tmp_path, tiny):
    with pytest.raises(ValueError, match="2 class names for 150 classes"):
        saved(tmp_path / "w.safetensors", tiny)


def test_a_header_that_contradicts_the_tensors_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    saved(path, create_model("tiny", num_classes=2))
    with safetensors.safe_open(path, "pt") as stream:
        metadata = stream.metadata()
    tensors = safetensors.torch.load_file(path)
    metadata["topformer"] = metadata["topformer"].replace("true", "false")
    safetensors.torch.save_file(tensors, path, metadata)
    error = misfit(path)
    assert "contradicts itself" in error.what


def test_plain_safetensors_of_other_people_load(tmp_path, tiny):
    path = tmp_path / "w.safetensors"
    safetensors.torch.save_file(tiny.state_dict(), path)
    assert equal_states(load_model(path), tiny)


# Random weights and names


def test_random_weights_are_the_same_every_time():
    torch.manual_seed(123)
    expected_next = torch.rand(3)
    torch.manual_seed(123)
    first = load_weights("random", variant="tiny")
    assert torch.equal(torch.rand(3), expected_next)
    second = load_weights("random", variant="tiny")
    assert equal_states(first.model, second.model)
    assert first.info == second.info
    assert first.info.is_random
    assert first.info.random_seed == 0
    assert not first.model.training
    assert first.classes == dataset_classes("ade20k")


def test_random_weights_are_those_of_the_seed():
    torch.manual_seed(0)
    assert equal_states(load_weights("random", variant="small").model, create_model("small"))


def test_the_hash_of_random_weights_tells_them_apart():
    hashes = {
        load_weights("random", variant=size, num_classes=count).info.sha256
        for size in SIZES
        for count in (150, 5)
    }
    assert len(hashes) == 6


def test_random_weights_take_any_class_count():
    loaded = load_weights("random", variant="tiny", num_classes=19)
    assert loaded.model.num_classes == len(loaded.classes.names) == 19


@pytest.mark.parametrize("size", SIZES)
def test_bundled_weights_are_the_default_of_their_size(size):
    loaded = load_weights(size)
    assert loaded.info == load_weights(None, variant=size).info
    assert loaded.info.name == f"topformer-{size}-camvid"
    assert "non-commercial" in loaded.info.licence
    assert loaded.model.variant.name == size
    assert loaded.classes == dataset_classes("camvid")
    assert all(tensor.dtype == torch.float32 for tensor in loaded.model.parameters())
    assert load_weights("random", variant=size).info.is_random


@pytest.mark.parametrize("size", SIZES)
def test_bundled_weights_name_the_recipe_beside_them(size):
    path = Path(topformer.weights.__file__).with_name("streets.toml")
    recipe = load_recipe("camvid", size, path=path)
    assert recipe_sha256(recipe)[:16] in load_weights(size).info.source


def test_published_names_are_fetched_and_credited(golden_path, monkeypatch):
    asked = []

    def fake_fetch(download, *, progress=None):
        asked.append((download.file_name, progress))
        return golden_path

    monkeypatch.setattr(sources_module, "fetch", fake_fetch)
    watch = lambda _received, _total: None  # noqa: E731
    loaded = load_weights("topformer-t_448x448_2x8_160k", progress=watch)
    assert asked == [("TopFormer-T_448x448_2x8_160k.pth", watch)]
    assert loaded.info.name == "TopFormer-T_448x448_2x8_160k"
    assert loaded.info.licence == LICENCE
    assert "drive.google.com" in loaded.info.source


def test_a_published_name_names_its_data_set(tmp_path, tiny, monkeypatch):
    path = state_file(tmp_path / "w.pth", tiny.state_dict())
    monkeypatch.setattr(sources_module, "fetch", lambda _download, *, progress: path)
    assert load_weights("TopFormer-T_448x448_2x8_160k").classes == dataset_classes("ade20k")


def test_an_address_is_fetched_and_credited_without_its_keys(golden_path, monkeypatch):
    monkeypatch.setattr(sources_module, "fetch", lambda _download, *, progress: golden_path)
    info = load_weights("https://example.org/models/mine.pth?signature=secret").info
    assert (info.name, info.source) == ("mine.pth", "https://example.org/models/mine.pth")


def test_the_folder_of_a_file_is_nobodys_business(golden_path):
    info = load_weights(str(golden_path)).info
    assert str(golden_path.parent) not in info.name + info.source


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("tiny", {"variant": "base"}, "not of size base"),
        (None, {}, "need a size"),
        ("random", {}, "need a size"),
        ("random", {"variant": "huge"}, "huge"),
        ("http://example.org/w.pth", {}, "cannot be fetched"),
        ("topformer-T-224-66.2", {}, "for classification"),
        (Path("tiny"), {}, "tiny names no weights here"),
        ("nowhere/w.pth", {}, "no weights called nowhere"),
        ("random", {"variant": "tiny", "num_classes": 0}, "at least one class"),
    ],
)
def test_requests_that_cannot_be_met(source, options, message):
    with pytest.raises(UsageError, match=message):
        load_weights(source, **options)


def test_a_name_nearly_right_is_suggested():
    with pytest.raises(UsageError) as caught:
        load_weights("TopFormer-T_448x448_2x8_160")
    assert caught.value.next_step == "Did you mean TopFormer-T_448x448_2x8_160k?"


# ImageNet classifiers


@pytest.mark.parametrize("size", SIZES)
def test_a_classification_checkpoint_loads_its_averaged_weights(tmp_path, size):
    averaged, plain = (TopFormerClassifier(VARIANTS[size]) for _ in range(2))
    path = tmp_path / "w.pth"
    torch.save({"state_dict": plain.state_dict(), "state_dict_ema": averaged.state_dict()}, path)
    model = create_model(size)
    initialise_backbone(model, read_checkpoint(path))
    wanted = averaged.state_dict()
    given = {name: tensor for name, tensor in model.backbone.state_dict().items() if name in wanted}
    assert len(given) == len(wanted) - 7
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in given.items())


def test_the_wrong_kind_or_size_of_classifier_is_refused(tmp_path, golden_path):
    with pytest.raises(TopformerError) as caught:
        initialise_backbone(create_model("tiny"), read_checkpoint(golden_path))
    assert "segmentation checkpoint" in caught.value.why
    path = state_file(tmp_path / "w.pth", TopFormerClassifier(TINY).state_dict())
    with pytest.raises(TopformerError) as caught:
        initialise_backbone(create_model("base"), read_checkpoint(path))
    assert caught.value.why == "These are weights of size tiny, not base."


def test_a_classifier_initialises_pyramid_and_transformer(tmp_path):
    classifier = TopFormerClassifier(TINY)
    checkpoint = read_checkpoint(state_file(tmp_path / "w.pth", classifier.state_dict()))
    model = create_model("tiny", num_classes=11)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    initialise_backbone(model, checkpoint)
    after = model.state_dict()
    given = {f"backbone.{name}" for name in checkpoint.tensors if not name.startswith("head.")}
    assert given == {
        name for name in after if name.startswith(("backbone.tpm.", "backbone.trans."))
    }
    for name, tensor in after.items():
        if name in given:
            assert torch.equal(tensor, checkpoint.tensors[name.removeprefix("backbone.")])
        else:
            assert torch.equal(tensor, before[name])
    assert len(checkpoint.tensors) - len(given) == 7


def test_a_classifier_of_another_size_changes_nothing(tmp_path):
    state = TopFormerClassifier(VARIANTS["small"]).state_dict()
    checkpoint = read_checkpoint(state_file(tmp_path / "w.pth", state))
    model = create_model("base")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(TopformerError, match="does not fit"):
        initialise_backbone(model, checkpoint)
    assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())
