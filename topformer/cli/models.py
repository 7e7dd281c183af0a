"""`topformer models`: the networks there are, and the published weights for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topformer.cli.console import JsonOption, print_document, print_lines, stderr

if TYPE_CHECKING:
    from rich.table import Table

    from topformer.cli.documents import CheckpointRow, ModelsDocument, VariantRow
    from topformer.variants import Variant


def models(*, as_json: JsonOption = False) -> None:
    """List the sizes of the network and the published checkpoints.

    Sizes and the names of ADE20K checkpoints go to --weights and --model.

    The ImageNet ones initialise a training. Stdout holds the names alone.

    Examples:

      topformer models

      topformer models --json
    """
    from topformer.cli.tables import print_table  # noqa: PLC0415

    document = _collect()
    if as_json:
        print_document(document)
        return
    print_table(_variant_table(document.variants), _checkpoint_table(document.checkpoints))
    for row in document.checkpoints:
        stderr().print(f"{row.name}: {row.source}", soft_wrap=True)
    print_lines((row.name for row in (*document.variants, *document.checkpoints)), shown=True)


def _collect() -> ModelsDocument:
    from topformer.cli.documents import CheckpointRow, ModelsDocument  # noqa: PLC0415
    from topformer.variants import VARIANTS  # noqa: PLC0415
    from topformer.weights.catalogue import LICENCE, PUBLISHED  # noqa: PLC0415
    from topformer.weights.fetch import cached_path  # noqa: PLC0415

    return ModelsDocument(
        variants=tuple(_variant_row(variant) for variant in VARIANTS.values()),
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


def _variant_row(variant: Variant) -> VariantRow:
    from topformer.cli.documents import VariantRow  # noqa: PLC0415
    from topformer.complexity import count_macs  # noqa: PLC0415
    from topformer.weights.blank import blank_segmenter  # noqa: PLC0415
    from topformer.weights.loading import bundled_path  # noqa: PLC0415

    model = blank_segmenter(variant)
    return VariantRow(
        name=variant.name,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        macs_448=count_macs(model, 448, 448).total,
        macs_512=count_macs(model, 512, 512).total,
        default_weights="bundled" if bundled_path(variant.name) else "random",
    )


def _variant_table(rows: tuple[VariantRow, ...]) -> Table:
    from rich.table import Table  # noqa: PLC0415

    table = Table(title="Sizes, at 150 classes", title_justify="left")
    for heading in ("size", "parameters", "MACs at 448x448", "MACs at 512x512"):
        table.add_column(heading, justify="left" if heading == "size" else "right")
    table.add_column("weights by default")
    for row in rows:
        table.add_row(
            row.name,
            f"{row.parameters:,}",
            f"{row.macs_448:,}",
            f"{row.macs_512:,}",
            row.default_weights,
        )
    return table


def _checkpoint_table(rows: tuple[CheckpointRow, ...]) -> Table:
    from rich.table import Table  # noqa: PLC0415

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
