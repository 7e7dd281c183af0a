"""Which files a report makes, and which it takes."""

import msgspec
import pytest

from support.manifest_edits import SAMPLE
from support.report_fakes import proved_file
from topformer.classes import numbered_classes
from topformer.documents import encode_document
from topformer.errors import TopformerError, UsageError
from topformer.export.precisions import precision_names
from topformer.export.targets import target_names
from topformer.files import sha256_bytes
from topformer.manifest import manifest_path
from topformer.model import create_model
from topformer.tasks import DETECTION, SEGMENTATION
from topformer.verbs.report import make
from topformer.verbs.report.kept import Kept
from topformer.verbs.report.plan import MOST_FILES, Plan, make_plan
from topformer.weights import save_weights

NOTHING = {"sizes": (), "image_sizes": (), "precisions": (), "targets": (), "models": ()}


def plan(**given):
    return make_plan(**NOTHING | given)


def exported(folder, name=SAMPLE.file.name, **model):
    """Write what stands for an exported file, with its manifest."""
    path = folder / name
    path.write_bytes(b"x")
    file = msgspec.structs.replace(SAMPLE.file, name=name, sha256=sha256_bytes(b"x"), size_bytes=1)
    changed = msgspec.structs.replace(SAMPLE.model, **model)
    manifest = msgspec.structs.replace(SAMPLE, file=file, model=changed)
    manifest_path(path).write_bytes(encode_document(manifest))
    return path


def names(made):
    return [export.name for export in made.exports]


def test_without_a_word_every_precision_and_target_of_tiny_is_made_fp32_first():
    made = plan()
    assert {(one.precision, one.target) for one in made.exports} == {
        (precision, target) for precision in precision_names() for target in target_names()
    }
    assert made.exports[0].precision == "fp32"
    assert all(one.name.startswith("tiny 448x448 ") for one in made.exports)
    assert made.given == ()


def test_all_combinations_are_made_in_the_order_in_which_they_were_named():
    made = plan(
        sizes=("small", "tiny"),
        image_sizes=("64x96", "128", "64x96"),
        precisions=("fp32",),
        targets=("onnx", "xnnpack"),
    )
    assert names(made)[:4] == [
        "small 64x96 fp32 onnx",
        "small 64x96 fp32 xnnpack",
        "small 128x128 fp32 onnx",
        "small 128x128 fp32 xnnpack",
    ]
    assert len(made.exports) == 8


def test_no_two_sources_have_one_name():
    made = plan(
        task=DETECTION,
        sizes=("tiny",),
        models=(
            "tiny-retinanet.pth",
            "a/Tiny-RetinaNet.pth",
            "a/best.pth",
            "b/best.pth",
            "my net.pth",
            "my-net.pth",
        ),
        precisions=("fp32",),
        targets=("onnx",),
        image_sizes=("64",),
    )
    labels = [one.source.label for one in made.exports]
    assert labels == [
        "tiny-retinanet", "tiny-retinanet-2", "Tiny-RetinaNet-3", "best", "best-2",
        "my net", "my-net-2",
    ]  # fmt: skip


def test_results_of_two_files_have_no_place_in_common(tmp_path, monkeypatch):
    paths = [tmp_path / one / name for one, name in (("a", "m.pte"), ("b", "m.pte"))]
    paths += [tmp_path / "my net.pte", tmp_path / "my-net.pte"]
    monkeypatch.setattr(make, "_take", lambda name, *_: proved_file(name=name))
    kept = Kept(tmp_path)
    files, _ = make.make_files(Plan(exports=(), given=tuple(paths)), None, kept, print)
    assert [file.name for file in files] == ["m.pte", "m.pte (2)", "my net.pte", "my-net.pte (2)"]
    assert len({kept.place("labels", file.name, ".png") for file in files}) == len(files)


def test_keys_in_an_address_stay_out_of_names():
    made = plan(models=("https://x.org/a/best.pth?key=s.e/c",), image_sizes=("64",))
    assert {one.source.label for one in made.exports} == {"best"}


def test_exported_files_are_taken_and_checkpoints_are_exported(tmp_path):
    models = (str(exported(tmp_path, "a.pte")), "runs/best.pth", "other/best.pth", "base")
    made = plan(models=models, precisions=("fp32",), targets=("onnx",))
    assert [path.name for path in made.given] == ["a.pte"]
    assert names(made) == [
        "base 448x448 fp32 onnx",
        "best 448x448 fp32 onnx",
        "best-2 448x448 fp32 onnx",
    ]
    assert [one.source.weights for one in made.exports] == [None, *models[1:3]]


def test_weights_that_say_their_size_are_exported_at_it(tmp_path):
    path = tmp_path / "mine.safetensors"
    model, classes = create_model("tiny", 2), numbered_classes(2)
    save_weights(
        path, model, classes=classes, name="m", licence="l", source="s", sample_size=(96, 160)
    )
    chosen = {"models": (str(path),), "precisions": ("fp32",), "targets": ("onnx",)}
    assert names(plan(**chosen)) == ["mine 96x160 fp32 onnx"]
    assert names(plan(**chosen, image_sizes=("64",))) == ["mine 64x64 fp32 onnx"]
    path.write_bytes(b"no weights")
    assert names(plan(**chosen)) == ["mine 448x448 fp32 onnx"]


def test_given_files_alone_are_all_there_is(tmp_path):
    path = exported(tmp_path)
    made = plan(models=(str(path), str(path)))
    assert (made.exports, made.given) == ((), (path,))


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"sizes": ("huge",)}, "There is no TopFormer called 'huge'."),
        ({"image_sizes": ("big",)}, "'big' is not an image size."),
        ({"precisions": ("int3",)}, "There is no precision called 'int3'."),
        ({"targets": ("coreml",)}, "There is no export target called 'coreml'."),
        ({"models": ("none.pte",)}, "There is no file none.pte."),
        ({"models": ("https://example.com/a.pte",)}, "https://example.com/a.pte cannot be used."),
    ],
)
def test_what_there_is_not_is_refused_before_anything_is_made(given, what):
    with pytest.raises(UsageError) as refused:
        plan(**given)
    assert refused.value.what == what
    assert refused.value.next_step or given == {"models": ("none.pte",)}


def test_given_files_are_of_the_task_that_is_asked_for(tmp_path):
    path = exported(tmp_path)
    assert plan(models=(str(path),), task=SEGMENTATION).given == (path,)
    for asked in ({"task": DETECTION}, {"task": DETECTION, "detection_head": "lite"}):
        with pytest.raises(TopformerError, match="is not for object-detection"):
            plan(models=(str(path),), **asked)


def test_what_is_made_is_for_the_datas_task():
    made = plan(sizes=("tiny",), data_task=DETECTION)
    assert {(one.source.label, one.source.task) for one in made.exports} == {
        ("tiny-retinanet", DETECTION)
    }
    with pytest.raises(UsageError, match="The data are for object-detection"):
        plan(task=SEGMENTATION, data_task=DETECTION)


def test_files_of_two_tasks_are_not_judged_together(tmp_path):
    one = exported(tmp_path)
    other = exported(tmp_path, "other.onnx", task=DETECTION, detection_head="lite")
    for given, data_task in (((one, other), None), ((other,), SEGMENTATION), ((one,), DETECTION)):
        with pytest.raises(UsageError, match=r" and .* for ") as refused:
            plan(models=tuple(map(str, given)), data_task=data_task)
        assert refused.value.next_step == "Make a report of each task."
    assert plan(models=(str(other),), data_task=DETECTION).given == (other,)


@pytest.mark.parametrize("option", ["image_sizes", "precisions", "targets"])
def test_options_that_say_nothing_are_refused(tmp_path, option):
    path = exported(tmp_path, "a.pte")
    with pytest.raises(UsageError) as refused:
        plan(models=(str(path),), **{option: ("64",)})
    flag = f"--{option.rstrip('s').replace('_', '-')}"
    assert refused.value.what == f"{flag} is for files that are made here."
    assert "--size or a checkpoint" in refused.value.next_step


def test_more_files_than_one_run_takes_are_refused():
    sizes = tuple(str(64 * number) for number in range(1, MOST_FILES // 2 + 2))
    with pytest.raises(UsageError) as refused:
        plan(image_sizes=sizes, precisions=("fp32",), targets=("onnx", "xnnpack"))
    assert str(MOST_FILES) in refused.value.why
