"""What `eval` says of a detector's score: captions of its pictures, tables, lines and document."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from topformer.data import BoxDataset
from topformer.data.coco import BoxedSplit
from topformer.evaluation.boxes import BoxScores, PictureBoxes, SplitBoxScores
from topformer.evaluation.boxes.scored_detector import ScoredDetector
from topformer.figures import Caption
from topformer.files import without_query
from topformer.metrics import defined
from topformer.verbs.eval.boxes.document import (
    BoxEvalDocument,
    BoxFiguresDocument,
    ClassBoxesDocument,
    PictureBoxesDocument,
)
from topformer.verbs.eval.report import (
    WORST_PICTURES,
    caption_of,
    difference,
    score_text,
    written_scale,
)

FIGURES = (
    *("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large"),
    *("ar_1", "ar_10", "ar_100", "ar_small", "ar_medium", "ar_large"),
)


@dataclass(frozen=True, kw_only=True)
class BoxEvaluation:
    """A detector that was scored on a split."""

    # As it was asked for.
    model: str
    scored_detector: ScoredDetector
    dataset: BoxDataset
    split: BoxedSplit
    scored: SplitBoxScores

    @property
    def worst(self) -> tuple[PictureBoxes, ...]:
        """The pictures that are shown."""
        return self.scored.worst(WORST_PICTURES)


def caption(done: BoxEvaluation) -> Caption:
    """Write what stands over the pictures."""
    scores, detector = done.scored.scores, done.scored_detector
    return caption_of(
        f"{done.split.classes.dataset} {done.split.name}: AP {score_text(scores.ap)}",
        f"{len(done.split):,} pictures, {int(scores.class_boxes.sum()):,} boxes, "
        f"AP50 {score_text(scores.ap50)}, AP75 {score_text(scores.ap75)}",
        detector.opened,
        detector.protocol,
    )


def document(done: BoxEvaluation, files: Sequence[Path]) -> BoxEvalDocument:
    """Write all that is known of a score."""
    opened, protocol = done.scored_detector.opened, done.scored_detector.protocol
    info, scores = opened.manifest.detection, done.scored.scores
    assert info is not None
    return BoxEvalDocument(
        model=without_query(done.model),
        runtime=opened.runtime,
        variant=opened.manifest.model.variant,
        detection_head=opened.manifest.model.detection_head,
        weights=opened.manifest.weights,
        random_weights=opened.manifest.weights.is_random,
        dataset=done.dataset.key,
        split=done.split.name,
        pictures=len(done.split),
        boxes=int(scores.class_boxes.sum()),
        protocol=protocol.name,
        protocol_description=protocol.description,
        scale=written_scale(protocol.scale),
        image_size=protocol.image_size,
        score_threshold=info.score_threshold,
        figures=figures(scores),
        classes=_classes(done.split, scores),
        worst=tuple(
            PictureBoxesDocument(
                picture=str(one.picture.path),
                ap50=min(one.ap50, 1.0),
                boxes=int((~one.picture.crowd).sum()),
            )
            for one in done.worst
        ),
        files=tuple(str(path) for path in files),
    )


def figures(scores: BoxScores) -> BoxFiguresDocument:
    """Write COCO's twelve."""
    return BoxFiguresDocument(**{name: defined(getattr(scores, name)) for name in FIGURES})


def _classes(split: BoxedSplit, scores: BoxScores) -> tuple[ClassBoxesDocument, ...]:
    return tuple(
        ClassBoxesDocument(
            id=number,
            category_id=split.category_ids[number],
            name=name,
            ap=defined(float(scores.class_ap[number])),
            ap50=defined(float(scores.class_ap50[number])),
            ar=defined(float(scores.class_ar[number])),
            boxes=int(scores.class_boxes[number]),
        )
        for number, name in enumerate(split.classes.names)
    )


def heading(scored: BoxEvalDocument) -> Text:
    """Write what stands over the tables."""
    return Text.assemble(
        (f"{scored.dataset} {scored.split}", "bold"),
        f", {scored.pictures:,} pictures, {scored.boxes:,} boxes"
        f", protocol {scored.protocol_description}",
        (" (random weights)" if scored.random_weights else "", "yellow"),
        ("; compare only with scores of the same protocol and sizes", "dim"),
    )


def table(scored: BoxEvalDocument) -> Table:
    """Show every class that has boxes, and the means below."""
    drawn = Table()
    drawn.add_column("id", justify="right")
    drawn.add_column("class")
    for title in ("AP", "AP50", "AR", "boxes"):
        drawn.add_column(title, justify="right")
    present = [one for one in scored.classes if one.boxes]
    for one in present:
        values = (score_text(value) for value in (one.ap, one.ap50, one.ar))
        drawn.add_row(str(one.id), one.name, *values, f"{one.boxes:,}")
    drawn.add_section()
    found = scored.figures
    means = (score_text(value) for value in (found.ap, found.ap50, found.ar_100))
    drawn.add_row("", "mean", *means, f"{scored.boxes:,}", style="bold")
    absent = len(scored.classes) - len(present)
    if absent:
        drawn.caption = f"{absent:,} classes have no box here and count nowhere"
        drawn.caption_justify = "left"
    return drawn


def size_table(scored: BoxEvalDocument) -> Table:
    """Show AP and AR of small, medium and large boxes."""
    drawn, found = Table(), scored.figures
    for title in ("boxes", "all", "small", "medium", "large"):
        drawn.add_column(title, justify="left" if title == "boxes" else "right")
    for title, values in (
        ("AP", (found.ap, found.ap_small, found.ap_medium, found.ap_large)),
        ("AP50", (found.ap50,)),
        ("AP75", (found.ap75,)),
        ("AR, 1 box a picture", (found.ar_1,)),
        ("AR, 10", (found.ar_10,)),
        ("AR, 100", (found.ar_100, found.ar_small, found.ar_medium, found.ar_large)),
    ):
        drawn.add_row(title, *map(_shown, values))
    return drawn


def comparison_table(documents: Sequence[BoxEvalDocument]) -> Table:
    """Show a model a row, with its difference from the first where the protocol is the same."""
    drawn = Table()
    drawn.add_column("model", overflow="fold")
    for title in ("AP", "points", "AP50", "AP75", "small", "medium", "large"):
        drawn.add_column(title, justify="right")
    drawn.add_column("protocol")
    for one in documents:
        found = one.figures
        drawn.add_row(
            one.model,
            Text(_shown(found.ap), style="bold"),
            difference(one, documents[0], lambda of: of.figures.ap),
            *map(
                _shown,
                (found.ap50, found.ap75, found.ap_small, found.ap_medium, found.ap_large),
            ),
            one.protocol_description + (", RANDOM" if one.random_weights else ""),
        )
    drawn.caption = "points: hundredths of AP more than the first model, under one protocol"
    drawn.caption_justify = "left"
    return drawn


def summary(scored: BoxEvalDocument) -> list[str]:
    """Write what heading and tables say as lines for stdout."""
    values = ((name, getattr(scored.figures, name)) for name in FIGURES)
    return [
        *(f"{_title(name)} {score_text(value)}" for name, value in values),
        f"protocol {scored.protocol_description}",
    ]


def line(scored: BoxEvalDocument) -> str:
    """Write a row of the comparison as a line for stdout."""
    found = scored.figures
    return (
        f"{scored.model}: AP {score_text(found.ap)}, AP50 {score_text(found.ap50)}, "
        f"AP75 {score_text(found.ap75)}, protocol {scored.protocol_description}"
    )


def _title(name: str) -> str:
    """AP, AP50, AP small, AR 10."""
    kind, _, rest = name.partition("_")
    return f"{kind.upper()} {rest}".rstrip()


def _shown(value: float | None) -> str:
    return "-" if value is None else score_text(value)
