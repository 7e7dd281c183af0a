"""Run a command, or a shell, beside a running rig: `tests/rig/run COMMAND ARGUMENTS...`.

Standard output and the exit status are the command's own.
"""

import os
import signal
import subprocess
import sys
from types import FrameType

from rig import tell
from rig.packages import install_packages
from rig.root import build_root
from rig.session import running_rig
from topformer.benchmarks.bundle.build import build_bundle, default_cache
from topformer.errors import TopformerError


def main(arguments: list[str]) -> int:
    """Run `arguments` beside the rig, or build it only (`--build`); return the exit status."""
    install_packages()
    if arguments == ["--build"]:
        build_root()
        return 0
    # The rig has no network to fetch ExecuTorch through, so the bundle is there before.
    build_bundle("aarch64", cache=default_cache(), on_progress=tell)
    with running_rig() as rig:
        if not arguments:
            tell(f"{rig.serial} is connected; leave with `exit`")
        command = rig.popen(arguments or [os.environ.get("SHELL", "/bin/sh")])

        def pass_on(number: int, _: FrameType | None) -> None:
            command.send_signal(number)

        # A terminal sends Ctrl-C to the command as well, which decides what to do with it.
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, pass_on)
        signal.signal(signal.SIGHUP, pass_on)
        status = command.wait()
    # As shells have it: killed by a signal is 128 and its number.
    return status if status >= 0 else 128 - status


def _terminate(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    # Until there is a command to pass them on to, they end the rig in order.
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGHUP, _terminate)
    try:
        sys.exit(main(sys.argv[1:]))
    except TopformerError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except subprocess.TimeoutExpired as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
