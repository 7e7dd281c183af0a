"""Driving the build without an SDK, with a small pipeline in the place of the real one."""

import os
import signal
import subprocess
import sys

import pytest

from topformer.android.aar import CheckedAar
from topformer.android.sdk_free import build_without_sdk
from topformer.errors import TopformerError, UsageError

BUILDS = """
import pathlib, sys
print(*sys.argv[1:])
path = pathlib.Path("target/topformer-demo.apk")
path.parent.mkdir(exist_ok=True)
path.write_text("apk")
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Put all that is needed on the PATH, as scripts; returns their folder."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("aapt2", "zipalign", "apksigner", "mvn", "npm", "javac"):
        (folder / name).write_text("#!/bin/sh\necho javac 17.0.15\n")
        (folder / name).chmod(0o755)
    (folder / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return folder


@pytest.fixture
def pipeline(programs, app):
    """Return a function that makes the app's folder build with a Python program."""

    def write(program):
        folder = app / "verify" / "apk"
        folder.mkdir(parents=True)
        (folder / "__main__.py").write_text(program)

    return write


def test_the_apk_is_placed_and_the_pipeline_heard(pipeline, app, tmp_path, capfd):
    pipeline(BUILDS)
    out = tmp_path / "new" / "demo.apk"
    build_without_sdk(app, out, aar=None)
    assert out.read_text() == "apk"
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "--without-tests\n")


def test_an_archive_is_handed_on_and_needs_no_npm(pipeline, programs, app, tmp_path, capfd):
    pipeline(BUILDS)
    (programs / "npm").unlink()
    aar = CheckedAar(path=tmp_path / "e.aar", sha256="0" * 64, abis=())
    build_without_sdk(app, tmp_path / "demo.apk", aar=aar)
    assert capfd.readouterr().err == f"--without-tests --aar {tmp_path}/e.aar\n"


def test_the_pipeline_gets_the_jdk_that_was_found(pipeline, app, tmp_path, monkeypatch, capfd):
    pipeline(BUILDS + "import os, shutil; print(os.environ['JAVA_HOME'], shutil.which('javac'))")
    jdk = tmp_path / "jdk" / "bin" / "javac"
    jdk.parent.mkdir(parents=True)
    jdk.write_text("#!/bin/sh\necho javac 21\n")
    jdk.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    build_without_sdk(app, tmp_path / "demo.apk", aar=None)
    assert capfd.readouterr().err.endswith(f"{tmp_path}/jdk {jdk}\n")


def test_all_that_is_missing_is_named_at_once(pipeline, programs, app, tmp_path):
    pipeline(BUILDS)
    for path in programs.iterdir():
        path.unlink()
    with pytest.raises(TopformerError) as raised:
        build_without_sdk(app, tmp_path / "demo.apk", aar=None)
    assert str(raised.value) == (
        "The app cannot be built on this machine.\n"
        "Why: Missing: a JDK 17 or newer; aapt2; zipalign; apksigner; mvn; npm.\n"
        "Next: Install: a JDK (Debian: `apt install openjdk-17-jdk-headless`), "
        "aapt2 (Debian: `apt install aapt`), zipalign (Debian: `apt install zipalign`), "
        "apksigner (Debian: `apt install apksigner`), mvn (Debian: `apt install maven`), "
        "npm (Debian: `apt install npm`)."
    )


def test_a_folder_without_the_pipeline(programs, app, tmp_path):
    with pytest.raises(UsageError, match="no folder verify"):
        build_without_sdk(app, tmp_path / "demo.apk", aar=None)


@pytest.mark.parametrize("program", ["raise SystemExit(1)", "", BUILDS + "raise SystemExit(3)"])
def test_a_build_that_fails_leaves_what_was_there(pipeline, app, tmp_path, program):
    pipeline(program)
    out = tmp_path / "demo.apk"
    out.write_text("old")
    with pytest.raises(TopformerError, match="was not built"):
        build_without_sdk(app, out, aar=None)
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.glob("*.apk*")] == ["demo.apk"]


def test_ctrl_c_leaves_no_process_and_no_file(pipeline, app, tmp_path):
    pipeline(
        "import subprocess, sys\n"
        "subprocess.run(['/bin/sh', '-c', \"trap '' INT; sleep 600 & echo started; wait\"])"
    )
    code = (
        "import sys; from pathlib import Path\n"
        "from topformer.android.sdk_free import build_without_sdk\n"
        "build_without_sdk(Path(sys.argv[1]), Path(sys.argv[2]), aar=None)"
    )
    command = [sys.executable, "-c", code, app, tmp_path / "demo.apk"]
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/bin"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        # The pipe ends when the last that holds it is dead.
        _, said = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in said
    assert list(tmp_path.glob("*.apk*")) == []
