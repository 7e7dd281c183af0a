"""Manifests with something in every field, all that could be changed in them, and verdicts."""

import json
from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from topformer.documents import decode_document, encode_document
from topformer.errors import TopformerError
from topformer.manifest import (
    Agreement,
    AnchorLevel,
    CalibrationInfo,
    Classes,
    Delegation,
    DetectionInfo,
    FileInfo,
    Gates,
    GoldenCase,
    InputAgreement,
    Manifest,
    ModelInfo,
    OperatorGroup,
    OutputInfo,
    Parity,
    ScoreParity,
    StepParity,
    WeightsInfo,
)
from topformer.preprocess import input_info
from topformer.tasks import DETECTION, task_of
from topformer.tasks.detection import LOGITS, OFFSETS, Detection
from topformer.tasks.segmentation import Segmentation

GATES = Gates(sqnr_db=90.0, result_agreement=0.9999)
AGREEMENT = Agreement(
    max_abs_error=0.25, sqnr_db=134.5, result_agreement=1.0, result_agreement_untied=1.0
)
INPUT_AGREEMENT = InputAgreement(
    input="picture:china", agreement=AGREEMENT, required=GATES, ill_conditioned=False
)
OPERATORS = OperatorGroup(operator="conv2d", count=3, macs=1_000_000_000_000, reason="none")

SAMPLE = Manifest(
    model=ModelInfo(variant="tiny", num_classes=2, fused_channels=128, depthwise_head=True),
    weights=WeightsInfo(
        name="topformer-tiny-example",
        sha256="0123456789abcdef" * 4,
        licence="none: an example",
        source="tests",
        random_seed=3,
    ),
    input=input_info(64, 96),
    outputs=(OutputInfo(meaning="logits", shape=(1, 2, 8, 12), stride=8),),
    classes=Classes(
        dataset="example", names=("sky", "b\u00e4ume"), palette=((70, 130, 180), (0, 255, 7))
    ),
    file=FileInfo(
        name="example.pte",
        sha256="fedcba9876543210" * 4,
        size_bytes=5_000_000_000,
        target="xnnpack",
        precision="fp32",
        libraries={"executorch": "1.5.1"},
        calibration=CalibrationInfo(source="example", pictures=48, seed=3),
        float_layers=("stem",),
    ),
    parity=Parity(
        passed=True,
        gates=GATES,
        steps=(StepParity(step="file", worst=AGREEMENT, inputs=(INPUT_AGREEMENT,)),),
        score=ScoreParity(
            dataset="example",
            split="val",
            pictures=9,
            float32_miou=0.5,
            miou=0.25,
            max_drop=0.5,
        ),
    ),
    delegation=Delegation(
        backend="xnnpack",
        delegates=1,
        inside=(OPERATORS,),
        outside=(),
        planned_memory_bytes=4096,
        notes=("note",),
    ),
    golden=(
        GoldenCase(
            input="zeros",
            input_sha256="00" * 32,
            required=GATES,
            ill_conditioned=False,
            samples={
                "logits": b"\x00\x00\x80\x3f",
                "labels": b"\x01\x00",
                "margins": b"\x00\x00\x80\x3f",
            },
        ),
    ),
)

# A detector of the same classes, with two levels: of two anchors, and of one.
DETECTOR = msgspec.structs.replace(
    SAMPLE,
    model=msgspec.structs.replace(SAMPLE.model, task=DETECTION, detection_head="lite"),
    outputs=(
        OutputInfo(meaning=LOGITS, shape=(1, 4, 8, 12), stride=8),
        OutputInfo(meaning=LOGITS, shape=(1, 2, 2, 3), stride=36),
        OutputInfo(meaning=OFFSETS, shape=(1, 8, 8, 12), stride=8),
        OutputInfo(meaning=OFFSETS, shape=(1, 4, 2, 3), stride=36),
    ),
    detection=DetectionInfo(
        levels=(
            AnchorLevel(stride=8, anchors=((-16, -8, 16, 8), (-5.5, -11, 5.5, 11))),
            AnchorLevel(stride=36, anchors=((-32, -32, 32, 32),)),
        )
    ),
)
# What of it has no equal in the other.
OWN_MEMBERS = ("model", "input", "outputs", "detection")

# One of each kind of JSON, and numbers at the edges of what fields may hold.
STRANGERS = [None, True, "x", "AAA", [], {}, -1, 0, 1, 1.0, 0.5, 4096, 4097, 65535, 65536]


# JSON and what is nearly JSON.
WORDS = (
    "", "01", "-01", "+1", "1.", ".5", "-", "1e", "1e2", "1E-2", "-0", "0x10", "1_000", "1f",
    "1e999", "-1e999", "1" + 20 * "0", "NaN", "Infinity", "-Infinity", "tru", "True", "nul",
    "undefined", "truefalse", '"64"', '"57.12"', '"true"', '"1e2"', "'a'", "a", "1 2", "[1,]",
    "[,1]", "[1 2]", "[1", "{a:1}", "{1:1}", '{"a":1,}', '{"a"}', '{"a":}', '{"a":1 "b":2}',
    '{"a":1,"a":2}', "// c\n1", "/* */ 1", "\ufeff1", "\u00a01", '"', '"\\', '"\\u12"',
    '"\\u12G4"', '"\\x41"', '"\\u0041\\b\\/"', '"a\nb"', '"\t"', '"\\ud83c\\udf33"', '"\\ud800"',
    '"\\udc00\\ud800"', '"\\u0000"', "{", "}", "]",
)  # fmt: skip


def edits(
    document: Manifest = SAMPLE, members: Collection[str] = ()
) -> Iterator[tuple[int, int, str, bool]]:
    """Change every value, leave out every member, add one everywhere; and ask Python what it takes.

    An edit is where in the sample, how many characters go, what comes, and whether the app can use
    the result. With `members`, only those are changed.
    """
    sample = encode_document(document).decode()
    values = json.loads(sample)
    everywhere = _edited(values)
    if members:
        everywhere = (values | {name: other} for name in members for other in _edited(values[name]))
    for edited in everywhere:
        text = json.dumps(edited, indent=2, ensure_ascii=False) + "\n"
        before = _common(sample, text)
        after = _common(sample[before:][::-1], text[before:][::-1])
        yield before, len(sample) - before - after, text[before : len(text) - after], _usable(text)
    if not members:
        for at, length, inserted in _misspelt(sample):
            yield (
                at,
                length,
                inserted,
                _usable(sample[:at] + inserted + sample[at + length :]),
            )


def _misspelt(sample: str) -> Iterator[tuple[int, int, str]]:
    """Write other words for a whole number, a number, a text and a truth, and add them."""
    for value in ("64", "57.12", '"tiny"', "true"):
        at = sample.index(f" {value},") + 1
        yield from ((at, len(value), word) for word in WORDS)
    yield from ((1, 0, f'"unknown": {word},') for word in WORDS)
    # A name that comes twice.
    at = sample.index('"height"')
    yield from ((at, 0, f'"height": {word}, ') for word in ("7", "5000", "null"))


def _common(one: str, other: str) -> int:
    """Count the characters by which both begin."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _edited(value: Any) -> Iterator[Any]:
    yield from STRANGERS
    if isinstance(value, str):
        yield from ("y" * 1000, "y" * 1001)
    if isinstance(value, dict):
        yield value | {"unknown": 1}
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
            yield from (value | {key: other} for other in _edited(value[key]))
    if isinstance(value, list):
        yield [*value, *value[-1:]]
        if value:
            yield from ([other, *value[1:]] for other in _edited(value[0]))


def _usable(text: str) -> bool:
    try:
        manifest = decode_document(text, Manifest, refusal="")
        # What the app can show.
        known = isinstance(task_of(manifest), Segmentation | Detection)
        return known and manifest.file is not None
    except TopformerError:
        return False
