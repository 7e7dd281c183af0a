"""Debian's packages for the device, fetched with an apt of its own.

Nothing of this machine's apt is changed: the folder of the private one holds its lists, its cache
and an empty status. Only the mirror is taken over, and with it how it is reached; signatures are
checked with Debian's keys.
"""

import os
import subprocess
from pathlib import Path

from topformer.errors import TopformerError

SUITE = "trixie"
WANTED = ("adbd", "mksh", "toybox")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
APT_TIMEOUT_S = 600

CONFIGURATION = """\
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Architectures;
#clear Acquire::IndexTargets::deb::DEP-11;
Acquire::IndexTargets::deb::DEP-11 {{ DefaultEnabled "false"; }};
Acquire::Languages "none";
Acquire::Retries "3";
APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "";
Dir::Cache "{folder}/cache";
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
"""


def fetch_debs(folder: Path) -> list[Path]:
    """Fetch what the device runs, with all it depends on, into an empty folder.

    Raises `TopformerError` when this machine knows no Debian mirror, or apt fails.
    """
    if not KEYRING.is_file():
        raise TopformerError(
            "Debian's keys are not on this machine.",
            why=f"There is no {KEYRING}, and packages without a signature are not used.",
            next_step="Run `sudo apt-get install debian-archive-keyring`.",
        )
    for name in ("cache/archives/partial", "state/lists/partial", "own/lists/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    source = f"deb [signed-by={KEYRING}] {_mirror(folder / 'own')} {SUITE} main\n"
    (folder / "sources.list").write_text(source)
    configuration = folder / "apt.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder))
    _apt(["apt-get", "--quiet", "update"], configuration)
    _apt(["apt-get", "--quiet", "--yes", "--download-only", "install", *WANTED], configuration)
    return sorted((folder / "cache/archives").glob("*.deb"))


def _mirror(folder: Path) -> str:
    """Where this machine gets Debian's own packages from; `folder` is for lists it may lack."""
    command = ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)"]
    configuration = folder / "apt.conf"
    configuration.write_text(f'Dir::State "{folder}";\nAPT::Sandbox::User "";\n')
    for look in (lambda: _apt(command), lambda: _updated(command, configuration)):
        for line in look().splitlines():
            origin, label, uri = line.split("|", 2)
            if (origin, label) == ("Debian", "Debian"):
                return uri
    raise TopformerError(
        "The packages for the device cannot be fetched.",
        why="apt on this machine knows no mirror of Debian.",
    )


def _updated(command: list[str], configuration: Path) -> str:
    # A fresh container has sources but no lists, and only these say whose packages a mirror holds.
    _apt(["apt-get", "--quiet", "update"], configuration)
    return _apt(command, configuration)


def _apt(command: list[str], configuration: Path | None = None) -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    if configuration is not None:
        environment["APT_CONFIG"] = str(configuration)
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=APT_TIMEOUT_S,
        env=environment,
    )
    if done.returncode != 0:
        raise TopformerError(f"`{' '.join(command)}` failed.", why=done.stderr[-2000:].strip())
    return done.stdout
