"""What the bench's pictures share: colours, titles, and a figure as a PNG."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from topformer.evaluation.figures import make_drawable

# Okabe and Ito's palette, told apart by the colour-blind too.
PART_COLOURS = {"preprocess": "#56B4E9", "network": "#0072B2", "postprocess": "#E69F00"}
ROW_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
INK = "#1F2937"
FAINT = "#6B7280"
GRID = "#E5E7EB"

WIDTH_IN = 11.0
DPI = 130
LEGEND_HEIGHT_IN = 0.3


def write_titles(axes: Axes, heading: str, details: str) -> None:
    """Write a heading above the axes, and up to two lines of details under it."""
    axes.set_title(heading, loc="left", fontsize=14, weight="bold", color=INK, pad=42)
    axes.annotate(
        details,
        (0.0, 1.0),
        (0, 10),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=9,
        color=FAINT,
        linespacing=1.5,
    )


def finish_parts(figure: Figure) -> bytes:
    """Tell the colours of the parts below everything else, where no title is long enough to reach.

    Returns a PNG.
    """
    figure.legend(loc="lower right", ncols=3, frameon=False, fontsize=10, labelcolor=INK)
    make_drawable(figure)
    figure.tight_layout(rect=(0.0, LEGEND_HEIGHT_IN / figure.get_figheight(), 1.0, 1.0))
    return to_png(figure)


def to_png(figure: Figure) -> bytes:
    """Draw a figure."""
    make_drawable(figure)
    stream = BytesIO()
    FigureCanvasAgg(figure).print_png(stream)
    return stream.getvalue()
