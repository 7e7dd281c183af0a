"""A run before its first step: whose licences it has, and whose folder it is."""

from pathlib import Path

import pytest
import torch

from support.training_fakes import make_folder, small_recipe
from topformer.errors import TopformerError, UsageError
from topformer.manifest import WeightsInfo
from topformer.tasks import SEGMENTATION
from topformer.training.goals import open_goal
from topformer.training.initialise import form_for
from topformer.training.opening import opened_run
from topformer.training.processes import Place
from topformer.training.recipe import Recipe, read_recipe
from topformer.weights.loading import bundled_path

CAMVID_TERMS = "CamVid, CC BY-NC: research and non-commercial use only"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("data"))


def opened(folder: Path, out: Path, recipe: Recipe, **options):
    place = Place(rank=0, world_size=1, device=torch.device("cpu"))
    goal = open_goal(SEGMENTATION, "folder", folder, recipe)
    usual = {"command": "a test", "resume": False}
    return opened_run(goal, form_for("tiny", "folder"), out, place, **{**usual, **options})


def test_weights_have_the_licences_of_what_they_began_with_and_learnt_from(folder, tmp_path):
    folder_terms = f"as the pictures of the folder {folder.name} allow"
    recipe = small_recipe(init=str(bundled_path("tiny")))
    with opened(folder, tmp_path / "begun", recipe) as begun:
        assert begun.run.licence == f"{folder_terms}; topformer-tiny-camvid: {CAMVID_TERMS}"
    teacher = WeightsInfo(name="t.onnx", sha256="0" * 64, licence="not stated", source="a test")
    with opened(folder, tmp_path / "taught", small_recipe(), taught_by=teacher) as taught:
        assert taught.run.licence == f"{folder_terms}; t.onnx: not stated"
    with opened(folder, tmp_path / "drawn", small_recipe(init="none")) as drawn:
        assert drawn.run.licence == folder_terms


def test_its_folder_is_its_own_and_has_its_recipe(folder, tmp_path):
    recipe = small_recipe(init="none")
    with opened(folder, tmp_path / "out", recipe) as run:
        assert not run.resumes
        assert read_recipe(tmp_path / "out" / "recipe.toml") == recipe


def test_a_run_is_gone_on_with_only_where_that_is_asked_for(folder, tmp_path):
    (tmp_path / "checkpoints" / "step-00000002").mkdir(parents=True)
    # What it began with is gone, and not asked for.
    recipe = small_recipe(init=str(tmp_path / "gone.safetensors"))
    with (
        pytest.raises(UsageError, match="already holds a run"),
        opened(folder, tmp_path, recipe),
    ):
        pass
    with opened(folder, tmp_path, recipe, resume=True) as run:
        assert run.resumes
    assert not (tmp_path / "recipe.toml").exists(), "it is the first start's"


def test_a_recipe_that_cannot_be_followed_leaves_no_folder(folder, tmp_path):
    with (
        pytest.raises(TopformerError, match="class_weights has 1"),
        opened(folder, tmp_path / "out", small_recipe(class_weights=(1.0,))),
    ):
        pass
    assert not (tmp_path / "out").exists()
