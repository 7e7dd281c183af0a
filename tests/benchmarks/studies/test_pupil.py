"""A pupil of teachers that are computed beside it, trained for a few steps and further."""

import sys

import pytest
import safetensors.torch
import torch

from support.training_fakes import make_folder, small_recipe
from topformer.benchmarks.studies import pupil
from topformer.benchmarks.studies.pyramid import Pyramid
from topformer.training.recipe import recipe_text
from topformer.weights import load_weights

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A data set, a recipe and two teachers, as the command takes them."""
    root = tmp_path_factory.mktemp("pupil")
    recipe = root / "recipe.toml"
    recipe.write_text(recipe_text(small_recipe(distill_weight=4.0)))
    teachers = []
    for lite in (0, 1):
        torch.manual_seed(lite)
        teachers.append(root / f"{lite}.safetensors")
        network = Pyramid(3, lite, learnt=False)
        safetensors.torch.save_file(network.state_dict(), teachers[-1])
    return make_folder(root / "data"), recipe, teachers


def run(monkeypatch, words, out, *others):
    folder, recipe, teachers = words
    given = ["pupil", "folder", folder, "tiny", out, recipe, *teachers, *others]
    monkeypatch.setattr(sys, "argv", [str(word) for word in given])
    return pupil.main()


def test_it_learns_goes_on_and_leaves_weights(words, tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, words, tmp_path / "out") == 0
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path / 'out' / 'last.safetensors'}\n"
    assert "step 4: loss" in printed.err
    assert "step 4: mIoU" in printed.err
    learnt = load_weights(str(tmp_path / "out" / "last.safetensors"))
    assert learnt.info.source.startswith("topformer 0.1.0 studies.pupil folder tiny, recipe ")
    # A run is never overwritten.
    assert run(monkeypatch, words, tmp_path / "out") == 2
    assert "Add --resume" in capsys.readouterr().err
    # It was complete: no step is left.
    assert run(monkeypatch, words, tmp_path / "out", "--resume") == 0
    assert "loss" not in capsys.readouterr().err
    # What the teachers say matters.
    assert run(monkeypatch, words, tmp_path / "alone", "distill_weight=0") == 0
    alone = load_weights(str(tmp_path / "alone" / "last.safetensors"))
    first, second = learnt.model.state_dict(), alone.model.state_dict()
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_a_teacher_that_is_none_is_refused(words, tmp_path, monkeypatch, capsys):
    folder, recipe, _ = words
    (tmp_path / "none.safetensors").write_bytes(b"nothing")
    wrong = (folder, recipe, [tmp_path / "none.safetensors"])
    assert run(monkeypatch, wrong, tmp_path / "out") != 0
    assert "none.safetensors" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["camvid"], ["a", "b", "tiny", "c", "d", "batch=2"]])
def test_wrong_usage_prints_what_it_is_for(monkeypatch, capsys, words):
    monkeypatch.setattr(sys, "argv", ["pupil", *words])
    assert pupil.main() == 2
    assert "DATASET ROOT SIZE OUT" in capsys.readouterr().err
