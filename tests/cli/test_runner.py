"""`topformer runner build` as a user types it."""

import json
import shutil

import jsonschema
import msgspec
import pytest
from typer.testing import CliRunner

from topformer.cli.main import build_command
from topformer.errors import TopformerError, UsageError
from topformer.verbs.runner import RunnerBuildDocument

runner = CliRunner()


def invoke(*arguments):
    return runner.invoke(build_command(), ["runner", "build", *arguments])


@pytest.fixture
def cached(monkeypatch, host_runner, runner_cache):
    """Let the verb find the bundle that was built for all tests."""
    monkeypatch.setattr("topformer.verbs.runner.default_cache", lambda: runner_cache)
    return host_runner


def test_the_folder_is_the_result(cached):
    result = invoke("--target", "host")
    assert result.exit_code == 0
    assert result.stdout == f"{cached.folder}\n"
    assert "host runner: built before, and whole" in result.stderr


def test_json_tells_how_to_start_it(cached):
    result = invoke("--target", "host", "--json")
    document = msgspec.json.decode(result.stdout, type=RunnerBuildDocument)
    assert document.command == tuple(cached.command)
    assert document.bundle == cached.bundle
    assert not document.is_new
    schema = json.loads(runner.invoke(build_command(), ["schema", "runner-build"]).output)
    jsonschema.validate(json.loads(result.stdout), schema)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--target", "mips"],
        ["--target", "ndk"],
        ["--ndk", "somewhere"],
        ["--target", "host", "--ndk", "a", "--executorch", "b"],
    ],
)
def test_wrong_usage(cached, arguments):
    assert isinstance(invoke(*arguments).exception, UsageError)


def test_what_is_missing_is_named_with_its_package(cached, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    error = invoke().exception
    assert isinstance(error, TopformerError)
    assert error.exit_code == 1
    assert "aarch64-linux-gnu-g++" in error.why
    assert "apt install g++-aarch64-linux-gnu" in error.next_step
