"""Every reader of what others wrote, with good inputs, and what is done with a value that passed.

A reader may return anything or raise `TopformerError`. What it returns is used as the verbs use it,
for a value that was read must be safe everywhere.
"""

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
from rich.console import Console

from fuzz import seeds
from fuzz.examples import example
from support.coco_fakes import annotations, write_split
from support.manifest_edits import SAMPLE
from topformer.android.aar import check_aar
from topformer.android.assets import _check_golden_file
from topformer.android.catalogue import wanted_jdk
from topformer.benchmarks.benches.rows import measured_row
from topformer.benchmarks.bundle.build import Bundle
from topformer.benchmarks.bundle.wheel import unpack_wheel
from topformer.benchmarks.documents.bench import read_bench
from topformer.benchmarks.documents.runner import (
    Measured,
    RunnerBlock,
    RunnerFailureError,
    RunnerOpened,
    RunnerRun,
    decode_document,
)
from topformer.benchmarks.protocol.comparison import compare
from topformer.benchmarks.protocol.matching import match_within
from topformer.benchmarks.protocol.modes import get_mode
from topformer.benchmarks.protocol.recording import Block, Recording, gather_evidence
from topformer.benchmarks.report import plot, text
from topformer.benchmarks.workers.device.counting import parse_log
from topformer.benchmarks.workers.rows import RowRequest, describe_loaded
from topformer.box_drawing import boxes_image
from topformer.boxes import Boxes
from topformer.children import Finished
from topformer.classes import read_classes
from topformer.data.coco.check import check_boxes
from topformer.data.coco.finding import find_split, sort_split
from topformer.data.datasets import open_dataset
from topformer.data.label_files import label_table, open_labels
from topformer.devices import machine
from topformer.devices.facts.cores import (
    choose_mask,
    cluster_word,
    describe_clusters,
    parse_allowed,
    parse_last_cpus,
)
from topformer.devices.facts.reading import read_counted_state, read_facts
from topformer.devices.heat import gate_temperature
from topformer.devices.links.adb import parse_devices, parse_version
from topformer.devices.links.client import read_marked
from topformer.devices.links.failures import explain_adb
from topformer.devices.links.link import printable
from topformer.documents import Document, encode_json
from topformer.documents import decode_document as decode
from topformer.drawing import found_classes, label_image
from topformer.errors import TopformerError
from topformer.evaluation.boxes import score_found
from topformer.images import read_picture
from topformer.manifest import Manifest, read_manifest
from topformer.preprocess import parse_image_size, size_in_shape, to_tensor
from topformer.runtimes.opened import OpenedModel
from topformer.signatures import kind_of_bytes
from topformer.tasks import task_of
from topformer.tasks.segmentation import read_samples, tie_margin
from topformer.toolchain.gradle import find_sdk
from topformer.training.checkpoints import CheckpointIndex, restore
from topformer.training.journal import read_log
from topformer.training.recipe import augmentation_of, load_recipe, recipe_sha256, recipe_text
from topformer.verbs.bench.fleet import Event
from topformer.verbs.eval.document import EvalDocument
from topformer.verbs.inspect import _describe
from topformer.verbs.parity import _explain
from topformer.verbs.report.document import ReportDocument
from topformer.verbs.report.kept import KeptDocument
from topformer.verbs.verify import VerifyDocument
from topformer.weights import load_weights
from topformer.weights.checkpoints import read_checkpoint
from topformer.weights.fetch import FetchRecord, url_download
from topformer.weights.matching import classifier_layout, segmentation_layout
from topformer.weights.transfer import PartRecord

Read = Callable[[bytes, Path], object]


@dataclass(frozen=True, kw_only=True)
class Reader:
    """One reader: what it takes, and how its inputs are made."""

    name: str
    read: Read
    # Kinds of mutation, and good inputs of each.
    seeds: Callable[[], list[tuple[str, bytes]]]
    # Of all inputs; slow ones get fewer.
    share: float = 1.0


READERS: dict[str, Reader] = {}


def reader(name: str, make: Callable[[], list[tuple[str, bytes]]], *, share: float = 1.0):
    """Put a function among the readers."""

    def add(read: Read) -> Read:
        READERS[name] = Reader(name=name, read=read, seeds=cache(make), share=share)
        return read

    return add


def of(kind: str, *data: bytes | str) -> Callable[[], list[tuple[str, bytes]]]:
    """Inputs of one kind."""
    return lambda: [(kind, one if isinstance(one, bytes) else one.encode()) for one in data]


def written(folder: Path, name: str, data: bytes) -> Path:
    """Write an input to a file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@reader("checkpoint", lambda: [("checkpoint", one) for one in seeds.checkpoints()], share=2)
def _checkpoint(data, folder):
    found = read_checkpoint(written(folder, "a.pth", data))
    for layout in (segmentation_layout, classifier_layout):
        try:
            layout(found)
        except TopformerError:
            continue


@reader("weights", lambda: [("checkpoint", one) for one in seeds.weights()], share=0.001)
def _weights(data, folder):
    return load_weights(written(folder, "a.pth", data)).info


@reader(
    "training state", lambda: [("checkpoint", one) for one in seeds.training_state()], share=0.5
)
def _training_state(data, folder):
    place = folder / "checkpoints" / "step-00000003"
    written(place, "state.pt", data)
    written(place, "model.safetensors", b"")
    index = msgspec.json.decode(example(CheckpointIndex), type=CheckpointIndex)
    index = msgspec.structs.replace(
        index, state_sha256=sha256(data).hexdigest(), model_sha256=sha256(b"").hexdigest()
    )
    written(place, "checkpoint.json", encode_json(index))
    return restore(folder)


@reader("manifest", lambda: [("json", encode_json(seeds.manifest()))], share=2)
def _manifest(data, folder):
    use_manifest(read_manifest(written(folder, "a.json", data)))


def use_manifest(manifest: Manifest) -> None:
    """What inspect, verify, predict and embed do with one."""
    again(manifest, Manifest)
    task = task_of(manifest)
    model = OpenedModel(manifest=manifest, runtime="torch", network=None)
    "\n".join(_describe("a.pte", model, None))
    if manifest.parity:
        list(_explain(manifest.parity, task.noun, calibrated=True))
    if manifest.input.height * manifest.input.width <= 2**18:
        with np.errstate(all="raise"):
            tensor = to_tensor(np.full((3, 3, 3), 255, np.uint8), manifest.input)
        assert np.isfinite(tensor).all()
    for case in manifest.golden:
        logits, _, _ = read_samples(case.samples)
        assert np.isfinite(tie_margin(logits.astype(np.float64)))


def again(document: Document, kind: type[Document]) -> None:
    """What was read can be written, and read again."""
    assert msgspec.json.decode(encode_json(document), type=kind) == document


@reader("bench", lambda: [("json", one) for one in seeds.benches()], share=0.1)
def _bench(data, folder):
    use_bench(read_bench(written(folder, "a.json", data)))


def use_bench(document):
    """What bench and compare print of one."""
    again(document, type(document))
    list(text.row_lines(document))
    list(text.reasons(document))
    list(text.half_precision_warnings(document))
    console = Console(file=io.StringIO(), width=200)
    console.print(text.heading(document), text.place(document), *text.tables(document))
    for pair in match_within(document).pairs:
        list(text.comparison_lines(compare(*pair)))


@reader("bench picture", lambda: [("json", one) for one in seeds.benches()], share=0.001)
def _bench_picture(data, folder):
    return plot.draw(read_bench(written(folder, "a.json", data)))


@reader("runner", lambda: [("json", one) for one in seeds.runner_documents()], share=2)
def _runner(data, folder):
    try:
        run = decode_document(data, RunnerRun)
    except TopformerError:
        for kind in (RunnerOpened, RunnerBlock):
            try:
                return encode_json(decode_document(data, kind))
            except RunnerFailureError:
                return None
            except TopformerError:
                continue
        raise
    request = RowRequest(name="a", source="a", runtime="runner", threads=run.threads)
    loaded = describe_loaded(request, SAMPLE, run)
    measured = Measured(
        samples=run.samples,
        warmups=run.block_warmups,
        cpu_ns=run.cpu_ns,
        peak_memory_bytes=run.peak_memory_bytes,
    )
    before, after = (
        machine.Counters(
            at_s=at_s,
            busy_s=1.0,
            stolen_s=0.0,
            quota_stopped_s=0.0,
            thermal_events=0,
            frequency_mhz=2000.0,
        )
        for at_s in (0.0, 1.0)
    )
    block = Block(measured=measured, start_s=0.0, elapsed_s=1.0, before=before, after=after)
    recording = Recording(request=request, loaded=loaded, blocks=[block])
    get_mode("quick").samples_within_budget(recording.warm_run_s)
    evidence = gather_evidence(recording, cpu_count=2, machine_cpu_count=2)
    with np.errstate(all="raise", under="ignore"):
        row = measured_row(recording, evidence=evidence, seed=0)
    again(row, type(row))
    return None


# Documents that are read back and only looked at.
DOCUMENTS = (
    *(CheckpointIndex, FetchRecord, PartRecord, Bundle, KeptDocument, EvalDocument),
    *(VerifyDocument, ReportDocument),
)


def add_document(kind: type[Document]) -> None:
    """Put a document among the readers."""

    @reader(kind.__name__, lambda: [("json", example(kind))], share=0.25)
    def _document(data, _folder):
        again(decode(data, kind, refusal="no"), kind)


for document in DOCUMENTS:
    add_document(document)


@reader("events", lambda: [("json", example(one)) for one in Event.__args__])
def _events(data, _folder):
    try:
        event = msgspec.json.decode(data, type=Event)
    except (ValueError, RecursionError):  # as `fleet` has it
        return
    encode_json(event)


@reader("log", of("json lines", b'{"kind":"step","step":1,"loss":1.5,"learning_rate":0.1,'
    b'"images_per_s":3.5,"waiting_share":0.25}\n{"kind":"score","step":9,"miou":0.5,'
    b'"mean_accuracy":0.5,"pixel_accuracy":0.5}\n'))  # fmt: skip
def _log(data, folder):
    for record in read_log(written(folder, "log.jsonl", data)):
        assert msgspec.json.decode(msgspec.json.encode(record), type=type(record)) == record


def recipes() -> list[tuple[str, bytes]]:
    """A whole recipe, and parts of one."""
    whole = recipe_text(load_recipe("camvid", "tiny")).encode()
    return [("text", whole), ("text", b"batch = 2\nscale = [480, 360]\n[tiny]\nbatch = 4\n")]


@reader("recipe", recipes)
def _recipe(data, folder):
    use_recipe(load_recipe("camvid", "tiny", path=written(folder, "r.toml", data)))


def use_recipe(recipe):
    """What training does with one before its first step."""
    recipe_sha256(recipe)
    augmentation_of(recipe)
    assert recipe.evaluation_interval > 0
    assert recipe.checkpoint_interval > 0


@reader("--set", of("text", "learning_rate=0.001", "scale=[480, 360]", "init='none'", "seed=1"))
def _set(data, _folder):
    name, _, value = data.decode(errors="surrogateescape").partition("=")
    use_recipe(load_recipe("camvid", "tiny", overrides={name: value}))


@reader("version catalogue", of("text", '[versions]\njdk = "17"\nexecutorch = "1.5.1"\n'))
def _catalogue(data, folder):
    written(folder, "gradle/libs.versions.toml", data)
    return wanted_jdk(folder)


@reader("properties", of("text", "# a\nsdk.dir=/opt/android\\:sdk\nother = 1\n"))
def _properties(data, folder):
    written(folder, "local.properties", data)
    return find_sdk(folder)


CLASSES = '{"classes": ["sky", "road"], "palette": [[1, 2, 3], [4, 5, 6]], "ignore_label": 255}'


@reader("class names", lambda: [("json", CLASSES.encode()), ("text", b"sky\nroad\n")])
def _classes(data, folder):
    found = read_classes(str(written(folder, "classes.json", data)))
    encode_json(found)
    found_classes(np.zeros((2, 2), np.uint8), found)


@reader("data set", of("json", CLASSES))
def _dataset(data, folder):
    written(folder, "classes.json", data)
    encode_json(open_dataset("folder", folder).classes)


@reader("boxes", lambda: [("json", json.dumps(annotations()).encode())], share=2)
def _boxes(data, folder):
    root = folder / "set"
    write_split(root, data)
    split, problems = sort_split(find_split(root, "train"))
    report = check_boxes(split, problems)
    assert report.problem_count >= len(report.problems)
    for doubt in report.doubts:
        assert doubt.count
    found = []
    for picture in split:
        corners, labels = picture.learnable()
        assert np.isfinite(corners).all()
        assert (corners >= 0).all()
        assert (labels < len(split.category_ids)).all()
        scores = np.linspace(1, 0, len(picture), dtype=np.float32)
        found.append(Boxes(corners=picture.corners, scores=scores, labels=picture.labels))
        pixels = np.zeros((8, 8, 3), np.uint8)
        boxes_image(pixels, found[-1], split.classes)
    if found:
        score_found(found, split)


def picture_seeds() -> list[tuple[str, bytes]]:
    """Pictures by what they are made of."""
    kinds = {"png": "png", "jpeg": "jpeg"}
    return [
        (kinds.get(name.split()[0][:4], "bytes"), one) for name, one in seeds.pictures().items()
    ]


@reader("picture", picture_seeds, share=2)
def _picture(data, folder):
    pixels = read_picture(written(folder, "a.png", data))
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
    assert pixels.size


@reader("labels", lambda: [("png", one) for one in seeds.labels()], share=2)
def _labels(data, folder):
    classes = SAMPLE.classes
    table = label_table(range(3))
    labels = open_labels(written(folder, "a.png", data), table, classes)
    assert labels.counts.sum() == labels.ids.size
    label_image(np.minimum(labels.ids, 1), classes)


@reader("signature", picture_seeds)
def _signature(data, _folder):
    return kind_of_bytes(data)


@reader("device", lambda: [("text", one) for one in seeds.device_answers()], share=2)
def _device(data, _folder):
    def run(argv, **_options):
        token = re.search(r"echo; echo (\w+) ", argv[-1])[1]
        return Finished(exit_status=0, stdout=data.replace(seeds.TOKEN, token.encode()), stderr=b"")

    link = SimpleNamespace(name="A", kind="adb", run=run)
    facts, state = read_facts(link), read_counted_state(link).state
    again(facts, type(facts))
    again(state, type(state))
    describe_clusters(facts.cores)
    gate_temperature(state)
    for wanted in ("big", "mid", "little"):
        try:
            cluster_word(choose_mask(wanted, facts.cores), facts.cores, offline=facts.offline)
        except TopformerError:
            continue


STATUS = "Name: a\nCpus_allowed:\tff,ffffffff\nVmHWM: 12 kB\n"
STAT = f"12 (a) b) {' '.join(['1'] * 50)}\ncpu 1 2 3 4 5 6 7 8 9\nthrottled_usec 12\n100000 50000\n"


@reader("kernel text", of("text", STATUS, STAT, "cpu  10 20 30 40 50 60 70 80 0 0"))
def _kernel(data, _folder):
    said = data.decode(errors="replace")
    parse_allowed(said)
    parse_last_cpus(said)
    machine.parse_proc_stat(said)
    machine.parse_quota_stop(said)
    machine.parse_quota(said)
    machine.parse_cpuinfo(said)


@reader("adb", of("text", seeds.listing(), b"Android Debug Bridge version 1.0.41\n"))
def _adb(data, _folder):
    parse_version(data)
    for device in parse_devices(data):
        assert device.serial.isprintable()
        assert not device.serial.startswith("-")
    explain_adb(data, "A")
    printable(data)


@reader("marked answer", of("text", b"hello\n\ntoken 0\n"))
def _marked(data, _folder):
    return read_marked(data, "token")


@reader(
    "instructions",
    of("text", "topformer-instructions/1 cpu=cortex-a76\n" + "0 5\n1 9\n2 30\n3 31\n" * 3),
)
def _instructions(data, _folder):
    runs = np.array(parse_log(data).runs, np.int64)
    assert (runs > 0).all()


@reader("golden file", lambda: [("golden", one) for one in seeds.goldens()])
def _golden(data, folder):
    _check_golden_file(written(folder, "a.golden", data), SAMPLE)


@reader("android archive", lambda: [("zip", seeds.aar())])
def _aar(data, folder):
    path = written(folder, "a.aar", data)
    return check_aar(path, version="1.5.1", sha256=sha256(data).hexdigest())


@reader("wheel", lambda: [("zip", seeds.wheel())])
def _wheel(data, folder):
    path = written(folder, "a.whl", data)
    made = unpack_wheel(path, folder / "out", version="1.5.1")
    assert made.is_relative_to(folder)


@reader("address", of("text", "https://a.example:443/weights/a%20b.pth?key=1#x", "https://[::1]/a",
    "https://b\u00fccher.example/\u5929.pth"))  # fmt: skip
def _address(data, _folder):
    download = url_download(data.decode(errors="surrogateescape"))
    assert download.url.isascii()
    assert re.fullmatch(r"[A-Za-z0-9._-]+", download.file_name)


@reader("size", of("text", "448", "384x576"))
def _size(data, _folder):
    return size_in_shape(parse_image_size(data.decode(errors="surrogateescape")), (3, 4))


def reads(name: str, data: bytes, folder: Path) -> Any:
    """Give one input to one reader; returns its error, where it refuses the input in good order."""
    try:
        READERS[name].read(data, folder)
    except TopformerError as error:
        return error
    return None
