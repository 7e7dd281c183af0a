"""A row measured by the demo app: its bench screen is started, and leaves the runner's document."""

import shlex
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import NoReturn

from topformer.android.device import BENCH_PROCESS, start_bench, stop_app
from topformer.benchmarks.documents.conditions import Build
from topformer.benchmarks.documents.runner import (
    Measured,
    RunnerFailureError,
    RunnerRun,
    decode_document,
)
from topformer.benchmarks.workers.device.check import ReferenceOutput, compute_reference
from topformer.benchmarks.workers.process import Patience
from topformer.benchmarks.workers.rows import Loaded, RowRequest, describe_loaded
from topformer.children import LINE_LIMIT_BYTES
from topformer.devices.facts.documents import CheckedOutput
from topformer.devices.links.adb import AdbLink
from topformer.devices.links.link import new_token, printable
from topformer.errors import TopformerError
from topformer.files import sha256_bytes
from topformer.images import bench_picture
from topformer.interrupts import ctrl_c_held
from topformer.manifest import read_manifest_of
from topformer.metrics import SQNR_LIMIT_DB
from topformer.tasks import output_bytes
from topformer.text import brief

# The device looks for the document itself, seldom enough not to be in the measurement's way.
LOOKS, LOOK_S = 10, 0.5
LOOK_GRACE_S = 30.0
_WAITING, _GONE = 3, 4
_NEXT_STEPS = {
    "background": "Unlock the device, leave it alone with its screen on, then try again.",
    "model-refused": "`topformer app list` tells what is in the app's sources; build and install "
    "the app again after `topformer app embed`.",
    "memory": "Close other apps, then try again.",
}


class AppWorker:
    """One row, as a `rounds.Worker`; every error names it and the device.

    Each block is a start of its own, which opens the model anew.
    """

    def __init__(self, request: RowRequest, link: AdbLink, patience: Patience) -> None:
        """Describe the row; nothing is started before `load`."""
        self.request = request
        self._link = link
        self._patience = patience
        self._manifest = read_manifest_of(Path(request.source))
        self._pending: str | None = None
        # The first run, which all others must equal in what they compute, and what that was.
        self.first: RunnerRun | None = None
        self.check: CheckedOutput | None = None

    def load(self, *, warmups: int) -> Loaded:
        """Let the app open its model, run it once cold, and warm it up."""
        self.first = self._run(samples=1, warmups=warmups, timeout_s=self._patience.load_s)
        info = self._manifest.input
        picture = bench_picture(info.height, info.width)
        try:
            reference = compute_reference(Path(self.request.source), picture)
            self.check = check_hashes(self.first, reference)
        except TopformerError as error:
            self._fail("cannot be believed", f"{error.what} {error.why}")
        loaded = describe_loaded(self.request, self._manifest, self.first)
        return replace(loaded, build=Build(kind="app", c_library="bionic"))

    def measure(self, *, samples: int, warmups: int) -> Measured:
        """Take one block of samples."""
        run = self._run(samples=samples, warmups=warmups, timeout_s=self._patience.block_s)
        assert self.first is not None
        if run.outputs_sha256 != self.first.outputs_sha256:
            self._fail(
                "computes something else than at first",
                f"Its outputs' SHA-256 is {run.outputs_sha256}; "
                f"it was {self.first.outputs_sha256}.",
            )
        return Measured(
            samples=run.samples,
            warmups=run.warmups,
            cpu_ns=run.cpu_ns,
            peak_memory_bytes=run.peak_memory_bytes,
        )

    def _run(self, *, samples: int, warmups: int, timeout_s: float) -> RunnerRun:
        model, threads = Path(self.request.source).stem, self.request.threads
        name = new_token()
        self._pending = start_bench(
            self._link, name=name, model=model, threads=threads, warmups=warmups, samples=samples
        )
        document = self._wait(self._pending, timeout_s)
        self._pending = None
        try:
            run = decode_document(document.strip(), RunnerRun)
        except TopformerError as error:
            code = error.code if isinstance(error, RunnerFailureError) else ""
            why = f"{error.what} {brief(error.why, 1000)}".rstrip()
            self._fail("failed in the app", why, next_step=_NEXT_STEPS.get(code, ""))
        self._check(run, samples=samples, warmups=warmups)
        return run

    def _check(self, run: RunnerRun, *, samples: int, warmups: int) -> None:
        assert self._manifest.file is not None
        if run.model_sha256 != self._manifest.file.sha256:
            self._fail(
                "is of another model",
                f"The app's {self._manifest.file.name} has the SHA-256 {run.model_sha256}; this "
                f"machine's has {self._manifest.file.sha256}.",
                next_step="Embed this one, then build and install the app again.",
            )
        if run.output_shapes != tuple(output.shape for output in self._manifest.outputs):
            self._fail("has outputs of other shapes", f"They are {run.output_shapes}.")
        found = len(run.samples), len(run.warmups), run.threads
        if found != (samples, warmups, self.request.threads):
            self._fail(
                "was measured in another way than asked for",
                f"Samples, warm-ups and threads are {found}.",
            )

    def _wait(self, document: str, timeout_s: float) -> bytes:
        """Return the document once it is there, and remove it from the device."""
        quoted = shlex.quote(document)
        script = (
            f"n=0; while [ $n -lt {LOOKS} ]; do "
            f"[ -f {quoted} ] && {{ cat {quoted} && rm -f {quoted}; exit; }}; "
            f"n=$((n+1)); sleep {LOOK_S}; done; "
            f"pidof {BENCH_PROCESS} >/dev/null && exit {_WAITING}; "
            f"[ -f {quoted} ] || exit {_GONE}; exit {_WAITING}"
        )
        for _ in range(ceil(timeout_s / (LOOKS * LOOK_S))):
            looked = self._link.run(
                ["sh", "-c", script],
                timeout_s=LOOKS * LOOK_S + LOOK_GRACE_S,
                limit_bytes=LINE_LIMIT_BYTES,
            )
            if looked.exit_status == _GONE:
                self._fail(
                    "ended early",
                    "The app is not running any more, and left no document.",
                    next_step="Android's own log says why: `adb logcat -d -s AndroidRuntime`.",
                )
            if looked.exit_status == 0:
                return looked.stdout
            if looked.exit_status != _WAITING:
                self._fail("cannot be read", printable(looked.stderr) or printable(looked.stdout))
        return self._fail(
            "hangs",
            f"The app wrote no document that adb may read within {timeout_s:g} s.",
            next_step=_NEXT_STEPS["background"],
        )

    def _fail(self, what: str, why: str, *, next_step: str = "") -> NoReturn:
        raise TopformerError(
            f"The row {self.request.name!r} on {self._link.name} {what}.",
            why=why,
            next_step=next_step or "Look at the device's screen, then try again.",
        )

    def remove_pending(self) -> None:
        """Remove the document of a start that was not waited for to its end."""
        if self._pending is not None:
            self._link.run(["rm", "-f", self._pending, f"{self._pending}.part"])


def check_hashes(run: RunnerRun, reference: ReferenceOutput) -> CheckedOutput | None:
    """Hold hashes of outputs and result against this machine's; None where they differ.

    The app's document holds no numbers. Equal hashes tell all. Others tell nothing, for no file
    promises the same bits on two machines. They are of the picture that all workers have, also
    where the samples began with camera frames.
    """
    expected = (
        sha256_bytes(output_bytes(reference.answer.outputs)),
        sha256_bytes(reference.task.encode(reference.answer.result)),
    )
    if (run.outputs_sha256, run.result_sha256) == expected:
        return CheckedOutput(
            outputs_sha256=run.outputs_sha256,
            sqnr_db=SQNR_LIMIT_DB,
            max_abs_error=0.0,
            result_agreement=1.0,
            exact=True,
            required=reference.required,
            passed=True,
        )
    return None


@contextmanager
def app_workers(
    requests: Sequence[RowRequest],
    link: AdbLink,
    patience: Patience,
    *,
    on_left: Callable[[str], None],
) -> Generator[list[AppWorker]]:
    """Measure rows in the app; it is stopped before the first, and when the context ends.

    `on_left` is told when the device does not let us clean up.
    """
    workers = [AppWorker(request, link, patience) for request in requests]
    stop_app(link)
    try:
        yield workers
    finally:
        try:
            # A second one waits: cleaning up ends soon, whatever the device does.
            with ctrl_c_held():
                stop_app(link)
                for worker in workers:
                    worker.remove_pending()
        except TopformerError as error:
            on_left(
                f"{link.name} could not be cleaned up ({error.what.rstrip('.')}): the app may "
                "still run there, and its document may be left there."
            )
