"""Files of a report that were never made: figures as a real one has them, and scripted rows."""

from functools import cache
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from support.bench_fakes import emulated_bench, request, scripted_bench
from support.manifest_edits import SAMPLE
from topformer.drawing import found_classes
from topformer.files import sha256_bytes
from topformer.manifest import Classes
from topformer.preprocess import input_info
from topformer.verbs.report.document import FileScore, NotMade, ScoredOn
from topformer.verbs.report.judge import judge_files
from topformer.verbs.report.looks import LOOKS, Small
from topformer.verbs.report.make import ProvedFile
from topformer.verbs.report.measure import Measured, MeasureOptions
from topformer.verbs.report.pictures import ShownPicture, ShownResult, _address
from topformer.verbs.report.run import ReportOptions, _document, _Found

SCORED_ON = ScoredOn(dataset="camvid", split="val", pictures=101, sha256="a" * 64)
MEASURE = MeasureOptions(
    device="host", serial=None, threads=1, mode="quick", cores=None, max_start_temp_c=None
)
OPTIONS = ReportOptions(
    sizes=("tiny",),
    image_sizes=(),
    precisions=(),
    targets=(),
    models=(),
    task=None,
    detection_head=None,
    dataset=None,
    data=None,
    split="val",
    calibration=None,
    pictures=None,
    measure=MEASURE,
    out=Path("topformer-report"),
)
SUFFIXES = {"xnnpack": ".pte", "onnx": ".onnx"}


def proved_file(
    *,
    side=448,
    precision="fp32",
    target="xnnpack",
    size_mb=5.51,
    passed=True,
    random=False,
    name=None,
    classes=None,
    libraries=None,
) -> ProvedFile:
    """Make one of Tiny; its name, if any other is not given, is that of an export."""
    name = name or f"tiny {side}x{side} {precision} {target}"
    path = Path("topformer-report/files/tiny") / (
        f"topformer-tiny-{side}x{side}-{target}-{precision}{SUFFIXES.get(target, '.bin')}"
    )
    weights = msgspec.structs.replace(SAMPLE.weights, random_seed=3 if random else None)
    proof = msgspec.structs.replace(SAMPLE.parity, passed=passed)
    manifest = msgspec.structs.replace(
        SAMPLE,
        weights=weights,
        input=input_info(side, side),
        classes=classes or SAMPLE.classes,
        model=msgspec.structs.replace(
            SAMPLE.model, num_classes=len((classes or SAMPLE.classes).names)
        ),
        file=msgspec.structs.replace(
            SAMPLE.file,
            name=path.name,
            sha256=sha256_bytes(name.encode()),
            size_bytes=round(size_mb * 1e6),
            precision=precision,
            target=target,
            libraries=libraries or {"executorch": "1.5.1"},
        ),
        parity=proof,
    )
    return ProvedFile(name=name, path=path, origin="exported", manifest=manifest, proof=proof)


# Side, precision, target, megabytes, milliseconds, mIoU.
FIGURES = (
    (384, "fp32", "xnnpack", 5.51, 4.66, 0.6521),
    (384, "fp32", "onnx", 5.59, 5.12, 0.6521),
    (384, "int8", "xnnpack", 1.59, 3.49, 0.6502),
    (448, "fp32", "xnnpack", 5.51, 6.34, 0.6765),
    (448, "fp32", "onnx", 5.59, 6.99, 0.6765),
    (448, "fp16", "xnnpack", 2.79, 13.5, 0.6764),
    (448, "int8", "xnnpack", 1.59, 4.92, 0.6752),
    (448, "int8", "onnx", 1.71, 4.71, 0.6731),
    (512, "fp32", "xnnpack", 5.51, 8.42, 0.6811),
    (512, "int8", "xnnpack", 1.59, 6.55, 0.6798),
)


def fake_files(figures=FIGURES, **options):
    """Make files with their scores by name and milliseconds by name."""
    files, scores, costs = [], {}, {}
    for side, precision, target, size_mb, total_ms, miou in figures:
        file = proved_file(
            side=side, precision=precision, target=target, size_mb=size_mb, **options
        )
        files.append(file)
        costs[file.name] = total_ms - 3.0
        if miou is not None:
            scores[file.name] = FileScore(
                miou=miou,
                mean_accuracy=miou,
                pixel_accuracy=0.92,
                document=f"scores/{file.name.replace(' ', '-')}.json",
            )
    return files, scores, costs


def fake_measured(files, costs, *, emulated=False) -> Measured:
    """Let scripted workers measure files; `costs` are the network's milliseconds by name."""
    measured = tuple((file.name, costs[file.name]) for file in files if file.name in costs)
    return Measured(bench=_bench(measured, emulated), path=Path("topformer-report/bench.json"))


@cache
def _bench(costs, emulated):
    requests = [request(name) for name, _ in costs]
    if not emulated:
        return scripted_bench(requests, execute_ms=dict(costs))
    bench = emulated_bench(requests)
    rows = [
        msgspec.structs.replace(
            row,
            instructions=msgspec.structs.replace(row.instructions, total=round(27e6 * cost)),
        )
        for row, (_, cost) in zip(bench.rows, costs, strict=True)
    ]
    return msgspec.structs.replace(bench, rows=tuple(rows))


def fake_report(files, scores, measured, *, not_made=(), data=None, pictures=(), options=OPTIONS):
    """Judge files, and describe them as a report does."""
    found = _Found(
        files=files,
        not_made=[NotMade(**one) for one in not_made],
        scores=scores,
        measured=measured,
        judged=judge_files(files, scores, measured),
    )
    return _document(options, found, data, pictures)


@cache
def usual_report():
    """Describe ten files of Tiny that were scored and measured, and return their bench, too."""
    files, scores, costs = fake_files()
    measured = fake_measured(files, costs)
    document = fake_report(files, scores, measured)
    return msgspec.structs.replace(document, scored_on=SCORED_ON), measured


def shown_picture(name="street.jpg", file="tiny 448x448 fp32 xnnpack", names=("sky", "road")):
    """Make a picture of noise in which one file found two classes."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (20, 30, 3), np.uint8)
    classes = Classes(dataset="-", names=names, palette=((1, 2, 3), (4, 5, 6)))
    labels = rng.integers(0, 2, (20, 30))
    look = LOOKS["semantic-segmentation"](classes)
    painted = _address(look.painted(Small(image=Image.fromarray(pixels), scale=1.0), labels))
    return ShownPicture(
        name=name,
        reference=file,
        painted=painted,
        truth=painted,
        results=(
            ShownResult(file=file, painted=painted, differing=painted, equal=0.93, right=0.81),
        ),
        legend=tuple(found_classes(labels, classes)),
        words=look.words,
    )
