"""Objects in pickles: numpy's are values, other libraries' are never built, code is refused."""

import _codecs
import argparse
import collections
import datetime
import enum
import functools
import io
import pathlib
import pickle
import subprocess
import sys
import tracemalloc
import types
import zipfile

import numpy as np
import pytest
import torch

from topformer.errors import TopformerError
from topformer.weights.checkpoints import read_checkpoint
from topformer.weights.inert import Array

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}
NAMES = ("sky", "road", "tree")
COLOURS = [[1, 2, 3], [4, 5, 6], [7, 8, 255]]


@pytest.fixture
def read(tmp_path):
    def write_and_read(content, *, old_numpy=False, zipped=True):
        stream = io.BytesIO()
        torch.save(content, stream, _use_new_zipfile_serialization=zipped)
        data = stream.getvalue()
        if old_numpy:
            data = with_numpy_1(data)
        path = tmp_path / "w.pth"
        path.write_bytes(data)
        return read_checkpoint(path)

    return write_and_read


def with_numpy_1(data):
    """Name numpy's constructors as its versions before 2 did."""
    fresh = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(fresh, "w") as out:
        for member in archive.infolist():
            content = archive.read(member).replace(b"numpy._core.", b"numpy.core.")
            out.writestr(member.filename, content)
    return fresh.getvalue()


# Class names, in all the ways in which they are stored


@pytest.mark.parametrize("old_numpy", [False, True])
@pytest.mark.parametrize(
    "dtype", ["int64", "uint8", "int32", ">i2", "float32", "float64", "uint16"]
)
def test_a_numpy_palette_is_read(read, dtype, old_numpy):
    meta = {"CLASSES": NAMES, "PALETTE": np.array(COLOURS).astype(dtype), "best": np.float64(0.5)}
    classes = read({"meta": meta, "state_dict": WEIGHTS}, old_numpy=old_numpy).classes
    assert classes.names == NAMES
    assert classes.palette == tuple(map(tuple, COLOURS))


def test_palettes_of_columns_slices_and_scalars_are_read(read):
    colours = np.array(COLOURS)
    wide = np.zeros((6, 6), int)
    wide[::2, ::2] = colours
    for palette in (
        np.asfortranarray(colours),
        wide[::2, ::2],
        [np.array(colour) for colour in COLOURS],
        [tuple(np.uint8(channel) for channel in colour) for colour in COLOURS],
    ):
        meta = {"CLASSES": list(NAMES), "PALETTE": palette}
        assert read({"meta": meta, "state_dict": WEIGHTS}).classes.palette == tuple(
            map(tuple, COLOURS)
        )


PLACES = {
    "mmseg": lambda names, palette: {"meta": {"CLASSES": names, "PALETTE": palette}},
    "mmengine": lambda names, palette: {
        "meta": {"dataset_meta": {"classes": names, "palette": palette}, "epoch": 1}
    },
    "upper case in mmengine": lambda names, palette: {
        "meta": {"dataset_meta": {"CLASSES": names, "PALETTE": palette}}
    },
    "lower case in mmseg": lambda names, palette: {"meta": {"classes": names, "palette": palette}},
    "no data set": lambda names, palette: {
        "meta": {"dataset_meta": None, "CLASSES": names, "PALETTE": palette}
    },
    "top": lambda names, palette: {"classes": names, "palette": palette, "epoch": 3},
    "class_names": lambda names, palette: {"class_names": names, "palette": palette},
    "Lightning": lambda names, palette: {
        "hyper_parameters": {"classes": names, "palette": palette, "lr": 0.1}
    },
}  # fmt: skip
FORMS = {
    "tuple": NAMES,
    "list": list(NAMES),
    "numpy": np.array(NAMES),
    "numpy texts": [np.str_(name) for name in NAMES],
    "spaces": [f"{name} " for name in NAMES],
    "by id": dict(enumerate(NAMES)),
    "by id, unordered": {"2": NAMES[2], "0": NAMES[0], "1": NAMES[1]},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_names_are_found_where_scripts_put_them(read, place, form, zipped):
    content = {"state_dict": WEIGHTS} | PLACES[place](FORMS[form], np.array(COLOURS))
    classes = read(content, zipped=zipped).classes
    assert classes.names == NAMES
    assert classes.palette == tuple(map(tuple, COLOURS))


def test_names_without_colours_get_some(read):
    classes = read(
        {"meta": {"dataset_meta": {"classes": NAMES, "palette": None}}, **WEIGHTS}
    ).classes
    assert classes.names == NAMES
    assert len(set(classes.palette)) == 3


@pytest.mark.parametrize("key", ["9" * 5000, 2**600, -1, True, 0.0, None])
def test_keys_that_are_no_ids_name_no_classes(read, key):
    assert read({"classes": {key: "sky"}, "state_dict": WEIGHTS}).classes is None


@pytest.mark.parametrize(
    "content", [{"classes": 3}, {"hyper_parameters": {"classes": 3}}, {"meta": {"CLASSES": None}}]
)
def test_numbers_of_classes_are_no_names(read, content):
    assert read({"state_dict": WEIGHTS} | content).classes is None


@pytest.mark.parametrize(
    "meta",
    [
        {"CLASSES": 7},
        {"dataset_meta": {"classes": "sky"}},
        {"CLASSES": {1: "sky", 2: "road"}},
        {"CLASSES": np.array(["sky", None], dtype=object)},
        {"CLASSES": NAMES, "PALETTE": np.array([[1, 2]])},
        {"CLASSES": NAMES, "PALETTE": np.full((3, 3), 256)},
        {"CLASSES": NAMES, "PALETTE": np.full((3, 3), 0.5)},
        {"CLASSES": NAMES, "PALETTE": np.zeros((2, 3), int)},
        {"CLASSES": NAMES, "PALETTE": np.zeros((3, 3), dtype=object)},
        {"CLASSES": NAMES, "PALETTE": np.zeros((3, 3), dtype=complex)},
    ],
)
def test_malformed_names_say_how_to_give_them(read, tmp_path, meta):
    with pytest.raises(TopformerError) as caught:
        read({"meta": meta, "state_dict": WEIGHTS})
    assert "--classes FILE" in caught.value.next_step
    # And so given, they are not even looked at.
    assert read_checkpoint(tmp_path / "w.pth", read_classes=False).classes is None


# Other objects


class Colour(enum.Enum):
    RED = 1


VALUES = [
    np.float32(0.5), np.int64(3), np.bool_(True), np.str_("x"), np.zeros(3), np.zeros((0, 2)),
    np.array(3), np.array(["a", None], dtype=object), np.zeros(2, dtype=[("a", int), ("b", "f4")]),
    np.datetime64("2026-01-01"), np.dtype("float32"), np.float32, np.array([b"ab"]),
    np.random.default_rng(0), np.random.get_state(), np.ma.zeros(2),
    b"", b"bytes", {1, 2}, frozenset({3}), 1j, slice(1, 2), range(3), 2**80,
    argparse.Namespace(lr=0.1), pathlib.PurePosixPath("a/b"), datetime.datetime(2026, 1, 1),
    types.SimpleNamespace(a=1), functools.partial(int, base=2), Colour.RED,
    collections.defaultdict(list, {"a": [1]}), collections.Counter("aab"),
    collections.deque([1, 2], maxlen=3), collections.OrderedDict(a=1),
    torch.float32, torch.Size([2]), torch.device("cpu"), torch.nn.functional.gelu,
    torch.Generator().get_state(),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_values_beside_the_weights_do_no_harm(read, value, zipped):
    content = {"meta": {"CLASSES": NAMES, "x": value}, "hparams": [value], "state_dict": WEIGHTS}
    checkpoint = read(content, zipped=zipped)
    assert checkpoint.classes.names == NAMES
    assert torch.equal(checkpoint.tensors["a.weight"], WEIGHTS["a.weight"])


@pytest.fixture
def mmengine(monkeypatch):
    """A library that is not installed where the checkpoint is read."""
    module = types.ModuleType("mmengine_fake")
    source = """
import numpy as np
class HistoryBuffer:
    def __init__(self):
        self._log_history = np.zeros(4)
        self._max_length = 1000
        self._statistics_methods = {"min": self.minimum}
    def minimum(self):
        return 0
class ConfigDict(dict):
    def __reduce_ex__(self, proto):
        return self.__class__, (dict(self),)
class AttributeDict(dict):
    pass
class Slotted:
    __slots__ = ("a",)
    def __init__(self):
        self.a = 1
class Names(list):
    pass
"""
    exec(source, module.__dict__)
    for kind in list(vars(module).values()):
        if isinstance(kind, type):
            kind.__module__ = "mmengine_fake"
    monkeypatch.setitem(sys.modules, "mmengine_fake", module)
    return module


def test_other_libraries_objects_are_passed_over_and_told(tmp_path, mmengine, monkeypatch):
    content = {
        "meta": {
            "dataset_meta": mmengine.ConfigDict(classes=NAMES),
            "cfg": mmengine.AttributeDict(lr=0.1),
            "slots": mmengine.Slotted(),
        },
        "message_hub": {"log_scalars": {"train/loss": mmengine.HistoryBuffer()}},
        "state_dict": WEIGHTS,
    }
    path = tmp_path / "w.pth"
    torch.save(content, path)
    monkeypatch.delitem(sys.modules, "mmengine_fake")
    checkpoint = read_checkpoint(path)
    assert checkpoint.classes.names == NAMES
    assert list(checkpoint.tensors) == list(WEIGHTS)
    assert "mmengine_fake.HistoryBuffer" in " ".join(checkpoint.notes)
    assert "mmengine_fake" not in sys.modules


def test_a_pickled_module_of_another_network_gives_its_tensors(read):
    checkpoint = read(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm2d(3)))
    assert {"0.weight", "0.bias", "1.running_mean"} <= set(checkpoint.tensors)


@pytest.mark.parametrize("kind", ["mmseg", "mmengine"])
@pytest.mark.parametrize(
    "wrap", [lambda m: m, torch.nn.DataParallel, lambda m: {"model": m, "epoch": 1}]
)
def test_names_that_hang_on_a_pickled_model_are_read(read, kind, wrap):
    module = torch.nn.Linear(2, 2)
    if kind == "mmseg":
        module.CLASSES, module.PALETTE = NAMES, np.array(COLOURS)
    else:
        module.dataset_meta = {"classes": NAMES, "palette": np.array(COLOURS)}
    classes = read(wrap(module)).classes
    assert classes.names == NAMES
    assert classes.palette == tuple(map(tuple, COLOURS))


def test_weights_as_numpy_arrays_are_told(read):
    with pytest.raises(TopformerError) as caught:
        read({"state_dict": {}} | {"a.weight": np.zeros(3)})
    assert "numpy arrays" in caught.value.why
    assert "state_dict()" in caught.value.next_step


@pytest.mark.slow
def test_another_pickle_protocol_says_how_to_save_again(tmp_path):
    """The advice is run, as a person would, and keeps the meta."""
    path = tmp_path / "IN.pth"
    meta = {"CLASSES": NAMES, "PALETTE": np.array(COLOURS)}
    torch.save({"meta": meta, "state_dict": WEIGHTS}, path, pickle_protocol=4)
    with pytest.raises(TopformerError) as caught:
        read_checkpoint(path)
    command = caught.value.next_step.partition('python -c "')[2].removesuffix('"')
    command = command.replace("'IN'", "'IN.pth'")
    subprocess.run([sys.executable, "-c", command], cwd=tmp_path, check=True)
    assert read_checkpoint(tmp_path / "OUT.pth").classes.names == NAMES


@pytest.mark.slow
def test_a_whole_module_of_old_says_how_to_save_its_tensors(read, tmp_path):
    """The advice is run, as a person would."""
    with pytest.raises(TopformerError) as caught:
        read(torch.nn.Linear(2, 2), zipped=False)
    assert "whole pickled model" in caught.value.why
    command = caught.value.next_step.partition('python -c "')[2].removesuffix('"')
    command = command.replace("'IN'", "'w.pth'")
    subprocess.run([sys.executable, "-c", command], cwd=tmp_path, check=True)
    assert set(read_checkpoint(tmp_path / "OUT.pth").tensors) == {"weight", "bias"}


def test_parameters_with_attributes_are_tensors(read):
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.no_weight_decay = True
    tensor = torch.ones(3)
    tensor.origin = "here"
    checkpoint = read({"p": parameter, "t": tensor})
    assert checkpoint.tensors["p"].tolist() == [1, 1]
    assert checkpoint.tensors["t"].tolist() == [1, 1, 1]


# Code


class Payload:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "name",
    [
        "os system", "posix system", "nt system", "subprocess Popen", "builtins exec",
        "__builtin__ eval", "builtins __import__", "builtins bytearray", "builtins compile",
        "sys exit", "shutil rmtree", "pickle loads", "importlib import_module", "runpy run_path",
        "socket create_connection", "webbrowser open", "ctypes CDLL", "operator attrgetter",
        "types FunctionType", "builtins open", "code interact", "io open", "pty spawn",
    ],
)  # fmt: skip
def test_what_runs_code_is_named_and_refused(tmp_path, name):
    module, function = name.split()
    evil = f"c{module}\n{function}\n(X\x01\x00\x00\x00xtR.".encode()
    sound = io.BytesIO()
    torch.save({"state_dict": WEIGHTS}, sound)
    path = tmp_path / "w.pth"
    with zipfile.ZipFile(sound) as archive, zipfile.ZipFile(path, "w") as out:
        for member in archive.infolist():
            content = archive.read(member)
            if member.filename.endswith("data.pkl"):
                content = b"\x80\x02" + evil
            out.writestr(member.filename, content)
    with pytest.raises(TopformerError) as caught:
        read_checkpoint(path)
    assert f"{module.replace('__builtin__', 'builtins')}.{function}" in caught.value.why
    assert "weights_only=False" not in caught.value.next_step


def test_functions_of_unknown_libraries_are_never_called(read, tmp_path, monkeypatch):
    marks = []
    module = types.ModuleType("unheard_of")
    module.act = lambda *words: marks.append(words)
    module.act.__module__, module.act.__qualname__ = "unheard_of", "act"
    monkeypatch.setitem(sys.modules, "unheard_of", module)
    checkpoint = read({"meta": Payload(module.act, "now"), "state_dict": WEIGHTS})
    assert not marks
    assert "unheard_of.act" in " ".join(checkpoint.notes)


def test_numpys_own_loaders_of_code_are_not_called(read, capsys):
    """An array of objects is built from a pickle within; here it stays a description."""
    array = np.array([Payload(print, "ran")], dtype=object)
    checkpoint = read({"meta": {"CLASSES": NAMES, "x": array}, "state_dict": WEIGHTS})
    assert checkpoint.classes.names == NAMES
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    "change",
    [
        (b"K\x03K\x03\x86", b"K\x03K\xff\x86"),
        (b"X\x02\x00\x00\x00i8", b"X\x02\x00\x00\x00O8"),
        (b"X\x02\x00\x00\x00i8", b"X\x02\x00\x00\x00V9"),
        (b"X\x06\x00\x00\x00latin1", b"X\x06\x00\x00\x00base64"),
    ],
    ids=["shape", "objects", "void", "encoding"],
)
def test_arrays_that_lie_are_refused(tmp_path, change):
    stream = io.BytesIO()
    meta = {"CLASSES": NAMES, "PALETTE": np.array(COLOURS)}
    torch.save({"meta": meta, "state_dict": WEIGHTS}, stream)
    path = tmp_path / "w.pth"
    with zipfile.ZipFile(stream) as archive, zipfile.ZipFile(path, "w") as out:
        for member in archive.infolist():
            content = archive.read(member)
            if member.filename.endswith("data.pkl"):
                assert change[0] in content
                content = content.replace(*change)
            out.writestr(member.filename, content)
    with pytest.raises(TopformerError) as caught:
        read_checkpoint(path)
    assert caught.value.next_step


def test_an_array_without_values_is_none_of_any_shape(tmp_path):
    """Its other side could be 2**40, and lists be made for it."""
    stream = io.BytesIO()
    torch.save({"meta": {"CLASSES": np.zeros((2, 0))}, "state_dict": WEIGHTS}, stream)
    long, shape = b"\x8a\x06\x00\x00\x00\x00\x00\x01", b"K\x02K\x00\x86"
    path = tmp_path / "w.pth"
    with zipfile.ZipFile(stream) as archive, zipfile.ZipFile(path, "w") as out:
        for member in archive.infolist():
            content = archive.read(member)
            assert member.filename != "archive/data.pkl" or shape in content
            out.writestr(member.filename, content.replace(shape, long + shape[2:]))
    with pytest.raises(TopformerError) as caught:
        read_checkpoint(path)
    assert "no list of names" in caught.value.why


def test_huge_arrays_and_texts_take_no_memory_until_asked_for(read):
    """Each encoding of one long text would be a copy; a thousand of them are one text."""
    text = "x" * 2_000_000
    encoded = [Payload(_codecs.encode, text, "latin1") for _ in range(2000)]
    tracemalloc.start()
    checkpoint = read({"meta": {"CLASSES": NAMES, "x": encoded}, "state_dict": WEIGHTS})
    assert checkpoint.classes.names == NAMES
    assert tracemalloc.get_traced_memory()[1] < 60 * 2**20
    tracemalloc.stop()


LONG_TEXT, LONG_ARRAY = " " + "x" * 2_000_000, np.zeros(2_000_000, np.uint8)


@pytest.mark.parametrize(
    "meta",
    [
        {"CLASSES": [LONG_TEXT] * 200},
        {"CLASSES": [LONG_ARRAY] * 200},
        {"CLASSES": NAMES, "PALETTE": [LONG_ARRAY] * 200},
        {"CLASSES": NAMES, "PALETTE": [[LONG_ARRAY] * 3] * 200},
    ],
    ids=["names", "arrays for names", "arrays for colours", "arrays for channels"],
)
def test_one_value_that_stands_for_many_is_not_copied_for_each(read, meta):
    tracemalloc.start()
    with pytest.raises(TopformerError) as caught:
        read({"meta": meta, "state_dict": WEIGHTS})
    assert tracemalloc.get_traced_memory()[1] < 60 * 2**20
    tracemalloc.stop()
    assert "malformed" in caught.value.why


def test_attributes_of_many_objects_are_not_read_for_each(read, monkeypatch):
    decoded = []
    monkeypatch.setattr(Array, "decoded", lambda _self, **_limit: decoded.append(0))
    shared = {"classes": np.zeros(3)}
    many = {str(number): types.SimpleNamespace() for number in range(200)}
    for one in many.values():
        one.__dict__.update(shared)
    assert read(many | {"w": WEIGHTS}).classes is None
    assert 0 < len(decoded) <= 100


@pytest.mark.parametrize(
    "key",
    [
        b"(X@B\x0f\x00" + b"x" * 1_000_000 + b"q\x00" + b"h\x00" * 199 + b"t",
        b")" + b"\x85" * 5000,
    ],
    ids=["of one text many times", "nested"],
)
def test_a_key_without_end_is_not_written_out(tmp_path, key):
    path = tmp_path / "w.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w/data.pkl", b"\x80\x02}" + key + b"Ns.")
        archive.writestr("w/version", b"3\n")
        archive.writestr("w/byteorder", b"little")
    tracemalloc.start()
    with pytest.raises(TopformerError) as caught:
        read_checkpoint(path)
    assert tracemalloc.get_traced_memory()[1] < 60 * 2**20
    tracemalloc.stop()
    assert "a dictionary with a tuple" in caught.value.why


def test_plain_pickles_are_still_refused(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(pickle.dumps({"state_dict": 1}))
    with pytest.raises(TopformerError, match="cannot be used"):
        read_checkpoint(path)
