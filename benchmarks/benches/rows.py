"""From what workers recorded to the rows of the document."""

from typing import Any

import msgspec
import numpy as np

from topformer.benchmarks.documents.rows import (
    BaseRow,
    Cores,
    CountedRow,
    Instructions,
    MeasuredRow,
    RowWeights,
)
from topformer.benchmarks.documents.runner import FORM_TEXT
from topformer.benchmarks.protocol.recording import Recording
from topformer.benchmarks.protocol.statistics import paired_ratio, summarise
from topformer.benchmarks.protocol.verdict import Evidence, judge
from topformer.benchmarks.workers.device.counting import InstructionLog
from topformer.devices.facts.documents import CheckedOutput
from topformer.errors import TopformerError


def measured_row(
    recording: Recording,
    *,
    evidence: Evidence,
    seed: int,
    device: str = "host",
    cores: Cores | None = None,
    check: CheckedOutput | None = None,
) -> MeasuredRow:
    """Summarise and judge one row of a real machine.

    `evidence` is that of `gather_evidence`, with what else the device told.
    """
    parts = recording.samples_ms()
    totals = parts.sum(axis=2)
    preprocess, execute, postprocess = (parts[:, :, index] for index in range(3))
    total_ms = summarise(totals, seed=seed)
    verdict = judge(totals, total_ms, evidence)
    loaded = recording.loaded
    return MeasuredRow(
        **_shared(recording, device, cores),
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
        block_starts_s=tuple(block.start_s for block in recording.blocks),
        background_cpus=evidence.background_cpus,
        check=check,
    )


def counted_row(
    recording: Recording,
    *,
    log: InstructionLog,
    device: str,
    cores: Cores | None,
    check: CheckedOutput,
) -> CountedRow:
    """Summarise one row of an emulated machine.

    `log` holds what was counted: the cold run, the warm-ups, and the one block of samples. Raises
    `TopformerError` when runs are missing in it.
    """
    (block,) = recording.blocks
    samples = len(block.measured.samples)
    expected = 1 + len(recording.loaded.warmups) + len(block.measured.warmups) + samples
    if len(log.runs) != expected:
        raise TopformerError(
            f"{device} counted {len(log.runs)} runs of {expected}.",
            next_step="Try again; if it stays, restart the emulator.",
        )
    runs = log.runs[-samples:]
    counts = np.array(runs, dtype=np.int64)
    preprocess, execute, postprocess = (round(float(n)) for n in np.median(counts, axis=0))
    return CountedRow(
        **_shared(recording, device, cores),
        instructions=Instructions(
            preprocess=preprocess,
            execute=execute,
            postprocess=postprocess,
            total=round(float(np.median(counts.sum(axis=1)))),
            cpu=log.cpu,
            samples=runs,
        ),
        check=check,
    )


def _shared(recording: Recording, device: str, cores: Cores | None) -> dict[str, Any]:
    """Say what was run and where, as the fields that all rows have."""
    request, loaded = recording.request, recording.loaded
    row = BaseRow(
        name=request.name,
        model=loaded.model,
        sha256=loaded.sha256,
        variant=loaded.variant,
        task=loaded.task,
        detection_head=loaded.detection_head,
        classes=loaded.classes,
        weights=RowWeights(name=loaded.weights_name, random=loaded.weights_random),
        runtime=request.runtime,
        form=FORM_TEXT[request.form],
        precision=loaded.precision,
        threads=request.threads,
        image_size=loaded.image_size,
        picture=loaded.picture,
        build=loaded.build,
        device=device,
        cores=cores,
        peak_memory_bytes=recording.blocks[-1].measured.peak_memory_bytes,
    )
    return msgspec.structs.asdict(row)
