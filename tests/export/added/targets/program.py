"""torch's own exported program, as a target."""

import io

import torch

from topformer.export.targets import Lowered, Target
from topformer.manifest import Delegation
from topformer.runtimes.exported import get_runtime


def lower(network, example):
    data = io.BytesIO()
    torch.export.save(torch.export.export(network, (example,)), data)
    delegation = Delegation(
        backend="torch", delegates=0, inside=(), outside=(), planned_memory_bytes=None
    )
    return Lowered(data=data.getvalue(), delegation=delegation, libraries={"torch": "1"})


TARGET = Target(name="program", runtime=get_runtime("torch_export"), lower=lower)
