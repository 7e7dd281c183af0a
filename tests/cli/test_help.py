"""Help: fast, complete, and without the heavy libraries."""

import json
import re
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from topformer import __version__
from topformer.cli.main import VERBS, build_command, load_verb

# Verbs as typed: those that have verbs of their own are asked for one of them.
COMMANDS = {verb: [verb] for verb in VERBS} | {
    "data": ["data", "check"],
    "runner": ["runner", "build"],
    "app": ["app", "embed"],
}
# These print a document with --json; `schema` is about those documents.
REPORTING = set(VERBS) - {"schema"}
HEAVY = {"torch", "executorch", "onnx", "onnxruntime", "numpy", "PIL", "matplotlib", "msgspec"}

runner = CliRunner()


def test_help_lists_every_verb():
    result = runner.invoke(build_command(), ["--help"])
    assert result.exit_code == 0
    commands = result.output.partition("\nCommands:\n")[2]
    assert sorted(re.findall(r"^  (\S+)  ", commands, re.M)) == sorted(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example_and_json(verb):
    command = COMMANDS[verb]
    result = runner.invoke(build_command(), [*command, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"topformer {' '.join(command)}" in result.output
    assert ("--json" in result.output) == (verb in REPORTING)


@pytest.mark.parametrize(
    "arguments", [["--help"], *([*command, "--help"] for command in COMMANDS.values())]
)
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import json, sys\n"
        "from topformer.cli.main import main\n"
        f"sys.argv = ['topformer', *{arguments!r}]\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "Usage" in result.stdout
    loaded = set(json.loads(result.stderr.splitlines()[-1]))
    assert not loaded & HEAVY


@pytest.mark.parametrize("verb", VERBS)
def test_the_list_of_verbs_says_what_each_says_of_itself(verb):
    command = load_verb(verb)
    said = command.info.help if isinstance(command, typer.Typer) else command.__doc__
    assert (said or "").partition("\n\n")[0].replace("\n    ", " ") == VERBS[verb]


def test_version():
    result = runner.invoke(build_command(), ["--version"])
    assert result.output.strip() == f"topformer {__version__}"


@pytest.mark.parametrize("arguments", [["no-such-verb"], ["export", "--no-such-option"], []])
def test_wrong_usage_exits_with_2(arguments):
    assert runner.invoke(build_command(), arguments).exit_code == 2
