"""Advice holds: every command and option that a message or a document names is there."""

import ast
import inspect
import re
import shlex
import textwrap
from functools import cache
from pathlib import Path

import pytest
import typer.core
import typer.main
from test_layers import MODULES, imports_in, own_imports
from typer.testing import CliRunner

from topformer.cli.main import build_command
from topformer.errors import TopformerError

ROOT = Path(__file__).parents[2]
BARE = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]\b")
COMMAND = re.compile(r"`((?:\S+ )?(?:-m )?topformer [^`]*)`")
# Stands in an f-string for what is filled in.
HOLE = "X"
# In place of a verb, for modules that no verb imports.
ANY = "any verb"
# Modules that a verb imports for another part of them than the one that gives the advice.
NOT_ADVISED_BY = {
    # It lists devices, names clusters and reads the temperature; it chooses none and does not wait.
    "topformer.devices.links.adb": {"devices"},
    "topformer.devices.facts.cores": {"devices"},
    "topformer.devices.heat": {"devices"},
    # Its reasons are written and told by a bench; comparing reads the verdict's word.
    "topformer.benchmarks.protocol.verdict": {"compare"},
    # It verifies with bundled pictures alone, and writes the document.
    "topformer.export.verification": {"report"},
    "topformer.verbs.verify": {"report"},
    # What it exports where no model is named is made without data.
    "topformer.data.layouts": {"bench"},
    "topformer.data.label_files": {"bench"},
    # It needs no sources of the app.
    "topformer.verbs.app.sources": {"app run"},
}


def find_commands(command: typer.core.TyperCommand, words: tuple[str, ...] = ()) -> dict:
    if isinstance(command, typer.core.TyperGroup):
        return {
            found: one
            for name, inner in command.commands.items()
            for found, one in find_commands(inner, (*words, name)).items()
        }
    return {" ".join(words): command}


COMMANDS = find_commands(typer.main.get_command(build_command()))


def options_of(verb: str) -> set[str]:
    if verb == ANY:
        return {option for one in COMMANDS for option in options_of(one)}
    return {option for one in COMMANDS[verb].params for option in one.opts} | {"--help"}


def verb_of(words: list[str]) -> str:
    verb = next((name for name in (" ".join(words[:2]), *words[:1]) if name in COMMANDS), None)
    assert verb, f"there is no command `topformer {' '.join(words)}`"
    return verb


def wrong_in_command(text: str) -> list[str]:
    """Options that a command line gives to a verb that has no such."""
    given = text.partition("topformer ")[2]
    words = given.split()
    if words[0] == "..." or words[0].startswith("--") or words[0].isupper():
        return []
    own = options_of(verb_of(words))
    return [option for option in BARE.findall(given) if option not in own]


def wrong_in(text: str, verb: str) -> list[str]:
    """What advice that a verb gives names although it is not there."""
    commands = COMMAND.findall(text)
    wrong = [option for command in commands for option in wrong_in_command(command)]
    bare = BARE.findall(COMMAND.sub("", re.sub(r"`(?!topformer)[^`]*`", "", text)))
    return wrong + [option for option in bare if option not in options_of(verb)]


@cache
def reachable(module: str) -> frozenset[str]:
    found, waiting = set(), [module]
    while waiting:
        if (name := waiting.pop()) not in found:
            found.add(name)
            waiting += own_imports(name)
    return frozenset(found)


@cache
def modules_of(verb: str) -> frozenset[str]:
    """Modules that a verb can come to: a module of `topformer.cli` may hold several verbs."""
    function = inspect.unwrap(COMMANDS[verb].callback)
    starts = imports_in(textwrap.dedent(inspect.getsource(function))) & set(MODULES)
    return frozenset({function.__module__}).union(*map(reachable, starts))


def verbs_of(module: str) -> list[str]:
    """Verbs that can come to a module; none for one that Python alone uses."""
    return [
        verb
        for verb in COMMANDS
        if module in modules_of(verb) and verb not in NOT_ADVISED_BY.get(module, ())
    ]


def texts_of(path: Path) -> list[str]:
    """Every text in a module but its docstrings and what options say of themselves."""
    tree = ast.parse(path.read_text())
    passed_over: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            passed_over.add(id(node.value))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("typer."):
            passed_over |= {id(inner) for inner in ast.walk(node)}
        if isinstance(node, ast.JoinedStr):
            passed_over |= {id(part) for part in node.values}
    texts = []
    for node in ast.walk(tree):
        if id(node) in passed_over:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.append(node.value)
        elif isinstance(node, ast.JoinedStr):
            parts = (
                str(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values
            )
            texts.append("".join(parts))
    return texts


@pytest.mark.parametrize("module", MODULES)
def test_texts_name_options_of_every_verb_that_can_give_them(module):
    verbs = verbs_of(module)
    wrong = {
        (verb, option, text)
        for text in texts_of(MODULES[module])
        # Elsewhere a word alone is an argument of another program.
        if module.startswith(("topformer.cli.", "topformer.verbs.")) or " " in text
        for verb in verbs or [ANY]
        for option in wrong_in(text, verb)
    }
    assert not wrong


def test_the_test_of_texts_finds_what_it_forbids(tmp_path):
    path = tmp_path / "wrong.py"
    path.write_text(
        '"""Doc --nonsense."""\n'
        'A = typer.Option(help="see --nonsense")\n'
        'raise E(f"{a} no.", next_step=f"Pass {b} with --weights.")\n'
        'B = {"x": "Try `topformer export --model y`."}\n'
    )
    texts = texts_of(path)
    assert f"Pass {HOLE} with --weights." in texts
    assert not any("nonsense" in text for text in texts)
    assert wrong_in("Pass it with --weights.", "train") == ["--weights"]
    assert wrong_in("Try `topformer export --model y`.", "export") == ["--model"]
    assert wrong_in("Try `topformer bench --model y` or --init.", "train") == []
    with pytest.raises(AssertionError):
        wrong_in("Try `topformer app start`.", "train")
    assert "bench" in verbs_of("topformer.weights.fetch")
    assert verbs_of("topformer.training.loop") == ["train"]


def commands_in(text: str) -> list[str]:
    """Command lines in blocks of code."""
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    parts = (part.strip() for line in lines for part in line.partition("  #")[0].split("&&"))
    return [part for part in parts if re.match(r"(\S+=\S* |time )*topformer [a-z]", part)]


FOLDERS = ("android_app", "benchmarks", "export", "tests", "topformer")
DOCUMENTS = [*ROOT.glob("*.md"), *(path for one in FOLDERS for path in (ROOT / one).rglob("*.md"))]
HELP = {
    verb: [line for line in (command.help or "").splitlines() if "  topformer " in line]
    for verb, command in COMMANDS.items()
}
TYPED = [line for path in DOCUMENTS for line in commands_in(path.read_text())]
TYPED += [line.strip() for lines in HELP.values() for line in lines]


@pytest.mark.parametrize("line", dict.fromkeys(TYPED))
def test_commands_in_documents_and_help_can_be_typed(line):
    words = shlex.split(line.partition("topformer ")[2])
    words = words[: words.index(">")] if ">" in words else words
    verb = verb_of(words)
    if "..." in words:
        assert not wrong_in_command(line)
    else:
        COMMANDS[verb].make_context(verb, words[len(verb.split()) :])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_between_backticks_are_there(path):
    for text in COMMAND.findall(path.read_text()):
        assert not wrong_in_command(text), text


def test_documents_and_help_have_commands():
    assert len(TYPED) > 80
    assert all(HELP.values())


PUBLISHED = "TopFormer-T_448x448_2x8_160k"
FAILURES = [
    ("train --dataset folder --data set --iters 1", "FILE.pth, or --init none to train"),
    (f"train --dataset folder --data set --init {PUBLISHED}", "Here: --init PATH/TO/FILE.pth"),
    (f"train --dataset folder --data set --set teacher={PUBLISHED}", "Here: --set teacher=PATH"),
    ("train --dataset folder --data set --init https://localhost:1/x", "Here: --init PATH"),
    ("train --dataset folder --data set --init http://x.org/x", "https"),
    ("train --dataset folder --data set --init nothing.pth", "`topformer models`"),
    ("train --dataset folder --data set --init tiny", "`topformer models`"),
    ("train --dataset folder --data set --set x=1", "--show-recipe"),
    ("train --dataset folder --data set --set x", "--set learning_rate"),
    ("train --dataset nonsense --data set", "Choose one of"),
    ("train --dataset ade20k --data set", "--dataset"),
    (f"predict p.png --model {PUBLISHED}", "Here: --model PATH/TO/FILE.pth"),
    ("predict p.png --model https://localhost:1/x", "Here: --model PATH"),
    ("predict p.png --model nothing.pth", "`topformer models`"),
    ("predict nothing.png", ""),
    (f"eval --dataset folder --data set --model {PUBLISHED}", "Here: --model PATH"),
    ("eval --dataset folder --data set --model tiny", "Name the data set"),
    ("eval --dataset folder --data nothing", ""),
    ("data check nothing --dataset camvid", ""),
    (f"export --weights {PUBLISHED}", "Here: --weights PATH"),
    ("export --weights https://localhost:1/x", "Here: --weights PATH"),
    ("export --target nonsense", ""),
    ("export --size huge", ""),
    ("export --precision nonsense", "fp32, int8"),
    ("export --calibration camvid", "Pass --data ROOT."),
    ("export --calibration nothing", "with --data"),
    ("export --dataset camvid", "Pass --data ROOT."),
    ("export --max-miou-drop 1", "with --dataset KEY and --data ROOT"),
    ("export --dataset folder --data set", "Name the data set"),
    ("sensitivity --calibration camvid", "Pass --data ROOT."),
    ("sensitivity --dataset camvid", "Pass --data ROOT."),
    ("sensitivity --weights nothing.pth", "`topformer models`"),
    ("export --image-size 0", ""),
    ("verify nothing.pte", ""),
    ("verify nothing.pte --images set", "checkpoint"),
    (f"inspect {PUBLISHED}", "Here: PATH/TO/FILE.pth"),
    ("inspect nothing.pth", "`topformer models`"),
    ("inspect p.png --profile", ""),
    (f"bench --model {PUBLISHED}", "Here: --model PATH"),
    ("bench --device nowhere", "--serial"),
    ("bench --serial x", "--device adb"),
    ("bench --device adb", "Or take all of them with --all."),
    ("bench --device adb --serial none", "Choose one of A1, B2."),
    ("bench --device adb --serial a --all", ""),
    ("bench --device adb --model x.onnx", "`topformer export --target xnnpack`"),
    ("bench --device adb --via nonsense", "--via"),
    ("bench --gate p.png", "`topformer bench --json > FILE.json`"),
    ("bench --mode nonsense", ""),
    ("bench --runtime nonsense", ""),
    ("report --dataset camvid", "Give both, or neither"),
    ("report --device nowhere", "--serial"),
    ("report --cores big", "--device adb"),
    ("report --model p.pte --target onnx", "Leave --target out, or add --size or a checkpoint."),
    ("report --precision nonsense", ""),
    ("report --dataset folder --data set --split noon", ""),
    ("compare p.png", "`topformer bench --json > FILE.json`"),
    ("app embed x.onnx --app android_app", "`topformer export --target xnnpack`"),
    ("app embed x.pte", ""),
    ("app list", "Then pass its folder android_app with --app."),
    ("app list --app set", ""),
    ("app remove nothing --app android_app", ""),
    ("app build --aar x.aar --app android_app", ""),
    ("app install --app android_app", "--serial"),
    ("app run", "Choose with --serial one of A1, B2."),
    ("runner build --target ndk", "`topformer runner build --target ndk"),
    ("runner build --target nonsense", ""),
    ("schema nonsense", ""),
]  # fmt: skip


@pytest.fixture
def home(tmp_path, app, monkeypatch):
    """A folder of one data set, one picture and the app; no network, and two devices."""
    from PIL import Image

    from support.training_fakes import make_folder

    adb = tmp_path / "adb"
    adb.write_text(
        "#!/bin/sh\n"
        '[ "$1" = version ] && exec echo "Android Debug Bridge version 1.0.41"\n'
        'printf "List of devices attached\\nA1\\tdevice\\nB2\\tdevice\\n"\n'
    )
    adb.chmod(0o755)
    (tmp_path / "set").mkdir()
    make_folder(tmp_path / "set")
    Image.new("RGB", (64, 64)).save(tmp_path / "p.png")
    (tmp_path / "p.pte").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ADB", str(adb))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    monkeypatch.setattr(
        "topformer.android.assets.__file__",
        str(tmp_path / "installed" / "topformer" / "android" / "assets.py"),
    )
    return tmp_path


@pytest.mark.parametrize(("line", "advice"), FAILURES, ids=[line for line, _ in FAILURES])
def test_what_a_verb_advises_when_it_fails_it_has(home, line, advice):
    words = line.split()
    result = CliRunner().invoke(build_command(), words)
    error = result.exception
    assert isinstance(error, TopformerError)
    assert advice in error.next_step
    assert not wrong_in(f"{error.what} {error.why} {error.next_step}", verb_of(words))


def test_every_verb_that_can_fail_is_seen_to(home):
    seen = {verb_of(line.split()) for line, _ in FAILURES}
    assert set(COMMANDS) - seen == {"models", "devices", "doctor"}
