"""Bench one device: the runner goes there, proves itself, and its rows take turns."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from topformer.benchmarks.benches.device_rows import RowSetting, counted_row, measured_row
from topformer.benchmarks.benches.environment import EnvironmentWatch
from topformer.benchmarks.benches.turns import Outcome, take_turns
from topformer.benchmarks.bundle.build import BuiltBundle, build_bundle, default_cache, open_bundle
from topformer.benchmarks.documents.bench import BenchDocument, DeviceRecord, StateReading
from topformer.benchmarks.documents.rows import Row
from topformer.benchmarks.protocol.modes import COUNTING, Mode
from topformer.benchmarks.protocol.recording import Recording
from topformer.benchmarks.workers.device.bundle import bundle_target, install_bundle
from topformer.benchmarks.workers.device.check import Reference, check_output, compute_reference
from topformer.benchmarks.workers.device.placed_model import DeviceSubject, place_subject
from topformer.benchmarks.workers.device.worker import DeviceWorker, device_worker
from topformer.benchmarks.workers.process import RowRequest
from topformer.devices.facts.cores import choose_mask
from topformer.devices.facts.documents import CheckedOutput, DeviceFacts
from topformer.devices.facts.reading import read_facts, read_state
from topformer.devices.heat import wait_until_cool
from topformer.devices.links.link import Link
from topformer.devices.workspace import Workspace, open_workspace
from topformer.errors import TopformerError

OnStage = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class DevicePlan:
    """What to measure on a device, and how."""

    requests: Sequence[RowRequest]
    # Emulated devices count instructions in a mode of their own.
    mode: Mode
    seed: int
    # "big", "mid", "little" or a hexadecimal mask; None leaves it to the device.
    cores: str | None
    # None leaves it to the sensor that there is.
    max_start_c: float | None
    # Folder of the user's own bundle; None builds the one that the device needs.
    bundle: Path | None


@dataclass(frozen=True, kw_only=True)
class _Site:
    """Where it is measured, and on which cores."""

    link: Link
    facts: DeviceFacts
    mask: int | None


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    """A row that may be measured: the device computes what this machine does."""

    request: RowRequest
    subject: DeviceSubject
    check: CheckedOutput


def bench_device(
    link: Link, plan: DevicePlan, *, on_stage: OnStage, on_warning: OnStage
) -> BenchDocument:
    """Measure rows on a device; raises `TopformerError` when one fails or computes wrongly.

    Nothing of ours runs on the device after this call, however it ends; `on_warning` is told of
    what could not be removed.
    """
    environment = EnvironmentWatch()
    facts = read_facts(link)
    mask = choose_mask(plan.cores, facts.cores) if plan.cores is not None else None
    site = _Site(link=link, facts=facts, mask=mask)
    bundle = _get_bundle(plan, facts, on_stage)
    with open_workspace(link, on_left=on_warning) as workspace:
        candidates = _prepare(workspace, bundle, plan.requests, site, on_stage)
        start = wait_until_cool(
            lambda: read_state(link),
            device=link.name,
            on_wait=on_stage,
            max_start_c=plan.max_start_c,
        )
        outcome = _measure(site, plan, candidates, on_stage)
    return outcome.document(
        environment,
        DeviceRecord(
            facts=facts,
            runner_target=bundle.bundle.target,
            runner_runtime_version=bundle.bundle.runtime_version,
            runner_compiler=bundle.bundle.compiler,
            protocol=outcome.protocol,
            start=start,
            readings=outcome.readings,
        ),
    )


def _get_bundle(plan: DevicePlan, facts: DeviceFacts, on_stage: OnStage) -> BuiltBundle:
    if plan.bundle is not None:
        return open_bundle(plan.bundle)
    return build_bundle(bundle_target(facts), cache=default_cache(), on_stage=on_stage)


def _prepare(
    workspace: Workspace,
    bundle: BuiltBundle,
    requests: Sequence[RowRequest],
    site: _Site,
    on_stage: OnStage,
) -> list[_Candidate]:
    """Put everything on the device, and check what it computes."""
    on_stage(f"sending the runner and what it runs to {site.link.name}")
    runner = install_bundle(site.link, bundle.folder, bundle.bundle)
    candidates: list[_Candidate] = []
    # Rows of one model share it, and what this machine computes with it.
    models: dict[str, tuple[DeviceSubject, Reference]] = {}
    for request in requests:
        path = Path(request.source)
        if request.source not in models:
            placed = place_subject(workspace, path, runner)
            models[request.source] = placed, compute_reference(path, placed.picture)
        subject, reference = models[request.source]
        on_stage(f"checking {request.name}")
        check = _check(request, subject, reference, site.mask)
        candidates.append(_Candidate(request=request, subject=subject, check=check))
    return candidates


def _check(
    request: RowRequest, subject: DeviceSubject, reference: Reference, mask: int | None
) -> CheckedOutput:
    check = check_output(subject, reference, threads=request.threads, cores_mask=mask)
    if check.passed:
        return check
    needed = (
        f"{check.required.sqnr_db:.1f} dB and {check.required.result_agreement:.3%}"
        if check.required
        else "every bit of it"
    )
    raise TopformerError(
        f"{subject.workspace.link.name} computes something else than this machine.",
        why=f"{request.name}: its output agrees to {check.sqnr_db:.1f} dB, with "
        f"{check.result_agreement:.3%} equal {reference.task.noun}; {needed} must agree. "
        "A fast wrong answer has no latency.",
        next_step=f"Run `topformer verify {request.source}` to see whether the file is right here.",
    )


def _measure(
    site: _Site, plan: DevicePlan, candidates: Sequence[_Candidate], on_stage: OnStage
) -> Outcome:
    """Let the rows take turns, and make rows of what they and the device told."""
    checks = {one.request.name: one.check for one in candidates}

    def make_row(
        recording: Recording, worker: DeviceWorker, readings: Sequence[StateReading]
    ) -> Row:
        setting = RowSetting(
            facts=site.facts,
            requested_mask=site.mask,
            placements=worker.placements,
            check=checks[worker.request.name],
        )
        if site.facts.emulated:
            return counted_row(recording, setting, log=worker.read_log())
        return measured_row(recording, setting, readings=readings, seed=plan.seed)

    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                device_worker(
                    one.request,
                    one.subject,
                    cores_mask=site.mask,
                    counts=site.facts.emulated,
                    expected_outputs_sha256=one.check.outputs_sha256,
                )
            )
            for one in candidates
        ]
        return take_turns(
            site.link,
            workers,
            mode=COUNTING if site.facts.emulated else plan.mode,
            seed=plan.seed,
            make_row=make_row,
            on_stage=on_stage,
        )
