"""A real ARM device for tests, without a phone. See README.md."""

import sys


def tell(stage: str) -> None:
    """Say what is going on; standard output belongs to the command that is run."""
    sys.stderr.write(f"rig: {stage}\n")
