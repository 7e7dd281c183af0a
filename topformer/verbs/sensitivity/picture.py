"""The costs of all layers as bars."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from topformer.figures import BLUE, ORANGE, Caption, captioned_figure, encode_png, tidy
from topformer.tasks import task_type
from topformer.verbs.sensitivity.document import SensitivityDocument

_WIDTH_IN, _ROW_IN = 11.0, 0.19
_FONT_PT = 7.5


def draw(found: SensitivityDocument) -> bytes:
    """Draw a bar for each layer, in the order of execution; returns a PNG."""
    noun = task_type(found.task).noun
    notes = (
        f"each layer alone in int8, the others in float32; all of them: "
        f"{found.whole.sqnr_db:.1f} dB, {found.whole.result_agreement:.2%} equal {noun}",
        f"TopFormer {found.variant}, weights {found.weights.name} at "
        f"{found.image_size[0]}x{found.image_size[1]}, calibrated with {found.calibration.source}, "
        f"{found.pictures} pictures",
    )
    warning = "RANDOM weights: the costs mean nothing" if found.random_weights else ""
    caption = Caption(title="What each layer costs", notes=notes, warning=warning)
    rows = len(found.layers)
    figure = captioned_figure(caption, _WIDTH_IN, _ROW_IN * rows + 0.8)
    with_data = all(one.score_drop is not None for one in found.layers)
    panels = figure.subplots(1, 2 if with_data else 1, squeeze=False, sharey=True)[0]
    names = [one.layer for one in found.layers]
    # Noise against signal, in millionths: costs of layers add up, decibels do not.
    costs = [1e6 * 10 ** (-one.sqnr_db / 10) for one in found.layers]
    bars = panels[0].barh(names, costs, color=BLUE)
    labels = [f"{one.sqnr_db:.1f} dB" for one in found.layers]
    panels[0].bar_label(bars, labels, padding=3, fontsize=_FONT_PT)
    panels[0].set_xlim(0, 1.15 * max(costs))
    panels[0].set_xlabel("noise in the outputs, millionths of the signal")
    panels[0].tick_params(axis="y", labelsize=_FONT_PT)
    panels[0].set_ylim(rows - 0.4, -0.6)
    tidy(panels[0], grid="x")
    if with_data:
        drops = [one.score_drop or 0.0 for one in found.layers]
        panels[1].barh(names, drops, color=ORANGE)
        panels[1].set_xlabel(f"points of {found.metric} lost on {found.dataset} val")
        tidy(panels[1], grid="x")
    return encode_png(figure, description=caption.text)
