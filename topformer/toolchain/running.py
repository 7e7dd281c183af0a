"""Run the programs that build the app: what they say is seen, and none outlives the call."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from topformer.errors import TopformerError
from topformer.interrupts import ctrl_c_held

# The first build fetches tools, libraries and, with Gradle, parts of the SDK.
BUILD_TIMEOUT_S = 3600.0
END_GRACE_S = 10.0
_STDERR = 2


def run_build(
    command: Sequence[str],
    *,
    name: str,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run a program with its output on stderr; it is dead when this ends, however it ends.

    Returns its exit status; raises `TopformerError` when it does not start or takes too long.
    """
    process: subprocess.Popen[bytes] | None = None
    try:
        with ctrl_c_held():
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=_STDERR,
                stderr=_STDERR,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
        return process.wait(timeout=BUILD_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise TopformerError(f"{name} took more than {BUILD_TIMEOUT_S:g} s.") from None
    except OSError as error:
        raise TopformerError(f"{name} cannot be started.", why=str(error)) from error
    finally:
        if process is not None and process.poll() is None:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a program and its children to end, then kill them."""
    with ctrl_c_held(), suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=END_GRACE_S)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
