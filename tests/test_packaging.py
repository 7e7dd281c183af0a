"""What a wheel holds, and what importing the package costs."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build a wheel in a copy, so that no build folder of the checkout leaks into it."""
    source = tmp_path_factory.mktemp("source")
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in tracked:
        if not name.startswith("tests/") and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, source],
        capture_output=True, check=True,
    )  # fmt: skip
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel_names(wheel) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_is_below_30_mb(wheel):
    """Most of it are weights: what is larger is fetched by name."""
    assert wheel.stat().st_size < 30e6


def test_the_wheel_holds_one_top_level_package(wheel_names):
    roots = {name.split("/")[0] for name in wheel_names}
    (metadata,) = roots - {"topformer"}
    assert metadata.endswith(".dist-info")


def test_the_wheel_holds_every_module_of_the_three_folders(wheel_names):
    for folder, package in {
        "topformer": "topformer",
        "export": "topformer/export",
        "benchmarks": "topformer/benchmarks",
    }.items():
        for path in (ROOT / folder).rglob("*.py"):
            assert f"{package}/{path.relative_to(ROOT / folder)}" in wheel_names


def test_the_wheel_holds_the_data(wheel_names):
    assert "topformer/py.typed" in wheel_names
    for folder in ("names", "pictures", "recipes", "weights", "verbs/report/templates"):
        for path in (ROOT / "topformer" / folder).iterdir():
            if path.name == "__pycache__":
                continue
            assert f"topformer/{folder}/{path.name}" in wheel_names
    for path in (ROOT / "benchmarks" / "runner").glob("[!.]*"):
        assert f"topformer/benchmarks/runner/{path.name}" in wheel_names


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, topformer; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "topformer" in loaded
    assert not {"torch", "numpy", "executorch", "onnx"} & set(loaded)


@pytest.mark.slow  # the first to import torch, from a cold disk in a fresh environment
def test_the_promised_names_are_importable_from_the_root():
    import topformer

    for name in topformer.__all__:
        found = getattr(topformer, name)
        assert found.__name__ == name if callable(found) else found
    with pytest.raises(AttributeError):
        _ = topformer.no_such_name
