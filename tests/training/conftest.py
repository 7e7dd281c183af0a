"""What several files of these tests share."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.shared import made_once
from support.training_fakes import SCRIPT


@pytest.fixture(scope="session")
def scripted_run(folder, tmp_path_factory) -> Path:
    """Let the small run go through in one process of its own, once for the whole run."""

    def make(out: Path) -> Path:
        subprocess.run([sys.executable, SCRIPT, folder, out], check=True, timeout=240)
        return out

    return made_once(tmp_path_factory, "scripted", make)
