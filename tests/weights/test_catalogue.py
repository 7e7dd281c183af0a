from urllib.parse import urlsplit

import pytest

from topformer.variants import VARIANTS
from topformer.weights.catalogue import PUBLISHED, find_published


def test_the_readme_of_the_authors_is_covered():
    # Size, crop, batch and mIoU of the README's ADE20K table, in its order.
    rows = [
        (entry.variant, entry.crop_px, entry.batch, entry.score_percent)
        for entry in PUBLISHED
        if entry.metric == "mIoU"
    ]
    assert rows == [
        ("tiny", 448, 16, 32.5),
        ("tiny", 448, 32, 33.4),
        ("tiny", 512, 16, 33.6),
        ("tiny", 512, 32, 34.6),
        ("small", 512, 16, 36.5),
        ("small", 512, 32, 37.0),
        ("base", 512, 16, 38.3),
        ("base", 512, 32, 39.2),
    ]
    assert [entry.name for entry in PUBLISHED if entry.metric == "top-1"] == [
        "topformer-T-224-66.2",
        "topformer-S-224-72.3",
        "topformer-B-224-75.3",
    ]


@pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.name)
def test_every_entry_says_how_to_get_it_by_hand(entry):
    advice = entry.download.by_hand
    assert entry.page_url in advice
    assert f"https://pan.baidu.com/s/{entry.baidu_code} (password topf)" in advice
    # By which option, the verb says.
    assert advice.endswith("give the path of the file instead.")
    assert entry.variant in VARIANTS


def test_every_single_file_has_its_own_https_address():
    urls = [entry.download.url for entry in PUBLISHED if entry.download.url]
    assert len(set(urls)) == 8
    assert {urlsplit(url)[:2] for url in urls} == {("https", "drive.usercontent.google.com")}


def test_names_do_not_clash_with_sizes_or_each_other():
    names = [entry.name.lower() for entry in PUBLISHED]
    assert len(set(names)) == len(names)
    assert not set(names) & set(VARIANTS)


@pytest.mark.parametrize(
    "spelling", ["TopFormer-B_512x512_4x8_160k", "topformer-b_512x512_4x8_160k"]
)
def test_names_are_found_in_any_case(spelling):
    entry = find_published(spelling)
    assert entry is not None
    assert entry.score_percent == 39.2


@pytest.mark.parametrize(
    "name",
    # The second is what somebody has who downloaded it by hand: a file in this folder.
    ["TopFormer-B", "TopFormer-B_512x512_4x8_160k.pth", "./TopFormer-B_512x512_4x8_160k"],
)
def test_other_names_and_paths_are_not_found(name):
    assert find_published(name) is None
