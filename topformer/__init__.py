"""TopFormer for phones: train or load it, export it, prove it, measure it.

The names below are imported when first used, so that `import topformer` costs nothing.
"""

import logging
import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from topformer.detector import create_detector
    from topformer.model import create_model
    from topformer.runtimes import open_model
    from topformer.tasks.upsampling import upsample_labels
    from topformer.weights import load_model

# torch's OpenMP threads spin while they wait, which makes everything several times slower as soon
# as another program uses the cores. OpenMP reads this when torch is loaded, so it stands here,
# before any of our modules can load torch. A user's own setting stays.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# torch warns of a detail inside torchao at every import; no user can act on it.
logging.getLogger("torch.utils._pytree").setLevel(logging.ERROR)

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "create_detector",
    "create_model",
    "load_model",
    "open_model",
    "upsample_labels",
]

_HOMES = {
    "create_detector": "topformer.detector",
    "create_model": "topformer.model",
    "load_model": "topformer.weights",
    "open_model": "topformer.runtimes",
    "upsample_labels": "topformer.tasks.upsampling",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
