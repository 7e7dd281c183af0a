"""What is written over every picture of scores, so that none is seen without its protocol."""

from dataclasses import dataclass

from topformer.text import columns


@dataclass(frozen=True, kw_only=True)
class Caption:
    """A title, notes below it, and a warning where one is due."""

    title: str
    notes: tuple[str, ...]
    # In red; empty where there is nothing to warn of.
    warning: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """All lines below the title, the warning last."""
        return (*self.notes, self.warning) if self.warning else self.notes

    @property
    def text(self) -> str:
        """All of it in one line, for the text chunk of a PNG."""
        return "; ".join((self.title, *self.lines))


def shorten(text: str, characters: int) -> str:
    """Write a text in one line of at most so many characters; wide ones count as two."""
    text = " ".join(text.split())
    if columns(text) <= characters:
        return text
    while text and columns(text) > characters - 1:
        text = text[:-1]
    return text.rstrip() + "…"
