"""Programs for the device, compiled from a few lines of C."""

import subprocess

import pytest


@pytest.fixture
def arm_program(rig, tmp_path):
    """Return a function that compiles a program and puts it onto the device."""
    folder = "/data/local/tmp/programs"

    def build(source: str) -> str:
        (tmp_path / "program.c").write_text(source)
        compiler = ["aarch64-linux-gnu-gcc", "-O1", "-static", "-pthread"]
        command = [*compiler, "-o", tmp_path / "program", tmp_path / "program.c"]
        subprocess.run(command, check=True)
        assert rig.adb("push", tmp_path / "program", f"{folder}/program").returncode == 0
        return f"{folder}/program"

    yield build
    rig.adb("shell", f"rm -r {folder}")
