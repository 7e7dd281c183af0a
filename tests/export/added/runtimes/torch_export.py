"""torch's own exported programs: runs `.pt2` files."""

import io
import time
from collections import Counter

import torch

from topformer.runtimes.exported import GraphInfo, Runtime, TensorInfo


class ExportedProgram:
    def __init__(self, path, shape, threads):
        if threads is not None:
            torch.set_num_threads(threads)
        self.module = torch.export.load(path).module()
        self.shape = shape

    @torch.inference_mode()
    def run(self, tensor):
        assert tensor.shape == self.shape
        outputs = self.module(torch.as_tensor(tensor))
        return [one.numpy() for one in (outputs if isinstance(outputs, tuple) else (outputs,))]


def read_graph(data):
    nodes = torch.export.load(io.BytesIO(data)).graph.nodes

    def describe(node):
        value = node.meta["val"]
        return TensorInfo(name=node.name, dtype=str(value.dtype), shape=tuple(value.shape))

    inputs = [node for node in nodes if node.op == "placeholder" and node.name == "x"]
    (output,) = (node for node in nodes if node.op == "output")
    calls = Counter(str(node.target) for node in nodes if node.op == "call_function")
    return GraphInfo(
        format="torch.export",
        inputs=tuple(map(describe, inputs)),
        outputs=tuple(map(describe, output.args[0])),
        operations=tuple(f"{count} x {name}" for name, count in calls.items()),
        delegates=(),
        planned_memory_bytes=None,
    )


def profile(path, tensor, runs):
    network = ExportedProgram(path, tensor.shape, None)
    start = time.perf_counter()
    for _ in range(runs):
        network.run(tensor)
    return [("program", 1e3 * (time.perf_counter() - start) / runs)]


RUNTIME = Runtime(
    name="torch_export",
    suffix=".pt2",
    target="program",
    libraries=("torch", "torch._export.serde.serialize", "torch.export.pt2_archive._package"),
    open=ExportedProgram,
    read_graph=read_graph,
    profile=profile,
)
