"""From what workers recorded to the rows of the document."""

from collections.abc import Sequence

import msgspec
import numpy as np

from topformer.benchmarks.documents.messages import FORM_TEXT
from topformer.benchmarks.documents.rows import (
    Cores,
    Instructions,
    Row,
    RowWeights,
)
from topformer.benchmarks.protocol.recording import Recording
from topformer.benchmarks.protocol.statistics import paired_ratio, summarise
from topformer.benchmarks.protocol.verdict import Evidence, judge, judge_emulated
from topformer.devices.facts.documents import CheckedOutput


def build_row(
    recording: Recording,
    *,
    evidence: Evidence,
    seed: int,
    device: str = "host",
    cores: Cores | None = None,
    check: CheckedOutput | None = None,
) -> Row:
    """Summarise and judge one row of a real machine.

    `evidence` is that of `gather_evidence`, with what else the device told.
    """
    parts = recording.samples_ms()
    totals = parts.sum(axis=2)
    preprocess, execute, postprocess = (parts[:, :, index] for index in range(3))
    total_ms = summarise(totals, seed=seed)
    verdict = judge(totals, total_ms, evidence)
    loaded = recording.loaded
    return msgspec.structs.replace(
        _describe(recording, device),
        verdict=verdict.word,
        reasons=verdict.reasons,
        preprocess_ms=summarise(preprocess, seed=seed),
        execute_ms=summarise(execute, seed=seed),
        postprocess_ms=summarise(postprocess, seed=seed),
        total_ms=total_ms,
        total_over_execute=paired_ratio(totals, execute, seed=seed),
        import_ms=loaded.import_ns / 1e6,
        load_ms=loaded.load_ns / 1e6,
        first_execute_ms=loaded.first.execute / 1e6,
        warmup_ms=tuple(recording.warmups_ms()),
        background_cpus=evidence.background_cpus,
        cores=cores,
        check=check,
    )


def build_emulated_row(
    recording: Recording,
    *,
    samples: Sequence[tuple[int, int, int]],
    cpu: str,
    device: str,
    cores: Cores | None = None,
    check: CheckedOutput | None = None,
) -> Row:
    """Summarise one row of an emulated machine: instructions, and none of its milliseconds.

    `samples` are the instructions of preprocess, execute and postprocess of each inference, `cpu`
    is the one emulated.
    """
    verdict = judge_emulated(cpu)
    counts = np.array(samples, dtype=np.int64)
    preprocess, execute, postprocess = (round(float(n)) for n in np.median(counts, axis=0))
    return msgspec.structs.replace(
        _describe(recording, device),
        emulated=True,
        verdict=verdict.word,
        reasons=verdict.reasons,
        instructions=Instructions(
            preprocess=preprocess,
            execute=execute,
            postprocess=postprocess,
            total=round(float(np.median(counts.sum(axis=1)))),
            cpu=cpu,
            samples=tuple(samples),
        ),
        cores=cores,
        check=check,
    )


def _describe(recording: Recording, device: str) -> Row:
    """Say what was run and where; what came out of it is still to be filled in."""
    request, loaded = recording.request, recording.loaded
    return Row(
        name=request.name,
        model=loaded.model,
        sha256=loaded.sha256,
        variant=loaded.variant,
        classes=loaded.classes,
        weights=RowWeights(name=loaded.weights_name, random=loaded.weights_random),
        runtime=request.runtime,
        form=FORM_TEXT[request.form],
        precision=loaded.precision,
        threads=request.threads,
        image_size=loaded.image_size,
        device=device,
        emulated=False,
        verdict="trusted",
        reasons=(),
        preprocess_ms=None,
        execute_ms=None,
        postprocess_ms=None,
        total_ms=None,
        total_over_execute=None,
        import_ms=None,
        load_ms=None,
        first_execute_ms=None,
        warmup_ms=None,
        peak_memory_bytes=recording.blocks[-1].measured.peak_memory_bytes,
        block_starts_s=tuple(block.start_s for block in recording.blocks),
        background_cpus=None,
    )
