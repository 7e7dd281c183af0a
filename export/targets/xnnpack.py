"""ExecuTorch with the XNNPACK backend: `.pte` files for ARM and x86 processors."""

# pyright: standard
# Not strict: executorch ships no types.

import logging
import operator
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version

import torch
from executorch.backends.xnnpack.partition.config import ALL_PARTITIONER_CONFIGS
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import (
    EdgeProgramManager,
    ExecutorchProgramManager,
    to_edge_transform_and_lower,
)
from executorch.exir.backend.utils import WhyNoPartition
from executorch.exir.lowered_backend_module import LoweredBackendModule
from torch import Tensor, fx, nn
from torch._ops import OpOverload

from topformer.complexity import operator_macs
from topformer.export.histories import shared_histories
from topformer.export.targets import Lowered, Target
from topformer.export.xnnpack_half import CONFIGS, half_visitors
from topformer.manifest import Delegation, OperatorGroup
from topformer.runtimes.exported.executorch import RUNTIME

# Operators that no rule of the partitioner names leave no reason in its log.
NOT_SUPPORTED = "XNNPACK's partitioner has no rule for this operator"


def _lower(network: nn.Module, example: Tensor) -> Lowered:
    """Lower a network for one input shape, as much of it as possible to XNNPACK."""
    exported = torch.export.export(network, (example,))
    partitioner = XnnpackPartitioner(configs=[*ALL_PARTITIONER_CONFIGS, *CONFIGS])
    with _collect_reasons() as reasons, half_visitors(), shared_histories():
        edge = to_edge_transform_and_lower(exported, partitioner=[partitioner])
    inside, outside, delegates = _operators(edge, reasons)
    program = edge.to_executorch()
    return Lowered(
        data=bytes(program.buffer),
        delegation=Delegation(
            backend="ExecuTorch XNNPACK",
            delegates=delegates,
            inside=inside,
            outside=outside,
            planned_memory_bytes=_planned_memory_bytes(program),
            notes=("XNNPACK's own workspace is allocated at load and is not in the plan.",),
        ),
        libraries={name: version(name) for name in ("torch", "executorch", "torchao")},
    )


class _ReasonCollector(logging.Handler):
    """Listen to the partitioner, which explains itself in debug messages only."""

    def __init__(self, reasons: dict[str, str]) -> None:
        super().__init__(logging.DEBUG)
        self.reasons = reasons

    def emit(self, record: logging.LogRecord) -> None:
        why: object = record.msg
        if isinstance(why, WhyNoPartition) and why.node is not None:
            self.reasons.setdefault(_operator_name(why.node), why.reason)


@contextmanager
def _collect_reasons() -> Generator[dict[str, str]]:
    """Yield a mapping, filled while lowering, from operator to why one of its kind was refused."""
    reasons: dict[str, str] = {}
    logger = logging.getLogger("executorch.backends.xnnpack")
    collector = _ReasonCollector(reasons)
    level, propagate = logger.level, logger.propagate
    logger.addHandler(collector)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield reasons
    finally:
        logger.removeHandler(collector)
        logger.setLevel(level)
        logger.propagate = propagate


def _operators(
    edge: EdgeProgramManager, reasons: dict[str, str]
) -> tuple[tuple[OperatorGroup, ...], tuple[OperatorGroup, ...], int]:
    """Group the operators inside and outside the delegates; also count the delegates."""
    graph_module = edge.exported_program().graph_module
    delegates = [
        module for module in graph_module.modules() if isinstance(module, LoweredBackendModule)
    ]
    inside: list[fx.Node] = []
    for delegate in delegates:
        inside += delegate.original_module.graph_module.graph.nodes
    return (
        _group(inside, {}),
        _group(list(graph_module.graph.nodes), reasons, default=NOT_SUPPORTED),
        len(delegates),
    )


def _group(
    nodes: list[fx.Node], reasons: dict[str, str], *, default: str = ""
) -> tuple[OperatorGroup, ...]:
    counts: Counter[str] = Counter()
    macs: Counter[str] = Counter()
    for node in nodes:
        name = _operator_name(node)
        if node.op != "call_function" or name == "executorch_call_delegate":
            continue
        if node.target is operator.getitem:  # unpacks a tuple, computes nothing
            continue
        counts[name] += 1
        macs[name] += _node_macs(node, name)
    return tuple(
        OperatorGroup(
            operator=name, count=count, macs=macs[name], reason=reasons.get(name, default)
        )
        for name, count in counts.most_common()
    )


def _operator_name(node: fx.Node) -> str:
    """Name as in `aten.convolution.default`, whatever dialect the operator is wrapped in."""
    wrapped = getattr(node.target, "_op", node.target)
    if isinstance(wrapped, OpOverload):
        return str(wrapped)
    return str(getattr(wrapped, "__name__", wrapped))


def _node_macs(node: fx.Node, name: str) -> int:
    output = node.meta.get("val")
    if not isinstance(output, Tensor):
        return 0
    inputs = [
        tuple(argument.meta["val"].shape)
        for argument in node.args
        if isinstance(argument, fx.Node) and isinstance(argument.meta.get("val"), Tensor)
    ]
    return operator_macs(name, inputs, tuple(output.shape))


def _planned_memory_bytes(program: ExecutorchProgramManager) -> int:
    """Size of the arenas for inputs, outputs and what lies between the delegates."""
    plan = program.executorch_program.execution_plan[0]
    return sum(plan.non_const_buffer_sizes)


TARGET = Target(name="xnnpack", runtime=RUNTIME, lower=_lower)
