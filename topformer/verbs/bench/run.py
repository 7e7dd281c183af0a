"""What `topformer bench` does: measure here or on devices, show it, and hold it to a gate."""

import sys
from dataclasses import replace
from pathlib import Path

from topformer.benchmarks.benches.device import RunnerPlan, bench_device
from topformer.benchmarks.benches.host import bench_host
from topformer.benchmarks.benches.plan import RUNNER
from topformer.benchmarks.bundle.build import build_bundle, default_cache
from topformer.benchmarks.documents.bench import BenchDocument, read_bench
from topformer.benchmarks.workers.rows import RowRequest
from topformer.console.progress import stdout_for_results
from topformer.console.weights import weights_as
from topformer.devices.links.adb import SeveralDevicesError, choose_devices, connect
from topformer.devices.links.link import Link
from topformer.devices.links.ssh import PREFIX as SSH
from topformer.devices.links.ssh import connect_ssh
from topformer.errors import UsageError, advising
from topformer.files import ensure_writable
from topformer.verbs.bench.app import bench_in_app, plan_app
from topformer.verbs.bench.choice import ORDER_SEED, BenchChoice
from topformer.verbs.bench.fleet import bench_fleet, tell_events
from topformer.verbs.bench.output import ON_SCREEN, Display, hold_to_gate, show_bench


def run(choice: BenchChoice, *, plot: Path | None, gate: Path | None, as_json: bool) -> bool:
    """Measure what was chosen; false when a device failed, or the gate was missed."""
    if plot is not None and plot.suffix.lower() != ".png":
        raise UsageError(f"A plot is a PNG, and {plot} does not end in .png.")
    # Read before anything is measured: a bad file should not cost a bench. Nor should a bad place.
    baseline = read_bench(gate) if gate is not None else None
    if plot is not None:
        ensure_writable(plot)
    document = measure(choice, ON_SCREEN)
    show_bench(document, plot=plot, as_json=as_json)
    as_good = baseline is None or hold_to_gate(document, baseline)
    return as_good and not document.failures


def measure(choice: BenchChoice, display: Display) -> BenchDocument:
    """Measure; raises `UsageError` for options that do not fit the device."""
    choice.check()
    if choice.device == "host":
        requests, mode = _plan(choice, display), choice.get_mode()
        return bench_host(requests, mode=mode, seed=ORDER_SEED, on_progress=display.on_progress)
    if choice.via is None:
        choice = replace(choice, runtimes=(RUNNER,))
    if choice.device.startswith(SSH):
        with connect_ssh(choice.device) as link:
            return _bench_by_runner(link, choice, display)
    return _bench_over_adb(choice, display)


def _bench_over_adb(choice: BenchChoice, display: Display) -> BenchDocument:
    with advising(SeveralDevicesError, "Or take all of them with --all."):
        listed = choose_devices(choice.serial, all_devices=choice.all_devices)
    if len(listed) == 1:
        bench = bench_in_app if choice.via else _bench_by_runner
        return bench(connect(listed[0]), choice, display)
    if choice.via is None:
        # Exported once, here, and not by every one of them at the same time.
        _plan(choice, display)
    else:
        plan_app(choice)
    choices = {one.serial: replace(choice, serial=one.serial, all_devices=False) for one in listed}
    commands = {
        serial: [sys.executable, "-P", "-m", __name__, one.encoded()]
        for serial, one in choices.items()
    }
    return bench_fleet(commands, on_progress=display.on_progress, on_warning=display.on_warning)


def _plan(choice: BenchChoice, display: Display) -> list[RowRequest]:
    """Make all that the rows need, before the first is measured."""
    with display.planning() as show_progress, weights_as("--model "):
        requests = choice.plan(show_progress)
        if choice.device == "host" and any(request.runtime == RUNNER for request in requests):
            # A worker that compiled would be taken for one that hangs.
            build_bundle("host", cache=default_cache(), on_progress=show_progress)
    return requests


def _bench_by_runner(link: Link, choice: BenchChoice, display: Display) -> BenchDocument:
    plan = RunnerPlan(
        requests=_plan(choice, display),
        mode=choice.get_mode(),
        seed=ORDER_SEED,
        cores=choice.cores,
        max_start_c=choice.max_start_temp_c,
        bundle=choice.bundle,
    )
    with stdout_for_results():
        return bench_device(
            link, plan, on_progress=display.on_progress, on_warning=display.on_warning
        )


if __name__ == "__main__":
    alone = BenchChoice.decoded(sys.argv[1])
    tell_events(lambda display: measure(alone, display))
