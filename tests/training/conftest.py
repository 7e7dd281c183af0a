"""Make the fakes beside this file importable, and a data set to train on."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from training_fakes import make_folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """A data set of 6 training and 2 val pictures with three classes."""
    return make_folder(tmp_path_factory.mktemp("folder"))
