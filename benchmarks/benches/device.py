"""Bench one device: the runner goes there, proves itself, and measures its rows in rounds."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from topformer.benchmarks.benches.environment import EnvironmentWatch
from topformer.benchmarks.benches.rows import counted_row, measured_row
from topformer.benchmarks.benches.watch import (
    DevicePlan,
    WatchedRounds,
    cores_used,
    device_evidence,
    run_watched_rounds,
    used_cpus,
)
from topformer.benchmarks.bundle.build import BuiltBundle, build_bundle, default_cache, open_bundle
from topformer.benchmarks.documents.bench import BenchDocument, RunnerRecord
from topformer.benchmarks.documents.rows import Row
from topformer.benchmarks.protocol.modes import COUNTING
from topformer.benchmarks.protocol.recording import Recording
from topformer.benchmarks.workers.device.bundle import bundle_target, install_bundle
from topformer.benchmarks.workers.device.check import (
    ReferenceOutput,
    check_output,
    compute_reference,
)
from topformer.benchmarks.workers.device.counting import COUNTER, parse_log
from topformer.benchmarks.workers.device.placed_model import PlacedModel, place_model
from topformer.benchmarks.workers.device.worker import DeviceWorker
from topformer.benchmarks.workers.rows import RowRequest
from topformer.devices.facts.cores import choose_mask
from topformer.devices.facts.documents import CheckedOutput, DeviceFacts
from topformer.devices.facts.reading import CountedState, read_counted_state, read_facts
from topformer.devices.links.link import Link
from topformer.devices.workspace import Workspace, open_workspace
from topformer.errors import TopformerError

OnProgress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class RunnerPlan(DevicePlan):
    """What the runner is to measure on a device, and how."""

    # "big", "mid", "little" or a hexadecimal mask; None leaves it to the device.
    cores: str | None
    # Folder of the user's own bundle; None builds the one that the device needs.
    bundle: Path | None


@dataclass(frozen=True, kw_only=True)
class _Site:
    """Where it is measured, and on which cores."""

    link: Link
    facts: DeviceFacts
    mask: int | None


def bench_device(
    link: Link, plan: RunnerPlan, *, on_progress: OnProgress, on_warning: OnProgress
) -> BenchDocument:
    """Measure rows on a device; raises `TopformerError` when one fails or computes wrongly.

    Nothing of ours runs on the device after this call, however it ends; `on_warning` is told of
    what could not be removed.
    """
    environment = EnvironmentWatch()
    facts = read_facts(link)
    if facts.emulated:
        _refuse_uncounted(link, facts)
    site = _Site(link=link, facts=facts, mask=_mask(plan, facts))
    bundle = _get_bundle(plan, facts, on_progress)
    with open_workspace(link, on_left=on_warning) as workspace:
        checked = _prepare(workspace, bundle, plan.requests, site, on_progress)
        # An emulated device counts instructions, in a mode of its own.
        plan = replace(plan, mode=COUNTING) if facts.emulated else plan
        watched, rows = _measure(site, plan, checked, on_progress)
    built = bundle.bundle
    placements = [place for worker, _ in checked for place in worker.placements]
    return watched.document(
        rows,
        environment,
        facts=facts,
        program=RunnerRecord(
            target=built.target, runtime_version=built.runtime_version, compiler=built.compiler
        ),
        cpus=used_cpus(placements, facts),
    )


def _refuse_uncounted(link: Link, facts: DeviceFacts) -> None:
    if link.run(["sh", "-c", f"command -v {COUNTER}"]).exit_status != 0:
        raise TopformerError(
            f"{link.name} is emulated, and cannot count instructions.",
            why=f"{facts.emulated_because}: its times are no latency, and it has no program "
            f"`{COUNTER}`.",
            next_step="Choose a real device with --serial, or the emulated one of `make rig`, "
            "which counts.",
        )


def _mask(plan: RunnerPlan, facts: DeviceFacts) -> int | None:
    if plan.cores is None:
        return None
    return choose_mask(plan.cores, facts.cores, offline=facts.offline)


def _get_bundle(plan: RunnerPlan, facts: DeviceFacts, on_progress: OnProgress) -> BuiltBundle:
    if plan.bundle is not None:
        return open_bundle(plan.bundle)
    return build_bundle(bundle_target(facts), cache=default_cache(), on_progress=on_progress)


def _prepare(
    workspace: Workspace,
    bundle: BuiltBundle,
    requests: Sequence[RowRequest],
    site: _Site,
    on_progress: OnProgress,
) -> list[tuple[DeviceWorker, CheckedOutput]]:
    """Put everything on the device, and check that it computes what this machine does."""
    on_progress(f"sending the runner and what it runs to {site.link.name}")
    runner = install_bundle(workspace, bundle.folder, bundle.bundle)
    checked: list[tuple[DeviceWorker, CheckedOutput]] = []
    # Rows of one model share it, and what this machine computes with it.
    models: dict[str, tuple[PlacedModel, ReferenceOutput]] = {}
    for request in requests:
        path = Path(request.source)
        if request.source not in models:
            placed = place_model(workspace, path, runner, picture=request.picture)
            models[request.source] = placed, compute_reference(path, placed.picture)
        placed, reference = models[request.source]
        on_progress(f"checking {request.name}")
        check = _check(request, placed, reference, site.mask)
        worker = DeviceWorker(
            request,
            placed,
            cores_mask=site.mask,
            counts=site.facts.emulated,
            expected_outputs_sha256=check.outputs_sha256,
        )
        checked.append((worker, check))
    return checked


def _check(
    request: RowRequest, placed: PlacedModel, reference: ReferenceOutput, mask: int | None
) -> CheckedOutput:
    check = check_output(placed, reference, threads=request.threads, cores_mask=mask)
    if check.passed:
        return check
    required = reference.required
    needed = f"{required.sqnr_db:.1f} dB and {required.result_agreement:.3%}"
    raise TopformerError(
        f"{placed.workspace.link.name} computes something else than this machine.",
        why=f"{request.name}: its output agrees to {check.sqnr_db:.1f} dB, with "
        f"{check.result_agreement:.3%} equal {reference.task.noun}; {needed} must agree. "
        "A fast wrong answer has no latency.",
        next_step=f"Run `topformer verify {request.source}` to see whether the file is right here.",
    )


def _measure(
    site: _Site,
    plan: DevicePlan,
    checked: Sequence[tuple[DeviceWorker, CheckedOutput]],
    on_progress: OnProgress,
) -> tuple[WatchedRounds, list[Row]]:
    """Measure the rows in rounds, and make rows of what they and the device told."""
    with ExitStack() as stack:
        workers = [stack.enter_context(worker) for worker, _ in checked]

        def read() -> CountedState:
            ran = next((worker for worker in workers if worker.has_run_since), None)
            return ran.read_state() if ran else read_counted_state(site.link)

        watched = run_watched_rounds(site.link, workers, plan, on_progress=on_progress, read=read)
        rows = [
            _row(recording, worker, check, site=site, watched=watched)
            for recording, (worker, check) in zip(watched.recorded.recordings, checked, strict=True)
        ]
    return watched, rows


def _row(
    recording: Recording,
    worker: DeviceWorker,
    check: CheckedOutput,
    *,
    site: _Site,
    watched: WatchedRounds,
) -> Row:
    facts = site.facts
    cores = cores_used(worker.placements, facts, requested_mask=site.mask)
    if facts.emulated:
        log = parse_log(worker.read_log())
        return counted_row(recording, log=log, device=facts.name, cores=cores, check=check)
    return measured_row(
        recording,
        evidence=device_evidence(recording, watched.readings, worker.placements, facts),
        seed=watched.recorded.protocol.seed,
        device=facts.name,
        cores=cores,
        check=check,
    )
