"""The trial itself: `python -m topformer.runtimes.trial ORDER`, with an `Order` as JSON.

It answers with one document on stdout. Whatever becomes of the process that started it, it is
ended by the system when its time is up.
"""

import os
import re
import resource
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import msgspec
import numpy as np

from topformer.children import private_channels
from topformer.documents import encode_json
from topformer.errors import TopformerError
from topformer.files import read_bytes
from topformer.runtimes import exported
from topformer.runtimes.exported import GraphInfo, Runtime, get_runtime
from topformer.runtimes.opened import check_outputs
from topformer.runtimes.trial.documents import (
    NEXT_STEP,
    Bounds,
    Failure,
    Order,
    Success,
)
from topformer.text import brief

MODEL_LIMIT_BYTES = 512 * 2**20
_OF_MEMORY = re.compile("alloc|memory", re.IGNORECASE)


def main() -> None:
    """Do what is ordered, and answer."""
    _, replies = private_channels()
    order = msgspec.json.decode(sys.argv[1], type=Order)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    exported.__path__[:] = order.folders
    runtime = get_runtime(order.runtime)
    for library in (*runtime.libraries, *(runtime.parsers if order.with_graph else ())):
        import_module(library)
    if runtime.set_threads:
        # A pool begins with a thread a core, whose stacks may be more than a file may take.
        runtime.set_threads(1)
    _bound(order.bounds)
    replies.write(encode_json(_answer(runtime, order)))
    replies.close()


def _bound(bounds: Bounds) -> None:
    """Limit what this process may take from now on; the system ends it at its limits of time."""
    with suppress(OSError, ValueError):  # no such limit, or no such file, as on macOS
        pages = int(Path("/proc/self/statm").read_bytes().split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + bounds.memory_bytes
        _limit(resource.RLIMIT_AS, limit, limit)
    for number in (signal.SIGXCPU, signal.SIGALRM):  # a parent's choice to ignore them is inherited
        signal.signal(number, signal.SIG_DFL)
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + 1 + bounds.processor_s
    # At the first it gets a signal that says why, at the second it is dead.
    _limit(resource.RLIMIT_CPU, seconds, seconds + 2)
    # In case that it sleeps.
    signal.alarm(bounds.wall_s)


def _limit(resource_number: int, soft: int, hard: int) -> None:
    """Set a limit, or keep the one that the user has set, where that is lower."""
    _, most = resource.getrlimit(resource_number)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(resource_number, (soft, hard))


def _answer(runtime: Runtime, order: Order) -> Success | Failure:
    path = Path(order.path)
    try:
        network = runtime.open(path, order.input_shape, 1)
        noise = np.random.default_rng(0).standard_normal(order.input_shape, np.float32)
        check_outputs(network.run(noise), order.outputs)
        return Success(graph=_graph(path, runtime) if order.with_graph else None)
    except TopformerError as error:
        found = error
    except MemoryError:
        found = TopformerError("It takes too much memory.")
    except Exception as error:  # a runtime that was added may raise anything
        found = TopformerError("It cannot be run.", why=brief(f"{type(error).__name__}: {error}"))
    what, why = found.what, found.why
    if str(path) not in what:  # a network does not know where it came from
        what, why = f"{path} cannot be used as a model.", f"{what} {why}".rstrip()
    if _OF_MEMORY.search(f"{why} {found.__cause__}"):
        why = f"{why} (It had {order.bounds.description} time.)"
    return Failure(what=what, why=why, next_step=found.next_step or NEXT_STEP)


def _graph(path: Path, runtime: Runtime) -> GraphInfo:
    data = read_bytes(path, limit_bytes=MODEL_LIMIT_BYTES, kind="model")
    try:
        return runtime.read_graph(data)
    except Exception as error:  # parsers of hostile bytes raise anything
        raise TopformerError(
            f"{path} cannot be parsed as a {path.suffix} file.",
            why=brief(f"{type(error).__name__}: {error}"),
            next_step="Export the model again.",
        ) from error


if __name__ == "__main__":
    main()
