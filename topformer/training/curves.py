"""A run as a picture: loss and learning rate on top, scores on val below."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from topformer.evaluation.figures import make_drawable
from topformer.training.journal import Record, ScoreRecord, StepRecord

# Okabe and Ito's palette, told apart by the colour-blind too.
LOSS_COLOUR, RATE_COLOUR = "#0072B2", "#E69F00"
SCORE_COLOURS = {"miou": "#0072B2", "mean_accuracy": "#009E73", "pixel_accuracy": "#999999"}
SCORE_NAMES = {"miou": "mIoU", "mean_accuracy": "mean accuracy", "pixel_accuracy": "pixels"}
INK, FAINT = "#1F2937", "#6B7280"
SIZE_IN, DPI = (9.0, 6.0), 130


def draw_curves(records: list[Record], *, title: str) -> bytes:
    """Draw the records of a run; returns a PNG."""
    figure = Figure(figsize=SIZE_IN, dpi=DPI)
    above, below = figure.subplots(2, 1, sharex=True)
    _draw_loss(above, [record for record in records if isinstance(record, StepRecord)])
    _draw_scores(below, [record for record in records if isinstance(record, ScoreRecord)])
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    below.set_xlabel("optimizer steps", color=FAINT)
    above.set_title(title, loc="left", color=INK, weight="bold")
    make_drawable(figure)
    figure.tight_layout()
    stream = BytesIO()
    FigureCanvasAgg(figure).print_png(stream)
    return stream.getvalue()


def _draw_loss(axes: Axes, records: list[StepRecord]) -> None:
    steps = [record.step for record in records]
    # A single point has no line.
    marker = "o" if len(records) == 1 else ""
    losses = [record.loss for record in records]
    axes.plot(steps, losses, color=LOSS_COLOUR, linewidth=1.3, marker=marker, markersize=4)
    axes.set_ylabel("training loss", color=LOSS_COLOUR)
    axes.set_ylim(bottom=0)
    rates = axes.twinx()
    learning_rates = [record.learning_rate for record in records]
    rates.plot(steps, learning_rates, color=RATE_COLOUR, linewidth=1.0, marker=marker, markersize=4)
    rates.set_ylabel("learning rate", color=RATE_COLOUR)
    rates.set_ylim(bottom=0)
    rates.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    rates.spines[:].set_visible(False)
    rates.tick_params(length=0, colors=INK)
    _finish(axes)


def _draw_scores(axes: Axes, records: list[ScoreRecord]) -> None:
    steps = [record.step for record in records]
    for name, colour in SCORE_COLOURS.items():
        values = [100 * getattr(record, name) for record in records]
        axes.plot(steps, values, "o-", color=colour, markersize=3, label=SCORE_NAMES[name])
    if records:
        best = max(records, key=lambda record: record.miou)
        axes.annotate(
            f"{100 * best.miou:.2f}",
            (best.step, 100 * best.miou),
            (0, 7),
            textcoords="offset points",
            ha="center",
            color=SCORE_COLOURS["miou"],
            weight="bold",
        )
        # Above the curves, which may end anywhere below.
        axes.legend(
            frameon=False, labelcolor=INK, ncols=3, loc="lower left", bbox_to_anchor=(0.0, 1.0)
        )
    axes.set_ylabel("on val, percent", color=INK)
    axes.set_ylim(0, 100)
    _finish(axes)


def _finish(axes: Axes) -> None:
    axes.grid(color="#E5E7EB", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, colors=INK)
