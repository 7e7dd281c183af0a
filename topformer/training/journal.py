"""What a run tells while it goes: averages and scores, in a JSONL log and in TensorBoard."""

import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from topformer.data.sharing import Batch
from topformer.documents import Count, Document, Share
from topformer.errors import TopformerError
from topformer.files import atomic_write, read_bytes
from topformer.training.checkpoints import Best

# A line each 50 steps has 150 bytes.
LOG_LIMIT_BYTES = 64 * 2**20


class StepRecord(Document, frozen=True, kw_only=True, tag_field="kind", tag="step"):
    """Averages since the record before."""

    step: Count
    loss: float
    learning_rate: float
    images_per_s: float
    # Share of the time in which the network waited for pictures.
    waiting_share: Share


class ScoreRecord(Document, frozen=True, kw_only=True, tag_field="kind", tag="score"):
    """Scores of a segmentation network on val."""

    step: Count
    # See `evaluation.protocols`; logs from before it was written are of whole pictures.
    protocol: str = "whole"
    # Null where val has no pixel that counts.
    miou: Share | None
    mean_accuracy: Share | None
    pixel_accuracy: Share | None

    @property
    def best(self) -> Best:
        """What the best weights are chosen by."""
        return Best(step=self.step, miou=self.miou)

    @property
    def text(self) -> str:
        """All scores, for a person."""
        miou, mean, pixels = map(_shown, (self.miou, self.mean_accuracy, self.pixel_accuracy))
        return f"mIoU {miou}, mean accuracy {mean}, pixels {pixels} ({self.protocol})"


class BoxScoreRecord(Document, frozen=True, kw_only=True, tag_field="kind", tag="box-score"):
    """Scores of a detector on val, as COCO takes them; null where val has no such boxes."""

    step: Count
    protocol: str
    # Average precision, over IoU from 0.5 to 0.95, at 0.5 and at 0.75.
    ap: Share | None
    ap50: Share | None
    ap75: Share | None

    @property
    def best(self) -> Best:
        """As `ScoreRecord`'s."""
        return Best(step=self.step, ap=self.ap)

    @property
    def text(self) -> str:
        """All scores, for a person."""
        ap, ap50, ap75 = map(_shown, (self.ap, self.ap50, self.ap75))
        return f"AP {ap}, at IoU 0.5 {ap50}, at 0.75 {ap75} ({self.protocol})"


def _shown(score: float | None) -> str:
    return "-" if score is None else f"{score:.4f}"


AnyScoreRecord = ScoreRecord | BoxScoreRecord
Record = StepRecord | ScoreRecord | BoxScoreRecord


class Meter:
    """Adds up losses and time between two lines of the log; `restart` begins anew."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.restart()

    def restart(self) -> None:
        """Begin anew, as after scoring, which is no training time."""
        self.losses: list[float] = []
        self.waited_s = 0.0
        self.began = time.perf_counter()

    def waiting_for(self, batches: Generator[Batch]) -> Generator[Batch]:
        """Pass batches on, noting how long each was waited for."""
        while True:
            asked = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                return
            self.waited_s += time.perf_counter() - asked
            yield batch

    def add(self, loss: float) -> None:
        """Note the loss of a step."""
        self.losses.append(loss)

    def record(self, step: int, learning_rate: float) -> StepRecord:
        """Sum up since the last restart, and restart."""
        elapsed_s = time.perf_counter() - self.began
        record = StepRecord(
            step=step,
            loss=sum(self.losses) / len(self.losses),
            learning_rate=learning_rate,
            images_per_s=self.batch * len(self.losses) / elapsed_s,
            waiting_share=min(1.0, self.waited_s / elapsed_s),
        )
        self.restart()
        return record


class Journal:
    """Appends records to OUT/log.jsonl, and to TensorBoard's files in OUT/tensorboard."""

    def __init__(self, out: Path, *, keep_to_step: int) -> None:
        """Open the log; what an interrupted run wrote beyond `keep_to_step` is cut off."""
        self.path = out / "log.jsonl"
        kept = [record for record in read_log(self.path) if record.step <= keep_to_step]
        atomic_write(self.path, b"".join(msgspec.json.encode(r) + b"\n" for r in kept))
        self._board = _tensorboard(out / "tensorboard", purge_step=keep_to_step + 1)

    def write(self, record: Record) -> None:
        """Append one record; a disk that is full loses the record, not the run.

        TensorBoard gets no more of a run then: what failed once in its thread fails ever after.
        """
        with suppress(OSError):
            self._append(msgspec.json.encode(record) + b"\n")
        try:
            self._show(record)
        except OSError:
            self.close()
            self._board = None

    def _show(self, record: Record) -> None:
        if self._board is None:
            return
        for name, value in msgspec.structs.asdict(record).items():
            if isinstance(value, float):
                self._board.add_scalar(name, value, record.step)

    def _append(self, line: bytes) -> None:
        with self.path.open("ab", buffering=0) as stream:
            length = stream.tell()
            # What a disk took of a line before it was full would spoil the next one.
            if stream.write(line) < len(line):
                stream.truncate(length)

    def close(self) -> None:
        """Flush TensorBoard's files, where the disk takes them."""
        if self._board is not None:
            with suppress(OSError):
                self._board.close()


def read_log(path: Path) -> list[Record]:
    """Read a log back; a last line cut short by a crash is left out."""
    if not path.exists():
        return []
    records: list[Record] = []
    data = read_bytes(path, limit_bytes=LOG_LIMIT_BYTES, kind="log")
    lines = data.splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            records.append(msgspec.json.decode(line, type=Record))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if number == len(lines) and not isinstance(error, RecursionError):
                break
            raise TopformerError(
                f"{path} is damaged in line {number}.",
                why=str(error),
                next_step="Move the log away and resume again; a new one is begun.",
            ) from error
    return records


def _tensorboard(folder: Path, *, purge_step: int) -> Any:
    """Open TensorBoard's writer, or None where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=purge_step)
