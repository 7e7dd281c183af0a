"""Fixtures of devices: adb as a script for what no daemon does, and a real sshd."""

import os
from pathlib import Path

import pytest

from support.lacking import lacking
from topformer.devices.links.adb import AdbLink


@pytest.fixture
def fake_adb(tmp_path, monkeypatch):
    """Return a function that makes $ADB a shell script; its `$1` is adb's command."""

    def install(body: str, *, version: str = "1.0.41") -> Path:
        path = tmp_path / "adb"
        path.write_text(
            "#!/bin/sh\n"
            f'if [ "$1" = version ]; then echo "Android Debug Bridge version {version}"; exit; fi\n'
            '[ "$1" = -s ] && shift 2\n'
            f"{body}\n"
        )
        path.chmod(0o755)
        monkeypatch.setenv("ADB", str(path))
        monkeypatch.delenv("ANDROID_SERIAL", raising=False)
        return path

    return install


@pytest.fixture
def dump():
    """Read a file of `dumps/`."""
    return lambda name: (Path(__file__).parents[1] / "devices" / "dumps" / name).read_text()


@pytest.fixture
def local_link(fake_adb, tmp_path):
    """Return a link whose device is this machine: adb's place is taken by its shell."""
    path = fake_adb('command=$1; shift; case $command in shell) exec sh -c "$*";; '
                    'push) exec cp "$1" "$2";; esac')  # fmt: skip
    scratch = tmp_path / "device"
    scratch.mkdir()
    return AdbLink(adb=str(path), serial="local", scratch_folder=str(scratch))


@pytest.fixture
def loopback(tmp_path, monkeypatch):
    """Start a real sshd that answers to "board", in a home of its own."""
    from support.loopback import SSHD, Loopback

    if not Path(SSHD).exists():
        lacking("no sshd: `apt install openssh-server`")
    folder = tmp_path / "ssh"
    folder.mkdir()
    server = Loopback(folder)
    monkeypatch.setenv("PATH", f"{server.programs}:{os.environ['PATH']}")
    yield server
    server.stop()
