"""Driving Gradle, with scripts in the place of programs that cannot be had here."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from topformer.android.catalogue import read_versions, wanted_jdk
from topformer.android.gradle import APK, build_apk
from topformer.errors import TopformerError
from topformer.toolchain.gradle import find_gradle, find_jdk, find_sdk
from topformer.toolchain.programs import Missing


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return a function that makes a program; nothing but these and /bin is on the PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    shell = tmp_path / "shell"
    shell.mkdir()
    for name in ("sh", "mkdir", "sleep", "cat"):
        (shell / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", f"{folder}:{shell}")
    for name in ("JAVA_HOME", "ANDROID_HOME", "ANDROID_SDK_ROOT"):
        monkeypatch.delenv(name, raising=False)

    def make(name, script):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def complete(programs, tmp_path, monkeypatch):
    """Let nothing be missing but Gradle, which is returned as a function to make it."""
    programs("javac", "echo javac 17.0.15")
    (tmp_path / "sdk").mkdir()
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path / "sdk"))
    return lambda script: programs("gradle", script)


def test_all_that_is_missing_is_named_at_once(programs, app):
    with pytest.raises(TopformerError) as raised:
        build_apk(app)
    assert str(raised.value) == (
        "The app cannot be built on this machine.\n"
        "Why: Missing: Gradle; a JDK 17 or newer; Android's SDK (ANDROID_HOME is not set).\n"
        "Next: Install: Gradle (https://gradle.org/install), "
        "a JDK (Debian: `apt install openjdk-17-jdk-headless`), "
        "Android Studio or its command line tools (https://developer.android.com/studio), "
        "and set ANDROID_HOME to the SDK."
    )


def test_the_apk_is_where_gradle_puts_it(complete, app, capfd):
    complete(f'echo "$@"; mkdir -p {app}/{APK.parent}; echo apk > {app}/{APK}')
    assert build_apk(app) == app / APK
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err == f"--no-daemon --console=plain --project-dir {app} :app:assembleRelease\n"


def test_a_failed_build_is_an_error(complete, app):
    complete("exit 3")
    with pytest.raises(TopformerError, match="did not build") as raised:
        build_apk(app)
    assert "exit status is 3" in raised.value.why


def test_a_build_without_an_apk_is_an_error(complete, app):
    complete("exit 0")
    with pytest.raises(TopformerError) as raised:
        build_apk(app)
    assert "is not there" in raised.value.why


def test_the_apps_own_wrapper_comes_first(programs, app):
    gradle = programs("gradle", "")
    (app / "gradlew").touch(mode=0o755)
    assert find_gradle(app) == gradle  # a wrapper without its jar does nothing
    (app / "gradle" / "wrapper").mkdir()
    (app / "gradle" / "wrapper" / "gradle-wrapper.jar").touch()
    assert find_gradle(app) == app / "gradlew"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("javac 11.0.2", "is javac 11.0.2"),
        ("javac 1.8.0_412", "is javac 1.8.0_412"),
        ("", "is broken"),
        ("javac 99999", "is javac 99999"),
    ],
)
def test_a_jdk_that_is_too_old_or_broken(programs, app, said, why):
    programs("javac", f"echo {said}")
    found = find_jdk(17)
    assert isinstance(found, Missing)
    assert why in found.what


@pytest.mark.parametrize("said", ["javac 17", "javac 21.0.1", "javac 26-ea"])
def test_a_jdk_that_is_new_enough(programs, app, said):
    assert isinstance(find_jdk(17), Missing)
    javac = programs("javac", f"echo {said}")
    assert find_jdk(17) == javac


def test_java_home_counts_before_the_path(programs, app, tmp_path, monkeypatch):
    javac = programs("javac", "echo javac 17.0.15")
    assert find_jdk(17) == javac
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert "JAVA_HOME has none" in find_jdk(17).what


def test_a_catalogue_without_a_jdk_is_an_error(app):
    (app / "gradle" / "libs.versions.toml").write_text("[versions]\n")
    with pytest.raises(TopformerError, match="names no version of the JDK"):
        wanted_jdk(app)


@pytest.mark.parametrize("written", ["sdk.dir={}", "sdk.dir = {}", "# made\r\nsdk.dir:{}\r\n"])
def test_the_sdk_of_local_properties_comes_first(programs, app, tmp_path, monkeypatch, written):
    sdk = tmp_path / "an sdk: mine"
    sdk.mkdir()
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path))
    escaped = str(sdk).replace(":", r"\:")
    (app / "local.properties").write_text(written.format(escaped))
    assert find_sdk(app) == sdk


def test_an_sdk_that_is_not_there(programs, app, monkeypatch):
    monkeypatch.setenv("ANDROID_HOME", "/no/sdk")
    assert "/no/sdk is not a folder" in find_sdk(app).what


def test_ctrl_c_leaves_no_gradle_behind(complete, app):
    complete("trap '' INT; sleep 600 & echo started; wait")
    code = (
        "import sys; from pathlib import Path\n"
        "from topformer.android.gradle import build_apk\n"
        "build_apk(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, app]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        # The pipe ends when the last that holds it is dead.
        _, said = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in said


def test_the_wrapper_is_pinned_to_what_the_plugin_takes():
    wrapper = Path(__file__).parents[2] / "android_app/gradle/wrapper/gradle-wrapper.properties"
    text = wrapper.read_text()
    (version,) = re.findall(r"/distributions/gradle-(\d+)\.(\d+)\.\d+-bin\.zip$", text, re.M)
    # developer.android.com/build/releases/agp-9-1-0-release-notes: 9.3.1 at the least.
    assert read_versions(wrapper.parents[2])["agp"].startswith("9.1.")
    assert tuple(map(int, version)) >= (9, 3)
    assert re.search(r"^distributionSha256Sum=[0-9a-f]{64}$", text, re.M)
