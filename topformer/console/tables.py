"""Tables that stay readable on narrow terminals: as they are, without borders, or as lists."""

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from topformer.console.screen import stderr

# Words are cut where they are longer than this only; sentences get room for a few words a line.
WORD_CHARACTERS = 28
SENTENCE_CHARACTERS = 16
# A name and a value that may stand on one line with others.
SHORT_CHARACTERS = 22


def print_table(*tables: Table) -> None:
    """Print tables on stderr, each in the first form in which it can be read there."""
    console = stderr()
    console.print(*(fit(table, console) for table in tables))


def fit(table: Table, console: Console) -> RenderableType:
    """Return a table that fits a console, or its rows as a list where it cannot."""
    if _set_widths(table, console):
        return table
    # Rows that lines kept apart, a blank line does.
    table.leading, table.show_lines = int(table.show_lines), False
    table.box, table.padding, table.show_edge = SIMPLE_HEAD, 0, False
    if _set_widths(table, console):
        return table
    return Group(*_as_list(table, console))


def _set_widths(table: Table, console: Console) -> bool:
    """Share the console's width among the columns; false where one would be too narrow."""
    wanted, least = zip(*(_widths_of(column, console) for column in table.columns), strict=True)
    unlimited = console.options.update(max_width=10_000)
    borders = Measurement.get(console, unlimited, table).maximum - sum(wanted)
    room = console.width - borders - sum(least)
    if room < 0:
        return False
    # Columns that want little more get it all, and the others the rest.
    order = sorted(range(len(wanted)), key=lambda index: wanted[index] - least[index])
    for done, index in enumerate(order):
        more = min(wanted[index] - least[index], room // (len(order) - done))
        room -= more
        table.columns[index].width = least[index] + more
        table.columns[index].overflow = "fold"
    return True


def _widths_of(column: Column, console: Console) -> tuple[int, int]:
    """Width that a column wants, and the least in which it can be read."""
    limit = column.max_width or 10_000
    header = _measure(column.header, console)
    cells = [_measure(cell, console) for cell in column.cells]
    wanted = min(limit, max(one.maximum for one in (header, *cells)))
    if column.no_wrap:
        return wanted, wanted
    # Where a column may be folded, as one of paths, its words may be cut.
    longest = 0 if column.overflow == "fold" else WORD_CHARACTERS
    readable = (
        min(one.maximum, max(SENTENCE_CHARACTERS, min(one.minimum, longest))) for one in cells
    )
    return wanted, min(wanted, max(header.minimum, *readable, 1))


def _measure(cell: RenderableType, console: Console) -> Measurement:
    return Measurement.get(console, console.options.update(max_width=10_000), cell)


def _as_list(table: Table, console: Console) -> Iterator[RenderableType]:
    """Give every row a heading, its first cell, and every other cell a line of its own."""
    if table.title:
        yield _text(table.title, console, style="bold")
    first, *others = table.columns
    # The first heading says what all are, as in "median ms".
    yield _text(f"{first.header}:", console, style="dim")
    headings = [_text(column.header, console).plain.strip() for column in others]
    for heading, *cells in zip(first.cells, *(column.cells for column in others), strict=True):
        yield _text(heading, console, style="bold")
        told = [(name, _text(cell, console)) for name, cell in zip(headings, cells, strict=True)]
        yield Padding(_values([(name, value) for name, value in told if value.plain]), (0, 0, 0, 2))
    if table.caption:
        yield _text(table.caption, console)


def _values(told: Sequence[tuple[str, Text]]) -> RenderableType:
    """Short values stand side by side, long ones below each other."""
    if all(len(name) + value.cell_len <= SHORT_CHARACTERS for name, value in told):
        return Columns([Text.assemble((name, "dim"), " ", value) for name, value in told], (0, 2))
    values = Table.grid(padding=(0, 1))
    values.add_column(no_wrap=True, style="dim")
    values.add_column(overflow="fold")
    for name, value in told:
        values.add_row(name, value)
    return values


def _text(cell: RenderableType, console: Console, *, style: str = "") -> Text:
    text = cell.copy() if isinstance(cell, Text) else console.render_str(str(cell))
    text.stylize(style)
    return text
