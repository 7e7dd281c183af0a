"""What ExecuTorch's XNNPACK lowering lacks for half precision, added from outside.

XNNPACK itself has all of it. ExecuTorch 1.5 leaves conversions between float32 and float16 outside
the delegate (`ToDimOrderCopyConfig` in backends/xnnpack/partition/config/generic_node_configs.py),
and writes the weights of convolutions as float32 (`force_fp32=True` in
backends/xnnpack/operators/op_conv2d.py), which doubles the file.
"""

# pyright: standard
# Not strict: executorch ships no types.

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import executorch.backends.xnnpack.xnnpack_preprocess  # noqa: F401 - registers the visitors
import torch
from executorch.backends.xnnpack.operators import node_visitor
from executorch.backends.xnnpack.operators.node_visitor import NodeVisitor
from executorch.backends.xnnpack.partition.config.generic_node_configs import (
    GenericNodePartitionerConfig,
)
from executorch.backends.xnnpack.partition.config.xnnpack_config import ConfigPrecisionType
from executorch.backends.xnnpack.serialization.xnnpack_graph_schema import (
    XNNConvert,
    XNNGraph,
    XNode,
)
from executorch.backends.xnnpack.utils.utils import get_input_node
from torch import fx

from topformer.export import half  # noqa: F401 - defines the operators

# By operator: which visitor writes it into a file.
VISITORS: dict[str, type[NodeVisitor]] = node_visitor._node_visitor_dict
_CONVOLUTION = VISITORS["aten.convolution.default"]


class ToHalfConfig(GenericNodePartitionerConfig):
    """Takes `to_half` into the delegate."""

    # ExecuTorch declares a property and gives strings.
    target_name = "to_half.default"  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]

    def supported_precision_types(self) -> list[ConfigPrecisionType]:
        """FP32 stands for all floating point."""
        return [ConfigPrecisionType.FP32]


class ToSingleConfig(ToHalfConfig):
    """Takes `to_single` into the delegate."""

    target_name = "to_single.default"


class _ToHalf(NodeVisitor):
    """Writes `to_half` as XNNPACK's conversion; the layout stays."""

    target = "topformer.to_half.default"

    def define_node(
        self,
        node: fx.Node,
        xnn_graph: XNNGraph,
        vals_to_ids: dict[fx.Node, int],
        debug_handle: int,
    ) -> None:
        self.define_nodes_tensor_inputs_outputs(node, xnn_graph, vals_to_ids)
        convert = XNNConvert(
            input_id=vals_to_ids[get_input_node(node, 0)], output_id=vals_to_ids[node], flags=0
        )
        xnn_graph.xnodes.append(XNode(xnode_union=convert, debug_handle=debug_handle))


class _ToSingle(_ToHalf):
    target = "topformer.to_single.default"


class _Convolution(_CONVOLUTION):
    """Writes a convolution's weights and biases in half precision where they are that."""

    def define_tensor(self, tensor: fx.Node, *args: Any, **kwargs: Any) -> None:
        value = tensor.meta.get("val")
        if isinstance(value, torch.Tensor) and value.dtype == torch.float16:
            kwargs["force_fp32"] = False
        super().define_tensor(tensor, *args, **kwargs)


CONFIGS = (ToHalfConfig, ToSingleConfig)
_OURS: dict[str, type[NodeVisitor]] = {
    _ToHalf.target: _ToHalf,
    _ToSingle.target: _ToSingle,
    "aten.convolution.default": _Convolution,
}


@contextmanager
def half_visitors() -> Generator[None]:
    """Lower with these visitors; afterwards ExecuTorch has its own again."""
    before = dict(VISITORS)
    VISITORS.update(_OURS)
    try:
        yield
    finally:
        VISITORS.clear()
        VISITORS.update(before)
