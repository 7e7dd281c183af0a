"""Installing and starting, with a script in the place of adb."""

import pytest

from topformer.android.device import find_installed, install_app, start_app
from topformer.benchmarks.benches.app import bench_app
from topformer.devices.links.adb import AdbLink
from topformer.errors import TopformerError, UsageError

# Answers as a device does: what is printed, then the marker that the command asks for.
ANSWER = r"""marker=$(printf %s "$*" | grep -oE '[0-9a-f]{16} %d' | head -c 16)
printf '\n%s 0\n' "$marker"
"""


@pytest.fixture
def link(tmp_path):
    """Return a function that makes a link whose adb is a script."""

    def make(script: str) -> AdbLink:
        path = tmp_path / "adb"
        path.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\nshift 2\n{script}\n')
        path.chmod(0o755)
        return AdbLink(adb=str(path), serial="A1")

    return make


@pytest.fixture
def apk(tmp_path):
    path = tmp_path / "app debug.apk"
    path.touch()
    return path


def test_install_replaces_what_is_there(link, apk, tmp_path):
    install_app(link("echo Success"), apk)
    assert (tmp_path / "asked").read_text() == f"-s A1 install -r {apk}\n"


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("INSTALL_FAILED_UPDATE_INCOMPATIBLE: x", "adb uninstall io.topformer.demo"),
        ("INSTALL_FAILED_NO_MATCHING_ABIS", "arm64-v8a"),
        ("INSTALL_FAILED_OLDER_SDK", "too old"),
        ("INSTALL_PARSE_FAILED_NO_CERTIFICATES", "build it again"),
        ("INSTALL_FAILED_SOMETHING_NEW", ""),
    ],
)
@pytest.mark.parametrize("status", [0, 1])
def test_a_refusal_says_what_to_do(link, apk, reason, advice, status):
    adb = link(f"echo 'Failure [{reason}]' >&{1 + status}; exit {status}")
    with pytest.raises(TopformerError, match="A1 refuses the app") as raised:
        install_app(adb, apk)
    assert reason.partition(":")[0].removesuffix("_NO_CERTIFICATES") in raised.value.why
    assert advice in raised.value.next_step


def test_a_device_that_is_lost(link, apk):
    with pytest.raises(TopformerError, match="offline"):
        install_app(link("echo 'adb: device offline' >&2; exit 1"), apk)


def test_an_apk_that_is_not_there(link, tmp_path):
    with pytest.raises(UsageError) as raised:
        install_app(link("echo Success"), tmp_path / "none.apk")
    assert "topformer app build" in raised.value.next_step


def test_start(link, tmp_path):
    start_app(link(f"echo 'Status: ok'\n{ANSWER}"))
    assert "am start -W -n io.topformer.demo/.MainActivity" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        (
            "Error type 3\nError: Activity class {io.topformer.demo/io.topformer.demo.MainActivity}"
            " does not exist.",
            "topformer app install",
        ),
        ("Status: timeout", ""),
    ],
)
def test_an_app_that_does_not_start(link, said, advice):
    with pytest.raises(TopformerError, match="does not start on A1") as raised:
        start_app(link(f"echo '{said}'\n{ANSWER}"))
    assert raised.value.next_step.find(advice) >= 0
    assert said.splitlines()[-1] in raised.value.why


# Written after AOSP's Settings.dumpPackageLPr.
PACKAGE_DUMP = """Packages:
  Package [io.topformer.demo] (1a2b3c):
    versionCode=1 minSdk=29 targetSdk=35
    versionName=0.1.0
    flags=[ {}HAS_CODE ALLOW_CLEAR_USER_DATA ]
    privateFlags=[ PRIVATE_FLAG_DEBUGGABLE_IS_NO_FLAG ]"""


@pytest.mark.parametrize("debug", [True, False])
def test_what_is_installed(link, debug):
    dump = PACKAGE_DUMP.format("DEBUGGABLE " if debug else "")
    found = find_installed(link(f"echo '{dump}'\n{ANSWER}"))
    assert (found.version, found.is_debuggable) == ("0.1.0", debug)


def test_nothing_that_is_told(link):
    found = find_installed(link(f"echo 'Unable to find package'\n{ANSWER}"))
    assert (found.version, found.is_debuggable) == (None, False)


def test_a_debug_build_is_not_measured(link):
    adb = link(f"echo '{PACKAGE_DUMP.format('DEBUGGABLE ')}'\n{ANSWER}")
    with pytest.raises(TopformerError, match="The app on A1 is a debug build") as raised:
        bench_app(adb, None, on_progress=print, on_warning=print)
    assert "topformer app install" in raised.value.next_step
