"""Every file here is from a stranger: good ones load, all others give one clear error."""

import argparse
import collections
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topformer.classes import dataset_classes
from topformer.errors import TopformerError
from topformer.weights.checkpoints import read_checkpoint

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.num_batches_tracked": torch.tensor(7)}


def saved(content, **options):
    stream = io.BytesIO()
    torch.save(content, stream, **options)
    return stream.getvalue()


@pytest.fixture
def read(tmp_path):
    def write_and_read(data):
        path = tmp_path / "weights.pth"
        path.write_bytes(data)
        return read_checkpoint(path)

    return write_and_read


@pytest.fixture
def refusal(read):
    """Read bytes that must be refused; return the error."""

    def refused(data):
        with pytest.raises(TopformerError, match=r"weights\.pth cannot be used") as caught:
            read(data)
        return caught.value

    return refused


# Sound files


@pytest.mark.parametrize(
    "content",
    [
        {"meta": {}, "state_dict": collections.OrderedDict(WEIGHTS), "optimizer": {"state": {}}},
        WEIGHTS,
        {"model": WEIGHTS},
        {"state_dict": {f"module.{name}": tensor for name, tensor in WEIGHTS.items()}},
        {"state_dict_ema": WEIGHTS, "state_dict": {"b": torch.zeros(1)}},
        {"state_dict_ema": None, "state_dict": WEIGHTS},
        {"state_dict": WEIGHTS, "args": argparse.Namespace(lr=0.1), "metric": 66.2},
        {name: torch.nn.Parameter(t, requires_grad=False) for name, t in WEIGHTS.items()},
    ],
    ids=["mmseg", "bare", "model", "ddp", "ema first", "ema none", "timm", "parameters"],
)  # fmt: skip
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_every_layout_in_use_is_read(read, content, zipped):
    checkpoint = read(saved(content, _use_new_zipfile_serialization=zipped))
    assert list(checkpoint.tensors) == list(WEIGHTS)
    for name, tensor in WEIGHTS.items():
        assert torch.equal(checkpoint.tensors[name], tensor)
        assert not checkpoint.tensors[name].requires_grad


def test_safetensors_are_read(read):
    checkpoint = read(safetensors.torch.save(WEIGHTS))
    assert torch.equal(checkpoint.tensors["a.weight"], WEIGHTS["a.weight"])
    assert checkpoint.classes is None
    assert checkpoint.header is None


def test_the_official_checkpoint_layout_is_read(golden_path):
    checkpoint = read_checkpoint(golden_path)
    assert len(checkpoint.tensors) == 376
    assert checkpoint.classes == dataset_classes("ade20k")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_float_widths_become_float32(read, dtype):
    tensor = torch.tensor([0.5, -2.0], dtype=dtype)
    for data in (saved({"w": tensor}), safetensors.torch.save({"w": tensor})):
        found = read(data).tensors["w"]
        assert found.dtype is torch.float32
        assert found.tolist() == [0.5, -2.0]


def test_class_names_come_from_the_meta(read):
    meta = {"CLASSES": ("cat", "dog "), "PALETTE": [[1, 2, 3], [4, 5, 6]]}
    classes = read(saved({"meta": meta, "state_dict": WEIGHTS})).classes
    assert classes is not None
    assert classes.names == ("cat", "dog")
    assert classes.palette == ((1, 2, 3), (4, 5, 6))


# Unsound containers


class Payload:
    """What an attacker puts in a pickle."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_code_in_a_pickle_is_named_and_never_run(tmp_path, refusal, zipped):
    marker = tmp_path / "ran"
    content = {"state_dict": WEIGHTS, "meta": Payload(os.mkdir, str(marker))}
    error = refusal(saved(content, _use_new_zipfile_serialization=zipped))
    assert "posix.mkdir" in error.why
    assert not marker.exists()


def test_even_functions_torch_allows_are_refused_where_weights_need_none(refusal):
    # One call of this takes a terabyte; torch's weights-only loader would make it.
    error = refusal(saved({"state_dict": WEIGHTS, "x": Payload(bytearray, 2**40)}))
    assert "bytearray" in error.why


def test_a_plain_pickle_is_refused_unopened(tmp_path, refusal):
    marker = tmp_path / "ran"
    assert "pickle" in refusal(pickle.dumps(Payload(os.mkdir, str(marker)))).why
    assert not marker.exists()


def test_another_pickle_protocol_that_torch_reads_is_read_without_a_word(tmp_path, recwarn):
    path = tmp_path / "w.pth"
    torch.save({"a.weight": torch.zeros(2)}, path, pickle_protocol=3)
    assert set(read_checkpoint(path).tensors) == {"a.weight"}
    assert not recwarn.list


def test_a_newer_pickle_protocol_cannot_hide_names(refusal):
    assert "STACK_GLOBAL" in refusal(saved({"x": Payload(os.mkdir, "y")}, pickle_protocol=4)).why


def repacked(data, change):
    """Write the zip file anew, with `change` given each member's name and content."""
    fresh = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as archive,
        zipfile.ZipFile(fresh, "w") as copy,
    ):
        for member in archive.infolist():
            change(copy, member.filename, archive.read(member))
    return fresh.getvalue()


def test_a_compressed_member_is_refused(refusal):
    bomb = repacked(
        saved({"w": torch.zeros(2_000_000)}),
        lambda copy, name, content: copy.writestr(name, content, zipfile.ZIP_DEFLATED),
    )
    assert len(bomb) < 20_000
    assert "compressed" in refusal(bomb).why


@pytest.mark.parametrize("disguise", ["other/data.pkl", "archive/DATA.PKL"])
def test_a_second_pickle_is_refused(refusal, disguise):
    """What is walked must be what torch opens."""
    evil = pickle.dumps(Payload(bytearray, 10), protocol=2)
    sound = saved(WEIGHTS)
    first = io.BytesIO()
    with zipfile.ZipFile(first, "w") as archive:
        archive.writestr(disguise, evil)
        with zipfile.ZipFile(io.BytesIO(sound)) as members:
            for member in members.infolist():
                archive.writestr(member.filename, members.read(member))
    assert "member" in refusal(first.getvalue()).why


def test_members_that_claim_more_than_the_file_are_refused(refusal):
    data = bytearray(saved(WEIGHTS))
    entry = data.index(b"PK\x01\x02")
    # Both sizes of the first directory entry: compressed and not.
    data[entry + 20 : entry + 28] = struct.pack("<II", 2**31, 2**31)
    assert refusal(bytes(data)).why


def test_too_many_members_are_refused(refusal):
    assert "20,000" in refusal(saved(WEIGHTS) + b"PK\x01\x02" * 20_001).why


def test_a_zip_file_that_torch_did_not_write_is_refused(refusal):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("model/readme.txt", "hello")
    assert "data.pkl" in refusal(stream.getvalue()).why


def test_a_storage_shorter_than_its_tensor_is_refused(refusal):
    data = repacked(
        saved({"w": torch.zeros(1000)}),
        lambda copy, name, content: copy.writestr(
            name, content[:8] if name.endswith("data/0") else content
        ),
    )
    assert "weights-only loader" in refusal(data).why


def test_endless_pickles_are_refused(refusal):
    data = repacked(
        saved(WEIGHTS),
        lambda copy, name, content: copy.writestr(
            name,
            b"\x80\x02" + b"]" * 1_100_000 + b"." if name.endswith("data.pkl") else content,
        ),
    )
    assert "instructions" in refusal(data).why


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"  <!DOCTYPE html><html>", "web page"),
        (b"\x00" * 60, "neither"),
        (b"PK\x03\x04", "damaged"),
        (struct.pack("<Q", 2**62) + b"{", "header"),
        (struct.pack("<Q", 3) + b"{}}", "header"),
    ],
)
def test_other_files_are_told_apart(refusal, data, why):
    assert why in refusal(data).why


def test_a_folder_and_a_missing_file_are_errors(tmp_path):
    with pytest.raises(TopformerError):
        read_checkpoint(tmp_path)
    with pytest.raises(TopformerError):
        read_checkpoint(tmp_path / "none.pth")


def test_a_huge_file_is_refused_by_its_size(tmp_path):
    path = tmp_path / "huge.pth"
    with path.open("wb") as stream:
        stream.truncate(2**33)
    with pytest.raises(TopformerError, match="too large"):
        read_checkpoint(path)


# Unsound tensors


@pytest.mark.parametrize(
    ("tensor", "why"),
    [
        (torch.tensor([1.0, float("nan")]), "NaN"),
        (torch.tensor([1.0, float("inf")]), "NaN or infinity"),
        (torch.tensor([float("inf"), float("-inf")]), "NaN or infinity"),
        (torch.tensor([1e300], dtype=torch.float64), "NaN or infinity"),
        (torch.tensor([1, 2]), "torch.int64"),
        (torch.tensor([True]), "torch.bool"),
        (torch.tensor([1j]), "complex"),
        (torch.zeros(4, dtype=torch.float8_e4m3fn), "8-bit"),
        (torch.empty(3, device="meta"), "without data"),
        (torch.eye(3).to_sparse(), "sparse"),
        (torch.zeros(1).expand(10**12), "claim more"),
        (torch.zeros(1).expand(1000, 1000), "claim more"),
        ("text", "no tensor"),
        (None, "no tensor"),
        ([torch.zeros(1)], "no tensor"),
    ],
)
def test_unsound_tensors_are_refused(refusal, tensor, why):
    assert why in refusal(saved({"layer.weight": tensor})).why


def test_eight_bit_floats_in_safetensors_are_refused(refusal):
    data = safetensors.torch.save({"w": torch.zeros(4, dtype=torch.float8_e4m3fn)})
    assert "float8" in refusal(data).why


def test_nan_in_safetensors_is_named(refusal):
    data = safetensors.torch.save({"fine": torch.ones(2), "bad": torch.tensor([float("nan")])})
    assert "'bad' holds NaN" in refusal(data).why


def test_negative_variances_are_refused(refusal):
    assert "negative" in refusal(saved({"bn.running_var": torch.tensor([1.0, -0.1])})).why


@pytest.mark.parametrize("content", [[1, 2], 3, {}, {"state_dict": {}}, {1: torch.zeros(1)}])
def test_files_without_named_tensors_are_refused(refusal, content):
    assert refusal(saved(content)).why


def test_safetensors_whose_shape_lies_are_refused(refusal):
    header = json.dumps({"w": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4]}}).encode()
    assert "damaged" in refusal(struct.pack("<Q", len(header)) + header + bytes(4)).why


def test_a_foreign_header_under_our_name_is_refused(refusal):
    data = safetensors.torch.save({"w": torch.ones(1)}, {"topformer": '{"schema": "no"}'})
    assert "header" in refusal(data).why


@pytest.mark.parametrize("meta", [{"CLASSES": 7}, {"CLASSES": ["a"], "PALETTE": [[1]]}])
def test_malformed_classes_are_refused(refusal, meta):
    assert refusal(saved({"meta": meta, "state_dict": WEIGHTS})).why


def test_control_characters_do_not_reach_the_terminal(refusal):
    assert "\x1b" not in str(refusal(saved({"\x1b[31mred": torch.tensor([1])})))


# Damage of every kind

SOUND = [
    saved({"meta": {"CLASSES": ("a",)}, "state_dict": WEIGHTS}),
    saved({"state_dict": WEIGHTS}, _use_new_zipfile_serialization=False),
    safetensors.torch.save(WEIGHTS),
]
FUZZ = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("data", SOUND, ids=["zip", "legacy", "safetensors"])
@FUZZ
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(refusal, data, share):
    refusal(data[: int(len(data) * share)])


@pytest.mark.parametrize("data", SOUND, ids=["zip", "legacy", "safetensors"])
@FUZZ
@given(
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8)
)
def test_a_damaged_file_loads_or_is_refused_and_nothing_else(read, data, changes):
    damaged = bytearray(data)
    for share, value in changes:
        damaged[int(len(data) * share)] = value
    try:
        checkpoint = read(bytes(damaged))
    except TopformerError:
        return
    else:
        assert all(bool(torch.isfinite(tensor).all()) for tensor in checkpoint.tensors.values())


@FUZZ
@given(data=st.binary(max_size=400), start=st.sampled_from([data[:15] for data in SOUND] + [b""]))
def test_random_bytes_are_refused(refusal, data, start):
    refusal(start + data)


@pytest.mark.slow
def test_hostile_files_stay_within_bounded_memory(tmp_path):
    """In a process of its own: the largest resident size after reading all of them."""
    claims = tmp_path / "claims.pth"
    claims.write_bytes(
        saved({"w": torch.zeros(1).expand(10**9)}, _use_new_zipfile_serialization=False)
    )
    # The legacy format allocates what the pickle says before it looks for the data.
    legacy = saved({"w": torch.zeros(77_777)}, _use_new_zipfile_serialization=False)
    number = struct.pack("<BI", ord("J"), 77_777)
    assert legacy.count(number)
    lying = tmp_path / "lying.pth"
    lying.write_bytes(legacy.replace(number, struct.pack("<BI", ord("J"), 2**30)))
    bomb = tmp_path / "bomb.pth"
    bomb.write_bytes(
        repacked(
            saved({"w": torch.zeros(25_000_000)}),
            lambda copy, name, content: copy.writestr(name, content, zipfile.ZIP_DEFLATED),
        )
    )
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from topformer.weights.checkpoints import read_checkpoint\n"
        "from topformer.errors import TopformerError\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "before = peak()\n"
        "for name in sys.argv[1:]:\n"
        "    try: read_checkpoint(Path(name))\n"
        "    except TopformerError as error: assert error.why, name\n"
        "    else: sys.exit(f'{name} was accepted')\n"
        "print(peak() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(claims), str(lying), str(bomb)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    assert int(done.stdout) < 60  # MiB
