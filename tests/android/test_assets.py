"""Models in and out of the app's folder."""

import shutil
import signal
from pathlib import Path

import pytest
from msgspec.structs import replace

from support.core_vectors import proved_detector
from support.vouching import halve
from topformer.android import assets
from topformer.android.answers import BoxAnswers
from topformer.android.assets import (
    MODELS_FOLDER,
    SUFFIXES,
    embed_model,
    embedded_models,
    find_app,
    remove_model,
)
from topformer.android.golden import decode_golden
from topformer.documents import encode_document
from topformer.errors import TopformerError, UsageError
from topformer.files import sha256_bytes, sha256_file
from topformer.manifest import read_manifest_of


@pytest.fixture
def embedded(model, app):
    """Embed the model, and return the path of its .pte in the app."""
    embed_model(model, app)
    return app / MODELS_FOLDER / model.name


def names_in(app):
    return sorted(path.name for path in app.rglob("*") if path.parent.name == "models")


def test_three_files_are_embedded(embedded, model, app):
    assert names_in(app) == sorted(f"{model.stem}{suffix}" for suffix in SUFFIXES)
    assert embedded.read_bytes() == model.read_bytes()
    manifest = read_manifest_of(embedded)
    assert manifest == read_manifest_of(model)
    golden = decode_golden(embedded.with_suffix(".golden").read_bytes())
    assert golden.model_sha256 == manifest.file.sha256
    assert golden.pixels.shape == (64, 96, 3)


def test_a_detectors_file_is_embedded_with_its_boxes(tmp_path, app, monkeypatch):
    # What is embedded is looked at; it is not run here.
    monkeypatch.setattr(assets, "try_model", lambda *_: None)
    model = tmp_path / "detector.pte"
    model.write_bytes(b"a detector")
    proved = proved_detector()
    described = replace(proved.file, sha256=sha256_file(model), size_bytes=10)
    manifest = replace(proved, file=described)
    model.with_suffix(".json").write_bytes(encode_document(manifest))
    assert embed_model(model, app).problem is None
    in_app = app / MODELS_FOLDER / model.name
    assert read_manifest_of(in_app) == manifest
    answers = decode_golden(in_app.with_suffix(".golden").read_bytes()).answers
    assert isinstance(answers, BoxAnswers)
    assert len(answers.boxes) > 10


def test_embedding_again_replaces(embedded, model, app):
    embedded.write_bytes(b"old")
    assert embed_model(model, app).problem is None
    assert [found.name for found in embedded_models(app)] == [model.stem]


def test_a_file_that_is_not_its_manifests_is_refused(model, app):
    model.write_bytes(model.read_bytes() + b"\0")
    with pytest.raises(TopformerError, match="not the file its manifest describes"):
        embed_model(model, app)
    assert names_in(app) == []


def test_a_file_that_does_not_run_is_refused(model, app):
    halve(model)
    with pytest.raises(TopformerError, match="cannot load"):
        embed_model(model, app)
    assert names_in(app) == []


def test_a_file_that_changes_while_it_is_copied_is_refused(model, app, monkeypatch):
    monkeypatch.setattr(shutil, "copyfile", lambda _, to: to.write_bytes(b"changed"))
    with pytest.raises(TopformerError, match="not the file its manifest describes"):
        embed_model(model, app)
    assert names_in(app) == []


def test_a_failed_copy_leaves_the_old_model(embedded, model, app, monkeypatch):
    before = {path: path.read_bytes() for path in embedded.parent.iterdir()}

    def fill_the_disk(_, to):
        to.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fill_the_disk)
    with pytest.raises(OSError, match="No space"):
        embed_model(model, app)
    assert {path: path.read_bytes() for path in embedded.parent.iterdir()} == before


def test_ctrl_c_leaves_the_old_model_whole(embedded, model, app, monkeypatch):
    before = {path: path.read_bytes() for path in embedded.parent.iterdir()}

    def interrupted_copy(source, to):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(shutil, "copyfile", interrupted_copy)
    with pytest.raises(KeyboardInterrupt):
        embed_model(model, app)
    assert {path: path.read_bytes() for path in embedded.parent.iterdir()} == before


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("model.onnx", "is not a .pte"),
        *((name, "cannot be a name") for name in ("a b.pte", "-rf.pte", "ä.pte", ".hidden.pte")),
    ],
)
def test_other_names_are_wrong_usage(model, app, name, why):
    other = model.rename(model.with_name(name))
    model.with_suffix(".json").rename(other.with_suffix(".json"))
    with pytest.raises(UsageError, match=why):
        embed_model(other, app)
    assert names_in(app) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("spoil", ["cut", "remove"])
def test_a_model_that_is_not_whole_is_listed_with_its_problem(embedded, app, suffix, spoil):
    path = embedded.with_suffix(suffix)
    if spoil == "cut":
        path.write_bytes(path.read_bytes()[:-1000])
    else:
        path.unlink()
    (found,) = embedded_models(app)
    assert path.name in found.problem
    assert (found.file, found.weights) == (None, None)


def test_the_golden_of_another_model_is_a_problem(embedded, app):
    golden = bytearray(embedded.with_suffix(".golden").read_bytes()[:-32])
    golden[64] ^= 1
    sealed = bytes(golden) + bytes.fromhex(sha256_bytes(bytes(golden)))
    embedded.with_suffix(".golden").write_bytes(sealed)
    (found,) = embedded_models(app)
    assert "belongs to another model" in found.problem


def test_remove_takes_all_of_one_model(embedded, model, app):
    other = model.with_name("other.pte")
    for suffix in (".pte", ".json"):
        shutil.copy(model.with_suffix(suffix), other.with_suffix(suffix))
    embed_model(other, app)
    remove_model(model.stem, app)
    assert names_in(app) == ["other.golden", "other.json", "other.pte"]


@pytest.mark.parametrize("name", ["other", "../models/x", ""])
def test_removing_what_is_not_there_names_what_is(embedded, app, name):
    with pytest.raises(UsageError) as raised:
        remove_model(name, app)
    assert embedded.stem in raised.value.next_step
    assert embedded.exists()


def test_an_app_without_models(app):
    assert embedded_models(app) == ()


def test_another_folder_is_not_the_app(tmp_path):
    with pytest.raises(UsageError, match="is not the app's folder"):
        find_app(tmp_path)


def test_an_installed_package_has_no_app(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "__file__", str(tmp_path / "topformer" / "android" / "assets.py"))
    with pytest.raises(UsageError) as raised:
        find_app(None)
    assert str(raised.value) == (
        "The app's sources are not here.\n"
        "Why: They are in the project's repository, not in the installed package.\n"
        "Next: Clone the repository."
    )


def test_the_project_ships_with_the_bundled_weights_in_the_app():
    project = Path(__file__).parents[2]
    (shipped,) = embedded_models(project / "android_app")
    assert shipped.problem is None
    # After a change of weights: make app-model.
    assert shipped.weights.sha256 == sha256_file(project / "topformer/weights/tiny.safetensors")
