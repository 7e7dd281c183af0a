"""The official train step's network and batch, rebuilt from the golden vectors."""

from typing import Any

import torch
from torch import Tensor, nn

from support.golden_inputs import golden_input, golden_labels
from topformer.model import DropPath, TopFormer, create_model


def golden_step(golden: dict[str, Any]) -> tuple[TopFormer, Tensor, Tensor]:
    """Return the network in float64, its input and labels; nothing of it is drawn by chance."""
    model = create_model("tiny").double().train()
    model.load_state_dict(golden["state_dict"])
    for module in model.modules():
        if isinstance(module, nn.Dropout2d):
            module.p = 0.0
        if isinstance(module, DropPath):
            module.probability = 0.0
    spec = golden["fixture"]["train_step"]["input"]
    size = spec["n"], spec["h"], spec["w"]
    return (
        model,
        torch.from_numpy(golden_input(*size, spec["seed"])).double(),
        torch.from_numpy(golden_labels(*size, spec["seed"])),
    )
