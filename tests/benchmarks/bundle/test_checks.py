"""The build stops where ExecuTorch is not what the runner's sources take it for."""

import subprocess

import pytest

from support.lacking import lacking
from topformer.benchmarks.bundle.plan import SOURCE_FOLDER
from topformer.toolchain import cpp
from topformer.toolchain.programs import Missing

# What ExecuTorch's own build exports; what the wheel does is named with `executorch::`.
WHEEL = """\
foreach(name runtime kernels_optimized kernels_quantized backend_xnnpack threadpool etdump)
  add_library(executorch::${name} INTERFACE IMPORTED)
endforeach()
"""
SOURCE = """\
add_library(extension_threadpool INTERFACE IMPORTED)
set(EXECUTORCH_INCLUDE_DIRS ${CMAKE_CURRENT_LIST_DIR}/include)
target_include_directories(extension_threadpool INTERFACE ${EXECUTORCH_INCLUDE_DIRS})
"""


@pytest.fixture
def configured(tmp_path):
    """Configure the runner with a package in ExecuTorch's place; returns what CMake complains."""
    cmake = cpp.find_cmake()
    if isinstance(cmake, Missing):
        lacking(f"no {cmake.what}")

    def configure(package, **headers):
        for name, text in headers.items():
            path = tmp_path / "include/executorch" / name.replace("__", "/")
            path = path.with_suffix(".h")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / "executorch-config.cmake").write_text(package)
        command = [cmake, f"-S{SOURCE_FOLDER}", f"-B{tmp_path / 'build'}"]
        command += [f"-Dexecutorch_DIR={tmp_path}"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 1
        return " ".join(done.stderr.split())

    return configure


def test_a_version_that_nobody_compared_is_refused(configured):
    said = configured(WHEEL + 'set(EXECUTORCH_BUILD_VERSION "1.6.0+cpu")\n')
    assert "This is ExecuTorch 1.6.0+cpu" in said
    assert "threadpool.h declares the thread pool of 1.5" in said


def test_a_thread_pool_without_its_functions_is_refused(configured):
    said = configured(WHEEL + 'set(EXECUTORCH_BUILD_VERSION "1.5.9")\n')
    assert "The thread pool of ExecuTorch 1.5.9 lacks a function" in said


def test_a_build_of_ones_own_must_tell_its_version(configured):
    assert "does not tell its version" in configured(SOURCE)


def test_its_own_header_is_taken_whatever_the_version(configured):
    said = configured(
        SOURCE,
        runtime__core__version='#define ET_VERSION "1.9.3"\n',
        extension__threadpool__threadpool="namespace executorch {}\n",
    )
    assert "The thread pool of ExecuTorch 1.9.3 lacks a function" in said
