"""What is said of weights that were made from others."""

from hypothesis import given
from hypothesis import strategies as st

from topformer.documents import SHORT_TEXT_LIMIT
from topformer.manifest import WeightsInfo
from topformer.weights.licences import joint_licence


def weights(licence: str, *, name: str = "start", random_seed: int | None = None) -> WeightsInfo:
    return WeightsInfo(
        name=name, sha256="0" * 64, licence=licence, source="a test", random_seed=random_seed
    )


def test_every_licence_is_named_once():
    assert joint_licence("data", []) == "data"
    assert joint_licence("data", [weights("NC", name="tiny")]) == "data; tiny: NC"
    teacher = weights("not stated", name="t.onnx")
    assert joint_licence("data", [weights("data"), teacher]) == "data; t.onnx: not stated"
    assert joint_licence("data", [weights("none needed", random_seed=0)]) == "data"


def test_each_origin_whose_licence_is_unknown_is_named():
    origins = [weights("not stated", name="a.pth"), weights("not stated", name="b.onnx")]
    assert joint_licence("data", origins) == "data; a.pth: not stated; b.onnx: not stated"
    assert joint_licence("data", origins[:1] * 2) == "data; a.pth: not stated"


def test_a_licence_whose_text_begins_as_another_is_not_that_one():
    assert joint_licence("CC BY-NC", [weights("CC BY")]) == "CC BY-NC; start: CC BY"
    assert joint_licence("CC BY", [weights("CC BY-NC")]) == "CC BY; start: CC BY-NC"


def test_going_on_with_what_a_run_left_says_the_same():
    first = joint_licence("data", [weights("NC", name="tiny")])
    assert joint_licence("data", [weights(first, name="topformer-tiny-folder")]) == first


@given(st.text(max_size=1000), st.lists(st.text(max_size=1000), max_size=4))
def test_it_is_never_longer_than_a_header_takes(terms, licences):
    text = joint_licence(terms, [weights(one) for one in licences])
    assert len(text) <= SHORT_TEXT_LIMIT
    if len(text) < SHORT_TEXT_LIMIT:
        assert all(one in text for one in (terms, *licences))
