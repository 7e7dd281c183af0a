"""Single precision: the fused network as it is."""

from topformer.export.precisions import Converted, Precision
from topformer.export.proof import FP32_GATES

PRECISION = Precision(
    name="fp32",
    gates=FP32_GATES,
    convert=lambda network, _materials: Converted(network=network),
)
