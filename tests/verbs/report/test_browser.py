"""The page in a real browser: light, dark, and as wide as a phone."""

import re

import numpy as np
import pytest
from PIL import Image

from support.browser import browse
from support.report_fakes import shown_picture, usual_report
from topformer.verbs.report.page import render_page

pytestmark = pytest.mark.slow
DARK = "--blink-settings=preferredColorScheme=0"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    document, measured = usual_report()
    pictures = [shown_picture(name=f"{'long' * 30}.jpg"), shown_picture()]
    (folder / "index.html").write_text(render_page(document, measured.bench, pictures))
    return folder / "index.html"


def screenshot(page, folder, *options, width=1280, height=1200):
    path = folder / "shot.png"
    browse(page, f"--screenshot={path}", f"--window-size={width},{height}", *options, folder=folder)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_it_is_drawn_in_light_and_dark(written, tmp_path):
    light, dark = screenshot(written, tmp_path), screenshot(written, tmp_path, DARK)
    for shot in (light, dark):
        assert shot.shape == (1200, 1280, 3)
        # Something of everything: a blank page has one colour.
        assert len(np.unique(shot.reshape(-1, 3), axis=0)) > 200
    assert light.mean() > 200
    assert dark.mean() < 70


def test_the_frontier_is_where_the_chart_says(written, tmp_path):
    shot = screenshot(written, tmp_path)
    green = np.abs(shot - np.array([0x2F, 0x8F, 0x6F])).sum(2) < 30
    # Wide plots have lines of it; a page without its styles has none.
    assert green.sum(1).max() > 100
    assert green.sum(0).max() > 40


MEASURE = """<!DOCTYPE html><body><iframe id=f width={width} height=900 src="index.html"></iframe>
<script>f.onload = () => {{
  const page = f.contentDocument.documentElement;
  const wide = [...f.contentDocument.querySelectorAll("main *")].filter(
    (one) => one.getBoundingClientRect().right > {width} + 1 && !one.closest("details, .scroll"));
  const plots = [...f.contentDocument.querySelectorAll("svg.chart")].filter(
    (one) => one.getBoundingClientRect().width > 0);
  document.title = [page.scrollWidth, wide.length, plots.length,
    Math.min(...plots.map((one) => one.getBoundingClientRect().width / one.viewBox.baseVal.width)),
  ].join(" ");
}}</script>"""


@pytest.mark.parametrize("width", [360, 390, 800, 1280])
def test_nothing_is_wider_than_the_screen_and_plots_can_be_read(written, tmp_path, width):
    wrapper = written.parent / f"measure-{width}.html"
    wrapper.write_text(MEASURE.format(width=width))
    dumped = browse(
        wrapper,
        "--dump-dom",
        "--allow-file-access-from-files",
        "--window-size=1400,1000",
        "--virtual-time-budget=5000",
        folder=tmp_path,
    )
    found = re.search(r"<title>(\d+) (\d+) (\d+) ([\d.]+)</title>", dumped)
    assert found, dumped[:500]
    assert int(found[1]) <= width
    assert int(found[2]) == 0
    # Of each plot one of its two forms; their letters are not shrunk much.
    assert int(found[3]) == 3
    assert float(found[4]) > 0.75
