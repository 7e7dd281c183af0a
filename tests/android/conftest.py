"""A small exported model and an app to put it into, for what does not need the real ones."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Export a small Tiny with random weights to a .pte, once."""
    from topformer.export import export_model

    result = export_model(
        weights="random",
        size="tiny",
        targets=["xnnpack"],
        image_size=(64, 96),
        out_dir=tmp_path_factory.mktemp("exported"),
    )
    return result.files[0].path


@pytest.fixture
def model(exported, tmp_path) -> Path:
    """Return a copy of the exported model that a test may spoil."""
    for path in (exported, exported.with_suffix(".json")):
        shutil.copy(path, tmp_path / path.name)
    return tmp_path / exported.name


@pytest.fixture
def app(tmp_path) -> Path:
    """Return a folder with what makes it the app's."""
    folder = tmp_path / "android_app"
    (folder / "gradle").mkdir(parents=True)
    (folder / "settings.gradle.kts").touch()
    (folder / "gradle" / "libs.versions.toml").write_text('[versions]\njdk = "17"\n')
    return folder
