"""Rows measured by nothing: workers whose samples come from a seeded generator."""

from contextlib import contextmanager

import msgspec
import numpy as np

from topformer.benchmarks.benches.host import bench_host
from topformer.benchmarks.benches.rows import counted_row
from topformer.benchmarks.documents.conditions import Build, StartingPicture
from topformer.benchmarks.documents.runner import Measured, SampleNs
from topformer.benchmarks.protocol.modes import COUNTING, Mode
from topformer.benchmarks.protocol.rounds import run_rounds
from topformer.benchmarks.workers.device.counting import InstructionLog
from topformer.benchmarks.workers.rows import Loaded, RowRequest
from topformer.devices.facts.documents import CheckedOutput

CHECK = CheckedOutput(
    outputs_sha256="a" * 64,
    exact=False,
    max_abs_error=4e-7,
    sqnr_db=121.04,
    result_agreement=1.0,
    required=None,
    passed=True,
)
SHORT = Mode(
    name="quick", rounds=8, samples_per_block=5, warmups=2, warmups_per_block=1, budget_s=10.0
)


class ScriptedWorker:
    """Takes `execute_ms` for the network, 1 ms before it and 2 ms after it, with little noise."""

    def __init__(self, request, *, execute_ms, log=None):
        self.request = request
        self.execute_ms = execute_ms
        self.log = log if log is not None else []
        self.random = np.random.default_rng(request.threads)

    def sample(self):
        pre, execute, postprocess = self.random.normal([1.0, self.execute_ms, 2.0], 0.01) * 1e6
        return SampleNs(preprocess=int(pre), execute=int(execute), postprocess=int(postprocess))

    def load(self, *, warmups):
        self.log.append(("load", self.request.name))
        return Loaded(
            model=f"{self.request.source}.pte",
            sha256="a" * 64,
            variant="tiny",
            task="semantic-segmentation",
            detection_head="",
            classes=150,
            weights_name="random tiny",
            weights_random=True,
            precision="fp32",
            image_size=(448, 448),
            picture_name="street",
            picture=StartingPicture(height=448, width=448),
            build=Build(kind="pypi", c_library="glibc"),
            import_ns=5_000_000,
            load_ns=7_000_000,
            first=SampleNs(preprocess=2_000_000, execute=90_000_000, postprocess=3_000_000),
            warmups=tuple(self.sample() for _ in range(warmups)),
        )

    def measure(self, *, samples, warmups):
        self.log.append(("measure", self.request.name))
        return Measured(
            samples=tuple(self.sample() for _ in range(samples)),
            warmups=tuple(self.sample() for _ in range(warmups)),
            cpu_ns=10_000_000,
            peak_memory_bytes=300 * 2**20,
        )


def request(name, *, threads=1, runtime="executorch", form="", source="model"):
    return RowRequest(name=name, source=source, runtime=runtime, threads=threads, form=form)


REQUESTS = (
    request("executorch, 1 thread"),
    request("onnxruntime, 1 thread", runtime="onnxruntime"),
    request("torch (eager, BatchNorm unfused), 1 thread", runtime="torch", form="unfused"),
)
EXECUTE_MS = dict(zip((r.name for r in REQUESTS), (12.0, 12.0, 36.0), strict=True))


def scripted_bench(requests=REQUESTS, *, execute_ms=EXECUTE_MS, log=None, mode=SHORT):
    """Run the real host over scripted workers."""

    @contextmanager
    def start(request):
        yield ScriptedWorker(request, execute_ms=execute_ms[request.name], log=log)

    return bench_host(requests, mode=mode, seed=3, on_progress=lambda _: None, start=start)


def trusted(document):
    """Let nothing have been in the way of a document's rows."""
    rows = (msgspec.structs.replace(row, verdict="trusted", reasons=()) for row in document.rows)
    return msgspec.structs.replace(document, rows=tuple(rows))


def scripted_recording(request, *, execute_ms=12.0, mode=SHORT):
    """Let one worker take its blocks, and return what was recorded."""
    worker = ScriptedWorker(request, execute_ms=execute_ms)
    (recording,) = record([worker], mode=mode).recordings
    return recording


def record(workers, *, mode, **options):
    """Let workers take their blocks."""
    return run_rounds(
        workers,
        mode=mode,
        seed=3,
        clock="none",
        allocator={},
        on_progress=lambda _: None,
        **options,
    )


def emulated_row(request, *, samples, cpu="cortex-a76"):
    """Make a row of an emulated device that counted three inferences after two others."""
    return counted_row(
        scripted_recording(request, mode=COUNTING),
        log=InstructionLog(cpu=cpu, runs=(samples[0],) * 2 + tuple(samples)),
        device="rig",
        cores=None,
        check=CHECK,
    )


def emulated_bench(requests=REQUESTS[:1], *, execute=199_060_000, cpu="cortex-a76"):
    """Make the document of a bench on an emulated device that counts three inferences a row."""
    samples = [(600_000 + n, execute + n, 7_000_000 + n) for n in range(3)]
    rows = [emulated_row(one, samples=samples, cpu=cpu) for one in requests]
    document = scripted_bench(requests, execute_ms={one.name: 12.0 for one in requests})
    return msgspec.structs.replace(document, rows=tuple(rows), comparisons=(), states=())
