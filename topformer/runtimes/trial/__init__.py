"""A model file is first opened and run once in a process of its own, in bounds.

A file's bytes may be anything, and no runtime checks all of them: one may end the process it is
opened in by a signal, take all memory, or never end. What happens there is one error here. The
process is a new one and no fork: in a fork of a process whose OpenMP threads were used, torch
waits for threads that are not there. Meanwhile this process imports the same libraries, which it
needs next.
"""

import os
import signal
import sys
from importlib import import_module
from pathlib import Path

import msgspec

from topformer.children import EndlessOutputError, Finished, run_bounded
from topformer.documents import encode_json
from topformer.errors import TopformerError
from topformer.manifest import Manifest
from topformer.runtimes import exported
from topformer.runtimes.exported import WORDS_LIMIT, GraphInfo, Runtime
from topformer.runtimes.trial.documents import (
    NEXT_STEP,
    Bounds,
    Failure,
    Order,
    Success,
    bounds_for,
)
from topformer.temporary import temporary_folder
from topformer.text import brief, one_line

# -P keeps the working folder out of its imports.
COMMAND = (sys.executable, "-P", "-m", "topformer.runtimes.trial")
REPLY_LIMIT_BYTES = 16 * 2**20
# It ends by itself before; this is for one that is stopped (SIGSTOP) or cannot be scheduled.
_START_S = 600.0
_SHOWN_LINES = 3
_OUT_OF_TIME = {-signal.SIGXCPU, -signal.SIGALRM}

# What ran before in this process, by sha256, input and outputs.
_tried: set[tuple[object, ...]] = set()


def try_once(path: Path, runtime: Runtime, manifest: Manifest) -> None:
    """Open a file and run it once, in a process of its own; raises `TopformerError` if it fails.

    A file that did is not tried again in this process.
    """
    if _key(manifest) not in _tried:
        _try(path, runtime, manifest, with_graph=False)


def read_graph(path: Path, runtime: Runtime, manifest: Manifest) -> GraphInfo:
    """Try a file, whatever was tried before, and read the graph in it in the same process."""
    graph = _try(path, runtime, manifest, with_graph=True).graph
    assert graph is not None
    return graph


def _key(manifest: Manifest) -> tuple[object, ...]:
    assert manifest.file is not None
    return manifest.file.sha256, manifest.input.shape, manifest.outputs


def _try(path: Path, runtime: Runtime, manifest: Manifest, *, with_graph: bool) -> Success:
    info = manifest.input
    bounds = bounds_for(path.stat().st_size, info.height * info.width)
    order = Order(
        path=str(path),
        runtime=runtime.name,
        folders=tuple(exported.__path__),
        input_shape=info.shape,
        outputs=manifest.outputs,
        with_graph=with_graph,
        bounds=bounds,
    )

    def prepare() -> None:
        for library in runtime.libraries:
            import_module(library)

    # What is killed leaves its temporary files behind.
    with temporary_folder() as folder:
        try:
            finished = run_bounded(
                [*COMMAND, encode_json(order).decode()],
                timeout_s=_START_S + bounds.wall_s,
                limit_bytes=REPLY_LIMIT_BYTES,
                environment={**os.environ, "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"},
                meanwhile=prepare,
            )
        except TimeoutError:
            raise _unusable(path, "it gives no answer") from None
        except EndlessOutputError:
            raise _unusable(path, "it prints without an end") from None
    success = _read(path, finished, bounds)
    _tried.add(_key(manifest))
    return success


def _read(path: Path, finished: Finished, bounds: Bounds) -> Success:
    """Return a success; raise what the trial says, or how it ended without a word."""
    status, words = finished.exit_status, _last_words(finished.stderr)
    if status in _OUT_OF_TIME:
        raise _unusable(path, f"it does not end within {bounds.processor_s} s of processor time")
    if status < 0:
        raise _unusable(path, f"it ends its process by {_signal_name(-status)}{words}")
    try:
        reply = msgspec.json.decode(finished.stdout, type=Success | Failure)
    except msgspec.MsgspecError:
        raise _unusable(path, f"it ends its process with status {status}{words}") from None
    if isinstance(reply, Failure):
        raise TopformerError(reply.what, why=reply.why + words, next_step=reply.next_step)
    if status != 0:
        raise _unusable(path, f"once it has run, its process ends with status {status}{words}")
    return reply


def _unusable(path: Path, how: str) -> TopformerError:
    return TopformerError(
        f"{path} cannot be used as a model.",
        why=f"Opened and run once, in a process of its own, {how}.",
        next_step=NEXT_STEP,
    )


def _last_words(stderr: bytes) -> str:
    """Return what the runtime said at the end, as it stands behind a sentence."""
    lines = [line for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    said = one_line(" ".join(lines[-_SHOWN_LINES:]))
    return f" ({brief(said, WORDS_LIMIT)})" if said else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time one
        return f"signal {number}"
