"""Half precision: weights and arithmetic in 16 bits, float32 at both ends."""

from topformer.export.half import HalfNetwork
from topformer.export.precisions import Converted, Limits, Precision
from topformer.manifest import Gates
from topformer.tasks import DETECTION

PRECISION = Precision(
    name="fp16",
    gates=Gates(sqnr_db=35.0, result_agreement=0.9),
    convert=lambda network, _materials: Converted(network=HalfNetwork(network).eval()),
    by_task={
        DETECTION: Limits(
            gates=Gates(sqnr_db=30.0, result_agreement=0.6), max_drop=0.2, same_iou=0.95
        )
    },
    # ONNX Runtime's CPU kernels compute float16 in float32, between conversions of every tensor.
    targets=("xnnpack",),
    notes=(
        "Fast on ARM processors that compute in half precision (asimdhp in /proc/cpuinfo: ARMv8.2, "
        "phones since 2018). On x86 it takes longer than fp32.",
    ),
)
