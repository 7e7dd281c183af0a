"""Speak with a process line by line, without ever waiting or storing without a limit."""

import os
import selectors
import signal
import subprocess
import time

# Ten thousand samples fit many times; garbage without a line end does not.
LINE_LIMIT_BYTES = 4 * 2**20
STDERR_TAIL_BYTES = 2000
_READ_BYTES = 2**16
# No system lets a pipe hold more.
_PIPE_LIMIT_BYTES = 2**20
_END_GRACE_S = 2.0


class EndlessLineError(Exception):
    """A line has more than `LINE_LIMIT_BYTES`."""


class Conversation:
    """A process with pipes, in a session of its own, spoken to in lines."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Take over a process that was started with three unbuffered pipes."""
        self._process = process
        self._unread = bytearray()
        self._stderr_tail = b""
        self._stderr_ended = False

    def send(self, line: bytes) -> None:
        """Write to the process; raises `BrokenPipeError` when it has ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(line)

    def read_line(self, *, timeout_s: float) -> bytes:
        """Return the next line without its end.

        Raises `TimeoutError`, `EOFError` when the output has ended, and `EndlessLineError`.
        """
        deadline = time.monotonic() + timeout_s
        while (end := self._unread.find(b"\n")) < 0:
            if len(self._unread) > LINE_LIMIT_BYTES:
                raise EndlessLineError
            if not self._receive(deadline - time.monotonic()):
                if time.monotonic() >= deadline:
                    raise TimeoutError
                raise EOFError
        line = bytes(self._unread[:end])
        del self._unread[: end + 1]
        return line

    def _receive(self, timeout_s: float) -> bool:
        """Move what has arrived on either pipe; False when stdout has ended or time is up."""
        stdout, stderr = self._process.stdout, self._process.stderr
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
            return self._process.wait(timeout=_END_GRACE_S)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """Kill the process, and its children with it; harmless when it is dead."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stderr_tail(self) -> str:
        """End of what a dead process said on stderr, without waiting for more."""
        assert self._process.stderr is not None
        os.set_blocking(self._process.stderr.fileno(), False)
        rest = self._process.stderr.read(_PIPE_LIMIT_BYTES) or b""
        self._stderr_tail = (self._stderr_tail + rest)[-STDERR_TAIL_BYTES:]
        return self._stderr_tail.decode(errors="replace").strip()
