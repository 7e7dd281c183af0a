"""Checkpoints in and out: read from strangers, fetched, recognised, and made into networks.

Trained weights that ship with the package lie in this folder as `SIZE.safetensors`.
"""

from topformer.weights.loading import (
    LoadedWeights,
    initialise_backbone,
    load_model,
    load_weights,
)
from topformer.weights.saving import pack_weights, save_weights

__all__ = [
    "LoadedWeights",
    "initialise_backbone",
    "load_model",
    "load_weights",
    "pack_weights",
    "save_weights",
]
