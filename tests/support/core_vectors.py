"""What Python says, for the tests of the app's core, in whose resources it lies.

`PYTHONPATH=tests python -m support.core_vectors` writes it. Bytes are base64, numbers in them
little-endian. Pictures and planes that go in are not stored: their byte `i` is the top one of the
low 32 bits of i * 2654435761.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from support.box_vectors import box_pictures, spread
from support.manifest_edits import DETECTOR, GATES, OWN_MEMBERS, SAMPLE, edits
from topformer import metrics
from topformer.android.answers import BoxAnswers, LabelAnswers
from topformer.android.golden import Golden, encode_golden
from topformer.detection import LEAST_LOGIT
from topformer.documents import encode_document
from topformer.images import bench_picture
from topformer.manifest import GoldenCase, Manifest
from topformer.preprocess import input_info, to_tensor
from topformer.tasks import sample_positions
from topformer.tasks.detection import TIE_SCORE, Detection
from topformer.tasks.segmentation import margins_at
from topformer.tasks.upsampling import upsample_labels

RESOURCES = Path(__file__).parents[2] / "android_app" / "core" / "src" / "test" / "resources"
INPUT = input_info(24, 40)


def scattered(*shape: int) -> np.ndarray:
    values = np.arange(np.prod(shape), dtype=np.uint32) * np.uint32(2654435761)
    return (values >> np.uint32(24)).astype(np.uint8).reshape(shape)


def resized_levels(tensor: np.ndarray) -> bytes:
    """Undo the normalisation: rows of RGB from 0 to 255."""
    levels = tensor[0] * np.reshape(INPUT.std, (3, 1, 1)) + np.reshape(INPUT.mean, (3, 1, 1))
    return np.rint(levels).astype(np.uint8).transpose(1, 2, 0).tobytes()


def pictures() -> Iterator[dict[str, Any]]:
    sizes = [(24, 40), (31, 77), (9, 11), (1, 1), (3, 100), (23, 41), (480, 640), (300, 70)]
    for height, width in sizes:
        tensor = to_tensor(scattered(height, width, 3), INPUT)
        yield {
            "height": height,
            "width": width,
            "levels": resized_levels(tensor),
            "tensor_sha256": hashlib.sha256(tensor.astype("<f4").tobytes()).hexdigest(),
        }


def frames() -> Iterator[dict[str, Any]]:
    turns = [(turn, mirror) for turn in (0, 90, 180, 270) for mirror in (False, True)]
    for height, width, turn, mirror in [
        *((61, 59, *each) for each in turns),
        (480, 640, 90, True),
        (24, 40, 0, False),
    ]:
        rgb = np.rot90(rgb_of_frame(height, width), -turn // 90)
        tensor = to_tensor(rgb[:, ::-1] if mirror else rgb, INPUT)
        yield {
            "height": height,
            "width": width,
            "rotation_degrees": turn,
            "mirror": mirror,
            "levels": resized_levels(tensor),
        }


def rgb_of_frame(height: int, width: int) -> np.ndarray:
    """JFIF's formula (ITU-T T.871, clause 7) in float64; a chroma sample stands for four pixels.

    The planes Y, U and V are consecutive bytes.
    """
    small = (-(-height // 2), -(-width // 2))
    planes = scattered(height * width + 2 * small[0] * small[1])
    y, cb, cr = np.split(planes, [height * width, height * width + small[0] * small[1]])
    y = y.reshape(height, width).astype(np.float64)
    cb, cr = (
        plane.reshape(small).repeat(2, 0).repeat(2, 1)[:height, :width] - 128.0
        for plane in (cb, cr)
    )
    rgb = [y + 1.402 * cr, y - (0.114 * 1.772 * cb + 0.299 * 1.402 * cr) / 0.587, y + 1.772 * cb]
    return np.clip(np.rint(np.stack(rgb, axis=2)), 0, 255).astype(np.uint8)


def label_pictures() -> Iterator[dict[str, Any]]:
    random = np.random.default_rng(6)

    def noise(*shape: int) -> np.ndarray:
        return spread(random, *shape)

    def spoilt(logits: np.ndarray, *values: float) -> np.ndarray:
        for value in values:
            logits[random.random(logits.shape) < 0.1] = value
        return logits

    smooth = noise(19, 3, 4).repeat(3, 1).repeat(3, 2)
    cases: dict[str, tuple[np.ndarray, tuple[int, int]]] = {
        "smooth": (smooth + 0.1 * noise(*smooth.shape), (72, 96)),
        "noise": (noise(12, 6, 6), (50, 41)),
        "ties": (random.integers(0, 3, (8, 4, 4)).astype(np.float32), (32, 32)),
        "rounded ties": ((noise(8, 5, 5) * 2).round() / 10, (33, 31)),
        "constant": (np.full((4, 3, 3), 0.1, np.float32), (10, 10)),
        "one cell": (noise(3, 1, 1), (40, 5)),
        "one class": (noise(1, 3, 2), (7, 9)),
        "shrunk": (noise(5, 12, 10), (7, 4)),
        "same size": (spoilt(noise(6, 9, 8), np.inf), (9, 8)),
        "infinite": (spoilt(noise(5, 5, 5), np.inf, -np.inf), (20, 24)),
        "nan": (spoilt(noise(5, 5, 5), np.nan, np.inf), (21, 19)),
        "huge": (noise(6, 4, 4) * np.float32(3e37), (30, 30)),
        "300 classes": (noise(300, 2, 3), (16, 24)),
    }
    for name, (logits, size) in cases.items():
        labels = upsample_labels(logits[None], size)[0]
        yield {
            "name": name,
            "shape": logits.shape,
            "height": size[0],
            "width": size[1],
            "logits": logits.astype("<f4").tobytes(),
            "labels": labels.astype("<u2").tobytes(),
        }


def golden_of(answers: LabelAnswers | BoxAnswers) -> Golden:
    """Make the golden file of a sample's model, from outputs and a picture that mean nothing."""
    pixels = scattered(SAMPLE.input.height, SAMPLE.input.width, 3)
    tensor = to_tensor(pixels, SAMPLE.input)
    return Golden(
        model_sha256=SAMPLE.file.sha256,
        input_sha256=hashlib.sha256(tensor.astype("<f4").tobytes()).hexdigest(),
        credit="scattered bytes, by nobody \u2713",
        required=GATES,
        pixels=pixels,
        answers=answers,
    )


def label_answers() -> LabelAnswers:
    info, shape = SAMPLE.input, SAMPLE.outputs[0].shape
    logits = spread(np.random.default_rng(7), *shape)
    labels = upsample_labels(logits, (info.height, info.width))
    positions = sample_positions(labels.size)
    return LabelAnswers(
        tie=0.02,
        logits_shape=shape[1:],
        logits=logits.reshape(-1)[sample_positions(logits.size)],
        labels=labels.reshape(-1)[positions].astype(np.uint16),
        margins=margins_at(logits, (info.height, info.width), positions).astype(np.float32),
    )


def answers(expected: LabelAnswers) -> Iterator[dict[str, Any]]:
    """Logits that a runtime might give for the golden picture, and how well they agree."""
    random = np.random.default_rng(7)
    logits = spread(random, *SAMPLE.outputs[0].shape)
    for noise in (0.0, 1e-7, 1e-5, 1e-3, 0.1, np.inf):
        found = logits
        if noise:
            found = logits + np.float32(noise) * spread(random, *logits.shape)
        at_samples = found.reshape(-1)[sample_positions(found.size)]
        sqnr_db = metrics.sqnr_db(expected.logits.astype(np.float64), at_samples)
        labels = upsample_labels(found, (SAMPLE.input.height, SAMPLE.input.width)).reshape(-1)
        differ = labels[sample_positions(labels.size)] != expected.labels
        agreement = 1.0 - float((differ & (expected.margins > expected.tie)).mean())
        yield {
            "outputs": [found.astype("<f4").tobytes()],
            "sqnr_db": round(sqnr_db, 6),
            "agreement": agreement,
            "passed": sqnr_db >= GATES.sqnr_db and agreement >= GATES.result_agreement,
        }


def detector_outputs() -> list[np.ndarray]:
    random = np.random.default_rng(8)
    outputs = [spread(random, *output.shape) for output in DETECTOR.outputs]
    # Some logits are below what counts. So near their anchors all boxes have an area: one without
    # is not even its own partner.
    logits = [np.where(one < -1, one + np.float32(LEAST_LOGIT), one - 2) for one in outputs[:2]]
    return [*logits, *(one / 16 for one in outputs[2:])]


def box_answers() -> BoxAnswers:
    task = Detection(DETECTOR)
    samples = task.sample(task.answer(detector_outputs()))
    logits, offsets, boxes = task.read_samples(samples)
    return BoxAnswers(
        tie=TIE_SCORE, classes=2, levels=2, logits=logits, offsets=offsets, boxes=boxes
    )


def proved_detector() -> Manifest:
    """Return the sample with an answer for the picture that the app checks itself with."""
    task, info = Detection(DETECTOR), DETECTOR.input
    tensor = to_tensor(bench_picture(info.height, info.width).pixels, info)
    case = GoldenCase(
        input="picture",
        input_sha256=hashlib.sha256(tensor.astype("<f4").tobytes()).hexdigest(),
        required=GATES,
        ill_conditioned=False,
        samples=task.sample(task.answer(detector_outputs())),
    )
    return msgspec.structs.replace(DETECTOR, golden=(case,))


def judged_boxes() -> Iterator[dict[str, Any]]:
    """Outputs that a runtime might give for the golden picture, and how well they agree."""
    task, random = Detection(DETECTOR), np.random.default_rng(9)
    outputs = detector_outputs()
    samples = task.sample(task.answer(outputs))
    for noise in (0.0, 1e-6, 1e-4, 1e-3, 0.03, 1.0, np.inf):
        found = outputs
        if noise:
            found = [one + np.float32(noise) * spread(random, *one.shape) for one in outputs]
        agreement = task.compare_sampled(samples, task.answer(found))
        yield {
            "outputs": [one.astype("<f4").tobytes() for one in found],
            "sqnr_db": round(agreement.sqnr_db, 6),
            "agreement": agreement.result_agreement,
            "passed": agreement.sqnr_db >= GATES.sqnr_db
            and agreement.result_agreement >= GATES.result_agreement,
        }


def vectors() -> dict[str, bytes]:
    """Return the content of every file, by name."""
    documents: dict[str, Any] = {
        "preprocess.json": {
            "mean": INPUT.mean,
            "std": INPUT.std,
            "height": INPUT.height,
            "width": INPUT.width,
            "pictures": list(pictures()),
            "frames": list(frames()),
        },
        "labels.json": list(label_pictures()),
        "answers.json": list(answers(label_answers())),
        "boxes.json": list(box_pictures()),
        "box-answers.json": list(judged_boxes()),
    }
    written = {
        name: msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
        for name, document in documents.items()
    }
    return written | {
        "manifest.json": encode_document(SAMPLE),
        "detector.json": encode_document(DETECTOR),
        "example.golden": encode_golden(golden_of(label_answers())),
        "boxes.golden": encode_golden(golden_of(box_answers())),
        "manifest-edits.json": listed(edits()),
        "detector-edits.json": listed(edits(DETECTOR, OWN_MEMBERS)),
    }


def listed(lines: Iterable[Any]) -> bytes:
    """Write a list with an entry a line."""
    return b"[\n" + b",\n".join(map(msgspec.json.encode, lines)) + b"\n]\n"


if __name__ == "__main__":
    RESOURCES.mkdir(parents=True, exist_ok=True)
    for name, content in vectors().items():
        (RESOURCES / name).write_bytes(content)
