"""A worker process as seen by the host: asked one thing at a time, and killed whatever happens."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import msgspec

from topformer.benchmarks.documents.messages import (
    Command,
    Failed,
    Form,
    Load,
    Loaded,
    Measure,
    Measured,
    decode_reply,
    encode_line,
)
from topformer.devices.pipes import LINE_LIMIT_BYTES, Conversation, EndlessLineError
from topformer.errors import TopformerError

# -P keeps the working folder out of the worker's imports.
WORKER_COMMAND = (sys.executable, "-P", "-m", "topformer.benchmarks.workers.python")
RUNNER_WORKER_COMMAND = (sys.executable, "-P", "-m", "topformer.benchmarks.workers.runner")
# glibc hands large blocks back to the kernel or keeps them, and chance decides which when a process
# starts: one in five took half as long again to postprocess all its life, because every run
# faulted the same pages in anew. Told to keep them, all processes are alike. torch eager gains
# most (28 ms instead of 46 ms), so comparisons with it are the stricter for it.
ALLOCATOR_SETTINGS = {
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_MMAP_THRESHOLD_": str(2**25),  # the most that glibc takes
}

ReplyT = TypeVar("ReplyT", Loaded, Measured)


@dataclass(frozen=True, kw_only=True)
class RowRequest:
    """One row to measure: what to run, how, and what to call it."""

    # Unique in its run.
    name: str
    # A model file, a size or a published checkpoint's name.
    source: str
    runtime: str
    threads: int
    form: Form = ""
    image_size: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a worker may stay silent, in seconds."""

    load_s: float = 300.0
    block_s: float = 300.0


DEFAULT_PATIENCE = Patience()


class WorkerProcess:
    """One worker, from `start_worker`; every error names the row it measures."""

    def __init__(
        self, request: RowRequest, process: subprocess.Popen[bytes], patience: Patience
    ) -> None:
        """Speak to a process that was started for this row."""
        self.request = request
        self._conversation = Conversation(process)
        self._patience = patience

    def load(self, *, warmups: int) -> Loaded:
        """Open the model in the worker; raises `TopformerError` when it cannot."""
        request = self.request
        command = Load(
            source=os.fsencode(request.source),
            form=request.form,
            threads=request.threads,
            image_size=request.image_size,
            warmups=warmups,
        )
        return self._ask(command, Loaded, timeout_s=self._patience.load_s)

    def measure(self, *, samples: int, warmups: int) -> Measured:
        """Take one block of samples; raises `TopformerError` when the worker fails."""
        command = Measure(samples=samples, warmups=warmups)
        measured = self._ask(command, Measured, timeout_s=self._patience.block_s)
        if len(measured.samples) != samples:
            self._fail("broke off", f"It sent {len(measured.samples)} of {samples} samples.")
        return measured

    def _ask(self, command: Command, expected: type[ReplyT], *, timeout_s: float) -> ReplyT:
        try:
            self._conversation.send(encode_line(command))
            line = self._conversation.read_line(timeout_s=timeout_s)
        except TimeoutError:
            self._fail("hangs", f"It gave no answer within {timeout_s:g} s.")
        except EndlessLineError:
            self._fail("sent an endless line", f"The limit is {LINE_LIMIT_BYTES:,} bytes.")
        except (BrokenPipeError, EOFError):
            self._fail_ended()
        try:
            reply = decode_reply(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._fail("answered with something else than a result", str(error))
        if isinstance(reply, Failed):
            raise TopformerError(
                f"The row {self.request.name!r} could not be measured: {reply.what}",
                why=reply.why,
                next_step=reply.next_step,
            )
        if not isinstance(reply, expected):
            self._fail("answered out of turn", f"It sent {type(reply).__name__}.")
        return reply

    def _fail_ended(self) -> NoReturn:
        status = self._conversation.exit_status()
        if status is None:
            self._fail("closed its output", "It runs on without answering.")
        if status < 0:
            self._fail("crashed", f"It was killed by {signal.Signals(-status).name}.")
        self._fail("ended early", f"Its exit status is {status}.")

    def _fail(self, what: str, why: str) -> NoReturn:
        self._conversation.kill()
        tail = self._conversation.stderr_tail()
        raise TopformerError(
            f"The worker of the row {self.request.name!r} {what}.",
            why=f"{why} The end of its stderr:\n{tail}" if tail else why,
            next_step="Run `topformer doctor` to see whether this runtime works here at all.",
        )

    def kill(self) -> None:
        """Kill the worker, and its children with it; harmless when it is dead."""
        self._conversation.kill()


@contextmanager
def start_worker(
    request: RowRequest,
    *,
    command: Sequence[str] | None = None,
    patience: Patience = DEFAULT_PATIENCE,
) -> Generator[WorkerProcess]:
    """Start a worker for one row; it is dead when the context ends, however it ends."""
    if command is None:
        command = RUNNER_WORKER_COMMAND if request.runtime == "runner" else WORKER_COMMAND
    # In a session of its own, so that Ctrl-C reaches the host alone, which then kills it.
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
        env={**os.environ, **ALLOCATOR_SETTINGS},
    ) as process:
        worker = WorkerProcess(request, process, patience)
        try:
            yield worker
        finally:
            worker.kill()
