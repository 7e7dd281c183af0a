"""The paper's claim for detection: TopFormer and other backbones under the same pyramid and head.

    python -m topformer.benchmarks.studies.detectors FOLDER --count
    make rig RUN='topformer bench --device adb --json --model FOLDER/lite-tiny-448x448.pte ...
      > FOLDER/arm-lite.json'
    python -m topformer.benchmarks.studies.detectors FOLDER

Tiny and Small, and torchvision's ShuffleNetV2 (x1.0) and MobileNetV3 (large), each with RetinaNet's
published head and with ours for phones; `backbones` says where they are tapped. Weights are drawn:
they decide no cost. Prints one table in Markdown: parameters and multiply-adds, at the published
800x1344 and at 448x448; the network's latency on this machine, one thread; its ARM instructions,
of the documents `arm*.json` in FOLDER; and what others published. Files are exported into FOLDER
unless they are there. `--count` leaves the latency out, which stands for nothing while the machine
has other work, and makes the files alone that are to be counted.

Sources of the published figures: TopFormer's paper (arXiv 2204.05525), RetinaNet on COCO val2017,
1x schedule; Small's are recalled.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch

from topformer.benchmarks.documents.bench import read_bench
from topformer.benchmarks.documents.rows import CountedRow
from topformer.benchmarks.protocol.statistics import paired_ratio
from topformer.benchmarks.studies.backbones import BACKBONES, create_contestant, deployed
from topformer.benchmarks.studies.networks import SEED, measure
from topformer.classes import dataset_classes
from topformer.complexity import count_macs
from topformer.detection import HEADS, LITE, RETINANET
from topformer.detector import Detector
from topformer.documents import encode_document
from topformer.export.targets import get_target
from topformer.files import sha256_bytes
from topformer.manifest import FileInfo, Manifest, WeightsInfo, manifest_path, read_manifest_of
from topformer.metrics import sqnr_db
from topformer.runtimes import open_model
from topformer.runtimes.torch_network import TorchNetwork, describe
from topformer.sets import write_set
from topformer.weights import LoadedWeights

PUBLISHED_SIZE = (800, 1344)
SIDE = 448
# Of the published head an emulator takes minutes at 448.
COUNTED_SIDE = {LITE: SIDE, RETINANET: 128}
# What a file must share with the network that it is made of, on noise.
LEAST_SQNR_DB = 60.0
# Of the published head a run takes a second, of ours some hundredths.
LIVES = {LITE: 5, RETINANET: 3}
ROUNDS_A_LIFE = {LITE: 8, RETINANET: 5}
RUNS_A_ROUND = {LITE: 15, RETINANET: 3}


@dataclass(frozen=True, kw_only=True)
class Published:
    """What the paper says of a detector with the published head."""

    ap: str
    parameters_m: str
    gflops: str


PUBLISHED = {
    "tiny": Published(ap="27.1", parameters_m="10.5", gflops="160"),
    "small": Published(ap="30.2 (recalled)", parameters_m="about 12.3", gflops="about 160"),
    "shufflenet-v2-x1.0": Published(ap="25.9", parameters_m="10.4", gflops="161"),
    "mobilenet-v3-large": Published(ap="27.2", parameters_m="12.3", gflops="162"),
}


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """One backbone under one head."""

    backbone: str
    head: str

    @property
    def name(self) -> str:
        """As in "tiny, lite"."""
        return f"{self.backbone}, {self.head}"

    def path(self, folder: Path, side: int) -> Path:
        """Where its file for square pictures lies."""
        return folder / f"{self.head}-{self.backbone}-{side}x{side}.pte"


CONTESTANTS = [Contestant(backbone=one, head=head) for head in HEADS for one in BACKBONES]


def export_contestant(contestant: Contestant, path: Path, side: int) -> None:
    """Lower a contestant to XNNPACK, with its manifest; raises `AssertionError` for another answer.

    The whole network is one delegate, as it must be for a fair comparison.
    """
    size = (side, side)
    detector = create_contestant(contestant.backbone, contestant.head)
    fused = deployed(detector)
    target = get_target("xnnpack")
    lowered = target.lower(fused, torch.zeros(1, 3, *size))
    assert (lowered.delegation.delegates, lowered.delegation.outside) == (1, ())
    manifest = _describe(contestant, detector, size)
    file = FileInfo(
        name=path.name,
        sha256=sha256_bytes(lowered.data),
        size_bytes=len(lowered.data),
        target=target.name,
        precision="fp32",
        libraries=lowered.libraries,
    )
    manifest = msgspec.structs.replace(manifest, file=file, delegation=lowered.delegation)
    write_set({path: lowered.data, manifest_path(path): encode_document(manifest)})
    noise = np.random.default_rng(SEED).standard_normal((1, 3, *size)).astype(np.float32)
    pairs = zip(TorchNetwork(detector).run(noise), open_model(path).run(noise), strict=True)
    assert min(sqnr_db(expected, found) for expected, found in pairs) > LEAST_SQNR_DB


def _describe(contestant: Contestant, detector: Detector, size: tuple[int, int]) -> Manifest:
    info = WeightsInfo(
        name=f"{contestant.backbone}-{contestant.head}-random",
        sha256="0" * 64,
        licence="none needed: random numbers",
        source="drawn for a study; not trained",
        random_seed=0,
    )
    loaded = LoadedWeights(model=detector, info=info, classes=dataset_classes("coco"))
    manifest = describe(loaded, size)
    model = msgspec.structs.replace(manifest.model, variant=contestant.backbone)
    return msgspec.structs.replace(manifest, model=model)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What a contestant is made of, in millions and billions."""

    parameters_m: float
    # With the sixth level made of the pyramid's fifth map, as the published figures have it.
    published_parameters_m: float
    published_gmac: float
    gmac: float


def sizes_of(contestant: Contestant) -> Sizes:
    """Count parameters and multiply-adds."""
    detector = create_contestant(contestant.backbone, contestant.head)
    parameters = sum(one.numel() for one in detector.parameters())
    pyramid = detector.fpn.get_submodule("coarse.p6" if contestant.head == RETINANET else "p6")
    other = detector.fpn.get_submodule("coarse.p7" if contestant.head == RETINANET else "p7")
    # The seventh level is made by the same convolution as a sixth of the fifth map would be.
    swapped = parameters + sum(
        sign * one.numel()
        for sign, level in ((-1, pyramid), (1, other))
        for one in level.parameters()
    )
    return Sizes(
        parameters_m=parameters / 1e6,
        published_parameters_m=swapped / 1e6,
        published_gmac=count_macs(detector, *PUBLISHED_SIZE).total / 1e9,
        gmac=count_macs(detector, SIDE, SIDE).total / 1e9,
    )


def time_ms(folder: Path, head: str) -> dict[str, str]:
    """Time the files of one head in turns; by backbone, as in "9.87 (1.21 of tiny)"."""
    files = [one.path(folder, SIDE) for one in CONTESTANTS if one.head == head]
    samples = measure(
        [(path, False) for path in files],
        lives=LIVES[head],
        rounds=ROUNDS_A_LIFE[head],
        runs=RUNS_A_ROUND[head],
    )
    told: dict[str, str] = {}
    for backbone, own in zip(BACKBONES, samples, strict=True):
        ratio = paired_ratio(own, samples[0], seed=SEED)
        low, high = ratio.interval
        told[backbone] = f"{np.median(own):.2f} ({low:.2f}-{high:.2f} times Tiny)"
    return told


def read_counts(folder: Path) -> dict[str, float]:
    """By the hash of each file that was counted in the rig: million instructions of the network."""
    return {
        row.sha256: row.instructions.execute / 1e6
        for document in sorted(folder.glob("arm*.json"))
        for row in read_bench(document).rows
        if isinstance(row, CountedRow)
    }


def lines(folder: Path, *, with_latency: bool) -> Iterator[str]:
    """Measure what is in the folder, and write the table."""
    counts = read_counts(folder)
    columns = [
        "backbone, head", "parameters, M", "with the published sixth level", "GMAC, 800x1344",
        "GMAC, 448x448", "network, ms, 448x448", "ARM instructions, M",
        "published: parameters, M", "GFLOPs", "AP",
    ]  # fmt: skip
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    timed = {head: time_ms(folder, head) for head in HEADS} if with_latency else {}
    for one in CONTESTANTS:
        made = sizes_of(one)
        side = COUNTED_SIDE[one.head]
        file = read_manifest_of(one.path(folder, side)).file
        counted = counts.get(file.sha256) if file else None
        published = PUBLISHED[one.backbone] if one.head == RETINANET else None
        cells = [
            one.name,
            f"{made.parameters_m:.2f}",
            f"{made.published_parameters_m:.2f}" if published else "",
            f"{made.published_gmac:.1f}",
            f"{made.gmac:.2f}",
            timed.get(one.head, {}).get(one.backbone, ""),
            "" if counted is None else f"{counted:.1f} at {side}x{side}",
            *((published.parameters_m, published.gflops, published.ap) if published else [""] * 3),
        ]
        yield f"| {' | '.join(cells)} |"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", action="store_true", help="no latency")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for contestant in CONTESTANTS:
        sides = {COUNTED_SIDE[contestant.head]}
        if not chosen.count:
            sides.add(SIDE)
        for side in sides:
            path = contestant.path(chosen.folder, side)
            if not path.exists():
                sys.stderr.write(f"exporting {path.name}\n")
                export_contestant(contestant, path, side)
    for line in lines(chosen.folder, with_latency=not chosen.count):
        sys.stdout.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
