"""Time per operator inside one model file, as its own runtime reports it."""

# pyright: standard
# Not strict: matplotlib's types are not complete.

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from topformer.documents import Count, Document, Number
from topformer.errors import TopformerError, UsageError
from topformer.files import atomic_path
from topformer.runtimes import OpenedModel, find_runtime

PROFILE_RUNS = 20


class OperatorTime(Document, frozen=True, kw_only=True):
    """All calls of one kind of operator in one inference."""

    operator: str
    calls: Count
    # Sum over the calls, each the median of the runs.
    time_ms: Number
    share: Number


def profile(path: Path, model: OpenedModel, *, runs: int = PROFILE_RUNS) -> list[OperatorTime]:
    """Profile a file on a noise picture; slowest operators first.

    A profiled run is slower than a plain one: read the shares, not the sum.
    """
    tensor = np.random.default_rng(0).standard_normal(model.manifest.input.shape, np.float32)
    runtime = find_runtime(path)
    if runtime is None:
        raise UsageError(
            f"{path} cannot be profiled.",
            why="Only exported files are.",
            next_step="Export the checkpoint first.",
        )
    return _group(runtime.profile(path, tensor, runs))


def _group(events: Iterable[tuple[str, float]]) -> list[OperatorTime]:
    times: dict[str, list[float]] = defaultdict(list)
    for name, time_ms in events:
        times[name].append(time_ms)
    total = sum(sum(values) for values in times.values())
    if not total:
        raise TopformerError("The runtime reported no operator times.")
    return sorted(
        (
            OperatorTime(
                operator=name,
                calls=len(values),
                time_ms=sum(values),
                share=sum(values) / total,
            )
            for name, values in times.items()
        ),
        key=lambda entry: entry.time_ms,
        reverse=True,
    )


def plot_profile(times: Sequence[OperatorTime], path: Path, *, title: str) -> None:
    """Draw the shares of the operators as bars into a PNG, the largest on top."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    from topformer.figures import BLUE, make_drawable  # noqa: PLC0415

    shown = times[::-1]
    figure = Figure(figsize=(9, 1.2 + 0.34 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    shares = [100 * entry.share for entry in shown]
    names = [f"{entry.operator}  x{entry.calls}" for entry in shown]
    bars = axes.barh(names, shares, color=BLUE)
    axes.bar_label(bars, [f"{entry.time_ms:.2f} ms" for entry in shown], padding=4, fontsize=8)
    axes.set_xlabel("share of the operators' time, %")
    axes.set_xlim(0, 1.15 * max(shares))
    axes.set_title(f"{title}: time per operator", loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    make_drawable(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
