"""What the rig needs of this machine, and getting it."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

from rig import tell
from topformer.errors import TopformerError

# Debian's package of each program that is called by its name.
PACKAGES = {
    "aarch64-linux-gnu-g++": "g++-aarch64-linux-gnu",
    "adb": "adb",
    "dpkg-deb": "dpkg",
    "g++": "g++",
    "ip": "iproute2",
    "make": "make",
    "nsenter": "util-linux",
    "qemu-aarch64": "qemu-user",
    "unshare": "util-linux",
}
INSTALL_TIMEOUT_S = 600


def missing_packages() -> list[str]:
    """Names of the packages whose programs are not on the PATH."""
    return sorted({package for program, package in PACKAGES.items() if not shutil.which(program)})


def check_packages() -> None:
    """Raise `TopformerError` with the command to run when this machine lacks something."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise TopformerError(
            "The rig runs on x86-64 Linux only.",
            why=f"This is {platform.system()} on {platform.machine()}.",
        )
    missing = missing_packages()
    if missing:
        raise TopformerError(
            "The rig cannot be built on this machine.",
            why=f"Missing packages: {', '.join(missing)}.",
            next_step=f"Run `sudo apt-get install --no-install-recommends {' '.join(missing)}`.",
        )


def install_packages() -> None:
    """Install what is missing where that is possible: as root, on Debian and its relatives."""
    missing = missing_packages()
    if not missing or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    tell(f"installing {', '.join(missing)}")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    for command in (["apt-get", "update"], install):
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
        if done.returncode != 0:
            raise TopformerError(f"`{' '.join(command)}` failed.", why=done.stderr[-2000:].strip())


def libraries_of(program: Path) -> tuple[Path, list[Path]]:
    """Return the loader of a program of this machine, and the libraries that it finds."""
    done = subprocess.run(["ldd", program], check=True, capture_output=True, text=True)
    # A library is "NAME => PATH (ADDRESS)", the loader "PATH (ADDRESS)".
    lines = [line.strip().rpartition(" (")[0] for line in done.stdout.splitlines()]
    (loader,) = (Path(line) for line in lines if line.startswith("/"))
    return loader, [Path(line.split(" => ")[1]) for line in lines if " => " in line]
