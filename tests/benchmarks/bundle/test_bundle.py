"""Bundles: what is missing is named, what is fetched is checked, what is damaged is not used."""

import base64
import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec
import pytest

from support.lacking import lacking
from topformer.benchmarks.bundle import build as bundle
from topformer.benchmarks.bundle import plan as bundle_plan
from topformer.benchmarks.bundle import wheel
from topformer.benchmarks.bundle.build import Bundle, build_bundle, read_bundle
from topformer.benchmarks.bundle.plan import NdkPaths, plan_bundle
from topformer.benchmarks.bundle.wheel import unpack_wheel
from topformer.errors import TopformerError, UsageError
from topformer.toolchain import cpp
from topformer.toolchain.programs import LOG_TAIL_BYTES, Missing, build_environment, run_step


def program(folder: Path, name: str, text: str = "exit 0") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Leave nothing on the PATH but what a test puts there; there is no CMake beside Python."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return folder


def refused(target, **options):
    with pytest.raises(TopformerError) as raised:
        plan_bundle(target, options.get("ndk"))
    return raised.value


def test_all_that_is_missing_for_this_machine_is_named_at_once(path):
    error = refused("host")
    assert error.what == "The runner for host cannot be built on this machine."
    assert error.why == "Missing: cmake 3.28 or newer; g++; make."
    assert error.next_step == (
        "Install: `pip install 'cmake>=3.28'`, `apt install g++`, `apt install make`."
    )


def test_all_that_is_missing_for_aarch64_is_named_at_once(path, monkeypatch):
    monkeypatch.setattr(wheel, "find_spec", lambda _: None)
    error = refused("aarch64")
    for what in ("cmake", "aarch64-linux-gnu-g++", "aarch64-linux-gnu-readelf", "make", "pip"):
        assert what in error.why
    assert "`apt install g++-aarch64-linux-gnu`" in error.next_step
    assert "-m ensurepip" in error.next_step


def test_an_executorch_without_its_libraries_is_missing(monkeypatch, tmp_path):
    class Bare:
        version = "1.5.1"

        def locate_file(self, name):
            return tmp_path / name

    monkeypatch.setattr(wheel, "distribution", lambda _: Bare())
    found = wheel.find_installed()
    assert isinstance(found, Missing)
    assert "pip install" in found.remedy


@pytest.mark.parametrize(
    ("says", "complaint"),
    [
        ("echo cmake version 3.25.1", "is 3.25)"),
        ("echo nonsense", "is broken)"),
        ("exit 1", "is broken)"),
        ("kill -9 $$", "is broken)"),
    ],
)
def test_a_cmake_that_is_too_old_or_broken_is_named(path, says, complaint):
    program(path, "cmake", says)
    found = cpp.find_cmake()
    assert isinstance(found, Missing)
    assert complaint in found.what


def test_a_cmake_beside_python_comes_first(path, tmp_path):
    program(path, "cmake", "echo cmake version 3.25.1")
    beside = program(tmp_path, "cmake", "echo cmake version 4.0.0")
    assert cpp.find_cmake() == beside


def test_unknown_targets_and_paths_that_do_not_belong_are_wrong_usage(tmp_path):
    paths = NdkPaths(ndk=tmp_path, executorch=tmp_path)
    for target, ndk in (("mips", None), ("ndk", None), ("host", paths)):
        with pytest.raises(UsageError):
            plan_bundle(target, ndk)


def test_an_ndk_that_is_none_is_named_with_what_was_looked_for(tmp_path):
    error = refused("ndk", ndk=NdkPaths(ndk=tmp_path / "a", executorch=tmp_path / "b"))
    assert "android.toolchain.cmake" in error.why
    assert "executorch-config.cmake" in error.why
    assert "version.h" in error.why


def test_the_plan_for_an_ndk_takes_its_toolchain(tmp_path):
    toolchain = tmp_path / "build/cmake/android.toolchain.cmake"
    config = tmp_path / "lib/cmake/ExecuTorch/executorch-config.cmake"
    header = tmp_path / bundle_plan.VERSION_HEADER
    for file in (toolchain, config, header):
        file.parent.mkdir(parents=True)
        file.touch()
    paths = NdkPaths(ndk=tmp_path, executorch=tmp_path)
    with pytest.raises(TopformerError, match="does not tell ExecuTorch's version"):
        plan_bundle("ndk", paths)
    header.write_text('#define ET_VERSION_MAJOR 1\n#define ET_VERSION "1.5.0"\n')
    plan = plan_bundle("ndk", paths)
    assert plan.version == "1.5.0"
    assert f"-DCMAKE_TOOLCHAIN_FILE={toolchain}" in plan.options
    assert plan.executorch == config.parent
    key = plan.key()
    (tmp_path / "lib/libexecutorch.a").write_bytes(b"rebuilt")
    assert plan_bundle("ndk", paths).key() != key


def test_an_ndk_of_another_compiler_makes_another_bundle(tmp_path):
    config = "lib/cmake/ExecuTorch/executorch-config.cmake"
    for file in ("build/cmake/android.toolchain.cmake", config, bundle_plan.VERSION_HEADER):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text('#define ET_VERSION "1.5.0"\n')
    paths = NdkPaths(ndk=tmp_path, executorch=tmp_path)
    clang = tmp_path / "toolchains/llvm/prebuilt/linux-x86_64/bin"
    clang.mkdir(parents=True)
    keys = set()
    for version in ("18.0.1", "19.0.0"):
        program(clang, "clang++", f"echo Android clang version {version}")
        plan = plan_bundle("ndk", paths)
        assert plan.toolchain.compiler_version == f"Android clang version {version}"
        keys.add(plan.key())
    assert len(keys) == 2


def test_the_key_follows_the_libraries_and_what_is_compiled_only(monkeypatch, tmp_path):
    sources = tmp_path / "runner"
    shutil.copytree(bundle_plan.SOURCE_FOLDER, sources)
    monkeypatch.setattr(bundle_plan, "SOURCE_FOLDER", sources)
    plan = plan_bundle("host", None)
    key = plan.key()
    assert key == plan_bundle("host", None).key()
    # As `cmake -B build` and an editor leave them, and what nobody compiles.
    (sources / "build").mkdir()
    (sources / ".#main.cpp").symlink_to("nowhere")
    (sources / "README.md").write_text("other words")
    assert plan.key() == key
    assert dataclasses.replace(plan, contents=("rebuilt",)).key() != key
    (sources / "main.cpp").write_text("int main() {}")
    assert plan.key() != key


def test_other_systems_are_told_so(monkeypatch):
    monkeypatch.setattr(bundle_plan.platform, "system", lambda: "Darwin")
    assert "Linux only" in refused("host").what


def test_flags_of_the_user_do_not_reach_the_compiler():
    kept = build_environment({"CXXFLAGS": "-ffast-math", "CXX": "x", "CMAKE_BUILD_TYPE": "Debug",
                              "CPATH": "/other", "MAKEFLAGS": "-k",
                              "PATH": "/bin", "HOME": "/home"})  # fmt: skip
    assert kept == {"PATH": "/bin", "HOME": "/home"}


def test_a_step_that_fails_shows_the_end_of_what_it_said(tmp_path):
    wordy = program(tmp_path, "wordy", "yes noise | head -n 100000; echo the reason >&2; exit 3")
    with pytest.raises(TopformerError, match="Compiling failed") as raised:
        run_step("Compiling", [wordy])
    assert raised.value.why.endswith("the reason")
    assert len(raised.value.why) <= LOG_TAIL_BYTES


def test_a_step_that_hangs_or_is_missing_fails(tmp_path):
    with pytest.raises(TopformerError, match=r"more than 0\.2 s"):
        run_step("Waiting", [shutil.which("sleep"), "60"], timeout_s=0.2)
    with pytest.raises(TopformerError, match="Nothing failed"):
        run_step("Nothing", [tmp_path / "missing"])


# The wheel


def digest(data: bytes) -> str:
    value = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"sha256={value}"


def make_wheel(folder, files, *, version="1.5.1", record=None):
    path = folder / "executorch.whl"
    lines = [f"{name},{digest(data)},{len(data)}" for name, data in files.items()]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr(
            f"executorch-{version}.dist-info/RECORD", record or "\n".join(lines) + "\n"
        )
    return path


FILES = {
    "executorch/include/executorch/runtime/core/error.h": b"// error",
    "executorch/lib/libexecutorch.so": b"library",
    "executorch/share/cmake/executorch-config.cmake": b"# config",
    "executorch/backends/huge.py": b"python",
}


def test_a_wheel_yields_headers_and_libraries_only(tmp_path):
    wheel = make_wheel(tmp_path, FILES | {"executorch/include/": b""})
    folder = unpack_wheel(wheel, tmp_path / "out", version="1.5.1")
    found = {str(p.relative_to(folder.parent)) for p in folder.rglob("*") if p.is_file()}
    assert found == set(FILES) - {"executorch/backends/huge.py"}


@pytest.mark.parametrize(
    ("files", "options", "complaint"),
    [
        (FILES, {"version": "1.4.0"}, "not the wheel of executorch 1.5.1"),
        (FILES, {"record": "nothing,sha256=x,1\n"}, "not what its record says"),
        ({}, {}, "not a wheel that the runner can be built from"),
        ({"executorch/include/../../../evil.h": b"x"}, {}, "unsafe name"),
        ({"executorch/include/..\\evil.h": b"x"}, {}, "unsafe name"),
    ],
)
def test_wheels_that_are_not_what_they_should_be(tmp_path, files, options, complaint):
    wheel = make_wheel(tmp_path, files, **options)
    with pytest.raises(TopformerError, match=complaint):
        unpack_wheel(wheel, tmp_path / "out", version="1.5.1")
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no zip", os.urandom(1000)])
def test_files_that_are_no_wheels(tmp_path, data):
    path = tmp_path / "x.whl"
    path.write_bytes(data)
    with pytest.raises(TopformerError, match="cannot be unpacked"):
        unpack_wheel(path, tmp_path / "out", version="1.5.1")


# The bundle


def test_the_host_bundle_holds_all_it_needs_and_runs_elsewhere(host_runner, tmp_path):
    """No library of the wheel's own folder is needed: a copy runs from another place."""
    assert host_runner.is_new
    names = {file.name for file in host_runner.bundle.files}
    assert {"topformer-runner", "libexecutorch.so", "libexecutorch_backend_xnnpack.so"} <= names
    copy = tmp_path / "copy"
    shutil.copytree(host_runner.folder, copy)
    command = host_runner.bundle.command(str(copy))
    assert subprocess.run([*command, "about"], capture_output=True, check=True).stdout
    assert os.fsencode(bundle_plan.SOURCE_FOLDER) not in (copy / bundle.PROGRAM).read_bytes()
    (copy / "libexecutorch.so").unlink()
    assert subprocess.run([*command, "about"], capture_output=True, check=False).returncode != 0


def test_a_bundle_that_is_there_is_used_again(host_runner, runner_cache):
    again = build_bundle("host", cache=runner_cache, on_progress=pytest.fail)
    assert not again.is_new
    assert again.folder == host_runner.folder
    left = {path.name for path in runner_cache.iterdir()}
    assert left == {".host.lock", host_runner.folder.name}


@pytest.mark.parametrize("damage", ["bits", "missing", "description", "no description"])
def test_a_damaged_bundle_is_not_used(host_runner, tmp_path, damage):
    copy = tmp_path / "copy"
    shutil.copytree(host_runner.folder, copy)
    assert read_bundle(copy) == host_runner.bundle
    library = copy / "libexecutorch.so"
    if damage == "bits":
        data = bytearray(library.read_bytes())
        data[1000] ^= 1
        library.write_bytes(data)
    elif damage == "missing":
        library.unlink()
    elif damage == "description":
        (copy / bundle.DESCRIPTION).write_bytes(b"\xff{")
    else:
        (copy / bundle.DESCRIPTION).unlink()
    assert read_bundle(copy) is None


@pytest.mark.parametrize("name", ["../outside", "../copy/libexecutorch.so", "..", ""])
def test_a_description_cannot_point_out_of_its_folder(host_runner, tmp_path, name):
    copy = tmp_path / "copy"
    shutil.copytree(host_runner.folder, copy)
    (tmp_path / "outside").write_bytes((copy / "libexecutorch.so").read_bytes())
    (file,) = (one for one in host_runner.bundle.files if one.name == "libexecutorch.so")
    for changed in (
        {"files": (msgspec.structs.replace(file, name=name),)},
        {"loader": name},
    ):
        description = msgspec.structs.replace(host_runner.bundle, **changed)
        (copy / bundle.DESCRIPTION).write_bytes(msgspec.json.encode(description))
        assert read_bundle(copy) is None


def test_a_build_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def broken(*_):
        raise TopformerError("The compiler is broken.")

    monkeypatch.setattr(bundle, "_build", broken)
    with pytest.raises(TopformerError, match="broken"):
        build_bundle("host", cache=tmp_path, on_progress=lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == [".host.lock"]


def test_a_damaged_bundle_is_replaced(host_runner, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    damaged = cache / host_runner.folder.name
    shutil.copytree(host_runner.folder, damaged)
    (damaged / "libexecutorch.so").unlink()

    def rebuild(_plan, scratch, _on_progress):
        return Path(shutil.copytree(host_runner.folder, scratch / "bundle"))

    monkeypatch.setattr(bundle, "_build", rebuild)
    built = build_bundle("host", cache=cache, on_progress=lambda _: None)
    assert built.is_new
    assert read_bundle(built.folder) == host_runner.bundle


def test_an_aarch64_bundle_starts_with_its_own_loader():
    made = Bundle(target="aarch64", runtime_version="1.5.1", compiler="g++",
                  loader="ld-linux-aarch64.so.1", files=())  # fmt: skip
    assert made.command("/data/local/tmp/x") == [
        "/data/local/tmp/x/ld-linux-aarch64.so.1", "--inhibit-cache",
        "--library-path", "/data/local/tmp/x", "/data/local/tmp/x/topformer-runner",
    ]  # fmt: skip


def test_a_bundle_for_aarch64_gets_every_system_library_it_asks_for(tmp_path):
    if not shutil.which("aarch64-linux-gnu-g++"):
        lacking("no compiler for aarch64: `apt install g++-aarch64-linux-gnu`")
    source, folder = tmp_path / "main.cpp", tmp_path / "bundle"
    source.write_text("#include <iostream>\nint main() { std::cout << 1; }\n")
    folder.mkdir()
    compiler = Path(shutil.which("aarch64-linux-gnu-g++"))
    subprocess.run([compiler, source, "-o", folder / "program"], check=True)
    toolchain = cpp.Toolchain(
        cmake=Path(), compiler=compiler, compiler_version="",
        readelf=Path(shutil.which("aarch64-linux-gnu-readelf")),
    )  # fmt: skip
    bundle.add_system_libraries(folder, toolchain)
    names = {path.name for path in folder.iterdir()}
    assert names >= {"program", "libstdc++.so.6", "libc.so.6", "libm.so.6", "ld-linux-aarch64.so.1"}
    for path in folder.iterdir():
        assert set(cpp.needed_libraries(toolchain.readelf, path)) <= names
