"""The pictures a finished run leaves: its curves, and what its weights make of val pictures."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

import math
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from topformer.figures import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    LINE,
    ORANGE,
    Caption,
    captioned_figure,
    encode_png,
    tidy,
)
from topformer.files import atomic_write
from topformer.training.checkpoints import Best
from topformer.training.journal import (
    AnyScoreRecord,
    BoxScoreRecord,
    Record,
    ScoreRecord,
    StepRecord,
    read_log,
)
from topformer.training.run import Trained, TrainingRun
from topformer.weights import load_weights

LOSS_COLOUR, RATE_COLOUR = BLUE, ORANGE
# Of each kind of record; the first is what the best weights are chosen by.
SCORES = {
    ScoreRecord: {
        "miou": ("mIoU", BLUE),
        "mean_accuracy": ("mean accuracy", GREEN),
        "pixel_accuracy": ("pixels", LINE),
    },
    BoxScoreRecord: {
        "ap": ("AP", BLUE),
        "ap50": ("at IoU 0.5", GREEN),
        "ap75": ("at IoU 0.75", LINE),
    },
}
WIDTH_IN, HEIGHT_IN = 9.0, 6.0


def write_pictures(run: TrainingRun, trained: Trained) -> tuple[Path, ...]:
    """Draw OUT/curves.png and OUT/predictions.png, the latter with the best weights there are."""
    curves, predictions = run.out / "curves.png", run.out / "predictions.png"
    records = read_log(run.out / "log.jsonl")
    title = f"{run.name}, {trained.steps:,} steps"
    atomic_write(curves, draw_curves(records, title=title, best=trained.best))
    weights = trained.best_path or trained.last_path
    goal = run.goal
    sheet = goal.draw(
        load_weights(weights, task=goal.task).model,
        title=f"{run.name}: pictures of {goal.classes.dataset} val, evenly chosen",
        notes=(goal.protocol.description, f"weights: {weights.name}"),
    )
    atomic_write(predictions, sheet)
    return curves, predictions


def draw_curves(records: list[Record], *, title: str, best: Best | None = None) -> bytes:
    """Draw loss and learning rate on top, and scores on val below; returns a PNG.

    The score of the `best` weights is written at its place; it need not be the highest.
    """
    caption = Caption(title=title)
    figure = captioned_figure(caption, WIDTH_IN, HEIGHT_IN - caption.height_in)
    above, below = figure.subplots(2, 1, sharex=True)
    _draw_loss(above, [record for record in records if isinstance(record, StepRecord)])
    _draw_scores(below, [record for record in records if isinstance(record, AnyScoreRecord)], best)
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    below.set_xlabel("optimizer steps", color=FAINT)
    return encode_png(figure, description=caption.text)


def _draw_loss(axes: Axes, records: list[StepRecord]) -> None:
    steps = [record.step for record in records]
    # A single point has no line.
    line = {"marker": "o" if len(records) == 1 else "", "markersize": 4, "linewidth": 1.3}
    axes.plot(steps, [record.loss for record in records], color=LOSS_COLOUR, **line)
    axes.set_ylabel("training loss", color=LOSS_COLOUR)
    rates = axes.twinx()
    rates.plot(steps, [record.learning_rate for record in records], color=RATE_COLOUR, **line)
    rates.set_ylabel("learning rate", color=RATE_COLOUR)
    rates.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    for one in (axes, rates):
        one.set_ylim(bottom=0)
        tidy(one)
    rates.grid(visible=False)


def _draw_scores(axes: Axes, records: list[AnyScoreRecord], best: Best | None) -> None:
    steps = [record.step for record in records]
    fields = SCORES[type(records[0])] if records else {}
    for field, (name, colour) in fields.items():
        values = [_percent(getattr(record, field)) for record in records]
        axes.plot(steps, values, "o-", color=colour, markersize=3, label=name)
    if best is not None and not math.isnan(best.score):
        axes.annotate(
            f"{100 * best.score:.2f}",
            (best.step, 100 * best.score),
            (0, -14 if best.score > 0.1 else 7),  # the others are above it
            textcoords="offset points",
            ha="center",
            color=BLUE,
            weight="bold",
        )
    if records:
        # Above the curves, which may end anywhere below.
        axes.legend(
            frameon=False, labelcolor=INK, ncols=3, loc="lower left", bbox_to_anchor=(0.0, 1.0)
        )
    axes.set_ylabel("on val, percent", color=INK)
    axes.set_ylim(0, 100)
    tidy(axes)


def _percent(share: float | None) -> float:
    return math.nan if share is None else 100 * share
