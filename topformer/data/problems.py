"""Of the problems of a split one is raised, and the others are counted."""

from collections.abc import Sequence

from topformer.errors import TopformerError


def raise_first(problems: Sequence[TopformerError], *, count: int, kind: str) -> None:
    """Raise the first of a split's `count` problems, if any, and say how many more there are.

    `kind` is what has problems, in the plural: files or entries.
    """
    if not problems:
        return
    first, others = problems[0], count - 1
    more = f" {others:,} more {kind} have problems;" if others else ""
    more += " `topformer data check` lists them." if others else ""
    raise TopformerError(first.what, why=first.why, next_step=f"{first.next_step}{more}".strip())
