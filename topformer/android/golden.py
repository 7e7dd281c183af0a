"""`NAME.golden`: one input with what the float64 network says of it, for the app to check itself.

It lies beside `NAME.pte` and `NAME.json` in the app. The expected values are those of the
manifest's golden case, so nothing is computed anew; what is added is the input itself, as pixels.

Layout. All numbers are little-endian, nothing is padded, and the file ends after the last field:
its length follows from the header. All floats are finite, but a margin may be infinite. Version 1
is of labels, version 2 of boxes.

    offset  type        field
         0  8 bytes     "TOPFGOLD"
         8  uint32      version: 1 or 2
        12  uint32      height of the input picture, h: 1 to 4096, as the manifest's input
        16  uint32      width, w: likewise
        20  uint32      classes, c: 1 to 65535, as the manifest's output
        24  uint32      1: height of the logits, lh: 1 to 4096, as the manifest's output
                        2: levels of anchors, l: 1 to 16, as the manifest's
        28  uint32      1: width of the logits, lw: as their height
                        2: boxes, b: 0 to 1000
        32  uint32      samples, n: 1 to 4096
        36  uint32      length of the credit in bytes, k: at most 1000
        40  float64     least SQNR in dB over the sampled logits
        48  float64     least share of equal labels, or of boxes with a partner, ties forgiven
        56  float64     1: margin up to which two classes are tied
                        2: by how much a score must exceed what decides, not to be tied with it
        64  32 bytes    sha256 of NAME.pte
        96  32 bytes    sha256 of the input tensor: float32, C order, [1, 3, h, w]
       128  k bytes     UTF-8: what the picture is and whom to credit; the app has to show it
            h*w*3 bytes the picture: rows of RGB
         1: n*4 bytes   float32: logits, sampled from [1, c, lh, lw]
            n*2 bytes   uint16: labels, sampled from [h, w]
            n*4 bytes   float32: how far the best class leads the second at those labels
         2: n*4 bytes   float32: logits, sampled from those of all levels, one after the other
            n*4 bytes   float32: offsets, likewise
            b*24 bytes  boxes, the likeliest first: float32 left, top, right and bottom in pixels
                        of the input, float32 score from 0 to 1, uint32 class below c
            32 bytes    sha256 of all the bytes before

Sample `i` of an array with `size` elements in C order is element `(i * 2654435761) % size`; the
product needs 64 bits.

The check: `(pixel - mean) / std` in float32, two operations, must give the tensor's hash, bit for
bit. The model is run on it. Of labels, `10 log10(sum(e^2) / sum((e - f)^2))` over the sampled
logits, expected `e` and found `f`, in float64, must reach the SQNR: with no difference it passes,
with anything not finite it fails. Of boxes, logits and offsets must both reach it, with
`sum((e - m)^2)` above the line, `m` being the mean of `e`, and at least `n d^2`: `d` is 0.25 for
logits and 0.001 for offsets. Logits below -8 count as -8, but infinity.

Then logits become labels at h x w, and the share of samples that are equal, or whose margin is at
most the tie's, must reach the least share. Boxes are made as the manifest says, and compared half a
pixel wider to each side. From the likeliest, each expected one takes as its partner, of the found
ones of its class that have none, the one that covers it most, by at least the IoU that the manifest
calls the same. Of all boxes, expected and found, the share must reach the least that have a
partner, or whose score is not above a limit by more than the tie: the score's threshold, or the
least score of as many boxes as there may be.
"""

import math
import struct
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from topformer.android.answers import (
    KINDS,
    Answers,
    BoxAnswers,
    GoldenFormatError,
    LabelAnswers,
)
from topformer.errors import TopformerError
from topformer.files import sha256_bytes
from topformer.images import bench_picture
from topformer.manifest import Gates, GoldenCase, Manifest
from topformer.preprocess import to_tensor
from topformer.tasks import task_of
from topformer.tasks.detection import Detection
from topformer.tasks.segmentation import Segmentation
from topformer.variants import MAXIMUM_SIDE_PX

MAGIC = b"TOPFGOLD"
MOST_SAMPLES = 4096
MOST_CREDIT_BYTES = 1000
_HEADER = struct.Struct("<8s8I3d32s32s")
_SHA256_BYTES = 32

# The picture asks for it; pictures/SOURCES.md has the rest.
CREDIT = (
    "Summer Palace, Beijing, by danielbuechele "
    "(flickr.com/photos/danielbuechele/6061409035), CC BY 2.0, resized"
)


@dataclass(frozen=True, kw_only=True)
class Golden:
    """The content of a golden file."""

    model_sha256: str
    input_sha256: str
    credit: str
    required: Gates
    # RGB [h, w, 3].
    pixels: NDArray[np.uint8]
    answers: Answers


def make_golden(manifest: Manifest) -> Golden:
    """Join the bench's picture with what the manifest's proof says of it.

    Raises `TopformerError` when the proof was made on another picture than this version's, and
    when the network's task is one that the app does not know.
    """
    assert manifest.file is not None
    info = manifest.input
    pixels = bench_picture(info.height, info.width).pixels
    input_sha256 = sha256_bytes(to_tensor(pixels, info).astype("<f4").tobytes())
    case = _case_of(manifest, input_sha256)
    return Golden(
        model_sha256=manifest.file.sha256,
        input_sha256=input_sha256,
        credit=CREDIT,
        required=case.required,
        pixels=pixels,
        answers=_answers_of(manifest, case),
    )


def _answers_of(manifest: Manifest, case: GoldenCase) -> Answers:
    match task_of(manifest):
        case Segmentation() as task:
            return LabelAnswers.of(task, case)
        case Detection() as task:
            return BoxAnswers.of(task, case)
        case task:
            raise TopformerError(f"The app shows no {task.noun}.")


def _case_of(manifest: Manifest, input_sha256: str) -> GoldenCase:
    for case in manifest.golden:
        if case.input_sha256 == input_sha256:
            return case
    raise TopformerError(
        "The manifest has no answer for the picture that the app checks itself with.",
        why="This version's pictures or preprocessing are not those of the export.",
        next_step="Export the model again with this version of topformer.",
    )


def encode_golden(golden: Golden) -> bytes:
    """Write the layout above."""
    credit = golden.credit.encode()
    header = _HEADER.pack(
        MAGIC,
        golden.answers.version,
        *golden.pixels.shape[:2],
        *golden.answers.numbers,
        golden.answers.logits.size,
        len(credit),
        golden.required.sqnr_db,
        golden.required.result_agreement,
        golden.answers.tie,
        bytes.fromhex(golden.model_sha256),
        bytes.fromhex(golden.input_sha256),
    )
    body = b"".join(
        (
            header,
            credit,
            golden.pixels.tobytes(),
            golden.answers.encode(),
        )
    )
    return body + bytes.fromhex(sha256_bytes(body))


def decode_golden(data: bytes) -> Golden:
    """Read the layout above; raises `GoldenFormatError` when anything of it is wrong."""
    if len(data) < _HEADER.size or data[:8] != MAGIC:
        raise GoldenFormatError("it does not begin as a golden file")
    header = _HEADER.unpack_from(data)
    version, height, width, *numbers, samples, credit_bytes = header[1:9]
    sqnr_db, agreement, tie, model_sha256, input_sha256 = header[9:]
    if version not in KINDS:
        raise GoldenFormatError(f"its version is {version}, not {' or '.join(map(str, KINDS))}")
    kind = KINDS[version]
    answer_lengths = kind.lengths(numbers, samples)
    if not (
        answer_lengths
        and all(1 <= side <= MAXIMUM_SIDE_PX for side in (height, width))
        and 1 <= samples <= MOST_SAMPLES
        and credit_bytes <= MOST_CREDIT_BYTES
        and all(map(math.isfinite, (sqnr_db, agreement, tie)))
        and 0.0 <= agreement <= 1.0
    ):
        raise GoldenFormatError("its header holds values that are out of range")
    lengths = (credit_bytes, height * width * 3, *answer_lengths)
    if len(data) != _HEADER.size + sum(lengths) + _SHA256_BYTES:
        raise GoldenFormatError("its length is not what its header says")
    if bytes.fromhex(sha256_bytes(data[:-_SHA256_BYTES])) != data[-_SHA256_BYTES:]:
        raise GoldenFormatError("it was damaged: its hash is another")
    ends = list(accumulate(lengths, initial=_HEADER.size))
    credit, pixels, *parts = (data[a:b] for a, b in pairwise(ends))
    return Golden(
        model_sha256=model_sha256.hex(),
        input_sha256=input_sha256.hex(),
        credit=_text(credit),
        required=Gates(sqnr_db=sqnr_db, result_agreement=agreement),
        pixels=np.frombuffer(pixels, np.uint8).reshape(height, width, 3),
        answers=kind.decode(numbers, tie, parts),
    )


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise GoldenFormatError("its credit is no text") from None
