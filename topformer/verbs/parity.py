"""A proof as a table: how far each step is from float64, and what it is held to."""

from collections.abc import Generator

from rich.table import Table
from rich.text import Text

from topformer.console.screen import stderr
from topformer.console.tables import print_table
from topformer.manifest import InputAgreement, Parity
from topformer.tasks import task_type
from topformer.text import printable

SHOWN_FAILURES = 3


def show_parity(title: str, parity: Parity, task: str, *, calibrated: bool) -> None:
    """Print the steps of a proof, the worst input of each figure counting, and the exceptions.

    Each step says how many inputs it is held to the full gates on, for these differ by step.
    `calibrated` says whether the file's precision learnt from pictures.
    """
    noun = task_type(task).noun
    verdict = ("verified", "green") if parity.passed else ("FAILED", "bold red")
    heading = Text.assemble(printable(title), ": ", verdict)
    table = Table(title=heading, title_justify="left", title_style="")
    table.add_column("against float64")
    for heading in ("worst of", "max error", "SQNR dB", f"{noun} equal", "ties forgiven"):
        table.add_column(heading, justify="right")
    for step in parity.steps:
        worst = step.worst
        # Of a step that is excused on all of them, all count.
        held = sum(not entry.ill_conditioned for entry in step.inputs) or len(step.inputs)
        table.add_row(
            step.step,
            f"{held} input{'s' if held > 1 else ''}",
            f"{worst.max_abs_error:.1e}",
            f"{worst.sqnr_db:.1f}",
            # The notes say of what there was nothing to compare.
            "none there" if parity.notes else f"{worst.result_agreement:.4%}",
            "" if parity.notes else f"{worst.result_agreement_untied:.4%}",
        )
    print_table(table)
    for line in _explain(parity, noun, calibrated=calibrated):
        stderr().print(f"  {line}", soft_wrap=True)


def _explain(parity: Parity, noun: str, *, calibrated: bool) -> Generator[str]:
    """Say what was required, which inputs are held to something else and why, and what failed."""
    gates = parity.gates
    exceptions = [entry for entry in parity.steps[-1].inputs if entry.ill_conditioned]
    yield f"the file needs {gates.sqnr_db:.0f} dB and {gates.result_agreement:.2%} equal {noun}"
    for entry in exceptions:
        reason = "classes all but tie here"
        if entry.required.sqnr_db < gates.sqnr_db or calibrated:
            reason = "unlike calibration" if calibrated else "torch in float32 strays here"
        yield f"{_fared(entry, noun)}; {reason}, so it {_needs(entry)}"
    yield from _failures(parity, noun)
    score = parity.judgement
    if score is not None:
        side = "below" if score.drop >= 0 else "above"
        float32, found = score.scores
        yield (
            f"{score.metric} on {score.dataset} {score.split}: {found:.4f}, "
            f"{abs(score.drop):.2f} points {side} float32's {float32:.4f}; "
            f"may lose {score.max_drop:.2f}"
        )
    yield from parity.notes
    if parity.first_divergence:
        yield f"first divergence: {parity.first_divergence}"


def _failures(parity: Parity, noun: str) -> Generator[str]:
    """Say what the first step that fails misses, on the inputs with the lowest SQNR."""
    step = next((one for one in parity.steps if not one.passed), None)
    if step is None:
        return
    missed = [one for one in step.inputs if not one.passed]
    if not missed:
        yield f"{step.step} failed: no input is held to what the file needs, so nothing is proved"
    for entry in sorted(missed, key=lambda one: one.agreement.sqnr_db)[:SHOWN_FAILURES]:
        yield f"{step.step} failed on {_fared(entry, noun)}, {_needs(entry)}"
    if len(missed) > SHOWN_FAILURES:
        yield f"{step.step} failed on {len(missed) - SHOWN_FAILURES} inputs more"


def _fared(entry: InputAgreement, noun: str) -> str:
    found = entry.agreement
    return f"{entry.input}: {found.sqnr_db:.1f} dB, {found.result_agreement:.3%} equal {noun}"


def _needs(entry: InputAgreement) -> str:
    required = entry.required
    return f"needs {required.sqnr_db:.1f} dB and {required.result_agreement:.3%}"
