"""Lowering without copies of where each node of a graph comes from.

For its own tools torch keeps of every node which nodes it was made of, pass by pass
(`torch/fx/traceback.py`, `NodeSource`), and copies that history deeply at each visit of the node.
No file holds any of it, but after dozens of passes the copying is a fifth of a lowering in int8.
Histories are not changed once made, so nodes may share them.
"""

# pyright: standard
# Not strict: a class of torch's is given a method for a while.

from collections.abc import Generator
from contextlib import contextmanager, suppress

from torch.fx.traceback import NodeSource


def _itself(source: NodeSource, _copied: dict[int, object]) -> NodeSource:
    return source


@contextmanager
def shared_histories() -> Generator[None]:
    """Lower with histories that nodes share; afterwards torch copies them again.

    The first to end of several lowerings at a time ends it for all: that costs time only.
    """
    NodeSource.__deepcopy__ = _itself  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        with suppress(AttributeError):  # another thread's may have ended first
            del NodeSource.__deepcopy__  # pyright: ignore[reportAttributeAccessIssue]
