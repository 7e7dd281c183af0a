"""The layers of ARCHITECTURE.md: each module imports only from layers before its own."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# In order; a module belongs to the first entry that is its name or the package it is in. Packages
# whose own parts have an order are listed by these.
LAYERS = [
    ["topformer.errors", "topformer.text", "topformer.encodings"],
    ["topformer.interrupts", "topformer.temporary"],
    ["topformer.files", "topformer.signatures", "topformer.registry"],
    ["topformer.sets"],
    ["topformer.documents", "topformer.toml", "topformer.archives"],
    ["topformer.locks"],
    ["topformer.children"],
    ["topformer.variants", "topformer.detection"],
    ["topformer.model", "topformer.complexity"],
    ["topformer.detector"],
    ["topformer.networks"],
    ["topformer.manifest", "topformer.classes"],
    ["topformer.weights", "topformer.fusion", "topformer.rounding"],
    ["topformer.preprocess", "topformer.images", "topformer.metrics", "topformer.boxes"],
    ["topformer.drawing", "topformer.box_drawing", "topformer.figures", "topformer.fonts"],
    ["topformer.tasks"],
    ["topformer.runtimes"],
    ["topformer.data"],
    ["topformer.evaluation"],
    ["topformer.training"],
    ["topformer.export"],
    ["topformer.toolchain"],
    ["topformer.devices"],
    ["topformer.android"],
    ["topformer.benchmarks.bundle"],
    ["topformer.benchmarks.documents"],
    ["topformer.benchmarks.workers"],
    ["topformer.benchmarks.protocol"],
    ["topformer.benchmarks.benches"],
    ["topformer.benchmarks.report"],
    ["topformer.benchmarks"],
    ["topformer.console"],
    ["topformer.verbs"],
    ["topformer.cli", "topformer.__main__"],
]
# The package root names what others import and is itself imported for nothing but its version.
ROOT_MODULE = "topformer"
NETWORK_IMPORTS = {"math", "collections", "itertools", "torch", "topformer"}


def modules() -> dict[str, Path]:
    folders = {"topformer": "topformer", "export": "topformer.export"}
    folders["benchmarks"] = "topformer.benchmarks"
    found = {}
    for folder, package in folders.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            name = ".".join((package, *parts)).removesuffix(".__init__")
            found[name] = path
    return found


def layer_of(module: str) -> int:
    for number, names in enumerate(LAYERS):
        if any(module == name or module.startswith(f"{name}.") for name in names):
            return number
    raise AssertionError(f"{module} is in no layer: add it to LAYERS and ARCHITECTURE.md")


@cache
def imports_of(path: Path) -> set[str]:
    return imports_in(path.read_text())


def imports_in(text: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{ast.unparse(node)} is relative"
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


MODULES = modules()


def own_imports(name: str) -> set[str]:
    """Modules of ours that a module imports, anywhere in its text."""
    return {other for other in imports_of(MODULES[name]) if other in MODULES} - {ROOT_MODULE}


def parts_that_import_each_other(package: str, imports: dict[str, set[str]]) -> set[str]:
    """Find the modules and packages directly inside a package that no order can be given to."""

    def part(module: str) -> str:
        return module.removeprefix(f"{package}.").split(".")[0]

    inside = {name for name in imports if name.startswith(f"{package}.")}
    graph = {part(name): set() for name in inside}
    for name in inside:
        graph[part(name)] |= {part(other) for other in imports[name] & inside} - {part(name)}
    while leaves := {name for name, others in graph.items() if not others}:
        graph = {name: others - leaves for name, others in graph.items() if name not in leaves}
    return set(graph)


PACKAGES = sorted({name.rpartition(".")[0] for name in MODULES} - {""})


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_holds_a_cycle(package):
    assert not parts_that_import_each_other(package, {name: own_imports(name) for name in MODULES})


def test_a_cycle_is_found_at_any_level():
    imports = {"t.a.x": {"t.b.y"}, "t.b.y": {"t.c"}, "t.c": {"t.a.z"}, "t.a.z": set()}
    assert parts_that_import_each_other("t", imports) == {"a", "b", "c"}
    assert not parts_that_import_each_other("t.a", imports)


@pytest.mark.parametrize("name", [name for name in MODULES if name != ROOT_MODULE])
def test_modules_import_only_from_layers_before(name):
    too_late = {other for other in own_imports(name) if layer_of(other) > layer_of(name)}
    assert not too_late


def test_the_layer_test_finds_what_it_forbids(tmp_path):
    path = tmp_path / "wrong.py"
    path.write_text("def f():\n    from topformer.cli import main\n")
    found = imports_of(path)
    assert "topformer.cli.main" in found
    assert layer_of("topformer.cli.main") > layer_of("topformer.model")


def test_every_layer_exists():
    for names in LAYERS:
        for name in names:
            assert name in MODULES, name


def test_the_network_needs_torch_only():
    roots = {name.split(".")[0] for name in imports_of(MODULES["topformer.model"])}
    assert roots <= NETWORK_IMPORTS


def test_nothing_imports_the_folders_by_their_own_names():
    for path in [*MODULES.values(), *(ROOT / "tests").rglob("*.py")]:
        roots = {name.split(".")[0] for name in imports_of(path)}
        assert not roots & {"export", "benchmarks"}, path
