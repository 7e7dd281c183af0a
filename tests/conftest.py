"""What several test files share: marks, the golden checkpoint, exports, the app, an ARM device."""

import os
import shlex
import shutil
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

# Before any test loads torch, so that tests' threads wait as everybody's do.
import topformer  # noqa: F401
from support.lacking import lacking
from support.shared import made_once

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
pytest_plugins = ["support.device_fixtures"]

# Whatever takes one of these fixtures, itself or through another, has the mark. What is slow for
# another reason says so where it stands, and nobody can forget it: see `pytest_runtest_call`.
MARKS = {
    "slow": {
        "exported_tiny",
        "exported_small",
        "random_export",
        "host_runner",
        "exported_detector",
    },
    "rig": {"rig"},
    "app": {"app_build"},
}
# Of the processor, by this process and its children: other load on the machine does not count.
LONGEST_UNMARKED_S = 10.0


def pytest_collection_modifyitems(items):
    for item in items:
        for mark, fixtures in MARKS.items():
            if not fixtures.isdisjoint(item.fixturenames):
                item.add_marker(mark)
        # `make test` looks nowhere else for them: to collect all tests takes long.
        assert not item.get_closest_marker("app") or item.path.parent == HERE / "android"
    if "PYTEST_XDIST_WORKER" in os.environ:
        # The files with most to do come first, so that no process has to wait for the other's last.
        slow = Counter(item.path for item in items if any(map(item.get_closest_marker, MARKS)))
        items.sort(key=lambda item: -slow[item.path])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    before = sum(os.times()[:4])
    result = yield
    took_s = sum(os.times()[:4]) - before
    if took_s > LONGEST_UNMARKED_S and not any(map(item.get_closest_marker, MARKS)):
        pytest.fail(f"{took_s:.0f} s of CPU time: mark it @pytest.mark.slow, or make it faster")
    return result


@pytest.fixture(scope="session")
def golden_path() -> Path:
    return GOLDEN / "topformer_t.pt"


@pytest.fixture(scope="session")
def golden(golden_path) -> dict[str, Any]:
    import torch

    return torch.load(golden_path, weights_only=True)


@pytest.fixture(scope="session")
def exported_tiny(tmp_path_factory, golden_path):
    """Export the golden Tiny to every target at 448x448, once for the whole run.

    Tests of one target know the first two files by their place.
    """
    from topformer.export import export_model
    from topformer.export.targets import target_names

    first = ["xnnpack", "onnx"]
    return made_once(
        tmp_path_factory,
        "exported",
        lambda folder: export_model(
            weights=str(golden_path),
            targets=[*first, *(name for name in target_names() if name not in first)],
            image_size=(448, 448),
            out_dir=folder,
        ),
    )


@pytest.fixture(scope="session")
def exported_small(tmp_path_factory):
    """Export the bundled Tiny at 64x64 in every precision, once for the whole run."""
    from topformer.export import export_model

    return made_once(
        tmp_path_factory,
        "precisions",
        lambda folder: export_model(
            weights="tiny",
            precisions=["fp32", "fp16", "int8"],
            image_size=(64, 64),
            out_dir=folder,
        ),
    )


@pytest.fixture(scope="session")
def random_export(tmp_path_factory):
    """Type an export of a small Tiny with random weights, 64x96, once for the whole run.

    Return the folder it was typed in, and the command's result; `small_pte` is one of its files.
    """
    from support.command import run_command

    words = ["export", "--size", "tiny", "--weights", "random", "--image-size", "64x96", "--json"]
    targets = ["--target", "onnx", "--target", "xnnpack"]
    return made_once(
        tmp_path_factory,
        "small",
        lambda folder: (folder, run_command(*words, *targets, cwd=folder)),
    )


@pytest.fixture(scope="session")
def small_pte(random_export) -> Path:
    return random_export[0] / "out/topformer-tiny-64x96-xnnpack.pte"


@pytest.fixture(scope="session")
def detector_weights(tmp_path_factory) -> Path:
    """Write a Tiny with the lite head, of three classes, that finds boxes."""
    from support.detectors import save_finding_detector

    return made_once(
        tmp_path_factory, "finding", lambda folder: save_finding_detector(folder / "w.safetensors")
    )


@pytest.fixture(scope="session")
def exported_detector(tmp_path_factory, detector_weights):
    """Export that detector at 64x64 for XNNPACK, once for the whole run."""
    from topformer.export import export_model

    return made_once(
        tmp_path_factory,
        "detector",
        lambda folder: export_model(
            weights=str(detector_weights),
            targets=["xnnpack"],
            image_size=(64, 64),
            out_dir=folder,
        ),
    )


@pytest.fixture(scope="session")
def detector_pte(exported_detector) -> Path:
    return exported_detector.files[0].path


@pytest.fixture
def model(small_pte, tmp_path) -> Path:
    """Return a copy of the small model that a test may spoil."""
    for path in (small_pte, small_pte.with_suffix(".json")):
        shutil.copy(path, tmp_path / path.name)
    return tmp_path / small_pte.name


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Write a data set to train on: 6 pictures and 2 of val, of three classes."""
    from support.training_fakes import make_folder

    return make_folder(tmp_path_factory.mktemp("folder"))


@pytest.fixture(scope="session")
def tiny_of_three(folder, tmp_path_factory) -> Path:
    """Write a drawn Tiny for the classes of that data set."""
    import torch

    from topformer.data import open_dataset
    from topformer.model import create_model
    from topformer.weights import save_weights

    path = tmp_path_factory.mktemp("three") / "w.safetensors"
    torch.manual_seed(0)
    save_weights(
        path,
        create_model("tiny", 3),
        classes=open_dataset("folder", folder).classes,
        name="drawn",
        licence="none",
        source="a test",
    )
    return path


@pytest.fixture
def app(tmp_path) -> Path:
    """Return a folder with what makes it the app's: settings and a catalogue of versions."""
    folder = tmp_path / "android_app"
    (folder / "gradle").mkdir(parents=True)
    (folder / "settings.gradle.kts").touch()
    (folder / "gradle" / "libs.versions.toml").write_text(
        '[versions]\njdk = "17"\nexecutorch = "1.5.1"\n'
    )
    return folder


@pytest.fixture
def app_build():
    """Return a function that finds a file which the app's own build made."""

    def find(path: Path) -> Path:
        if not path.is_file():
            lacking(f"no {path}: `make app` makes it")
        return path

    return find


@pytest.fixture(scope="session")
def host_runner(tmp_path_factory):
    """Build the C++ runner for this machine, once for the whole run."""
    from topformer.benchmarks.bundle.build import build_bundle

    # The cache lies as the user's does, so that XDG_CACHE_HOME can point there.
    return made_once(
        tmp_path_factory,
        "cache",
        lambda folder: build_bundle(
            "host", cache=folder / "topformer" / "runner", on_progress=lambda _: None
        ),
    )


@pytest.fixture(scope="session")
def runner_cache(host_runner) -> Path:
    return host_runner.folder.parent


@pytest.fixture(scope="session")
def rig():
    """Start an emulated ARM device and the real adb beside it, once for the whole run."""
    from rig.session import running_rig
    from topformer.errors import TopformerError

    with ExitStack() as stack:
        try:
            running = stack.enter_context(running_rig())
        except TopformerError as error:
            lacking(str(error))
        yield running


@pytest.fixture
def rig_adb(rig, tmp_path, monkeypatch):
    """Let $ADB be the real adb, beside the emulated devices."""
    path = tmp_path / "adb"
    command = shlex.join(str(word) for word in rig._namespace.beside(["adb"]))
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(0o755)
    for name in ("HOME", "XDG_CACHE_HOME", "ANDROID_ADB_SERVER_PORT"):
        monkeypatch.setenv(name, rig.env[name])
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    monkeypatch.setenv("ADB", str(path))
    return path


@pytest.fixture
def rig_link(rig, rig_adb):
    """Return a link to the emulated device."""
    from topformer.devices.links.adb import AdbLink

    return AdbLink(adb=str(rig_adb), serial=rig.serial)


@pytest.fixture(scope="session")
def arm_runner(rig):
    """Return the C++ runner for aarch64, kept in the user's cache: its wheel is large to fetch."""
    from topformer.benchmarks.bundle.build import build_bundle, default_cache

    return build_bundle("aarch64", cache=default_cache(), on_progress=lambda _: None)
