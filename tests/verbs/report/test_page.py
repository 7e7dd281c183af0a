"""The page: one file that needs nothing else, and on which all texts of others are text."""

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import msgspec
import pytest

from support.report_fakes import (
    SCORED_ON,
    fake_files,
    fake_measured,
    fake_report,
    proved_file,
    shown_picture,
    usual_report,
)
from topformer.text import printable
from topformer.verbs.report.page import render_page, render_plot
from topformer.verbs.report.run import _write

HOSTILE = (
    '"><script>alert(1)</script><img src=x onerror=alert(2)>\u202egnp.\x1b[31m{{ 7 * 7 }}&amp;'
)
VOID = {"meta", "img", "br", "hr", "link", "input", "circle", "rect", "line", "path", "polyline"}


class Read(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *one) for one in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *one) for one in attributes]

    def handle_data(self, data):
        self.text.append(data)


def page(document, measured=None, pictures=()):
    return render_page(document, None if measured is None else measured.bench, pictures)


def test_the_page_is_whole_and_needs_nothing_from_elsewhere():
    text = page(*usual_report(), [shown_picture()])
    read = Read(text)
    assert read.open == []
    assert text.startswith("<!DOCTYPE html>")
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(read.tags)
    for tag, name, value in read.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in {"src", "href", "data", "action", "srcset", "poster"}:
            assert value.startswith("data:image/jpeg;base64,")
    assert not re.search(r"url\(|@import|https?:", text)
    policy = {n: v for t, n, v in read.attributes if t == "meta"}.get("content")
    assert policy
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text


def test_the_page_says_what_the_document_says():
    document, measured = usual_report()
    text = " ".join(Read(page(document, measured)).text)
    for file in document.files:
        assert file.name in text
        assert file.sha256 in text
        assert file.judgement.reason in text
        assert f"{100 * file.score.miou:.2f}" in text
        assert f"{file.cost.total_ms:.2f}" in text
    for sentence in (*document.rule, document.command):
        assert sentence in text
    for answer in document.answers:
        assert answer.reason in text
    assert "camvid val (101 pictures)" in text
    assert measured.bench.environment.cpu_model in text


@pytest.mark.parametrize(
    "spoil",
    [
        lambda doc, file: (doc, file | {"name": HOSTILE}),
        lambda doc, file: (doc, file | {"path": HOSTILE}),
        lambda doc, file: (doc, file | {"target": HOSTILE, "precision": HOSTILE}),
        lambda doc, file: (doc | {"command": HOSTILE}, file),
        lambda doc, file: (doc | {"rule": (HOSTILE,)}, file),
    ],
    ids=["name", "path", "target", "command", "rule"],
)
def test_hostile_texts_of_files_are_text(spoil):
    document, measured = usual_report()
    changes, fields = spoil({}, {})
    files = (msgspec.structs.replace(document.files[0], **fields), *document.files[1:])
    document = msgspec.structs.replace(document, **{"files": files} | changes)
    check_harmless(page(document, measured))


@pytest.mark.parametrize("where", ["weights", "licence", "device", "dataset", "picture", "class"])
def test_hostile_texts_of_others_are_text(where):
    document, measured = usual_report()
    pictures = [shown_picture()]
    file = document.files[0]
    if where in {"weights", "licence"}:
        name = "name" if where == "weights" else "licence"
        weights = msgspec.structs.replace(file.weights, **{name: HOSTILE})
        file = msgspec.structs.replace(file, weights=weights)
    elif where == "device":
        on = msgspec.structs.replace(document.measured_on, place=HOSTILE)
        document = msgspec.structs.replace(document, measured_on=on)
    elif where == "dataset":
        on = msgspec.structs.replace(SCORED_ON, dataset=HOSTILE)
        document = msgspec.structs.replace(document, scored_on=on)
    elif where == "picture":
        pictures = [shown_picture(name=HOSTILE)]
    else:
        pictures = [shown_picture(names=(HOSTILE, HOSTILE))]
    document = msgspec.structs.replace(document, files=(file, *document.files[1:]))
    check_harmless(page(document, measured, pictures))


def check_harmless(text):
    read = Read(text)
    assert "script" not in read.tags
    assert not [one for one in read.attributes if one[1].startswith("on")]
    shown = "".join(read.text)
    # As it was, but for what steers or turns text.
    assert printable(HOSTILE) in shown
    assert "49" not in re.findall(r"31m(\d+)", shown)
    assert "\u202e" not in text
    assert "\x1b" not in text


def test_the_plot_alone_is_an_svg_for_light_and_dark():
    document, _ = usual_report()
    root = ET.fromstring(render_plot(document))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("width")
    text = render_plot(document)
    assert "prefers-color-scheme: dark" in text
    titles = [one.text for one in root.iter("{http://www.w3.org/2000/svg}title")]
    assert len(titles) == len(document.files)
    hostile = msgspec.structs.replace(document.files[0], name=HOSTILE)
    spoilt = msgspec.structs.replace(document, files=(hostile, *document.files[1:]))
    ET.fromstring(render_plot(spoilt))


def test_no_plot_of_an_earlier_report_stays(tmp_path):
    plot = tmp_path / "frontier.svg"
    assert plot in _write(*usual_report(), (), tmp_path)
    assert plot.is_file()
    failed = fake_report(fake_files(passed=False)[0], {}, None)
    assert plot not in _write(failed, None, (), tmp_path)
    assert not plot.exists()


def figures_of(text):
    return re.findall(r"<figcaption>([^<]+)</figcaption>", text)


def test_figures_are_those_that_there_is_something_for():
    document, measured = usual_report()
    assert figures_of(page(document, measured)) == [
        "Accuracy against latency",
        "Accuracy against size",
        "Accuracy by input size",
    ]
    one_size = [file for file in document.files if file.image_size == (448, 448)]
    document = msgspec.structs.replace(document, files=tuple(one_size), answers=())
    assert figures_of(page(document, measured)) == [
        "Accuracy against latency",
        "Accuracy against size",
    ]


def test_without_data_there_is_no_axis_of_accuracy():
    files, _, costs = fake_files()
    measured = fake_measured(files, costs)
    text = page(fake_report(files, {}, measured), measured)
    assert figures_of(text) == ["Size against latency"]
    assert "nothing is known of accuracy" in text
    assert "mIoU</th>" not in text


def test_instructions_are_called_so_everywhere():
    files, scores, costs = fake_files()
    measured = fake_measured(files, costs, emulated=True)
    document = msgspec.structs.replace(fake_report(files, scores, measured), scored_on=SCORED_ON)
    text = page(document, measured)
    assert "Accuracy against instructions" in figures_of(text)
    assert "a cost model and no latency" in text
    assert not re.search(r"\bms\b|milliseconds|atency against", text)


def test_what_is_not_to_be_shipped_is_said_first():
    failed = proved_file(precision="int8", passed=False)
    files, scores, costs = fake_files(random=True)
    measured = fake_measured(files, costs)
    refused = {"name": "tiny fp16 onnx", "what": "ONNX has no fp16 here.", "why": "It has none."}
    broken = refused | {"name": "tiny int8 onnx", "what": "It broke."}
    document = fake_report(
        [*files, failed],
        scores,
        measured,
        not_made=[
            refused | {"next_step": "", "failed": False},
            broken | {"next_step": "", "failed": True},
        ],
    )
    text = " ".join(" ".join(Read(page(document, measured)).text).split())
    assert "Some weights are RANDOM" in text
    assert f"The proof failed of {failed.name}. Do not ship." in text
    assert "tiny fp16 onnx is not offered: ONNX has no fp16 here. It has none." in text
    assert "tiny int8 onnx could not be made: It broke." in text
    assert not document.succeeded
    assert not document.answers
