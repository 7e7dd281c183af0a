"""Child processes: started, spoken to in lines, bounded in time and output, and dead in the end.

Each has a session of its own, so that Ctrl-C reaches this process alone, which then ends the child
with all that it has started.
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from topformer.interrupts import ctrl_c_held

# Ten thousand samples fit many times; garbage without a line end does not.
LINE_LIMIT_BYTES = 4 * 2**20
STDERR_LIMIT_BYTES = 2**16
STDERR_TAIL_BYTES = 2000
_READ_BYTES = 2**16
# No system lets a pipe hold more.
_PIPE_LIMIT_BYTES = 2**20
_END_GRACE_S = 2.0


class EndlessOutputError(Exception):
    """A child printed more than it may, or more than it may without a line end."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A program that has ended, and all that it printed."""

    exit_status: int
    stdout: bytes
    stderr: bytes


@contextmanager
def child(
    command: Sequence[str | Path],
    *,
    stdin: int | BinaryIO = subprocess.DEVNULL,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    first_signal: signal.Signals = signal.SIGKILL,
    grace_s: float = 0.0,
) -> Generator[subprocess.Popen[bytes]]:
    """Run a program meanwhile; it is dead when the context ends, however it ends.

    One that still runs then gets `first_signal`, and is killed after `grace_s`. Raises `OSError`
    when it cannot be started.
    """
    process: subprocess.Popen[bytes] | None = None
    try:
        # A Ctrl-C while it starts would leave it running, known to nobody.
        with ctrl_c_held():
            process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=folder,
                env=environment,
                bufsize=0,
                start_new_session=True,
            )
        yield process
    finally:
        if process is not None:
            with process:
                end(process, first_signal=first_signal, grace_s=grace_s)


def end(
    *processes: subprocess.Popen[bytes],
    first_signal: signal.Signals = signal.SIGKILL,
    grace_s: float = 0.0,
) -> None:
    """Send programs that still run, and their children, a signal; kill them after `grace_s`."""
    with ctrl_c_held():
        running = [process for process in processes if process.poll() is None]
        deadline = time.monotonic() + grace_s
        for process in running:
            _signal_group(process, first_signal)
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
            # Where it has ended, its children may have stayed.
            _signal_group(process, signal.SIGKILL)
            process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def run_bounded(
    command: Sequence[str],
    *,
    timeout_s: float,
    limit_bytes: int,
    stdin: Path | None = None,
    environment: Mapping[str, str] | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> Finished:
    """Run a program to its end; raises `TimeoutError` and `EndlessOutputError`, with it dead.

    `meanwhile` is called once it runs; what it prints waits until that has returned.
    """
    deadline = time.monotonic() + timeout_s
    with (
        (stdin or Path(os.devnull)).open("rb") as source,
        child(command, stdin=source, environment=environment) as process,
    ):
        meanwhile()
        stdout, stderr = _collect(process, deadline, limit_bytes)
        try:
            status = process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
    return Finished(exit_status=status, stdout=stdout, stderr=stderr)


def _collect(
    process: subprocess.Popen[bytes], deadline: float, limit_bytes: int
) -> tuple[bytes, bytes]:
    assert process.stdout is not None
    assert process.stderr is not None
    stdout, stderr = process.stdout.fileno(), process.stderr.fileno()
    found = {stdout: bytearray(), stderr: bytearray()}
    limits = {stdout: limit_bytes, stderr: STDERR_LIMIT_BYTES}
    with selectors.DefaultSelector() as selector:
        for pipe in found:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if time.monotonic() >= deadline:
                raise TimeoutError
            for key, _ in ready:
                data = os.read(key.fd, _READ_BYTES)
                found[key.fd] += data
                if not data:
                    selector.unregister(key.fd)
                if len(found[key.fd]) > limits[key.fd]:
                    raise EndlessOutputError
    return bytes(found[stdout]), bytes(found[stderr])


class Conversation:
    """A child that is spoken to in lines; whoever starts one kills it.

    Where a Ctrl-C must not come between the two, `ctrl_c_held` is for the caller.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        line_limit_bytes: int = LINE_LIMIT_BYTES,
    ) -> None:
        """Start a program with pipes to it; raises `OSError` when it cannot be started."""
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            bufsize=0,
            start_new_session=True,
        )
        self._line_limit_bytes = line_limit_bytes
        self._unread = bytearray()
        self._stderr_tail = b""
        self._stderr_ended = False

    def send(self, line: bytes) -> None:
        """Write to the child; raises `BrokenPipeError` when it has ended."""
        assert self.process.stdin is not None
        self.process.stdin.write(line)

    def read_line(self, *, timeout_s: float) -> bytes:
        """Return the next line without its end.

        Raises `TimeoutError`, `EOFError` when the output has ended, and `EndlessOutputError`.
        """
        deadline = time.monotonic() + timeout_s
        searched = 0
        while (found := self._unread.find(b"\n", searched)) < 0:
            searched = len(self._unread)
            if searched > self._line_limit_bytes:
                raise EndlessOutputError
            if not self._receive(deadline - time.monotonic()):
                if time.monotonic() >= deadline:
                    raise TimeoutError
                raise EOFError
        line = bytes(self._unread[:found])
        del self._unread[: found + 1]
        return line

    def _receive(self, timeout_s: float) -> bool:
        """Move what has arrived on either pipe; False when stdout has ended or time is up."""
        stdout, stderr = self.process.stdout, self.process.stderr
        assert stdout is not None
        assert stderr is not None
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if not self._stderr_ended:
                selector.register(stderr, selectors.EVENT_READ)
            ready = {key.fileobj for key, _ in selector.select(max(0.0, timeout_s))}
        if stderr in ready:
            data = os.read(stderr.fileno(), _READ_BYTES)
            self._stderr_ended = not data
            self._stderr_tail = (self._stderr_tail + data)[-STDERR_TAIL_BYTES:]
        if stdout in ready:
            data = os.read(stdout.fileno(), _READ_BYTES)
            self._unread += data
            return bool(data)
        return bool(ready)

    def exit_status(self) -> int | None:
        """Wait a moment for the end, and return how it ended; None when it runs on."""
        try:
            return self.process.wait(timeout=_END_GRACE_S)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """Kill the child, and its own with it; harmless when it is dead."""
        end(self.process)

    def close(self) -> None:
        """Kill the child, and close the pipes to it: nothing more can be read."""
        with self.process:
            self.kill()

    def stderr_tail(self) -> str:
        """End of what a dead child said on stderr, without waiting for more."""
        assert self.process.stderr is not None
        os.set_blocking(self.process.stderr.fileno(), False)
        rest = self.process.stderr.read(_PIPE_LIMIT_BYTES) or b""
        self._stderr_tail = (self._stderr_tail + rest)[-STDERR_TAIL_BYTES:]
        return self._stderr_tail.decode(errors="replace").strip()


def private_channels() -> tuple[BinaryIO, BinaryIO]:
    """In a child: keep stdin and stdout for the parent.

    A library that prints writes to stderr instead.
    """
    commands, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(commands, "rb"), os.fdopen(replies, "wb")
