"""The pictures a finished run leaves: its curves, and what its weights make of val pictures."""

from pathlib import Path

from topformer.evaluation.protocols import network_segmenter
from topformer.evaluation.scoring import show_pair
from topformer.evaluation.sheet import draw_sheet
from topformer.figures import Caption
from topformer.files import atomic_write
from topformer.training.curves import draw_curves
from topformer.training.journal import read_log
from topformer.training.run import Trained, TrainingRun
from topformer.weights import load_model

SHOWN_PICTURES = 8


def write_pictures(run: TrainingRun, trained: Trained) -> tuple[Path, ...]:
    """Draw OUT/curves.png and OUT/predictions.png, the latter with the best weights there are."""
    curves, predictions = run.out / "curves.png", run.out / "predictions.png"
    records = read_log(run.out / "log.jsonl")
    atomic_write(curves, draw_curves(records, title=f"{run.name}, {trained.steps:,} steps"))
    weights = trained.best_path or trained.last_path
    segment = network_segmenter(load_model(weights), run.protocol)
    classes = run.dataset.classes
    # Spread over the whole split: neighbours are often frames of one drive.
    shown = run.val.pairs[:: -(-len(run.val.pairs) // SHOWN_PICTURES)]
    caption = Caption(
        title=f"{run.name}: pictures of {classes.dataset} val, evenly chosen",
        notes=(run.protocol.description, f"weights: {weights.name}"),
    )
    pictures = [show_pair(pair, run.val, classes, segment) for pair in shown]
    atomic_write(predictions, draw_sheet(pictures, classes, caption))
    return curves, predictions
