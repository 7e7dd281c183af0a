"""What a person asked `topformer bench` for, and the rows that come of it."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import platformdirs

from topformer.benchmarks.benches import plan
from topformer.benchmarks.protocol.modes import Mode, get_mode
from topformer.benchmarks.workers.process import RowRequest
from topformer.errors import UsageError
from topformer.preprocess import parse_image_size
from topformer.variants import DEFAULT_IMAGE_SIZE, DEFAULT_SIZE

# Of the random order of rows in each round: the same in every run, and told in its document.
ORDER_SEED = 0

OnProgress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class BenchChoice:
    """The options of `topformer bench` that say what is measured, as they were given."""

    # "host", "adb" or "ssh:HOST".
    device: str
    models: tuple[str, ...]
    size: str | None
    runtimes: tuple[str, ...]
    threads: tuple[int, ...]
    mode: str
    image_size: str | None
    # For devices alone.
    via: str | None = None
    serial: str | None = None
    all_devices: bool = False
    cores: str | None = None
    max_start_temp_c: float | None = None
    bundle: Path | None = None

    def get_mode(self) -> Mode:
        """Look the mode up; raises `UsageError` for an unknown one."""
        return get_mode(self.mode)

    def plan(self, on_progress: OnProgress) -> list[RowRequest]:
        """Export what must be, and return the rows; raises `UsageError` for what does not fit."""
        plan.check_runtimes(self.runtimes)
        side = parse_image_size(self.image_size) if self.image_size is not None else None
        if self.models and self.size is not None:
            raise UsageError(
                "--size and --model exclude each other.",
                why="--size chooses what to export and measure when no model is named.",
            )
        if self.models:
            return plan.plan_files(
                self.models, runtimes=self.runtimes, threads=self.threads, image_size=side
            )
        return plan.plan_size(
            self.size or DEFAULT_SIZE,
            runtimes=self.runtimes,
            threads=self.threads,
            image_size=side or DEFAULT_IMAGE_SIZE,
            cache=platformdirs.user_cache_path("topformer") / "bench",
            on_progress=on_progress,
        )

    def encoded(self) -> str:
        """Return it as JSON for another process; names that are not UTF-8 stay what they are."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def decoded(cls, text: str) -> "BenchChoice":
        """Read what `encoded` wrote."""
        return msgspec.convert(json.loads(text), cls, dec_hook=lambda kind, value: kind(value))
