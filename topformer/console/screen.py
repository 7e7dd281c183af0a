"""A console on which text is text, whoever wrote it."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from topformer.text import printable


class Screen(Console):
    """Takes nothing for markup, and lets nothing through that steers a terminal.

    So names of files, classes and devices need no care where they are printed. Our own styles are
    given as `Text` or with `style=`.
    """

    def __init__(self) -> None:
        """Write to stderr."""
        super().__init__(stderr=True, markup=False, highlight=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Clean a string before it is measured, so that tables keep their columns."""
        return super().render_str(printable(text, lines=True), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Clean what came as `Text`."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(printable(segment.text, lines=True), segment.style)


@cache
def stderr() -> Screen:
    """Return the console for all that is not a result."""
    return Screen()
