"""The golden file: its layout is a promise to another language, and any bytes may be in one."""

import hashlib
import math
import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topformer.android.golden import (
    Golden,
    GoldenFormatError,
    decode_golden,
    encode_golden,
    make_golden,
)
from topformer.errors import TopformerError
from topformer.images import bundled_pictures
from topformer.manifest import Gates, read_manifest_of
from topformer.preprocess import to_tensor
from topformer.runtimes import open_model
from topformer.tasks.upsampling import upsample_labels

SMALL = Golden(
    model_sha256="ab" * 32,
    input_sha256="cd" * 32,
    credit="Ä picture",
    required=Gates(sqnr_db=90.0, result_agreement=0.9999),
    tie_margin=0.25,
    pixels=np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3),
    logits_shape=(5, 1, 2),
    logits=np.float32([1.5, -2.0]),
    labels=np.uint16([4, 300]),
    margins=np.float32([0.5, math.inf]),
)
ENCODED = encode_golden(SMALL)


def sealed(body: bytes) -> bytes:
    return body + hashlib.sha256(body).digest()


def test_what_is_written_is_read():
    assert encode_golden(decode_golden(ENCODED)) == ENCODED
    assert decode_golden(ENCODED).credit == SMALL.credit


def test_every_field_lies_where_the_layout_says():
    fields = struct.unpack_from("<8sIIIIIIIIddd32s32s", ENCODED)
    assert fields == (
        b"TOPFGOLD", 1, 2, 3, 5, 1, 2, 2, 10, 90.0, 0.9999, 0.25,
        bytes.fromhex("ab" * 32), bytes.fromhex("cd" * 32),
    )  # fmt: skip
    assert ENCODED[128:138] == "Ä picture".encode()
    assert ENCODED[138:156] == bytes(range(18))
    assert struct.unpack_from("<2f2H2f", ENCODED, 156) == (1.5, -2.0, 4, 300, 0.5, math.inf)
    assert sealed(ENCODED[:176]) == ENCODED


@given(st.binary(max_size=300))
def test_other_bytes_are_refused(data):
    with pytest.raises(GoldenFormatError):
        decode_golden(data)


@given(st.integers(0, len(ENCODED) - 1), st.integers(1, 255))
def test_any_damage_is_noticed(position, flip):
    damaged = bytearray(ENCODED)
    damaged[position] ^= flip
    with pytest.raises(GoldenFormatError):
        decode_golden(bytes(damaged))


@pytest.mark.parametrize("length", [0, 7, 127, 128, 150, len(ENCODED) - 1])
def test_a_part_is_refused(length):
    with pytest.raises(GoldenFormatError):
        decode_golden(ENCODED[:length])


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        *((offset, struct.pack("<I", bad)) for offset in (12, 16, 24, 28) for bad in (0, 4097)),
        *((20, struct.pack("<I", bad)) for bad in (0, 65536)),
        *((32, struct.pack("<I", bad)) for bad in (0, 4097, 2**32 - 1)),
        (36, struct.pack("<I", 1001)),
        *((offset, struct.pack("<d", math.nan)) for offset in (40, 48, 56)),
        (48, struct.pack("<d", 1.5)),
        (156, struct.pack("<f", math.inf)),
        (168, struct.pack("<f", math.nan)),
        (128, b"\xff"),
    ],
)
def test_a_whole_file_with_impossible_values_is_refused(offset, value):
    body = ENCODED[:offset] + value + ENCODED[offset + len(value) : -32]
    with pytest.raises(GoldenFormatError):
        decode_golden(sealed(body))


def samples(array):
    return array.reshape(-1)[[i * 2654435761 % array.size for i in range(512)]]


def test_the_exported_file_gives_the_golden_answers(small_pte):
    """The check as the module describes it, step by step."""
    model = open_model(small_pte)
    golden = decode_golden(encode_golden(make_golden(model.manifest)))
    tensor = to_tensor(golden.pixels, model.manifest.input)
    assert hashlib.sha256(tensor.tobytes()).hexdigest() == golden.input_sha256
    assert hashlib.sha256(small_pte.read_bytes()).hexdigest() == golden.model_sha256
    (logits,) = model.run(tensor)
    assert logits.shape[1:] == golden.logits_shape
    expected = golden.logits.astype(np.float64)
    noise = np.square(expected - samples(logits)).sum()
    assert 10 * np.log10(np.square(expected).sum() / noise) >= golden.required.sqnr_db
    labels = samples(upsample_labels(logits, golden.pixels.shape[:2])[0])
    equal = (labels == golden.labels) | (golden.margins <= golden.tie_margin)
    assert equal.mean() >= golden.required.result_agreement


def test_another_input_gives_other_answers(small_pte):
    model = open_model(small_pte)
    golden = make_golden(model.manifest)
    other = dict(bundled_pictures())["coffee"]
    found = samples(model.run(to_tensor(other, model.manifest.input))[0])
    expected = golden.logits.astype(np.float64)
    assert np.square(expected).sum() < 100 * np.square(expected - found).sum()


def test_a_proof_on_other_pictures_is_refused(small_pte):
    manifest = msgspec.structs.replace(read_manifest_of(small_pte), golden=())
    with pytest.raises(TopformerError, match="no answer for the picture"):
        make_golden(manifest)
