"""Run the programs that reach devices, adb and ssh, and believe whole answers only.

A client's own exit status says nothing about the device: adb exits with 0 when the device is lost
in the middle of an answer. So every command ends by printing a marker, and only an answer with it
counts.
"""

import re
import shlex
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from topformer.children import EndlessOutputError, Finished, run_bounded
from topformer.devices.links.link import new_token
from topformer.errors import TopformerError

_MARKER_ALLOWANCE_BYTES = 64


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
        client = run_bounded(
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


def marked_script(argv: Sequence[str], token: str) -> str:
    """Quote a command for the device's shell, with a marker and its exit status printed last."""
    return f"({shlex.join(argv)}); printf '\\n{token} %d\\n' $?"


def read_marked(output: bytes, token: str) -> tuple[bytes, int] | None:
    """Split what was printed before the marker from the exit status; None when it is torn off."""
    marker = re.search(rb"\n%s (\d{1,3})\r?\n\Z" % token.encode(), output[-64:])
    if marker is None:
        return None
    return output[: max(0, len(output) - 64) + marker.start()], int(marker[1])


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
