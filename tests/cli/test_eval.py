"""`eval` from end to end, on small data sets and with every kind of model file."""

import json
import re
from pathlib import Path

import jsonschema
import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from support.command import run_command
from topformer.classes import dataset_classes
from topformer.cli.main import build_command
from topformer.data import open_dataset
from topformer.errors import TopformerError, UsageError
from topformer.evaluation.protocols import whole_segmenter
from topformer.images import read_picture
from topformer.model import create_model
from topformer.runtimes import open_model
from topformer.verbs.eval.document import EvalDocument, EvalsDocument
from topformer.weights import load_weights, save_weights

pytestmark = pytest.mark.slow
runner = CliRunner()

SIZE = (96, 128)
NAMES = ("sky", "road", "car")


def evaluate(*arguments: object):
    return runner.invoke(build_command("eval"), ["eval", *map(str, arguments)])


def write_picture(path, rng, top: int):
    """Colourful blobs, so that a network says more than one thing."""
    coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(coarse).resize(SIZE[::-1], Image.Resampling.BICUBIC).save(path, quality=95)
    return np.kron(rng.integers(0, top, (6, 8), np.uint8), np.ones((16, 16), np.uint8))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two val pictures of three classes, each with a strip that is ignored."""
    root = tmp_path_factory.mktemp("folder")
    rng = np.random.default_rng(0)
    (root / "classes.json").write_text(json.dumps({"classes": NAMES}))
    for kind in ("images", "annotations"):
        (root / kind / "val").mkdir(parents=True)
    for number in range(2):
        labels = write_picture(root / "images" / "val" / f"{number}.jpg", rng, 3)
        labels[:10] = 255
        Image.fromarray(labels).save(root / "annotations" / "val" / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def ade(tmp_path_factory):
    """Two val pictures in ADE20K's layout: 0 is ignored, 1 to 150 are the classes."""
    root = tmp_path_factory.mktemp("ade")
    rng = np.random.default_rng(1)
    for kind in ("images", "annotations"):
        (root / kind / "validation").mkdir(parents=True)
    for number in range(2):
        name = f"ADE_val_{number:08}"
        labels = write_picture(root / "images" / "validation" / f"{name}.jpg", rng, 151)
        Image.fromarray(labels).save(root / "annotations" / "validation" / f"{name}.png")
    return root


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return create_model("tiny", 3).eval()


@pytest.fixture(scope="module")
def trained(folder, network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "trained.safetensors"
    classes = open_dataset("folder", folder).classes
    save_weights(path, network, classes=classes, name="made up", licence="-", source="a test")
    return path


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """Random weights for ADE20K that say so, as a size stands for while none are bundled."""
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    torch.manual_seed(4)
    save_weights(
        path,
        create_model("tiny", 150),
        classes=dataset_classes("ade20k"),
        name="tiny-random",
        licence="-",
        source="-",
        random_seed=4,
    )
    return path


def on_folder(folder, model, out, *arguments):
    fixed = ("--dataset", "folder", "--data", folder, "--model", model, "--out", out)
    return evaluate(*fixed, *arguments)


def document_of(result) -> EvalDocument:
    assert result.exit_code == 0, result.output
    return msgspec.json.decode(result.stdout, type=EvalDocument)


def test_lines_pictures_and_table(folder, trained, tmp_path):
    out = tmp_path / "out"
    result = on_folder(folder, trained, out)
    assert result.exit_code == 0, result.output
    miou, mean_accuracy, pixel_accuracy, protocol, *files = result.stdout.splitlines()
    assert miou.startswith("mIoU 0.")
    assert mean_accuracy.startswith("mean accuracy 0.")
    assert pixel_accuracy.startswith("pixel accuracy 0.")
    assert protocol == "protocol whole: short side 512, long side at most 2048"
    assert files == [str(out / "confusion.png"), str(out / "worst.png")]
    for path in files:
        description = Image.open(path).text["Description"]
        assert "whole: short side 512, long side at most 2048" in description
        assert miou in description
        assert "RANDOM" not in description
    assert "whole: short side 512" in result.stderr
    assert "RANDOM" not in result.stderr
    assert "warning" not in result.stderr
    for name in NAMES:
        assert name in result.stderr


def test_the_document_holds_what_a_naive_count_finds(folder, trained, network, tmp_path):
    document = document_of(on_folder(folder, trained, tmp_path, "--json"))
    dataset = open_dataset("folder", folder)
    segment = whole_segmenter(network, dataset.scale)
    counts = [[0] * 3 for _ in range(3)]
    for number in range(2):
        predicted = segment(read_picture(folder / "images" / "val" / f"{number}.jpg"))
        truth = np.asarray(Image.open(folder / "annotations" / "val" / f"{number}.png"))
        for right, found in zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True):
            if right != 255:
                counts[right][found] += 1
    assert [list(row) for row in document.confusion] == counts
    assert sum(map(sum, counts)) == 2 * (96 - 10) * 128
    ious = [
        counts[number][number]
        / (sum(counts[number]) + sum(row[number] for row in counts) - counts[number][number])
        for number in range(3)
    ]
    assert [one.iou for one in document.classes] == pytest.approx(ious)
    assert document.miou == pytest.approx(sum(ious) / 3)
    assert [one.pixels for one in document.classes] == [sum(row) for row in counts]
    assert [one.name for one in document.classes] == list(NAMES)
    assert document.pictures == 2
    assert document.weights.name == "made up"
    assert not document.random_weights
    assert len(document.worst) == 2
    assert document.worst[0].miou <= document.worst[1].miou


def test_the_document_fits_its_schema(folder, trained, tmp_path):
    schema = json.loads(runner.invoke(build_command("schema"), ["schema", "eval"]).output)
    for arguments in ((), ("--image-size", "64x96")):
        printed = json.loads(on_folder(folder, trained, tmp_path, "--json", *arguments).stdout)
        jsonschema.validate(printed, schema)
    printed["miou"] = 1.5
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(printed, schema)


def test_the_protocol_is_told_with_its_sizes(folder, trained, tmp_path):
    whole = document_of(on_folder(folder, trained, tmp_path, "--json"))
    assert (whole.protocol, whole.image_size) == ("whole", None)
    assert (whole.scale.long_px, whole.scale.short_px, whole.scale.multiple_px) == (2048, 512, 1)
    result = on_folder(folder, trained, tmp_path, "--json", "--image-size", "64x96")
    fixed = document_of(result)
    assert (fixed.protocol, fixed.image_size, fixed.scale) == ("fixed", (64, 96), None)
    assert fixed.protocol_description == "fixed: 64x96, stretched"
    assert "fixed: 64x96, stretched" in result.stderr
    assert "fixed: 64x96" in Image.open(tmp_path / "confusion.png").text["Description"]
    assert fixed.confusion != whole.confusion


def test_a_pth_of_the_same_weights_scores_the_same_and_is_said_to_name_nothing(
    folder, network, trained, tmp_path
):
    path = tmp_path / "trained.pth"
    torch.save(network.state_dict(), path)
    result = on_folder(folder, path, tmp_path, "--json")
    ours = document_of(on_folder(folder, trained, tmp_path, "--json"))
    assert document_of(result).confusion == ours.confusion
    assert "the model names no classes" in result.stderr
    assert "its ids are taken for those of" in result.stderr


def on_ade(ade, model, out, *arguments):
    fixed = ("--dataset", "ade20k", "--data", ade, "--model", model, "--out", out)
    return evaluate(*fixed, "--json", *arguments)


def test_exported_files_score_as_their_checkpoint_does_at_their_size(
    ade, exported_tiny, golden_path, tmp_path
):
    loaded = load_weights(golden_path)
    checkpoint = tmp_path / "golden.safetensors"
    save_weights(
        checkpoint, loaded.model, classes=loaded.classes, name="-", licence="-", source="-"
    )
    result = on_ade(ade, checkpoint, tmp_path, "--image-size", "448")
    reference = document_of(result)
    assert reference.runtime == "torch"
    runtimes = set()
    # Its own size may be named, and needs not be.
    for file, named in zip(exported_tiny.files, ((), ("--image-size", "448")), strict=True):
        document = document_of(on_ade(ade, file.path, tmp_path, *named))
        runtimes.add(document.runtime)
        assert document.image_size == (448, 448)
        assert document.protocol_description == "fixed: 448x448, stretched"
        assert document.protocol_description == reference.protocol_description
        # Pixels on which two classes all but tie may fall either way.
        moved = np.abs(np.array(document.confusion) - np.array(reference.confusion)).sum() / 2
        assert moved <= 1e-3 * np.sum(reference.confusion)
        assert document.miou == pytest.approx(reference.miou, abs=1e-3)
        assert document.pixel_accuracy == pytest.approx(reference.pixel_accuracy, abs=1e-3)
    assert runtimes == {"executorch", "onnxruntime"}


def test_an_exported_file_is_scored_at_its_own_size_only(ade, exported_tiny, tmp_path):
    path = exported_tiny.files[0].path
    refused = on_ade(ade, path, tmp_path / "out", "--image-size", "512").exception
    assert isinstance(refused, TopformerError)
    assert "448x448" in refused.what
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def scored_untrained(ade, untrained, tmp_path_factory):
    """Score random weights once: to draw 150 classes takes long."""
    return on_ade(ade, untrained, tmp_path_factory.mktemp("out"), "--image-size", "64")


def test_random_weights_are_announced_everywhere(scored_untrained):
    document = document_of(scored_untrained)
    assert document.random_weights
    assert document.weights.random_seed == 4
    assert "RANDOM weights" in scored_untrained.stderr
    for name in document.files:
        assert "RANDOM" in Image.open(name).text["Description"]


def test_classes_that_do_not_occur_have_no_score(scored_untrained):
    document = document_of(scored_untrained)
    counts = np.array(document.confusion)
    for one in document.classes:
        assert (one.accuracy is None) == (counts[one.id].sum() == 0)
        assert (one.iou is None) == (counts[one.id].sum() + counts[:, one.id].sum() == 0)
    assert any(one.iou is None for one in document.classes)
    present = [one.iou for one in document.classes if one.iou is not None]
    assert document.miou == pytest.approx(sum(present) / len(present))


def test_pictures_without_any_class_have_no_score_at_all(folder, trained, tmp_path):
    root = tmp_path / "void"
    for kind in ("images", "annotations"):
        (root / kind / "val").mkdir(parents=True)
    (root / "classes.json").write_bytes((folder / "classes.json").read_bytes())
    Image.new("RGB", (70, 70)).save(root / "images" / "val" / "void.png")
    Image.new("L", (70, 70), 255).save(root / "annotations" / "val" / "void.png")
    out = tmp_path / "out"
    document = document_of(on_folder(root, trained, out, "--json"))
    assert document.miou is document.mean_accuracy is document.pixel_accuracy is None
    assert document.worst == ()
    assert document.files == (str(out / "confusion.png"),)
    lines = on_folder(root, trained, out).stdout.splitlines()
    assert lines[:3] == ["mIoU undefined", "mean accuracy undefined", "pixel accuracy undefined"]


def test_another_number_of_classes_names_both_data_sets(ade, trained, tmp_path):
    refused = on_ade(ade, trained, tmp_path / "out").exception
    assert isinstance(refused, TopformerError)
    assert "3 classes" in refused.why
    assert "150" in refused.why
    assert "ADE20K" in refused.why
    assert open_model(trained).manifest.classes.dataset in refused.why
    assert refused.next_step
    assert not (tmp_path / "out").exists()


def test_a_broken_picture_ends_it_and_nothing_is_written(folder, trained, tmp_path):
    broken = tmp_path / "set"
    for path in folder.rglob("*.*"):
        copy = broken / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes()[: 200 if path.name == "1.jpg" else None])
    result = on_folder(broken, trained, tmp_path / "out", "--json")
    assert isinstance(result.exception, TopformerError)
    assert "1.jpg" in str(result.exception)
    assert not result.stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--dataset", "folder"], 2, ""),
        (["--dataset", "novel", "--data", "{folder}"], 2, "novel"),
        (["--dataset", "folder", "--data", "{folder}/missing"], 2, "missing"),
        (["--dataset", "folder", "--data", "{folder}", "--split", "noon"], 2, "noon"),
        (["--dataset", "folder", "--data", "{folder}", "--image-size", "12"], 2, "12x12"),
        (["--dataset", "folder", "--data", "{folder}", "--model", "none.pte"], 2, "none.pte"),
        # The root of another data set.
        (["--dataset", "ade20k", "--data", "{folder}"], 1, "laid out"),
        (["--dataset", "folder", "--data", "{folder}", "--split", "test"], 1, "test"),
        (
            ["--dataset", "folder", "--data", "{folder}", "--out", "{folder}/classes.json"],
            1,
            "json",
        ),
    ],
)
def test_exit_codes(arguments, code, said, folder, trained):
    filled = [argument.format(folder=folder) for argument in arguments]
    model = [] if "--model" in filled else ["--model", str(trained)]
    result = run_command("eval", *model, *filled, "--json")
    assert result.returncode == code
    if said:
        document = json.loads(result.stdout)
        assert document["schema"] == "topformer.error/1"
        assert said in document["what"]


def test_wrong_usage_is_told_apart(folder, trained, tmp_path):
    assert isinstance(on_folder(tmp_path / "missing", trained, tmp_path).exception, UsageError)


def test_whole_pictures_may_have_another_short_side(folder, trained, tmp_path):
    arguments = ("--model", trained, "--dataset", "folder", "--data", folder, "--out", tmp_path)
    result = evaluate(*arguments, "--short-side", 128, "--json")
    document = json.loads(result.stdout)
    assert document["protocol"] == "whole"
    assert (document["scale"]["long_px"], document["scale"]["short_px"]) == (2048, 128)
    assert "short side 128, long side at most 2048" in document["protocol_description"]
    result = evaluate(*arguments, "--short-side", 128, "--image-size", 64)
    assert isinstance(result.exception, UsageError)
    assert "scored at a fixed size" in result.exception.what


@pytest.fixture(scope="module")
def retrained(folder, tmp_path_factory):
    """Another network for the same data, in a file of the same name."""
    path = tmp_path_factory.mktemp("others") / "trained.safetensors"
    torch.manual_seed(5)
    classes = open_dataset("folder", folder).classes
    network = create_model("tiny", 3)
    save_weights(path, network, classes=classes, name="other", licence="-", source="a test")
    return path


def test_several_models_make_one_table_and_one_document(folder, trained, retrained, tmp_path):
    both = ("--model", retrained, "--image-size", 64, "--json")
    result = on_folder(folder, trained, tmp_path, *both)
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    jsonschema.validate(
        printed, json.loads(runner.invoke(build_command("schema"), ["schema", "evals"]).output)
    )
    document = msgspec.json.decode(result.stdout, type=EvalsDocument)
    assert (document.dataset, document.split, document.pictures) == ("folder", "val", 2)
    assert [one.model for one in document.models] == [str(trained), str(retrained)]
    for one, model in zip(document.models, (trained, retrained), strict=True):
        alone = on_folder(folder, model, tmp_path / "alone", "--image-size", 64, "--json")
        assert one.confusion == document_of(alone).confusion
    # Pictures of files that share a name do not overwrite each other.
    files = [file for one in document.models for file in one.files]
    assert len(set(files)) == 4
    assert {Path(file).parent.name for file in files} == {
        "trained.safetensors",
        "trained.safetensors-2",
    }
    assert all(Path(file).is_file() for file in files)


def test_several_models_are_told_with_the_difference_from_the_first(
    folder, trained, retrained, tmp_path
):
    result = on_folder(folder, trained, tmp_path, "--model", retrained, "--image-size", 64)
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{trained}: mIoU 0.")
    assert lines[1].startswith(f"{retrained}: mIoU 0.")
    assert lines[1].endswith("protocol fixed: 64x64, stretched")
    assert len(lines) == 2 + 4
    scores = [float(line.partition("mIoU ")[2].partition(",")[0]) for line in lines[:2]]
    difference = float(re.search(r"[-+]\d+\.\d\d", result.stderr)[0])
    assert difference == pytest.approx(100 * (scores[1] - scores[0]), abs=0.02)


def test_a_model_that_cannot_be_opened_costs_no_scoring_of_the_others(
    folder, trained, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "topformer.verbs.eval.score.score_split", lambda *_, **__: pytest.fail("scored")
    )
    result = on_folder(folder, trained, tmp_path / "out", "--model", tmp_path / "none.pte")
    assert isinstance(result.exception, UsageError)
    assert not (tmp_path / "out").exists()


def test_a_model_named_twice_is_scored_once(folder, trained, tmp_path):
    twice = on_folder(folder, trained, tmp_path, "--model", trained, "--image-size", 64, "--json")
    assert document_of(twice).model == str(trained)
