"""What `eval` says of several models that were scored on one split: a table and lines."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from topformer.verbs.eval.document import EvalDocument
from topformer.verbs.eval.report import difference, score_text


def heading(scored: EvalDocument) -> Text:
    """Write what stands over the table, given one of the models' documents."""
    return Text.assemble(
        (f"{scored.dataset} {scored.split}", "bold"),
        f", {scored.pictures:,} pictures",
        ("; scores of two protocols must not be compared", "dim"),
    )


def table(documents: Sequence[EvalDocument]) -> Table:
    """Show a model a row, with its difference from the first where the protocol is the same."""
    drawn = Table()
    drawn.add_column("model", overflow="fold")
    for column in ("mIoU", "points", "mean accuracy", "pixel accuracy"):
        drawn.add_column(column, justify="right")
    drawn.add_column("protocol")
    for document in documents:
        drawn.add_row(
            document.model,
            Text(score_text(document.miou), style="bold"),
            difference(document, documents[0], lambda one: one.miou),
            score_text(document.mean_accuracy),
            score_text(document.pixel_accuracy),
            document.protocol_description + (", RANDOM" if document.random_weights else ""),
        )
    drawn.caption = "points: hundredths of mIoU more than the first model, under one protocol"
    drawn.caption_justify = "left"
    return drawn


def line(document: EvalDocument) -> str:
    """Write a row of the table as a line for stdout."""
    return (
        f"{document.model}: mIoU {score_text(document.miou)}, "
        f"mean accuracy {score_text(document.mean_accuracy)}, "
        f"pixel accuracy {score_text(document.pixel_accuracy)}, "
        f"protocol {document.protocol_description}"
    )
