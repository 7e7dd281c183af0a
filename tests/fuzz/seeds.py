"""Good inputs, small, and the same in every run."""

import io
import json
import zipfile
from base64 import urlsafe_b64encode
from collections import OrderedDict
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import Path

import msgspec
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

from support.bench_fakes import emulated_bench, scripted_bench
from support.manifest_edits import SAMPLE
from topformer.android.answers import BoxAnswers, LabelAnswers
from topformer.android.golden import Golden, encode_golden
from topformer.boxes import Boxes
from topformer.documents import encode_document, encode_json
from topformer.manifest import GoldenCase, Manifest
from topformer.tasks.segmentation import GOLDEN_SAMPLES
from topformer.weights.checkpoints import WeightsHeader

DEVICES = Path(__file__).parents[1] / "devices" / "dumps"


@cache
def checkpoints() -> list[bytes]:
    """Files of `torch.save`, of today and of old, and safetensors, with a few tensors each."""
    state = OrderedDict(
        (name, torch.arange(1.0, 1 + size).reshape(shape))
        for name, size, shape in (
            ("backbone.tpm.stem.0.c.weight", 24, (2, 3, 2, 2)),
            ("backbone.tpm.stem.0.bn.running_var", 2, (2,)),
            ("decode_head.conv_seg.weight", 6, (3, 2, 1, 1)),
            ("decode_head.conv_seg.bias", 3, (3,)),
        )
    )
    state["backbone.tpm.stem.0.bn.num_batches_tracked"] = torch.tensor(7)
    meta = {"CLASSES": ("sky", "road", "car"), "PALETTE": np.arange(9).reshape(3, 3)}
    whole = {"meta": meta, "state_dict": state, "epoch": 3, "best": np.float64(0.5)}
    header = WeightsHeader(
        model=msgspec.structs.replace(SAMPLE.model, num_classes=2),
        classes=SAMPLE.classes,
        name="x",
        licence="none",
        source="a test",
    )
    metadata = {"topformer": encode_json(header).decode()}
    return [_saved(whole), _saved(dict(state), legacy=True), save(dict(state), metadata)]


def _saved(content: object, *, legacy: bool = False) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, _use_new_zipfile_serialization=not legacy)
    return stream.getvalue()


@cache
def weights() -> list[bytes]:
    """The bundled weights, whole."""
    return [resources.files("topformer").joinpath("weights", "tiny.safetensors").read_bytes()]


@cache
def training_state() -> list[bytes]:
    """What a run keeps beside its weights."""
    state = {"step": 3, "model": {"a": torch.ones(3)}, "random": [1, 2.5, "x"], "none": None}
    return [_saved(state)]


def manifest() -> Manifest:
    """A manifest with a golden case that was sampled."""
    samples = {
        "logits": np.linspace(-1, 1, GOLDEN_SAMPLES, dtype="<f4").tobytes(),
        "labels": bytes(2 * GOLDEN_SAMPLES),
        "margins": np.ones(GOLDEN_SAMPLES, "<f4").tobytes(),
    }
    case = GoldenCase(
        input="picture:china",
        input_sha256="0" * 64,
        required=SAMPLE.parity.gates,
        ill_conditioned=False,
        samples=samples,
    )
    return msgspec.structs.replace(SAMPLE, golden=(case,))


@cache
def benches() -> list[bytes]:
    """Documents of a real machine and of an emulated one."""
    return [encode_document(scripted_bench()), encode_document(emulated_bench())]


def runner_documents() -> list[bytes]:
    """Lines that the runner prints."""
    end = {"end": "topformer.runner.end"}
    sample = [1_000_000, 20_000_000, 3_000_000]
    opened = {
        "runtime_version": "1.5.1",
        "model_sha256": SAMPLE.file.sha256,
        "threads": 1,
        "profiled": False,
        "load_ns": 5_000_000,
        "output_shapes": [[1, 2, 8, 12]],
        "outputs_sha256": "a" * 64,
        "result_sha256": "b" * 64,
        "first": sample,
        "warmups": [sample, sample],
    }
    block = {
        "samples": [sample] * 4,
        "block_warmups": [sample],
        "cpu_ns": 1,
        "peak_memory_bytes": 9,
    }
    documents = [
        {"schema": "topformer.runner/1", **opened, **block, **end},
        {"schema": "topformer.runner-opened/1.2", **opened, "import_ns": 3, **end},
        {"schema": "topformer.runner-block/1", **block, **end},
        {"schema": "topformer.runner-error/1", "code": "usage", "what": "a", "why": "b", **end},
    ]
    return [json.dumps(one).encode() for one in documents]


@cache
def pictures() -> dict[str, bytes]:
    """A small picture in every readable form."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (24, 32, 3), np.uint8)
    colours = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    forms = {
        "png": (colours, {"format": "PNG", "exif": exif}),
        "png16": (Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257), {"format": "PNG"}),
        "png palette": (colours.quantize(16), {"format": "PNG", "transparency": 0}),
        "png rgba": (colours.convert("RGBA"), {"format": "PNG"}),
        "jpeg": (colours, {"format": "JPEG", "exif": exif}),
        "jpeg progressive": (colours, {"format": "JPEG", "progressive": True, "subsampling": 2}),
        "jpeg cmyk": (colours.convert("CMYK"), {"format": "JPEG"}),
        "webp": (colours, {"format": "WEBP"}),
        "webp lossless": (colours.convert("RGBA"), {"format": "WEBP", "lossless": True}),
        "gif": (colours.quantize(16), {"format": "GIF"}),
        "bmp": (colours, {"format": "BMP"}),
        "tiff": (colours, {"format": "TIFF", "compression": "tiff_lzw", "exif": exif}),
        "tiff raw": (Image.fromarray(pixels[:, :, 0].astype(np.uint16)), {"format": "TIFF"}),
        "ppm": (colours, {"format": "PPM"}),
    }
    found = {}
    for name, (image, options) in forms.items():
        stream = io.BytesIO()
        image.save(stream, **options)
        found[name] = stream.getvalue()
    return found


@cache
def labels() -> list[bytes]:
    """Label files: of 8 bits, of 16, of 2, with a palette, grey as colours."""
    ids = np.arange(24 * 32).reshape(24, 32) % 3
    grey = Image.fromarray(ids.astype(np.uint8))
    palette = grey.copy()
    palette.putpalette([70, 130, 180, 0, 255, 7, 9, 9, 9])
    images = [
        (grey, {}),
        (Image.fromarray(ids.astype(np.uint16)), {}),
        (palette, {"bits": 2}),
        (grey.convert("RGB"), {}),
    ]
    found = []
    for image, options in images:
        stream = io.BytesIO()
        image.save(stream, "PNG", **options)
        found.append(stream.getvalue())
    return found


def goldens() -> list[bytes]:
    """Golden files, as the app reads them: of labels, and of boxes."""
    ones = np.ones(4, np.float32)
    labels = LabelAnswers(
        tie=0.1, logits_shape=(2, 1, 1), logits=ones, labels=np.zeros(4, np.uint16), margins=ones
    )
    one_box = Boxes(
        corners=ones[None], scores=np.full(1, 0.5, np.float32), labels=np.ones(1, np.int32)
    )
    boxes = BoxAnswers(tie=0.1, classes=2, levels=5, logits=ones, offsets=ones, boxes=one_box)
    return [
        encode_golden(
            Golden(
                model_sha256=SAMPLE.file.sha256,
                input_sha256="1" * 64,
                credit="somebody",
                required=SAMPLE.parity.gates,
                pixels=np.zeros((8, 8, 3), np.uint8),
                answers=answers,
            )
        )
        for answers in (labels, boxes)
    ]


def aar() -> bytes:
    """What looks like ExecuTorch's Android archive."""
    jar = _zipped({"org/pytorch/executorch/Module.class": b"x"})
    return _zipped({"classes.jar": jar, "jni/arm64-v8a/libexecutorch.so": b"x", "R.txt": b""})


def wheel() -> bytes:
    """What looks like executorch's wheel."""
    files = {
        "executorch/include/executorch/a.h": b"#pragma once\n",
        "executorch/lib/libexecutorch.so": b"x",
    }
    record = "".join(
        f"{name},sha256={urlsafe_b64encode(sha256(data).digest()).rstrip(b'=').decode()},1\n"
        for name, data in files.items()
    )
    return _zipped({**files, "executorch-1.5.1.dist-info/RECORD": record.encode()})


def _zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


TOKEN = b"@token@"


@cache
def device_answers() -> list[bytes]:
    """What the scripts print that ask a phone what and how it is."""
    sections = {
        "properties": _dump("properties-pixel-6.txt"),
        "cpuinfo": _dump("cpuinfo-tensor.txt"),
        "cpufiles": _dump("cpufiles-tensor.txt"),
        "present": b"0-7\n",
        "online": b"0-5,7\n",
        "memory": b"MemTotal:        7759196 kB\nMemAvailable: 1024 kB\n",
        "system": b"5.10.177-android13-4 aarch64\n",
        "board": b"A board\0",
        "shell": b"/usr/bin/mksh\nsh\n",
        "uptime": b"350735.47 234388.90\n",
        "stat": b"cpu  10132153 290696 3084719 46828483 16683 0 25195 0 175628 0\n",
        "load": b"1.02 0.50 0.25 2/1000 12345\n",
        "battery": _dump("battery-samsung.txt"),
        "thermal": _dump("thermal-android12-galaxy-a52.txt"),
        "zones": b"/sys/class/thermal/thermal_zone0/type:cpu\n"
        b"/sys/class/thermal/thermal_zone0/temp:45000\n",
        "last_uptime": b"350735.97 234389.90\n",
        "last_stat": b"cpu  10132203 290696 3084719 46828533 16683 0 25195 0 175628 0\n",
    }
    parts = [b"\n" + TOKEN + b" " + name.encode() + b"\n" + said for name, said in sections.items()]
    return [b"".join(parts)]


def _dump(name: str) -> bytes:
    return (DEVICES / name).read_bytes()


def listing() -> bytes:
    """What `adb devices -l` prints."""
    return (
        b"* daemon started successfully\nList of devices attached\n"
        b"emulator-5554          device product:sdk model:sdk_gphone64 device:emu transport_id:1\n"
        b"adb-0123ABC-x1y2z3 (2)._adb-tls-connect._tcp device product:p model:M transport_id:3\n"
        b"(no serial number)     no permissions (missing udev rules?); see [http://x] usb:1-2\n"
        b"ABC123                 unauthorized usb:1-1 transport_id:4\n"
    )
