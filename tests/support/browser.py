"""A headless browser, where this machine has one."""

import os
import shutil
import subprocess
from pathlib import Path

from support.lacking import lacking

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
TIMEOUT_S = 120


def browser_command() -> list[str]:
    """Return the browser to run, `$CHROMIUM` first; skip the test where there is none."""
    wanted = [os.environ["CHROMIUM"]] if "CHROMIUM" in os.environ else NAMES
    found = next(filter(None, map(shutil.which, wanted)), None)
    if found is None:
        lacking("no browser: `apt install chromium-headless-shell`, or set CHROMIUM to one")
    # Its own sandbox does not run as root.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return [found, "--headless", "--disable-gpu", "--hide-scrollbars", *sandbox]


def browse(page: Path, *options: str, folder: Path) -> str:
    """Open a page with a profile of its own in `folder`, and return what was written to stdout."""
    command = [*browser_command(), f"--user-data-dir={folder / 'profile'}", *options]
    done = subprocess.run(
        [*command, page.resolve().as_uri()],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
