"""Which files are scored."""

from dataclasses import replace

import pytest

from support.report_fakes import proved_file
from topformer.classes import numbered_classes
from topformer.data import open_dataset
from topformer.errors import TopformerError
from topformer.verbs.report import scores
from topformer.verbs.report.kept import Kept
from topformer.verbs.report.scores import open_data, score_files

THREE = numbered_classes(3)


@pytest.fixture
def data(folder):
    return open_data(open_dataset("folder", folder), "val")


@pytest.fixture
def scored(monkeypatch):
    """Keep the names of files that come to be scored."""
    asked = []

    def score(file, *_):
        asked.append(file.name)
        raise KeyError(file.name)

    monkeypatch.setattr(scores, "_score", score)
    return asked


def test_a_file_of_other_classes_is_passed_over_with_a_warning(data, scored, tmp_path, capsys):
    other, failed = proved_file(), proved_file(precision="int8", classes=THREE, passed=False)
    fitting = proved_file(target="onnx", classes=THREE)
    with pytest.raises(KeyError):
        score_files([other, failed, fitting], data, Kept(tmp_path), None)
    assert scored == [fitting.name]
    told = " ".join(capsys.readouterr().err.split())
    assert f"{other.name} is not scored: it tells 2 classes apart, and " in told
    assert failed.name not in told


def test_data_that_no_file_was_made_for_are_refused(data, scored, tmp_path):
    with pytest.raises(TopformerError) as refused:
        score_files([proved_file()], data, Kept(tmp_path), None)
    assert "has 3 classes" in refused.value.why.replace("It ", "it ").replace("it has", "has")
    assert "--dataset" in refused.value.next_step
    assert scored == []


def test_the_hash_of_data_is_of_pictures_labels_names_and_split(data, folder, tmp_path):
    dataset = data.dataset
    assert open_data(dataset, "val").sha256 == data.sha256
    assert open_data(dataset, "train").sha256 != data.sha256
    renamed = replace(dataset, classes=numbered_classes(3))
    assert open_data(renamed, "val").sha256 != data.sha256
    copy = tmp_path / "copy"
    for path in folder.rglob("*.*"):
        target = copy / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    assert open_data(open_dataset("folder", copy), "val").sha256 == data.sha256
    labels = next((copy / "annotations/val").iterdir())
    labels.write_bytes(labels.read_bytes() + b"0")
    assert open_data(open_dataset("folder", copy), "val").sha256 != data.sha256
