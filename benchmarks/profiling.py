"""Time per operator inside one model file, as its own runtime reports it."""

# pyright: standard
# Not strict: executorch and onnxruntime ship no types.

import json
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from topformer.documents import Document
from topformer.errors import TopformerError, UsageError
from topformer.files import atomic_path
from topformer.runtimes import OpenedModel, runtime_of

PROFILE_RUNS = 20


class OperatorTime(Document, frozen=True, kw_only=True):
    """All calls of one kind of operator in one inference."""

    operator: str
    calls: int
    # Sum over the calls, each the median of the runs.
    time_ms: float
    share: float


def profile(path: Path, model: OpenedModel, *, runs: int = PROFILE_RUNS) -> list[OperatorTime]:
    """Profile a file on a noise picture; slowest operators first.

    A profiled run is slower than a plain one: read the shares, not the sum.
    """
    tensor = np.random.default_rng(0).standard_normal(model.manifest.input.shape, np.float32)
    if runtime_of(path) == "executorch":
        events = _executorch_events(path, tensor, runs)
    elif runtime_of(path) == "onnxruntime":
        events = _onnxruntime_events(path, tensor, runs)
    else:
        raise UsageError(
            f"{path} cannot be profiled.",
            why="Only exported files are: .pte and .onnx.",
            next_step="Export the checkpoint first.",
        )
    return _group(events)


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


def _executorch_events(
    path: Path, tensor: NDArray[np.float32], runs: int
) -> list[tuple[str, float]]:
    """Name without number, and median milliseconds, of every operator call in or out of XNNPACK."""
    import torch  # noqa: PLC0415
    from executorch.devtools import Inspector  # noqa: PLC0415
    from executorch.runtime import Runtime  # noqa: PLC0415

    program = Runtime.get().load_program(path, enable_etdump=True)
    method = program.load_method("forward")
    assert method is not None
    for _ in range(runs):
        method.execute((torch.from_numpy(tensor),))
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses the tensors, which were not asked for
        dump = Path(folder) / "etdump"
        program.write_etdump_result_to_file(str(dump), str(Path(folder) / "tensors"))
        blocks = Inspector(etdump_path=str(dump)).event_blocks
    # Totals over a delegate or the method would count their operators twice.
    totals = {"DELEGATE_CALL", "Method::execute"}
    return [
        (re.sub(r" #\d+$", "", event.name), float(event.perf_data.p50))
        for block in blocks
        if block.name == "Execute"
        for event in block.events
        if event.perf_data and event.name not in totals
    ]


def _onnxruntime_events(
    path: Path, tensor: NDArray[np.float32], runs: int
) -> list[tuple[str, float]]:
    """Operator type and median milliseconds of every node."""
    import onnxruntime  # noqa: PLC0415

    from topformer.runtimes.onnx_network import session_options  # noqa: PLC0415

    with TemporaryDirectory() as folder:
        options = session_options(threads=None)
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        for _ in range(runs):
            session.run(None, {session.get_inputs()[0].name: tensor})
        records = json.loads(Path(session.end_profiling()).read_bytes())
    samples: dict[tuple[str, str], list[float]] = defaultdict(list)
    for record in records:
        if record.get("cat") == "Node" and record["name"].endswith("_kernel_time"):
            samples[record["args"]["op_name"], record["name"]].append(record["dur"] / 1e3)
    return [(operator, float(np.median(times))) for (operator, _), times in samples.items()]


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
