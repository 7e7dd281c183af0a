"""What `eval` says of a score: captions of its pictures, table, lines and document."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Protocol, TypeVar

from rich.table import Table
from rich.text import Text

from topformer.classes import are_numbered
from topformer.data import Dataset, WholeImageScale
from topformer.drawing import percent
from topformer.evaluation.protocols import ScoringProtocol
from topformer.evaluation.scored_model import ScoredModel, differing_names
from topformer.evaluation.scoring import PictureScore, SplitScores
from topformer.figures import Caption
from topformer.files import without_query
from topformer.manifest import Classes
from topformer.metrics import defined
from topformer.runtimes import OpenedModel
from topformer.verbs.eval.document import (
    ClassScoreDocument,
    EvalDocument,
    PictureScoreDocument,
    ScaleDocument,
)

WORST_PICTURES = 8


class ScoreDocument(Protocol):
    """A document of a score, whatever the task."""

    @property
    def protocol(self) -> str:
        """How pictures were shown."""
        ...


ScoreT = TypeVar("ScoreT", bound=ScoreDocument)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A model that was scored on a split."""

    # As it was asked for.
    model: str
    scored_model: ScoredModel
    dataset: Dataset
    split: str
    scored: SplitScores

    @property
    def worst(self) -> tuple[PictureScore, ...]:
        """The pictures that are shown."""
        return self.scored.worst(WORST_PICTURES)


def caption(done: Evaluation) -> Caption:
    """Write what stands over the pictures."""
    scores, model = done.scored.scores, done.scored_model
    return caption_of(
        f"{done.dataset.classes.dataset} {done.split}: mIoU {score_text(scores.miou)}",
        f"{len(done.scored.pictures):,} pictures, "
        f"mean accuracy {score_text(scores.mean_accuracy)}, "
        f"pixel accuracy {score_text(scores.pixel_accuracy)}",
        model.opened,
        model.protocol,
    )


def caption_of(title: str, figures: str, opened: OpenedModel, protocol: ScoringProtocol) -> Caption:
    """Write under a title and figures whose they are, whatever the task."""
    model, weights = opened.manifest.model, opened.manifest.weights
    head = f", head {model.detection_head}" if model.detection_head else ""
    return Caption(
        title=title,
        notes=(
            f"protocol {protocol.description}",
            figures,
            f"TopFormer {model.variant}{head}, weights {weights.name} "
            f"({weights.sha256[:12]}), run by {opened.runtime}",
        ),
        warning="RANDOM weights: the scores mean nothing" if weights.is_random else "",
    )


def names_warning(own: Classes, other: Classes) -> str:
    """Say where a model's own class names are not the data set's; empty where they all are."""
    if are_numbered(own):
        return (
            f"the model names no classes: its ids are taken for those of {other.dataset}. If it "
            "was trained on another set of as many classes, the scores mean nothing."
        )
    differing = differing_names(own, other)
    if not differing:
        return ""
    first = differing[0]
    return (
        f"{len(differing)} of {len(own.names)} classes have other names in the model "
        f"({own.dataset}) than in the data set ({other.dataset}): id {first} is "
        f"{own.names[first]!r} there and {other.names[first]!r} here. "
        "Ids are compared, not names."
    )


def document(done: Evaluation, files: Sequence[Path]) -> EvalDocument:
    """Write all that is known of a score."""
    opened, protocol, scores = (
        done.scored_model.opened,
        done.scored_model.protocol,
        done.scored.scores,
    )
    return EvalDocument(
        model=without_query(done.model),
        runtime=opened.runtime,
        variant=opened.manifest.model.variant,
        weights=opened.manifest.weights,
        random_weights=opened.manifest.weights.is_random,
        dataset=done.dataset.key,
        split=done.split,
        pictures=len(done.scored.pictures),
        protocol=protocol.name,
        protocol_description=protocol.description,
        scale=written_scale(protocol.scale),
        image_size=protocol.image_size,
        miou=defined(scores.miou),
        mean_accuracy=defined(scores.mean_accuracy),
        pixel_accuracy=defined(scores.pixel_accuracy),
        classes=_classes(done),
        confusion=tuple(tuple(row) for row in done.scored.counts.tolist()),
        worst=tuple(
            PictureScoreDocument(
                picture=str(one.pair.picture), miou=one.miou, pixel_accuracy=one.pixel_accuracy
            )
            for one in done.worst
        ),
        files=tuple(str(path) for path in files),
    )


def written_scale(scale: WholeImageScale | None) -> ScaleDocument | None:
    """Write the size of whole pictures, where there is one."""
    if scale is None:
        return None
    return ScaleDocument(
        long_px=scale.long_px, short_px=scale.short_px, multiple_px=scale.multiple_px
    )


def _classes(done: Evaluation) -> tuple[ClassScoreDocument, ...]:
    scores = done.scored.scores
    return tuple(
        ClassScoreDocument(
            id=number,
            name=name,
            iou=defined(float(scores.iou[number])),
            accuracy=defined(float(scores.accuracy[number])),
            pixels=int(done.scored.counts[number].sum()),
        )
        for number, name in enumerate(done.dataset.classes.names)
    )


def heading(scored: EvalDocument) -> Text:
    """Write what stands over the table; apart from it, for a table's title is as narrow as it."""
    return Text.assemble(
        (f"{scored.dataset} {scored.split}", "bold"),
        f", {scored.pictures:,} pictures, pixel accuracy {score_text(scored.pixel_accuracy)}"
        f", protocol {scored.protocol_description}",
        (" (random weights)" if scored.random_weights else "", "yellow"),
        ("; compare only with scores of the same protocol and sizes", "dim"),
    )


def table(scored: EvalDocument) -> Table:
    """Show every class, and the means below."""
    drawn = Table()
    drawn.add_column("id", justify="right")
    drawn.add_column("class")
    for heading in ("IoU", "accuracy", "of pixels"):
        drawn.add_column(heading, justify="right")
    pixels = sum(one.pixels for one in scored.classes)
    for one in scored.classes:
        drawn.add_row(
            str(one.id),
            one.name,
            *("-" if value is None else f"{value:.4f}" for value in (one.iou, one.accuracy)),
            percent(one.pixels / pixels) if one.pixels else "-",
            style=None if one.pixels else "dim",
        )
    drawn.add_section()
    means = (score_text(scored.miou), score_text(scored.mean_accuracy))
    drawn.add_row("", "mean", *means, "", style="bold")
    return drawn


def summary(scored: EvalDocument) -> list[str]:
    """Write what heading and table say as lines for stdout."""
    return [
        f"mIoU {score_text(scored.miou)}",
        f"mean accuracy {score_text(scored.mean_accuracy)}",
        f"pixel accuracy {score_text(scored.pixel_accuracy)}",
        f"protocol {scored.protocol_description}",
    ]


def score_text(value: float | None) -> str:
    """Write a score of 0 to 1, or that there is none."""
    return "undefined" if value is None or isnan(value) else f"{value:.4f}"


def difference(document: ScoreT, first: ScoreT, score_of: Callable[[ScoreT], float | None]) -> str:
    """Write by how many hundredths a score differs from the first model's, as in "-0.13"."""
    score, other = score_of(document), score_of(first)
    if document is first or document.protocol != first.protocol or score is None or other is None:
        return "-"
    return f"{100 * (score - other):+.2f}"
