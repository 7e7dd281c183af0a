"""Whether a bench is as good as an earlier one: for CI, where nobody looks at a table."""

from collections.abc import Callable, Sequence

from topformer.benchmarks.documents.bench import BenchDocument
from topformer.benchmarks.documents.comparison import Comparison
from topformer.benchmarks.protocol.comparison import WORSE, compare
from topformer.benchmarks.protocol.matching import BETWEEN_RUNS, match_documents
from topformer.benchmarks.report.text import part_line
from topformer.errors import TopformerError


def check_gate(
    document: BenchDocument, baseline: BenchDocument, *, on_warning: Callable[[str], None]
) -> Sequence[Comparison]:
    """Compare every row of a bench with its own in the baseline, and return the comparisons.

    Raises `TopformerError` when a row is missing in the baseline, is of another kind there, is
    slower or takes more instructions. Rows that are not trusted are judged like others, with a
    warning: their intervals are wide, and a gate that let them through would let all through.
    """
    matching = match_documents(baseline, document)
    if matching.contender_only:
        raise TopformerError(
            "The gate has no baseline for what was measured.",
            why=f"Missing there: {'; '.join(matching.contender_only)}.",
            next_step=f"Measure a baseline of them. {BETWEEN_RUNS}",
        )
    for name in matching.baseline_only:
        on_warning(f"gate: {name} of the baseline was not measured this time.")
    comparisons = [compare(*pair) for pair in matching.pairs]
    unlike = [f"{one.contender}: {', '.join(one.unlike)}" for one in comparisons if one.unlike]
    if unlike:
        raise TopformerError(
            "The gate's baseline is of another kind than what was measured.",
            why="; ".join(unlike) + ".",
            next_step="Measure a new baseline under the same conditions.",
        )
    for one in comparisons:
        for doubt in one.doubts:
            on_warning(f"gate: {one.contender}: {doubt}; it is judged all the same.")
    _refuse_worse(comparisons)
    return comparisons


def _refuse_worse(comparisons: Sequence[Comparison]) -> None:
    worse = [(one, part) for one in comparisons for part in one.parts if part.verdict in WORSE]
    if worse:
        raise TopformerError(
            f"The gate found {len(worse)} regression{'s' if len(worse) > 1 else ''}.",
            why="; ".join(part_line(one, part) for one, part in worse) + ".",
            next_step="Find what changed, or measure a new baseline if it is meant.",
        )
