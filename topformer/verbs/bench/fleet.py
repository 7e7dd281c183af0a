"""Bench several devices side by side: a process for each, so that one failure stops no other."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import IO

import msgspec

from topformer.benchmarks.documents.bench import BenchDocument, Comparison, DeviceFailure
from topformer.benchmarks.documents.rows import Row
from topformer.console.output import ErrorDocument
from topformer.errors import TopformerError
from topformer.files import read_bytes

RESULT_LIMIT_BYTES = 2**28
# In which an interrupted bench leaves its device as it was.
CLEANING_S = 60.0
# How lines end that are passed on: stages, and what is left on a device. Tables and verdicts are
# told of all devices together.
NEWS = (" ...", "left there.")
COMMAND = (sys.executable, "-P", "-m", "topformer", "bench", "--json")


def bench_fleet(
    options: Mapping[str, Sequence[str]], *, on_line: Callable[[str], None]
) -> BenchDocument:
    """Bench every device with its options, and put the results into one document.

    Raises `TopformerError` when no device could be measured.
    """
    found: list[tuple[str, BenchDocument]] = []
    failures: list[DeviceFailure] = []
    for name, output in _run_all(options, on_line).items():
        result = _read_result(output)
        if isinstance(result, BenchDocument):
            found.append((name, result))
        else:
            failures.append(
                DeviceFailure(
                    device=name, what=result.what, why=result.why, next_step=result.next_step
                )
            )
    if not found:
        raise TopformerError(
            f"None of the {len(failures)} devices could be measured.",
            why="\n".join(
                f"{failure.device}: {failure.what} {failure.why}" for failure in failures
            ),
            next_step=failures[0].next_step,
        )
    return merge(found, failures)


def _run_all(
    options: Mapping[str, Sequence[str]], on_line: Callable[[str], None]
) -> dict[str, bytes]:
    """Run a bench for each device, all at once, and return what each printed."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        files = {name: Path(folder) / str(index) for index, name in enumerate(options)}
        processes = {
            name: stack.enter_context(_start([*COMMAND, *options[name]], path))
            for name, path in files.items()
        }
        listeners = [
            Thread(target=_pass_on, args=(process.stderr, name, on_line))
            for name, process in processes.items()
        ]
        for listener in listeners:
            listener.start()
        try:
            for process in processes.values():
                process.wait()
        finally:
            _end(list(processes.values()))
            for listener in listeners:
                listener.join()
        return {
            name: read_bytes(path, limit_bytes=RESULT_LIMIT_BYTES, kind="bench of a device")
            for name, path in files.items()
        }


def _start(command: Sequence[str], output: Path) -> subprocess.Popen[str]:
    # In a session of its own: Ctrl-C reaches this process, which then tells all of them.
    with output.open("wb") as stdout:
        return subprocess.Popen(
            command, stdout=stdout, stderr=subprocess.PIPE, text=True, start_new_session=True
        )


def _pass_on(stream: IO[str] | None, name: str, on_line: Callable[[str], None]) -> None:
    assert stream is not None
    for line in stream:
        if line.rstrip().endswith(NEWS):
            on_line(f"{name}: {line.rstrip().removesuffix(' ...')}")


def _end(processes: Sequence[subprocess.Popen[str]]) -> None:
    """Interrupt what still runs, and kill what does not end when it is interrupted."""
    running = [process for process in processes if process.poll() is None]
    for process in running:
        process.send_signal(signal.SIGINT)
    for process in running:
        try:
            process.wait(CLEANING_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _read_result(output: bytes) -> BenchDocument | ErrorDocument:
    for kind in (BenchDocument, ErrorDocument):
        try:
            return msgspec.json.decode(output, type=kind)
        except msgspec.DecodeError:
            continue
    return ErrorDocument(
        what="Its bench ended without a result.", why="", next_step="Bench it alone with --serial."
    )


def merge(
    found: Sequence[tuple[str, BenchDocument]], failures: Sequence[DeviceFailure]
) -> BenchDocument:
    """Put documents of one device each into one; names of rows then start with the device's."""
    return msgspec.structs.replace(
        found[0][1],
        rows=tuple(_rename(name, row) for name, one in found for row in one.rows),
        comparisons=tuple(_relate(name, pair) for name, one in found for pair in one.comparisons),
        # One line over time cannot be that of several devices; each record has its own.
        states=found[0][1].states if len(found) == 1 else (),
        devices=tuple(device for _, one in found for device in one.devices),
        published=tuple(dict.fromkeys(row for _, one in found for row in one.published)),
        failures=tuple(failures),
    )


def _rename(device: str, row: Row) -> Row:
    return msgspec.structs.replace(row, name=f"{device}: {row.name}")


def _relate(device: str, pair: Comparison) -> Comparison:
    return msgspec.structs.replace(
        pair, row=f"{device}: {pair.row}", baseline=f"{device}: {pair.baseline}"
    )
