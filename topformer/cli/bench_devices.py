"""The part of `topformer bench` that measures on devices instead of this machine."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from topformer.benchmarks.devices.adb import choose_devices, connect
from topformer.benchmarks.devices.bench import DevicePlan, bench_device
from topformer.benchmarks.devices.heat import DEFAULT_MAX_START_TEMPERATURE_C
from topformer.benchmarks.devices.link import Link
from topformer.benchmarks.devices.ssh import PREFIX as SSH_PREFIX
from topformer.benchmarks.devices.ssh import connect_ssh
from topformer.benchmarks.documents import BenchDocument
from topformer.benchmarks.plan import RUNNER
from topformer.cli.bench_choice import BenchChoice
from topformer.cli.bench_fleet import bench_fleet
from topformer.errors import UsageError

OnStage = Callable[[str], None]


def bench_on_devices(
    choice: BenchChoice,
    *,
    device: str,
    serial: str | None,
    all_devices: bool,
    seed: int,
    on_stage: OnStage,
) -> BenchDocument:
    """Measure on what `--device` names: adb's device or devices, or `ssh:HOST`."""
    _check(choice)
    choice = replace(choice, runtimes=(RUNNER,))
    if device.startswith(SSH_PREFIX):
        if serial or all_devices:
            raise UsageError("--serial and --all are for --device adb.")
        return _bench_one(connect_ssh(device), choice, seed, on_stage)
    listed = choose_devices(serial, all_devices=all_devices)
    if len(listed) == 1:
        return _bench_one(connect(listed[0]), choice, seed, on_stage)
    # Exported once, here, and not by every one of them at the same time.
    choice.plan(on_stage)
    options = {
        one.serial: ["--device=adb", f"--serial={one.serial}", *choice.arguments()]
        for one in listed
    }
    return bench_fleet(options, on_line=on_stage)


def _check(choice: BenchChoice) -> None:
    choice.get_mode()
    if set(choice.runtimes) - {RUNNER}:
        raise UsageError(
            "On devices there is one runtime: ExecuTorch, in the C++ runner.",
            next_step="Leave --runtime out.",
        )
    for model in choice.models:
        if Path(model).suffix != ".pte":
            raise UsageError(
                f"{model} does not run on devices.",
                why="The runner there runs .pte files.",
                next_step="Make one with `topformer export --target xnnpack`.",
            )


def _bench_one(link: Link, choice: BenchChoice, seed: int, on_stage: OnStage) -> BenchDocument:
    limit_c = choice.max_start_temp_c
    plan = DevicePlan(
        requests=choice.plan(on_stage),
        mode=choice.get_mode(),
        seed=seed,
        cores=choice.cores,
        max_start_c=DEFAULT_MAX_START_TEMPERATURE_C if limit_c is None else limit_c,
        bundle=choice.bundle,
    )
    return bench_device(link, plan, on_stage=on_stage)
