"""A runtime of `.bad` files, which say how it behaves."""

import atexit
import os
import signal
import sys
import time

import numpy as np

from topformer.errors import TopformerError
from topformer.runtimes.exported import GraphInfo, Runtime


def say(words):
    sys.stderr.write(f"\n{words}\n\n")
    sys.stderr.flush()


def fail(error):
    raise error


LOGITS = np.zeros((1, 2, 8, 12), np.float32)
BEHAVIOURS = {
    "works": lambda: [LOGITS],
    "aborts": lambda: (say("the runtime's \x1b[31mown words"), os.abort()),
    "segfaults": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "ends": lambda: os._exit(3),
    "spins": lambda: next(one for one in iter(int, 1) if one),
    "sleeps": lambda: time.sleep(600),
    "prints": lambda: [say("again" * 1000) for _ in iter(int, 1)],
    "eats": lambda: [np.ones(2**27) for _ in range(64)],
    "raises": lambda: fail(KeyError("\x1b[31mno key")),
    "explains": lambda: fail(TopformerError("What.", why="Why.", next_step="Next.")),
    "nan": lambda: [LOGITS * np.nan],
    "infinite": lambda: [np.full_like(LOGITS, -np.inf)],
    "partly nan": lambda: [np.where(np.arange(12) < 6, np.float32(np.nan), LOGITS)],
    "doubles": lambda: [LOGITS.astype(np.float64)],
    "two": lambda: [LOGITS, LOGITS],
    "smaller": lambda: [LOGITS[..., 1:]],
    "no outputs": list,
    "aborts at the end": lambda: (atexit.register(os.abort), [LOGITS])[1],
}


class Network:
    def __init__(self, path, shape, threads):
        assert threads == 1
        path.with_suffix(".pid").write_text(str(os.getpid()))
        self.shape = shape
        self.behaves = BEHAVIOURS[path.read_text()]

    def run(self, tensor):
        assert tensor.shape == self.shape
        return self.behaves()


def read_graph(data):
    if data != b"works":
        os.abort()
    return GraphInfo(
        format="bad", inputs=(), outputs=(), operations=(), delegates=(), planned_memory_bytes=None
    )


RUNTIME = Runtime(
    name="misbehaving",
    suffix=".bad",
    target="",
    libraries=("numpy",),
    open=Network,
    read_graph=read_graph,
    profile=lambda *_: [],
)
