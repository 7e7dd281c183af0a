"""8 bits: weights by output channel, activations by tensor, with ranges learnt from pictures."""

from torch import nn

from topformer.detector import Detector
from topformer.errors import TopformerError
from topformer.export.precisions import Converted, Limits, Materials, Precision
from topformer.export.quantisation.biases import correct_biases
from topformer.export.quantisation.quantiser import observe, quantise
from topformer.export.quantisation.rewriting import rewrite
from topformer.export.quantisation.selection import within_budget
from topformer.manifest import Gates
from topformer.model import TopFormer
from topformer.tasks import DETECTION


def _convert(network: nn.Module, materials: Materials) -> Converted:
    pictures, budget = materials.calibration, materials.budget
    if not pictures:
        raise TopformerError("int8 needs pictures to calibrate with.")
    if isinstance(network, TopFormer | Detector):
        network = rewrite(network, pictures, foreign=materials.foreign)
    if budget is None:
        observed = observe(network, pictures, foreign=materials.foreign)
        if not materials.foreign:
            correct_biases(observed, pictures)
        return Converted(network=quantise(observed))
    made, kept = within_budget(
        network,
        pictures,
        foreign=materials.foreign,
        budget=budget,
        on_progress=materials.on_progress,
    )
    return Converted(network=made, float_layers=kept)


PRECISION = Precision(
    name="int8",
    gates=Gates(sqnr_db=18.0, result_agreement=0.7),
    convert=_convert,
    targets=("xnnpack", "onnx"),
    calibrated=True,
    max_drop=0.5,
    by_task={
        DETECTION: Limits(
            gates=Gates(sqnr_db=10.0, result_agreement=0.6),
            max_drop=0.2,
            same_iou=0.5,
            straying=Gates(sqnr_db=0.0, result_agreement=0.0),
        )
    },
)
