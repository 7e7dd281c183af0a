"""Run the programs that reach devices, adb and ssh, with bounded time and output."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from topformer.devices.links.link import Finished, marked_script, new_token, read_marked
from topformer.devices.pipes import Conversation
from topformer.errors import TopformerError
from topformer.interrupts import ctrl_c_held

STDERR_LIMIT_BYTES = 2**16
_READ_BYTES = 2**16
_MARKER_ALLOWANCE_BYTES = 64


class EndlessOutputError(Exception):
    """A client printed more than it may."""


def run_client(
    command: Sequence[str],
    *,
    timeout_s: float,
    limit_bytes: int,
    stdin: Path | None = None,
) -> Finished:
    """Run a client to its end; raises `TimeoutError` and `EndlessOutputError`, with it dead.

    It has a session of its own, so that Ctrl-C reaches this process alone, which then kills it.
    """
    deadline = time.monotonic() + timeout_s
    process: subprocess.Popen[bytes] | None = None
    try:
        # A Ctrl-C while it starts would leave it running, known to nobody.
        with ctrl_c_held(), (stdin or Path(os.devnull)).open("rb") as source:
            process = subprocess.Popen(
                command,
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        stdout, stderr = _collect(process, deadline, limit_bytes)
        status = process.wait(timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    finally:
        if process is not None:
            with process:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
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


def start_client(command: Sequence[str]) -> Conversation:
    """Start a client with pipes, in a session of its own; the caller kills it."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
    )
    return Conversation(process)


def run_on_device(
    command: Callable[[str], list[str]],
    argv: Sequence[str],
    *,
    device: str,
    explain: Callable[[bytes], TopformerError],
    timeout_s: float,
    limit_bytes: int,
    stdin: Path | None = None,
) -> Finished:
    """Run a program on a device through a client, and believe only an answer that is whole.

    `command` makes the client's command from a script; `explain` makes an error from what the
    client said when there is no answer.
    """
    token = new_token()
    with explaining_limits(device, argv[0], timeout_s=timeout_s, limit_bytes=limit_bytes):
        client = run_client(
            command(marked_script(argv, token)),
            timeout_s=timeout_s,
            limit_bytes=limit_bytes + _MARKER_ALLOWANCE_BYTES,
            stdin=stdin,
        )
        answer = read_marked(client.stdout, token)
        if answer is None:
            raise explain(client.stderr)
        stdout, status = answer
        if len(stdout) > limit_bytes:
            raise EndlessOutputError
    return Finished(exit_status=status, stdout=stdout, stderr=client.stderr)


@contextmanager
def explaining_limits(
    device: str, program: str, *, timeout_s: float, limit_bytes: int
) -> Generator[None]:
    """Turn a client's broken limits into errors that name the device."""
    try:
        yield
    except TimeoutError:
        raise TopformerError(
            f"{device} does not answer.",
            why=f"`{program}` was not done within {timeout_s:g} s.",
            next_step="Reconnect or restart the device, then try again.",
        ) from None
    except EndlessOutputError:
        raise TopformerError(
            f"{device} printed too much.",
            why=f"`{program}` may print {limit_bytes:,} bytes.",
        ) from None
