"""What takes long to make, made once for all of pytest's processes."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]) -> Any:
    """Return what `make` does in a new folder called `name`, which another process may have done.

    Others wait meanwhile. What it returns is pickled: paths, and documents.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    returned, folder = root / f"{name}.pickle", root / name
    with FileLock(root / f"{name}.lock"):
        if not returned.exists():
            folder.mkdir(exist_ok=True)
            returned.write_bytes(pickle.dumps(make(folder)))
        return pickle.loads(returned.read_bytes())
