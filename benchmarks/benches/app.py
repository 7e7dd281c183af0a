"""Bench one device through the demo app, by the protocol of all benches."""

from collections.abc import Callable
from dataclasses import replace

from topformer.android.device import PACKAGE, InstalledApp, find_installed
from topformer.benchmarks.benches.environment import EnvironmentWatch
from topformer.benchmarks.benches.rows import measured_row
from topformer.benchmarks.benches.watch import (
    DevicePlan,
    WatchedRounds,
    device_evidence,
    run_watched_rounds,
    used_cpus,
)
from topformer.benchmarks.documents.bench import AppRecord, BenchDocument
from topformer.benchmarks.documents.rows import MeasuredRow
from topformer.benchmarks.protocol.recording import Recording
from topformer.benchmarks.workers.app import AppWorker, app_workers
from topformer.benchmarks.workers.process import Patience
from topformer.devices.facts.documents import DeviceFacts
from topformer.devices.facts.reading import read_facts
from topformer.devices.links.adb import AdbLink
from topformer.errors import TopformerError

UNCHECKED = (
    "the app tells hashes of its output, and they are not this machine's; float32 may differ in "
    "its last bits, and a camera's frame is another picture. The app itself refuses to answer "
    "where its golden vector is not met; by how much the output differs, rows of the runner "
    "(without --via) say."
)

# How long the app may stay silent.
PATIENCE = Patience()

OnProgress = Callable[[str], None]


def bench_app(
    link: AdbLink, plan: DevicePlan, *, on_progress: OnProgress, on_warning: OnProgress
) -> BenchDocument:
    """Measure rows, by the files that were embedded; raises `TopformerError` when one fails.

    The app is not running after this call, however it ends; `on_warning` is told of what could not
    be removed, and of what could not be checked.
    """
    environment = EnvironmentWatch()
    facts = read_facts(link)
    _refuse_emulated(facts)
    app = find_installed(link)
    _refuse_debuggable(app, link.name)

    # Every block opens the model anew, and is warmed up as after loading.
    plan = replace(plan, mode=replace(plan.mode, warmups_per_block=plan.mode.warmups))
    with app_workers(plan.requests, link, PATIENCE, on_left=on_warning) as workers:
        watched = run_watched_rounds(link, workers, plan, on_progress=on_progress)
    for worker in workers:
        if worker.check is None:
            on_warning(f"{worker.request.name}: {UNCHECKED}")
    assert workers[0].first is not None
    return watched.document(
        [
            _row(recording, worker, facts=facts, watched=watched)
            for recording, worker in zip(watched.recorded.recordings, workers, strict=True)
        ],
        environment,
        facts=facts,
        program=AppRecord(
            package=PACKAGE, version=app.version, runtime_version=workers[0].first.runtime_version
        ),
        cpus=used_cpus((), facts),
    )


def _row(
    recording: Recording, worker: AppWorker, *, facts: DeviceFacts, watched: WatchedRounds
) -> MeasuredRow:
    evidence = device_evidence(recording, watched.readings, (), facts)
    return measured_row(
        recording,
        # What Android does to start the app for each block cannot be told from other load, and
        # where its threads run is not looked at.
        evidence=replace(evidence, background_cpus=None, cluster_moves=None),
        seed=watched.recorded.protocol.seed,
        device=facts.name,
        check=worker.check,
    )


def _refuse_debuggable(app: InstalledApp, name: str) -> None:
    if app.is_debuggable:
        raise TopformerError(
            f"The app on {name} is a debug build.",
            why="Android hardly optimises the code of one: its times are not the app's.",
            next_step="Install a release build: `topformer app build`, then `topformer app "
            "install`. One of another key has to be removed first.",
        )


def _refuse_emulated(facts: DeviceFacts) -> None:
    if facts.emulated:
        raise TopformerError(
            f"{facts.serial} is emulated, and the app has nothing to tell of it.",
            why=f"{facts.emulated_because}: its times are no latency, and the app counts no "
            "instructions.",
            next_step="Leave --via out: where the emulator counts, the runner's rows have them.",
        )
