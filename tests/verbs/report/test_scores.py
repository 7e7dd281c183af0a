"""Which files are scored."""

from dataclasses import replace

import pytest

from support.coco_fakes import annotation, annotations, write_split
from support.report_fakes import proved_file
from topformer.classes import numbered_classes
from topformer.errors import TopformerError
from topformer.verbs.report.data import LabelData, open_data
from topformer.verbs.report.document import FileScore
from topformer.verbs.report.kept import Kept
from topformer.verbs.report.scores import score_files

THREE = numbered_classes(3)


@pytest.fixture
def data(folder):
    return open_data("folder", folder, "val")


@pytest.fixture
def scored(monkeypatch):
    """Keep the names of files that come to be scored."""
    asked = []

    def score(_data, _path, what, _show_progress):
        asked.append(what.removesuffix(" on val"))
        raise KeyError(what)

    monkeypatch.setattr(LabelData, "score", score)
    return asked


def test_a_file_of_other_classes_is_passed_over_with_a_warning(data, scored, tmp_path, capsys):
    other, failed = proved_file(), proved_file(precision="int8", classes=THREE, passed=False)
    fitting = proved_file(target="onnx", classes=THREE)
    with pytest.raises(KeyError):
        score_files([other, failed, fitting], data, Kept(tmp_path), lambda _doing: None)
    assert scored == [fitting.name]
    told = " ".join(capsys.readouterr().err.split())
    assert f"{other.name} is not scored: it tells 2 classes apart, and " in told
    assert failed.name not in told


def test_a_score_that_was_kept_is_as_doubtful_as_a_new_one(data, tmp_path, monkeypatch, capsys):
    file, score = proved_file(classes=THREE), FileScore(miou=0.5, document="scores/one.json")
    monkeypatch.setattr(Kept, "find", lambda *_: [tmp_path / "scores" / "one.json"])
    monkeypatch.setattr(LabelData, "read", lambda *_: None)
    monkeypatch.setattr(LabelData, "figures", lambda *_: score)
    found = score_files([file], data, Kept(tmp_path), lambda _doing: None)
    assert found == {file.name: score}
    assert f"{file.name}: the model names no classes" in " ".join(capsys.readouterr().err.split())


def test_data_that_no_file_was_made_for_are_refused(data, scored, tmp_path):
    with pytest.raises(TopformerError) as refused:
        score_files([proved_file()], data, Kept(tmp_path), None)
    assert "tells 2 classes apart, and" in refused.value.why
    assert refused.value.why.endswith("has 3.")
    assert "--dataset" in refused.value.next_step
    assert scored == []


def test_a_file_for_another_task_is_passed_over(scored, tmp_path):
    boxes = open_data("coco-folder", write_split(tmp_path / "coco", annotations()), "train")
    with pytest.raises(TopformerError) as refused:
        score_files([proved_file()], boxes, Kept(tmp_path), lambda _doing: None)
    assert "is for semantic-segmentation" in refused.value.why
    assert scored == []


def test_the_hash_of_boxes_is_of_all_that_is_scored_against(tmp_path):
    def digest(**others):
        root = write_split(tmp_path / "coco", annotations(**others))
        return open_data("coco-folder", root, "train").sha256

    first = digest()
    assert digest() == first
    moved = [annotation(11, 2, [10, 20, 30.5, 41])]
    other = [annotation(11, 2, [10, 20, 30.5, 41], category_id=3)]
    digests = {first, digest(annotations=moved), digest(annotations=other)}
    assert len(digests) == 3


def test_a_picture_is_shown_with_its_boxes_but_no_crowds(tmp_path):
    root = write_split(tmp_path / "coco", annotations())
    data = open_data("coco-folder", root, "train")
    shown = {one.name: one for one in map(data.show, range(data.pictures))}
    assert data.pictures == 3
    assert shown["2.png"].truth.corners.tolist() == [[10, 20, 40.5, 60]]
    assert shown["2.png"].pixels.shape == (64, 96, 3)
    assert len(shown["5.png"].truth) == 0


def test_the_hash_of_data_is_of_pictures_labels_names_and_split(data, folder, tmp_path):
    assert open_data("folder", folder, "val").sha256 == data.sha256
    assert open_data("folder", folder, "train").sha256 != data.sha256
    renamed = replace(data.dataset, classes=numbered_classes(3))
    assert LabelData(renamed, "val", data.found).sha256 != data.sha256
    copy = tmp_path / "copy"
    for path in folder.rglob("*.*"):
        target = copy / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    assert open_data("folder", copy, "val").sha256 == data.sha256
    labels = next((copy / "annotations/val").iterdir())
    labels.write_bytes(labels.read_bytes() + b"0")
    assert open_data("folder", copy, "val").sha256 != data.sha256
