"""What a person asked `topformer bench` for, whether it fits, and the rows that come of it."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec
import platformdirs

from topformer.benchmarks.benches.plan import (
    APP,
    RUNNER,
    check_runtimes,
    plan_files,
    plan_size,
)
from topformer.benchmarks.protocol.modes import Mode, get_mode
from topformer.benchmarks.workers.pictures import check_picture
from topformer.benchmarks.workers.rows import RowRequest
from topformer.detection import RETINANET, check_head
from topformer.devices.links.ssh import PREFIX as SSH
from topformer.errors import UsageError
from topformer.preprocess import parse_image_size
from topformer.tasks import DETECTION, task_named
from topformer.variants import DEFAULT_IMAGE_SIZE, DEFAULT_VARIANT

# Of the random order of rows in each round: the same in every run, and told in its document.
ORDER_SEED = 0

OnProgress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class BenchChoice:
    """The options of `topformer bench` that say what is measured, as they were given."""

    # "host", "adb" or "ssh:HOST".
    device: str
    models: tuple[str, ...]
    variant: str | None
    runtimes: tuple[str, ...]
    threads: tuple[int, ...]
    mode: str
    image_size: str | None
    # "segmentation" or "detection", and a detector's head.
    task: str | None = None
    head: str | None = None
    # A file, or "HEIGHTxWIDTH".
    picture: str | None = None
    # For devices alone.
    via: str | None = None
    serial: str | None = None
    all_devices: bool = False
    cores: str | None = None
    max_start_temp_c: float | None = None
    bundle: Path | None = None

    def check(self) -> None:
        """Raise `UsageError` for options that do not fit each other, or the device."""
        if self.via is not None:
            _check_app(self)
        if self.device == "host":
            _refuse_device_options(self)
        elif self.device != "adb" and not self.device.startswith(SSH):
            raise UsageError(
                f"There is no device called {self.device!r} to measure on.",
                next_step="Choose host (this machine), adb (Android; --serial says which) or "
                "ssh:HOST (ARM Linux).",
            )
        self.get_mode()
        if self.head is not None:
            check_head(self.head)
        if self.head is not None and self._task() != DETECTION:
            raise UsageError("--head is for detectors.", next_step="Leave --head or --task out.")
        if self.picture is not None:
            check_picture(self.picture)
        if self.device != "host":
            _check_device(self)

    def get_mode(self) -> Mode:
        """Look the mode up; raises `UsageError` for an unknown one."""
        return get_mode(self.mode)

    def plan(self, on_progress: OnProgress) -> list[RowRequest]:
        """Export what must be, and return the rows; raises `UsageError` for what does not fit."""
        check_runtimes(self.runtimes)
        side = parse_image_size(self.image_size) if self.image_size is not None else None
        if self.models and self.variant is not None:
            raise UsageError(
                "--size and --model exclude each other.",
                why="--size chooses what to export and measure when no model is named.",
            )
        requests = self._plan(side, on_progress)
        return [replace(request, picture=self.picture) for request in requests]

    def _plan(self, side: tuple[int, int] | None, on_progress: OnProgress) -> list[RowRequest]:
        task = self._task()
        if self.models:
            return plan_files(
                self.models,
                runtimes=self.runtimes,
                threads=self.threads,
                image_size=side,
                task=task,
                detection_head=self.head,
            )
        return plan_size(
            self.variant or DEFAULT_VARIANT,
            detection_head=(self.head or RETINANET) if task == DETECTION else "",
            runtimes=self.runtimes,
            threads=self.threads,
            image_size=side or DEFAULT_IMAGE_SIZE,
            cache=platformdirs.user_cache_path("topformer") / "bench",
            on_progress=on_progress,
        )

    def _task(self) -> str | None:
        """The task as manifests name it, which a head tells, too; None leaves it to the models."""
        if self.task is not None:
            return task_named(self.task)
        return None if self.head is None else DETECTION

    def encoded(self) -> str:
        """Return it as JSON for another process; names that are not UTF-8 stay what they are."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def decoded(cls, text: str) -> "BenchChoice":
        """Read what `encoded` wrote."""
        return msgspec.convert(json.loads(text), cls, dec_hook=lambda kind, value: kind(value))


def _check_app(choice: BenchChoice) -> None:
    if choice.via != APP:
        raise UsageError(
            f"There is no way {choice.via!r} to measure.",
            next_step="Leave --via out for the runner, or choose app.",
        )
    if choice.device != "adb":
        raise UsageError("--via app is for --device adb: the app runs on Android.")
    given = {
        "--runtime": choice.runtimes,
        "--size": choice.variant,
        "--image-size": choice.image_size,
        "--task": choice.task,
        "--head": choice.head,
        "--picture": choice.picture,
        "--cores": choice.cores,
        "--runner": choice.bundle,
    }
    for option, value in given.items():
        if value:
            raise UsageError(
                f"{option} is not for --via app.",
                why="The app measures the models in it as they are, where Android lets it run.",
                next_step=f"Leave {option} out.",
            )


def _refuse_device_options(choice: BenchChoice) -> None:
    given = {
        "--serial": choice.serial,
        "--all": choice.all_devices or None,
        "--cores": choice.cores,
        "--max-start-temp": choice.max_start_temp_c,
        "--runner": choice.bundle,
    }
    for option, value in given.items():
        if value is not None:
            raise UsageError(
                f"{option} is for devices.", next_step=f"Add --device adb, or leave {option} out."
            )


def _check_device(choice: BenchChoice) -> None:
    if choice.device != "adb" and (choice.serial or choice.all_devices):
        raise UsageError("--serial and --all are for --device adb.")
    if set(choice.runtimes) - {RUNNER}:
        raise UsageError(
            "On devices there is one runtime: ExecuTorch, in the C++ runner.",
            next_step="Leave --runtime out.",
        )
    for model in choice.models:
        if choice.via is None and Path(model).suffix != ".pte":
            raise UsageError(
                f"{model} does not run on devices.",
                why="The runner there runs .pte files.",
                next_step="Make one with `topformer export --target xnnpack`.",
            )
