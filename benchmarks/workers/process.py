"""A row measured by a program that serves: asked one thing at a time, and killed in any case."""

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, Self

from topformer.benchmarks.documents.runner import (
    ExpectedT,
    Measured,
    RunnerBlock,
    RunnerFailureError,
    RunnerOpened,
    decode_document,
)
from topformer.benchmarks.workers.rows import Loaded, RowRequest, describe_loaded
from topformer.children import LINE_LIMIT_BYTES, Conversation, EndlessOutputError
from topformer.errors import TopformerError
from topformer.interrupts import ctrl_c_held
from topformer.manifest import Manifest
from topformer.text import brief, printable

# glibc hands large blocks back to the kernel or keeps them, and chance decides which when a process
# starts: one in five took half as long again to postprocess all its life, because every run
# faulted the same pages in anew. Told to keep them, all processes are alike. torch eager gains
# most (28 ms instead of 46 ms), so comparisons with it are the stricter for it.
ALLOCATOR_SETTINGS = {
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_MMAP_THRESHOLD_": str(2**25),  # the most that glibc takes
}
WHY_LIMIT = 1000


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a worker may stay silent, in seconds."""

    load_s: float = 300.0
    block_s: float = 300.0


DEFAULT_PATIENCE = Patience()


@dataclass(frozen=True, kw_only=True)
class Service:
    """A program that serves a row as `documents.runner` says."""

    command: Sequence[str]
    # Of the model that it opens; None where it tells that itself.
    manifest: Manifest | None = None
    # What it computed when that was checked, if it was.
    outputs_sha256: str | None = None


class ProcessWorker:
    """One row, as a `rounds.Worker`, measured by a program that serves; every error names it.

    The program and its children are dead when the context ends, however it ends.
    """

    advice = "Run `topformer doctor` to see whether this runtime works here at all."

    def __init__(
        self,
        request: RowRequest,
        prepare: Callable[[int], Service],
        *,
        device: str = "",
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        """Describe the row; nothing runs before `load`, which tells `prepare` the warm-ups."""
        self.request = request
        self._prepare = prepare
        self._row = f"The row {request.name!r}" + (f" on {device}" if device else "")
        self._patience = patience
        self.conversation: Conversation | None = None

    def load(self, *, warmups: int) -> Loaded:
        """Open the model, run it once cold, and warm it up; raises `TopformerError`."""
        try:
            service = self._prepare(warmups)
        except TopformerError as error:
            raise self._not_measured(error) from error
        with ctrl_c_held():
            self.conversation = self._start(service.command)
        opened = self._read(RunnerOpened, timeout_s=self._patience.load_s)
        if service.outputs_sha256 not in {None, opened.outputs_sha256}:
            self._fail(
                "computes something else than when it was checked",
                f"Its outputs' SHA-256 is {opened.outputs_sha256}; {service.outputs_sha256} was "
                "checked.",
            )
        manifest = service.manifest or opened.manifest
        if manifest is None:
            self._fail("does not say what it opened", "Its answer holds no manifest.")
        loaded = describe_loaded(self.request, manifest, opened, import_ns=opened.import_ns)
        if opened.model_sha256 != loaded.sha256:
            self._fail(
                "opened another file than was asked for",
                f"Its SHA-256 is {opened.model_sha256}; the manifest says {loaded.sha256}.",
            )
        return loaded

    def _start(self, command: Sequence[str]) -> Conversation:
        return Conversation(command, environment={**os.environ, **ALLOCATOR_SETTINGS})

    def measure(self, *, samples: int, warmups: int) -> Measured:
        """Take one block of samples; raises `TopformerError` when the worker fails."""
        assert self.conversation is not None
        try:
            self.conversation.send(f"{samples} {warmups}\n".encode())
        except BrokenPipeError:
            self._fail_ended()
        block = self._read(RunnerBlock, timeout_s=self._patience.block_s)
        if (len(block.samples), len(block.warmups)) != (samples, warmups):
            self._fail("broke off", f"It sent {len(block.samples)} of {samples} samples.")
        return block

    def _read(self, expected: type[ExpectedT], *, timeout_s: float) -> ExpectedT:
        assert self.conversation is not None
        try:
            return decode_document(self.conversation.read_line(timeout_s=timeout_s), expected)
        except TimeoutError:
            self._fail("hangs", f"It gave no answer within {timeout_s:g} s.")
        except EndlessOutputError:
            self._fail("sent an endless line", f"The limit is {LINE_LIMIT_BYTES:,} bytes.")
        except EOFError:
            self._fail_ended()
        except RunnerFailureError as error:
            raise self._not_measured(error) from error
        except TopformerError as error:
            why = f"{error.what} {brief(error.why, WHY_LIMIT)}"
            self._fail("answered with something else than a result", why)

    def _not_measured(self, error: TopformerError) -> TopformerError:
        return TopformerError(
            f"{self._row} could not be measured: {brief(error.what, WHY_LIMIT)}",
            why=brief(error.why, WHY_LIMIT, lines=True),
            next_step=error.next_step,
        )

    def _fail_ended(self) -> NoReturn:
        assert self.conversation is not None
        status = self.conversation.exit_status()
        if status is None:
            self._fail("closed its output", "It runs on without answering.")
        # What ran on a device ends as in a shell: with 128 and the signal's number. Not all that is
        # above is one: ssh ends with 255 when it has lost the host.
        number = -status if status < 0 else status - 128
        if 0 < number < signal.NSIG:
            self._fail("crashed", f"It was killed by {_signal_name(number)}.")
        self._fail("ended early", f"Its exit status is {status}.")

    def _fail(self, what: str, why: str) -> NoReturn:
        assert self.conversation is not None
        self.conversation.kill()
        tail = printable(self.conversation.stderr_tail(), lines=True)
        raise TopformerError(
            f"{self._row} {what}.",
            why=f"{why} The end of its stderr:\n{tail}" if tail else why,
            next_step=self.advice,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.conversation is not None:
            self.conversation.close()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
