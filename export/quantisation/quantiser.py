"""Quantise a network with torchao: observe it on pictures, then write its rounding into the graph.

Which operators are quantised, and how, is XNNPACK's own description of what it computes in int8:
convolutions with one scale for each output channel, residual additions and concatenations.
Attention's products, softmax, average pools, and all that is done with resized maps stay in
float32.
"""

# pyright: standard
# Not strict: torchao and executorch ship no types.

import copy
import logging
import warnings
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager

import torch
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
    get_symmetric_quantization_config,
)
from torch import Tensor, fx, nn
from torchao.quantization.pt2e import allow_exported_model_train_eval
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import QuantizationConfig, QuantizationSpec

from topformer.detection import LEAST_LOGIT, LEVEL_STRIDES, SURE_LOGIT
from topformer.detector import Detector
from topformer.export.quantisation.annotations import Quantizer
from topformer.export.quantisation.ranges import FOREIGN_MARGIN, RangeObserver
from topformer.rounding import SMALLEST_SCALE


def observe(
    network: nn.Module,
    pictures: Sequence[Tensor],
    *,
    keep: Collection[str] = (),
    foreign: bool = False,
) -> fx.GraphModule:
    """Return the network's graph with an observer at each value that will have 8 bits.

    `pictures` are [1, 3, h, w], all of one size, and `foreign` where they are not of what the model
    is for; layers in `keep`, by module path, are passed over.
    The observers have seen the pictures: `quantise` makes a quantised network of the graph, and it
    computes what the network does until then.
    """
    with _quiet():
        # A copy, for an exported graph shares its parameters with the network.
        graph = torch.export.export(copy.deepcopy(network), (pictures[0],)).module()
        assert isinstance(graph, fx.GraphModule)
        _give_biases_of_their_own(graph)
        prepared = prepare_pt2e(graph, _quantizer(frozenset(keep), foreign=foreign))
    if isinstance(network, Detector):
        _favour_likely_classes(prepared)
    observers = [one for one in prepared.modules() if isinstance(one, RangeObserver)]
    with torch.inference_mode():
        for picture in pictures:
            prepared(picture)
        if foreign:
            return prepared
        for observer in observers:
            observer.finder.count_values()
        for picture in pictures:
            prepared(picture)
    return prepared


def _favour_likely_classes(prepared: fx.GraphModule) -> None:
    """Spend no bits on logits of classes that are no boxes, and cut none of those that are.

    Nearly all of a detector's logits are of the first kind, so that a range of least squared error
    cuts the few likely ones: boxes tie in their scores, and their order is what AP measures. Likely
    ones may not even be among the calibration pictures.
    """
    outputs = prepared.graph.output_node().all_input_nodes
    for output in outputs[: len(LEVEL_STRIDES)]:
        if output.op == "call_module":
            observer = prepared.get_submodule(str(output.target))
            if isinstance(observer, RangeObserver):
                observer.telling = (LEAST_LOGIT, SURE_LOGIT)


def _give_biases_of_their_own(graph: fx.GraphModule) -> None:
    """Copy each bias for all but the first of the convolutions that share it.

    Biases are stored in steps of what comes in times the weight. ExecuTorch 1.5 stores a shared one
    once, in steps of the first convolution.
    """
    for bias in [node for node in graph.graph.nodes if node.op == "get_attr"]:
        takers = [
            user
            for user in bias.users
            if str(user.target).startswith("aten.conv2d.") and user.args[2:3] == (bias,)
        ]
        for number, taker in enumerate(takers[1:], start=2):
            name = f"{str(bias.target).replace('.', '_')}_{number}"
            graph.register_parameter(
                name, nn.Parameter(graph.get_parameter(str(bias.target)).detach().clone())
            )
            with graph.graph.inserting_after(bias):
                own = graph.graph.get_attr(name)
            own.meta = dict(bias.meta)
            taker.args = (*taker.args[:2], own, *taker.args[3:])
    graph.recompile()


def quantise(observed: fx.GraphModule) -> fx.GraphModule:
    """Write the rounding that the observers found into the graph; weights become int8."""
    with _quiet():
        made = convert_pt2e(copy.deepcopy(observed))
    for module in made.modules():
        module.training = False  # exported graphs have no eval() that would set it
    return allow_exported_model_train_eval(made)


def layer_of(node: fx.Node) -> str:
    """Path of the module that a node of an exported graph comes from; "" where it has none."""
    stack = node.meta.get("nn_module_stack")
    return next(reversed(stack.values()))[0] if stack else ""


def _quantizer(keep: frozenset[str], *, foreign: bool) -> Quantizer:
    config = get_symmetric_quantization_config(is_per_channel=True)
    given = config.input_activation
    assert given is not None
    activations = QuantizationSpec(
        dtype=given.dtype,
        quant_min=given.quant_min,
        quant_max=given.quant_max,
        qscheme=given.qscheme,
        observer_or_fake_quant_ctr=RangeObserver.with_args(
            eps=SMALLEST_SCALE, margin=FOREIGN_MARGIN if foreign else None
        ),
    )
    ours = QuantizationConfig(activations, activations, config.weight, config.bias, is_qat=False)
    quantizer = Quantizer()
    quantizer.set_global(ours)
    if keep:
        quantizer.set_filter_function(_passing_over(keep))
    return quantizer


def _passing_over(keep: frozenset[str]) -> Callable[[fx.Node], bool]:
    return lambda node: layer_of(node) not in keep


@contextmanager
def _quiet() -> Generator[None]:
    """Keep aside what torch and torchao tell those who develop them."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
