"""`topformer data check` as a user types it."""

import json
import shutil

import jsonschema
import msgspec
import pytest
from PIL import Image
from typer.testing import CliRunner

from support.training_fakes import make_folder
from topformer.cli.main import build_command
from topformer.errors import TopformerError, UsageError
from topformer.evaluation.scoring import show_pair
from topformer.verbs.data.document import DataCheckDocument

runner = CliRunner()


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path, train=3, val=1)


def invoke(*arguments):
    return runner.invoke(build_command(), ["data", "check", *map(str, arguments)])


def test_a_sound_data_set_gives_sheets_and_exit_0(folder, tmp_path):
    out = tmp_path / "out"
    result = invoke(folder, "--dataset", "folder", "--out", out)
    assert result.exit_code == 0, result.output
    sheets = [out / "folder-train.png", out / "folder-val.png"]
    assert result.stdout.splitlines() == [*map(str, sheets), "sound"]
    for sheet in sheets:
        with Image.open(sheet) as image:
            assert image.width > 700
    assert "train: 3 pictures, 96x128 pixels" in result.stderr
    assert "road" in result.stderr


def test_json_is_one_document_that_fits_its_schema(folder, tmp_path):
    out = tmp_path / "out"
    result = invoke(folder, "--dataset", "folder", "--split", "val", "--out", out, "--json")
    document = json.loads(result.stdout)
    jsonschema.validate(document, msgspec.json.schema(DataCheckDocument))
    assert document["sound"] is True
    (split,) = document["splits"]
    assert (split["split"], split["pairs"], split["ignored_pixels"]) == ("val", 1, 16)
    assert [entry["name"] for entry in split["classes"]] == ["sky", "road", "car"]
    assert sum(entry["pixels"] for entry in split["classes"]) == 96 * 128 - 16


def test_problems_are_listed_with_what_to_do_and_exit_1(folder, tmp_path):
    Image.new("L", (128, 96), 7).save(folder / "annotations" / "train" / "1.png")
    result = invoke(folder, "--dataset", "folder", "--out", tmp_path / "out", "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["sound"] is False
    train = document["splits"][0]
    assert train["problem_count"] == 1
    assert "1.png holds labels out of range: 7" in train["problems"][0]["what"]
    assert train["problems"][0]["next_step"]
    # Drawn from the pictures that can be read.
    assert train["sheet"] == str(tmp_path / "out" / "folder-train.png")
    assert "problem: " in result.stderr
    assert "next: " in result.stderr


def test_warnings_are_listed_with_files_and_the_set_is_not_called_sound(folder, tmp_path):
    for path in (folder / "annotations" / "train").iterdir():
        with Image.open(path) as image:
            image.point(lambda value: 255 if value else 0).save(path)
    shutil.copy(folder / "images" / "train" / "1.png", folder / "images" / "val" / "0.png")
    out = tmp_path / "out"
    result = invoke(folder, "--dataset", "folder", "--out", out, "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    jsonschema.validate(document, msgspec.json.schema(DataCheckDocument))
    assert document["sound"] is False
    train, val = document["splits"]
    assert train["problems"] == val["problems"] == []
    found = {warning["kind"]: warning for warning in (*train["warnings"], *val["warnings"])}
    assert found["scaled-values"]["count"] == 3
    labels = [str(folder / "annotations" / "train" / f"{number}.png") for number in range(3)]
    assert found["scaled-values"]["files"] == labels
    assert found["unused-classes"]["count"] == 2
    assert found["shared-pictures"]["files"] == [str(folder / "images" / "val" / "0.png")]
    plain = invoke(folder, "--dataset", "folder", "--out", out)
    assert plain.exit_code == 1
    assert plain.stdout.splitlines()[-1] == "NOT sound"
    for warning in found.values():
        assert f"warning: {warning['what']}" in plain.stderr
        assert f"next: {warning['next_step']}" in plain.stderr
        assert all(file in plain.stderr for file in warning["files"])


def test_pictures_that_warnings_name_are_drawn_first(tmp_path, monkeypatch):
    folder = make_folder(tmp_path, train=40, val=1)
    exif = Image.Exif()
    exif[0x0112] = 3
    path = folder / "images" / "train" / "33.png"
    with Image.open(path) as image:
        image.load()
        image.save(path, exif=exif)
    drawn = []
    monkeypatch.setattr(
        "topformer.verbs.data.check.show_pair",
        lambda pair, found, classes: (
            drawn.append(pair.picture.name) or show_pair(pair, found, classes)
        ),
    )
    result = invoke(folder, "--dataset", "folder", "--split", "train", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert drawn[0] == "33.png"
    assert len(drawn) == 8


def test_where_nothing_can_be_read_no_sheet_is_drawn(folder, tmp_path):
    for path in (folder / "images" / "val").iterdir():
        path.write_bytes(b"no picture")
    out = tmp_path / "out"
    result = invoke(folder, "--dataset", "folder", "--split", "val", "--out", out)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == ["NOT sound"]
    assert not out.exists()


def test_a_place_that_cannot_be_written_is_told_before_anything_is_read(folder, tmp_path):
    result = invoke(folder, "--dataset", "folder", "--out", folder / "classes.json")
    assert isinstance(result.exception, TopformerError)
    assert result.exception.what == f"{folder / 'classes.json'} cannot be written to."
    assert "road" not in result.stderr


def test_names_are_not_taken_for_markup(folder, tmp_path):
    names = ["[/b]", "[red]road", "a $x$ b"]
    (folder / "classes.json").write_text(json.dumps({"classes": names}))
    Image.new("L", (128, 96), 7).save(folder / "annotations" / "train" / "[red].png")
    Image.new("RGB", (128, 96)).save(folder / "images" / "train" / "[red].png")
    result = invoke(folder, "--dataset", "folder", "--out", tmp_path / "out")
    assert result.exit_code == 1, result.output
    for text in (*names, "[red].png"):
        assert text in result.stderr


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        (["nowhere", "--dataset", "folder"], UsageError, "no folder nowhere"),
        ([".", "--dataset", "nope"], UsageError, "no data set called 'nope'"),
        ([".", "--dataset", "ade20k"], TopformerError, "not laid out as this data set is"),
        ([".", "--dataset", "ade20k", "--split", "x"], UsageError, "no split called 'x'"),
    ],
)
def test_what_cannot_be_checked_is_told(tmp_path, monkeypatch, arguments, kind, said):
    monkeypatch.chdir(tmp_path)
    result = invoke(*arguments)
    assert type(result.exception) is kind
    assert said in str(result.exception)
    assert list(tmp_path.iterdir()) == []
