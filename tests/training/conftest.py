"""A data set to train on."""

from pathlib import Path

import pytest

from support.training_fakes import make_folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """A data set of 6 training and 2 val pictures with three classes."""
    return make_folder(tmp_path_factory.mktemp("folder"))
