"""What a trial and the process that asks for one tell each other."""

from topformer.documents import Document, Positive
from topformer.manifest import OutputInfo
from topformer.runtimes.exported import GraphInfo

NEXT_STEP = "Export the model again, or get the file anew from where it came."
# Whatever the file and the network in it: several times what Base takes.
_LEAST_MEMORY_BYTES = 192 * 2**20
# Runtimes hold a file, its weights and a packed copy of these: three times its size.
_MEMORY_PER_FILE_BYTE = 8
# Base took 130.
_MEMORY_PER_PIXEL_BYTES = 800
_LEAST_PROCESSOR_S = 20
# With one thread, Base takes about one.
_PROCESSOR_S_PER_MEGAPIXEL = 40
# Of a machine that does much else.
_WALL_S_PER_PROCESSOR_S = 10


class Bounds(Document, frozen=True, kw_only=True):
    """What a trial may take once the runtime itself is loaded."""

    memory_bytes: Positive
    processor_s: Positive
    wall_s: Positive

    @property
    def description(self) -> str:
        """The two that a model comes up against."""
        return f"{self.memory_bytes >> 20:,} MiB of memory and {self.processor_s} s of processor"


class Order(Document, frozen=True, kw_only=True):
    """Open a file by the shape of its input, run it once, and read the graph in it if asked to."""

    path: str
    runtime: str
    # Where the runtimes are.
    folders: tuple[str, ...]
    input_shape: tuple[int, int, int, int]
    outputs: tuple[OutputInfo, ...]
    with_graph: bool
    bounds: Bounds


class Failure(Document, frozen=True, kw_only=True, tag="failure"):
    """A `TopformerError`, told to another process."""

    what: str
    why: str
    next_step: str


class Success(Document, frozen=True, kw_only=True, tag="success"):
    """The file ran."""

    # Null where it was not asked for.
    graph: GraphInfo | None


def bounds_for(file_bytes: int, input_pixels: int) -> Bounds:
    """How much a file of such a size may take, for an input of so many pixels.

    Far more than any variant of the network does.
    """
    processor_s = _LEAST_PROCESSOR_S + _PROCESSOR_S_PER_MEGAPIXEL * input_pixels // 10**6
    return Bounds(
        memory_bytes=_LEAST_MEMORY_BYTES
        + _MEMORY_PER_FILE_BYTE * file_bytes
        + _MEMORY_PER_PIXEL_BYTES * input_pixels,
        processor_s=processor_s,
        wall_s=_WALL_S_PER_PROCESSOR_S * processor_s,
    )
