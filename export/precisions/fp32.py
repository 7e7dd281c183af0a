"""Single precision: the fused network as it is."""

from topformer.export.precisions import Converted, Limits, Precision
from topformer.export.proof import FP32_GATES
from topformer.tasks import DETECTION

PRECISION = Precision(
    name="fp32",
    gates=FP32_GATES,
    convert=lambda network, _materials: Converted(network=network),
    by_task={DETECTION: Limits(gates=FP32_GATES, max_drop=0.2)},
)
