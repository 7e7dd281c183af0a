"""What `topformer models` does: list the networks there are, and the published weights."""

from rich.table import Table

from topformer.complexity import count_macs
from topformer.console.output import print_document, print_lines
from topformer.console.screen import stderr
from topformer.console.tables import print_table
from topformer.detection import HEADS
from topformer.documents import Count, Document, SchemaName, ShortText
from topformer.variants import VARIANTS, Variant
from topformer.weights.blank import blank_detector, blank_segmenter
from topformer.weights.catalogue import LICENCE, PUBLISHED
from topformer.weights.fetch import cached_path

# COCO's.
_BOX_CLASSES = 80


class VariantRow(Document, frozen=True, kw_only=True):
    """One size of the network, at 150 classes."""

    name: ShortText
    parameters: Count
    # Multiply-adds of a square picture of that side, to the logits at 1/8.
    macs_448: Count
    macs_512: Count


class DetectorRow(Document, frozen=True, kw_only=True):
    """One detector, at 80 classes."""

    variant: ShortText
    head: ShortText
    parameters: Count
    # Multiply-adds of a square picture of that side, to the raw outputs.
    macs_448: Count


class CheckpointRow(Document, frozen=True, kw_only=True):
    """One published checkpoint."""

    name: ShortText
    task: ShortText
    dataset: ShortText
    variant: ShortText
    crop_px: Count
    batch: int | None
    metric: ShortText
    score_percent: float
    source: ShortText
    licence: ShortText
    cached: bool


class ModelsDocument(Document, frozen=True, kw_only=True):
    """What `topformer models --json` prints."""

    schema: SchemaName = "topformer.models/2"
    variants: tuple[VariantRow, ...]
    detectors: tuple[DetectorRow, ...] = ()
    checkpoints: tuple[CheckpointRow, ...]


def run(*, as_json: bool) -> None:
    """Print the sizes of the network and the published checkpoints."""
    document = _collect()
    if as_json:
        print_document(document)
        return
    print_table(
        _variant_table(document.variants),
        _detector_table(document.detectors),
        _checkpoint_table(document.checkpoints),
    )
    for row in document.checkpoints:
        stderr().print(f"{row.name}: {row.source}", soft_wrap=True)
    print_lines((row.name for row in (*document.variants, *document.checkpoints)), shown=True)


def _collect() -> ModelsDocument:
    return ModelsDocument(
        variants=tuple(_variant_row(variant) for variant in VARIANTS.values()),
        detectors=tuple(
            _detector_row(variant, head) for head in HEADS for variant in VARIANTS.values()
        ),
        checkpoints=tuple(
            CheckpointRow(
                name=entry.name,
                task=entry.task,
                dataset=entry.dataset,
                variant=entry.variant,
                crop_px=entry.crop_px,
                batch=entry.batch,
                metric=entry.metric,
                score_percent=entry.score_percent,
                source=entry.page_url,
                licence=LICENCE,
                cached=cached_path(entry.file_name).is_file(),
            )
            for entry in PUBLISHED
        ),
    )


def _detector_row(variant: Variant, head: str) -> DetectorRow:
    model = blank_detector(variant, num_classes=_BOX_CLASSES, head=head)
    return DetectorRow(
        variant=variant.name,
        head=head,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        macs_448=count_macs(model, 448, 448).total,
    )


def _variant_row(variant: Variant) -> VariantRow:
    model = blank_segmenter(variant)
    return VariantRow(
        name=variant.name,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        macs_448=count_macs(model, 448, 448).total,
        macs_512=count_macs(model, 512, 512).total,
    )


def _variant_table(rows: tuple[VariantRow, ...]) -> Table:
    table = Table(
        title="Sizes, at 150 classes",
        title_justify="left",
        caption="Each comes with weights for CamVid's 11 classes; `random` draws others.",
        caption_justify="left",
    )
    for heading in ("size", "parameters", "MACs at 448x448", "MACs at 512x512"):
        table.add_column(heading, justify="left" if heading == "size" else "right")
    for row in rows:
        table.add_row(
            row.name,
            f"{row.parameters:,}",
            f"{row.macs_448:,}",
            f"{row.macs_512:,}",
        )
    return table


def _detector_table(rows: tuple[DetectorRow, ...]) -> Table:
    table = Table(title=f"Detectors, at {_BOX_CLASSES} classes", title_justify="left")
    table.add_column("head")
    table.add_column("size")
    for heading in ("parameters", "MACs at 448x448"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(row.head, row.variant, f"{row.parameters:,}", f"{row.macs_448:,}")
    return table


def _checkpoint_table(rows: tuple[CheckpointRow, ...]) -> Table:
    licences = ", ".join(sorted({row.licence for row in rows}))
    table = Table(
        title="Published checkpoints, of hustvl/TopFormer",
        title_justify="left",
        caption=f"Licence: {licences}.",
        caption_justify="left",
    )
    for heading in ("name", "size", "trained on", "score", "cached"):
        table.add_column(heading)
    for row in rows:
        table.add_row(
            row.name,
            row.variant,
            row.dataset,
            f"{row.score_percent:.1f} % {row.metric}",
            "yes" if row.cached else "no",
        )
    return table
