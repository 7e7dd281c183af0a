"""What `topformer.android` asks of the app is what the app's own sources say."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from topformer.android import device
from topformer.benchmarks.documents.conditions import StartingPicture
from topformer.benchmarks.documents.runner import RunnerRun, decode_document
from topformer.children import Finished
from topformer.devices.links.link import new_token
from topformer.errors import TopformerError

ANDROID_APP = Path(__file__).parents[2] / "android_app"
SOURCES = ANDROID_APP / "app/src/main/kotlin/io/topformer/demo"
# Robolectric's test of the bench screen leaves its document here.
DOCUMENT = ANDROID_APP / "verify/target/bench/run.json"
NAMESPACE = "{http://schemas.android.com/apk/res/android}"


@pytest.fixture(scope="module")
def bench_source():
    return (SOURCES / "Bench.kt").read_text()


class Listener:
    """A link that notes what is run, and says that all is well."""

    name = "A1"

    def __init__(self):
        self.asked = []

    def run(self, argv, **_):
        self.asked.append(argv)
        return Finished(exit_status=0, stdout=b"Starting: Intent\nStatus: ok\n", stderr=b"")


def activities():
    root = ET.parse(ANDROID_APP / "app/src/main/AndroidManifest.xml").getroot()
    return {
        activity.get(f"{NAMESPACE}name"): activity.get(f"{NAMESPACE}exported")
        for activity in root.iter("activity")
    }


def test_the_package_and_its_screens():
    gradle = (ANDROID_APP / "app/build.gradle.kts").read_text()
    assert re.findall(r'applicationId = "(.*)"', gradle) == [device.PACKAGE]
    for component in (device.ACTIVITY, device.BENCH_ACTIVITY):
        package, _, name = component.partition("/")
        assert package == device.PACKAGE
        # adb's user is not the app's.
        assert activities()[name] == "true"
        assert (SOURCES / f"{name.removeprefix('.')}.kt").is_file()


def test_the_bench_has_a_process_of_its_own():
    root = ET.parse(ANDROID_APP / "app/src/main/AndroidManifest.xml").getroot()
    processes = {
        activity.get(f"{NAMESPACE}name"): activity.get(f"{NAMESPACE}process")
        for activity in root.iter("activity")
    }
    assert f"{device.PACKAGE}{processes['.BenchActivity']}" == device.BENCH_PROCESS
    assert processes[".MainActivity"] is None


def test_every_extra_of_a_bench_is_one_that_the_app_reads(bench_source):
    link = Listener()
    device.start_bench(link, name="n", model="m", threads=1, warmups=2, samples=3)
    (argv,) = link.asked
    sent = {(word, argv[at + 1]) for at, word in enumerate(argv) if word in ("--es", "--ei")}
    read = {("--es", name) for name in re.findall(r'getStringExtra\("(\w+)"\)', bench_source)}
    read |= {("--ei", name) for name in re.findall(r'getIntExtra\("(\w+)"', bench_source)}
    assert sent == read
    assert len(sent) == 5


def test_our_names_are_such_as_the_app_takes(bench_source):
    (pattern,) = re.findall(r'NAME = Regex\("(.*)"\)', bench_source)
    assert re.fullmatch(pattern, new_token())


def test_the_document_lies_where_it_is_looked_for():
    source = (SOURCES / "BenchActivity.kt").read_text()
    # getExternalFilesDir(null) is /sdcard/Android/data/PACKAGE/files.
    assert "getExternalFilesDir(null)" in source
    assert 'File(File(storage, "bench")' in source
    assert '"$name.json"' in source
    link = Listener()
    path = device.start_bench(link, name="n", model="m", threads=1, warmups=0, samples=1)
    assert path == f"/sdcard/Android/data/{device.PACKAGE}/files/bench/n.json"


def test_the_document_that_the_app_wrote_is_read(app_build):
    data = app_build(DOCUMENT).read_bytes()
    run = decode_document(data.strip(), RunnerRun)
    assert (len(run.samples), len(run.warmups), run.threads) == (3, 2, 2)
    # What the live picture begins with, the conversion of which is timed too.
    assert run.picture == StartingPicture(height=480, width=640, format="yuv")
    assert (
        min(part for sample in run.samples for part in (sample.preprocess, sample.postprocess)) > 0
    )
    assert run.peak_memory_bytes > 2**20
    with pytest.raises(TopformerError, match="torn off"):
        decode_document(data.strip()[:-1], RunnerRun)
