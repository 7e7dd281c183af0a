"""Documents: what a newer minor version adds is ignored, other major versions are refused."""

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.manifest_edits import SAMPLE as MANIFEST
from topformer.documents import (
    Document,
    SchemaName,
    decode_document,
    encode_document,
    read_document,
)
from topformer.errors import TopformerError
from topformer.manifest import Manifest, read_manifest


class Part(Document, frozen=True, kw_only=True):
    name: str


class Sample(Document, frozen=True, kw_only=True):
    schema: SchemaName = "topformer.sample/2"
    part: Part


SAMPLE = Sample(part=Part(name="a"))


def read(**changes):
    data = json.dumps(msgspec.to_builtins(SAMPLE) | changes)
    return decode_document(data, Sample, refusal="It is no sample.", next_step="Make one.")


def test_what_is_written_is_read():
    assert decode_document(encode_document(SAMPLE), Sample, refusal="") == SAMPLE


def test_fields_of_a_newer_minor_version_are_ignored():
    found = read(schema="topformer.sample/2.13", part={"name": "a", "new": 1}, newer=[2])
    assert found.part == SAMPLE.part
    assert found.schema == "topformer.sample/2.13"


@pytest.mark.parametrize(
    "schema",
    [
        *("topformer.sample/1", "topformer.sample/3", "topformer.sample/3.2"),
        *("topformer.sample/21", "topformer.other/2", "sample/2", "", "2"),
    ],
)
def test_another_version_is_refused_and_both_are_named(schema):
    with pytest.raises(TopformerError) as caught:
        read(schema=schema, part="of another form")
    error = caught.value
    assert error.what == "It is no sample."
    assert error.why == f"It is {schema!r}, and 'topformer.sample/2' is needed."
    assert error.next_step == "Make one."


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"schema": 2}, "Expected `str`"),
        ({"schema": "topformer.sample/2.x"}, "regex"),
        ({"part": {}}, "missing required field `name`"),
    ],
)
def test_impossible_values_are_refused(changes, why):
    with pytest.raises(TopformerError) as caught:
        read(**changes)
    assert why in caught.value.why


@given(st.binary() | st.text().map(str.encode) | st.integers(0, 10**5).map(lambda n: b"[" * n))
def test_anything_else_is_refused(data):
    with pytest.raises(TopformerError, match="It is no sample"):
        decode_document(data, Sample, refusal="It is no sample.")


def test_the_rule_holds_for_manifests(tmp_path):
    path = tmp_path / "model.json"
    text = encode_document(MANIFEST)
    newer = text.replace(b'"topformer.manifest/1.2"', b'"topformer.manifest/1.4", "newer": {}')
    path.write_bytes(newer.replace(b'"variant"', b'"older": 1, "variant"'))
    assert read_manifest(path).model == MANIFEST.model
    path.write_bytes(text.replace(b"topformer.manifest/1.2", b"topformer.manifest/2"))
    with pytest.raises(TopformerError, match="not a manifest this version understands") as caught:
        read_manifest(path)
    assert caught.value.why == "It is 'topformer.manifest/2', and 'topformer.manifest/1' is needed."


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("file.size_bytes", 2**53 + 1),
        ("file.size_bytes", 10**400),
        ("delegation.inside.0.macs", 10**400),
        ("weights.random_seed", 2**63),
        ("parity.steps", []),
        ("parity.steps.0.inputs", []),
        ("parity.steps.0.worst.sqnr_db", 1e300),
        ("parity.steps.0.worst.max_abs_error", 1e300),
        ("input.std", [1, 0, 1]),
        ("input.std", [1, -1e-7, 1]),
        ("input.mean", [1, 1e7, 1]),
    ],
)
def test_values_that_would_do_harm_later_are_refused(place, value):
    read_back = json.loads(encode_document(MANIFEST))
    decode_document(json.dumps(read_back), Manifest, refusal="It does harm.")
    *path, last = [int(one) if one.isdigit() else one for one in place.split(".")]
    holder = read_back
    for one in path:
        holder = holder[one]
    holder[last] = value
    with pytest.raises(TopformerError, match=r"It does harm\.") as caught:
        decode_document(json.dumps(read_back), Manifest, refusal="It does harm.")
    # That value is complained of, or what holds it, and no other.
    at = re.search(r" at `\$\.(.+)`$", caught.value.why)
    assert re.sub(r"\.(\d+)", r"[\1]", place).startswith(at[1])


def test_a_file_is_named_and_bounded(tmp_path):
    path = tmp_path / "sample.json"
    path.write_bytes(encode_document(SAMPLE))
    assert read_document(path, Sample, limit_bytes=1000, called="sample") == SAMPLE
    with pytest.raises(TopformerError, match="too large to be a sample"):
        read_document(path, Sample, limit_bytes=10, called="sample")
    path.write_text("{}")
    with pytest.raises(TopformerError, match="not a sample this version understands") as caught:
        read_document(path, Sample, limit_bytes=10, called="sample")
    assert str(path) in caught.value.what
