"""The golden file: its layout is a promise to another language, and any bytes may be in one."""

import dataclasses
import hashlib
import math
import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.core_vectors import box_answers, proved_detector
from topformer.android.answers import BoxAnswers, LabelAnswers
from topformer.android.golden import (
    Golden,
    GoldenFormatError,
    decode_golden,
    encode_golden,
    make_golden,
)
from topformer.boxes import Boxes
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
    pixels=np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3),
    answers=LabelAnswers(
        tie=0.25,
        logits_shape=(5, 1, 2),
        logits=np.float32([1.5, -2.0]),
        labels=np.uint16([4, 300]),
        margins=np.float32([0.5, math.inf]),
    ),
)
ENCODED = encode_golden(SMALL)
OF_BOXES = dataclasses.replace(
    SMALL,
    answers=BoxAnswers(
        tie=0.125,
        classes=5,
        levels=3,
        logits=np.float32([1.5, -2.0]),
        offsets=np.float32([0.25, 8.0]),
        boxes=Boxes(
            corners=np.float32([[1, 2, 3, 4]]), scores=np.float32([0.5]), labels=np.int32([4])
        ),
    ),
)
BOXES_ENCODED = encode_golden(OF_BOXES)


def sealed(body: bytes) -> bytes:
    return body + hashlib.sha256(body).digest()


@pytest.mark.parametrize("encoded", [ENCODED, BOXES_ENCODED])
def test_what_is_written_is_read(encoded):
    assert encode_golden(decode_golden(encoded)) == encoded
    assert decode_golden(encoded).credit == SMALL.credit


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


def test_the_fields_of_boxes_lie_where_the_layout_says():
    numbers = struct.unpack_from("<8sIIIIIIII3d", BOXES_ENCODED)
    assert numbers == (b"TOPFGOLD", 2, 2, 3, 5, 3, 1, 2, 10, 90.0, 0.9999, 0.125)
    after = struct.unpack_from("<2f2f5fI", BOXES_ENCODED, 156)
    assert after == (1.5, -2.0, 0.25, 8.0, 1, 2, 3, 4, 0.5, 4)
    assert sealed(BOXES_ENCODED[:196]) == BOXES_ENCODED


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


RANGE, LENGTH = "values that are out of range", "its length is not what its header says"


@pytest.mark.parametrize(
    ("offset", "value", "why"),
    [
        *(
            (offset, struct.pack("<I", bad), RANGE)
            for offset, least_bad in ((12, 4097), (16, 4097), (20, 65536), (24, 4097), (28, 4097))
            for bad in (0, least_bad)
        ),
        *((32, struct.pack("<I", bad), RANGE) for bad in (0, 4097, 2**32 - 1)),
        (36, struct.pack("<I", 1001), RANGE),
        *((offset, struct.pack("<d", math.nan), RANGE) for offset in (40, 48, 56)),
        *((48, struct.pack("<d", bad), RANGE) for bad in (-0.1, 1.5)),
        (12, struct.pack("<I", 3), LENGTH),
        (156, struct.pack("<f", math.inf), "its answers are no numbers"),
        (168, struct.pack("<f", math.nan), "its answers are no numbers"),
        (128, b"\xff", "its credit is no text"),
    ],
)
def test_a_whole_file_with_impossible_values_is_refused(offset, value, why):
    body = ENCODED[:offset] + value + ENCODED[offset + len(value) : -32]
    with pytest.raises(GoldenFormatError, match=why):
        decode_golden(sealed(body))


@pytest.mark.parametrize(
    ("offset", "value", "why"),
    [
        *((20, struct.pack("<I", bad), RANGE) for bad in (0, 65536)),
        *((24, struct.pack("<I", bad), RANGE) for bad in (0, 17)),
        (28, struct.pack("<I", 1001), RANGE),
        *((28, struct.pack("<I", other), LENGTH) for other in (0, 2)),
        (8, struct.pack("<I", 3), "its version is 3, not 1 or 2"),
        *((at, struct.pack("<f", math.nan), "its answers are no numbers") for at in (156, 164)),
        *((at, struct.pack("<f", math.nan), "its answers are no boxes") for at in (172, 188)),
        (188, struct.pack("<f", 1.5), "its answers are no boxes"),
        (192, struct.pack("<I", 5), "its answers are no boxes"),
    ],
)
def test_boxes_that_cannot_be_are_refused(offset, value, why):
    body = BOXES_ENCODED[:offset] + value + BOXES_ENCODED[offset + len(value) : -32]
    with pytest.raises(GoldenFormatError, match=why):
        decode_golden(sealed(body))


def test_the_golden_file_of_a_detector_holds_its_proof():
    manifest = proved_detector()
    golden = make_golden(manifest)
    assert golden.answers.encode() == box_answers().encode()
    assert golden.answers.numbers == (2, 2, len(golden.answers.boxes))
    assert len(golden.answers.boxes) > 10
    other = msgspec.structs.replace(manifest.golden[0], samples={"logits": b""})
    with pytest.raises(TopformerError, match="not those of a detector"):
        make_golden(msgspec.structs.replace(manifest, golden=(other,)))


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
    answers = golden.answers
    assert logits.shape[1:] == answers.logits_shape
    expected = answers.logits.astype(np.float64)
    noise = np.square(expected - samples(logits)).sum()
    assert 10 * np.log10(np.square(expected).sum() / noise) >= golden.required.sqnr_db
    labels = samples(upsample_labels(logits, golden.pixels.shape[:2])[0])
    equal = (labels == answers.labels) | (answers.margins <= answers.tie)
    assert equal.mean() >= golden.required.result_agreement


def test_another_input_gives_other_answers(small_pte):
    model = open_model(small_pte)
    golden = make_golden(model.manifest)
    other = dict(bundled_pictures())["coffee"]
    found = samples(model.run(to_tensor(other, model.manifest.input))[0])
    expected = golden.answers.logits.astype(np.float64)
    assert np.square(expected).sum() < 100 * np.square(expected - found).sum()


def test_a_proof_on_other_pictures_is_refused(small_pte):
    manifest = msgspec.structs.replace(read_manifest_of(small_pte), golden=())
    with pytest.raises(TopformerError, match="no answer for the picture"):
        make_golden(manifest)
