"""What ids mean in each data set, and folders that bring their own classes."""

import json

import numpy as np
import pytest

from topformer.data import DATASET_KEYS, IGNORED, open_dataset
from topformer.data.label_files import INVALID
from topformer.errors import TopformerError

# Values that stand for classes, and those that are ignored besides 255, by data set and form.
# Source: mmseg's reduce_zero_label for each, and the data sets' own documents.
FACTS = {
    ("ade20k", 0): (range(1, 151), {0}),
    ("coco-stuff-10k", 0): (range(1, 172), {0}),
    ("coco-stuff-164k", 0): (range(171), set()),
    ("pascal-context-59", 0): (range(1, 60), {0}),
    ("pascal-context-60", 0): (range(60), set()),
    ("cityscapes", 0): (range(19), set()),
    ("camvid", 0): (range(11), {11}),
}


@pytest.mark.parametrize(("key", "form"), FACTS)
def test_values_become_train_ids_in_order_and_nothing_else_is_valid(tmp_path, key, form):
    values, ignored = FACTS[key, form]
    dataset = open_dataset(key, tmp_path)
    table = dataset.layout.forms[form].table
    assert table[list(values)].tolist() == list(range(len(dataset.classes.names)))
    assert set(np.flatnonzero(table == IGNORED).tolist()) == ignored | {255}
    others = set(range(256)) - set(values) - ignored - {255}
    assert {int(table[value]) for value in others} <= {INVALID}


def test_cocostuffs_published_values_skip_its_gaps(tmp_path):
    table = open_dataset("coco-stuff-164k", tmp_path).layout.forms[1].table
    assert [int(table[value]) for value in (0, 10, 12, 91, 181)] == [0, 10, 11, 80, 170]
    assert table[11] == INVALID
    assert sorted(table[table < INVALID].tolist()) == list(range(171))


def test_cityscapes_label_ids_become_its_train_ids(tmp_path):
    table = open_dataset("cityscapes", tmp_path).layout.forms[1].table
    # road, sidewalk, building, person, bicycle; parking and trailer are ignored.
    assert [int(table[value]) for value in (7, 8, 11, 24, 33)] == [0, 1, 2, 11, 18]
    assert table[9] == table[30] == IGNORED


def test_the_tests_sizes_are_the_published_ones(tmp_path):
    scales = {
        key: (scale.long_px, scale.short_px, scale.multiple_px)
        for key in DATASET_KEYS[:-1]
        for scale in [open_dataset(key, tmp_path).scale]
    }
    assert scales["ade20k"] == (2048, 512, 32)
    assert scales["coco-stuff-10k"] == (2048, 512, 1)
    assert scales["pascal-context-60"] == (520, 520, 1)
    assert scales["cityscapes"] == (1024, 512, 1)


def test_every_data_set_says_what_its_licence_means_for_weights(tmp_path):
    for key in DATASET_KEYS[:-1]:
        assert len(open_dataset(key, tmp_path).terms) > 10
    assert "non-commercial" in open_dataset("camvid", tmp_path).terms


def folder(tmp_path, **content):
    (tmp_path / "classes.json").write_text(json.dumps(content))
    return open_dataset("folder", tmp_path)


def test_a_folder_brings_its_classes_colours_and_ignored_value(tmp_path):
    dataset = folder(
        tmp_path, classes=["a", "b"], palette=[[1, 2, 3], [4, 5, 6]], ignore_label=7, note="mine"
    )
    assert dataset.classes.names == ("a", "b")
    assert dataset.classes.palette == ((1, 2, 3), (4, 5, 6))
    table = dataset.layout.forms[0].table
    assert table[[0, 1, 7, 255]].tolist() == [0, 1, IGNORED, IGNORED]
    assert table[2] == INVALID


def test_colours_and_the_ignored_value_may_be_left_out(tmp_path):
    dataset = folder(tmp_path, classes=["a", "b", "c"])
    assert len(set(dataset.classes.palette)) == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"classes": []}',
        '{"classes": ["a", 3]}',
        '{"classes": ["a"], "palette": [[0, 0, 300]]}',
        '{"classes": ["a"], "palette": []}'.replace("[]", "[[0,0,0],[1,1,1]]"),
        '{"classes": ["a", "b"], "ignore_label": 1}',
        '{"classes": ["a"], "ignore_label": 256}',
        json.dumps({"classes": ["x"] * 255}),
        json.dumps({"classes": ["x" * 1001]}),
        '{"classes": ' + "[" * 50_000,
    ],
)
def test_a_malformed_classes_file_is_refused_with_an_example(tmp_path, text):
    (tmp_path / "classes.json").write_text(text)
    with pytest.raises(TopformerError) as caught:
        open_dataset("folder", tmp_path)
    assert "classes.json" in caught.value.what
    assert caught.value.why
    assert '{"classes": ["sky"' in caught.value.next_step


def test_a_folder_without_classes_says_what_to_write(tmp_path):
    with pytest.raises(TopformerError) as caught:
        open_dataset("folder", tmp_path)
    assert '{"classes": ["sky"' in caught.value.next_step


def test_classes_may_begin_with_a_byte_order_mark(tmp_path):
    text = json.dumps({"classes": ["stra\u00dfe", "b"]}, ensure_ascii=False)
    (tmp_path / "classes.json").write_bytes(text.encode("utf-8-sig"))
    assert open_dataset("folder", tmp_path).classes.names == ("stra\u00dfe", "b")
    for encoding, named in (("utf-16", "UTF-16"), ("latin-1", "Latin-1")):
        (tmp_path / "classes.json").write_bytes(text.encode(encoding))
        with pytest.raises(TopformerError, match=r"classes\.json is not UTF-8") as caught:
            open_dataset("folder", tmp_path)
        assert named in caught.value.why
