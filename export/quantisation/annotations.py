"""Which values of a graph have 8 bits: XNNPACK's own rules, with three exceptions."""

# pyright: standard
# Not strict: torchao and executorch ship no types.

from collections.abc import Sequence

from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer
from torch import fx
from torchao.quantization.pt2e.quantizer import QuantizationAnnotation, QuantizationConfig
from torchao.quantization.pt2e.quantizer.quantizer import Q_ANNOTATION_KEY

_SUMS_AND_PRODUCTS = ("aten.add.", "aten.mul.")
_RESIZING = "aten.upsample_bilinear2d."


class Quantizer(XNNPACKQuantizer):
    """XNNPACK's quantiser with three rules of ours.

    Limits other than ReLU's belong to the convolution before them, so that no bits are spent on
    what they cut off. Sums and products of resized maps stay in float32, as resizing does: XNNPACK
    adds floats with fewer instructions than int8, and maps need not be rounded in between. A weight
    that several convolutions share is quantised for all of them; XNNPACK's own rules, which mark it
    as done, leave all but the first in float32.
    """

    def annotate(self, model: fx.GraphModule) -> fx.GraphModule:
        """Say in the nodes' meta what is to be observed."""
        nodes = [node for node in model.graph.nodes if node.op == "call_function"]
        given, floats = self.filter_fn, _made_of_resized(nodes)
        assert self.global_config is not None
        self.filter_fn = lambda node: node not in floats and (given is None or given(node))
        for node in nodes:
            if is_limit(node) and _is_single(node.all_input_nodes[0]):
                self._join(node.all_input_nodes[0], node, self.global_config)
            elif _shares_its_weight(node):
                self._join(node, _with_relu(node), self.global_config)
        return super().annotate(model)

    def _join(self, convolution: fx.Node, last: fx.Node, config: QuantizationConfig) -> None:
        """Have a convolution and the limits of what it gives, if any, quantised as one operator."""
        if self.filter_fn is not None and not self.filter_fn(convolution):
            return
        taken, weight, *_ = convolution.all_input_nodes
        convolution.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation(
            input_qspec_map={taken: config.input_activation, weight: config.weight},
            output_qspec=config.output_activation if last is convolution else None,
            _annotated=True,
        )
        if last is not convolution:
            last.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation(
                output_qspec=config.output_activation, _annotated=True
            )


def is_limit(node: fx.Node) -> bool:
    """Whether a node cuts off what lies outside of two limits."""
    return str(node.target).startswith(("aten.hardtanh.", "aten.relu6."))


def _shares_its_weight(node: fx.Node) -> bool:
    """Whether a node is a convolution whose weight others have too."""
    return str(node.target).startswith("aten.conv2d.") and len(node.all_input_nodes[1].users) > 1


def _with_relu(convolution: fx.Node) -> fx.Node:
    """Return the ReLU that alone takes what a convolution gives, or the convolution itself."""
    users = list(convolution.users)
    if len(users) == 1 and str(users[0].target).startswith("aten.relu."):
        return users[0]
    return convolution


def _is_single(node: fx.Node) -> bool:
    """Whether a node is a convolution that nothing else takes the output of."""
    return str(node.target).startswith("aten.conv2d.") and len(node.users) == 1


def _made_of_resized(nodes: Sequence[fx.Node]) -> set[fx.Node]:
    """Find the sums and products that take a resized map, or another of them."""
    resized: set[fx.Node] = set()
    for node in nodes:
        name = str(node.target)
        takes = not resized.isdisjoint(node.all_input_nodes)
        if name.startswith(_RESIZING) or (takes and name.startswith(_SUMS_AND_PRODUCTS)):
            resized.add(node)
    return resized
