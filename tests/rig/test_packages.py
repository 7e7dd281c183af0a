"""What is missing on a machine is named with the command that gets it."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rig import packages
from topformer.errors import TopformerError


def test_all_missing_packages_are_named_in_one_command(monkeypatch, tmp_path):
    (tmp_path / "adb").write_text("#!/bin/sh\n")
    (tmp_path / "adb").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TopformerError) as raised:
        packages.check_packages()
    assert raised.value.next_step == (
        "Run `sudo apt-get install --no-install-recommends dpkg g++ g++-aarch64-linux-gnu iproute2"
        " make qemu-user util-linux`."
    )


def test_other_machines_are_refused(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(TopformerError, match="x86-64 Linux only"):
        packages.check_packages()


def test_nothing_is_installed_without_apt(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert packages.missing_packages()
    packages.install_packages()


def test_no_test_is_skipped_for_want_of_the_rig_under_ci(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider",
         Path(__file__).with_name("test_device.py"), "-k", "test_adb_sees_one_device"],
        check=False, capture_output=True, text=True,
        env={**os.environ, "PATH": str(tmp_path), "CI": "true"},
    )  # fmt: skip
    assert "1 error" in done.stdout
    assert "Run `sudo apt-get install --no-install-recommends adb" in done.stdout


def test_libraries_of_a_program_are_found():
    loader, libraries = packages.libraries_of(shutil.which("sh"))
    assert loader.name.startswith("ld-linux")
    assert any(library.name == "libc.so.6" for library in libraries)
    assert all(library.is_file() for library in libraries)
