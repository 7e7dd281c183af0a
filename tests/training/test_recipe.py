"""Recipes: the shipped ones are published ones where there are, and one's own are checked."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.training_fakes import small_recipe
from topformer.data import BOX_DATASET_KEYS, DATASET_KEYS
from topformer.detection import HEADS
from topformer.errors import TopformerError, UsageError
from topformer.tasks import DETECTION
from topformer.training.recipe import (
    FREE_FIELDS,
    Recipe,
    check_task,
    load_recipe,
    recipe_sha256,
    recipe_text,
)
from topformer.variants import VARIANTS

# Source: hustvl/TopFormer at cc0f436, local_configs: iterations, batch, rate, scale, crop.
PUBLISHED = {
    ("ade20k", "tiny"): (160_000, 16, 3e-4, (2048, 512), (512, 512)),
    ("ade20k", "small"): (160_000, 16, 1.2e-4, (2048, 512), (512, 512)),
    ("ade20k", "base"): (160_000, 16, 1.2e-4, (2048, 512), (512, 512)),
    ("coco-stuff-10k", "tiny"): (80_000, 16, 1.2e-4, (2048, 512), (512, 512)),
    ("pascal-context-59", "base"): (80_000, 16, 1.2e-4, (520, 520), (480, 480)),
    ("pascal-context-60", "tiny"): (80_000, 16, 1.2e-4, (520, 520), (480, 480)),
    ("cityscapes", "tiny"): (160_000, 8, 3e-4, (1024, 512), (512, 1024)),
    ("cityscapes", "base"): (80_000, 8, 3e-4, (512, 512), (512, 1024)),
}
PUBLISHED_DEFAULTS = {
    "init": "imagenet", "weight_decay": 0.01, "beta1": 0.9, "beta2": 0.999,
    "head_rate_factor": 10.0, "warmup_iterations": 1500, "warmup_ratio": 1e-6, "poly_power": 1.0,
    "ratio_range": (0.5, 2.0), "cat_max_ratio": 0.75, "flip_probability": 0.5, "photometric": True,
    "aspect_jitter": 1.0, "class_weights": (), "ohem_threshold": 0.0, "label_smoothing": 0.0,
    "teacher": "", "ema_decay": 0.0, "start_share": 0.0, "amp": "off", "accumulate": 1,
    "quantise_from": 1.0,
}  # fmt: skip


@pytest.mark.parametrize("dataset", DATASET_KEYS)
@pytest.mark.parametrize("size", VARIANTS)
def test_every_data_set_ships_a_recipe_for_every_size(dataset, size):
    assert load_recipe(dataset, size).iterations >= 1


@pytest.mark.parametrize(("dataset", "size"), PUBLISHED)
def test_the_shipped_recipes_are_the_published_ones(dataset, size):
    recipe = load_recipe(dataset, size)
    numbers = (recipe.iterations, recipe.batch, recipe.learning_rate, recipe.scale, recipe.crop)
    assert numbers == PUBLISHED[dataset, size]
    for name, value in PUBLISHED_DEFAULTS.items():
        assert getattr(recipe, name) == value, name


def test_the_recipe_for_coco_is_the_published_one():
    """Source: mmdetection 2, schedules/schedule_1x.py and datasets/coco_detection.py."""
    recipe = load_recipe("coco", "tiny", head="retinanet")
    fields = {
        "batch": 16, "optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.9,
        "weight_decay": 1e-4, "head_rate_factor": 1.0, "warmup_iterations": 500,
        "warmup_ratio": 0.001, "scale": (1333, 800), "ratio_range": (1.0, 1.0),
        "flip_probability": 0.5, "photometric": False, "stretch": 0.0, "init": "imagenet",
    }  # fmt: skip
    for name, value in fields.items():
        assert getattr(recipe, name) == value, name
    # Of 117,266 pictures with boxes, a pass takes 7,330 steps.
    assert recipe.iterations == 12 * 7_330
    assert [round(share * recipe.iterations) for share in recipe.rate_drops] == [
        8 * 7_330,
        11 * 7_330,
    ]
    # A picture fits into the crop whatever its shape: nothing is cut.
    assert min(recipe.crop) >= recipe.scale[0]


@pytest.mark.parametrize("dataset", BOX_DATASET_KEYS)
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("size", VARIANTS)
def test_sets_with_boxes_ship_a_recipe_for_every_size_and_head(dataset, size, head):
    recipe = load_recipe(dataset, size, head=head)
    check_task(recipe, DETECTION)
    assert (recipe.crop == (448, 448)) == (head == "lite")


def test_a_table_of_a_head_goes_before_that_of_a_size(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("batch = 4\n[base]\nbatch = 6\nseed = 5\n[lite]\nbatch = 8\n")
    recipe = load_recipe("coco", "base", head="lite", path=path)
    assert (recipe.batch, recipe.seed) == (8, 5)
    assert load_recipe("coco", "base", head="retinanet", path=path).batch == 6


def test_published_runs_score_and_save_ten_times():
    recipe = load_recipe("ade20k", "base")
    assert recipe.evaluation_interval == recipe.checkpoint_interval == 16_000


@pytest.mark.parametrize(("share", "first"), [(0.0, 0), (0.9, 90), (1.0, 100)])
def test_a_share_of_the_steps_is_not_rounded(share, first):
    assert small_recipe(iterations=100, quantise_from=share).first_rounded_step == first


def test_a_file_changes_single_fields_and_options_win(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('batch = 4\namp = "bf16"\n[base]\nbatch = 2\n')
    assert load_recipe("ade20k", "tiny", path=path).batch == 4
    assert load_recipe("ade20k", "base", path=path).batch == 2
    recipe = load_recipe("ade20k", "base", path=path, overrides={"batch": "6", "init": "none"})
    assert (recipe.batch, recipe.init, recipe.amp) == (6, "none", "bf16")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("learnin_rate = 1", "learnin_rate"),
        ("[tiny]\ncropp = [1, 2]", "cropp"),
        ("[huge]\nbatch = 1", "huge"),
        ("tiny = 3", "tables"),
        ("batch = ", "not TOML"),
        ("batch = 0", ">= 1"),
        ('batch = "four"', "int"),
        ("batch = 5\naccumulate = 2", "multiple"),
        ("ratio_range = [2.0, 0.5]", "ratio_range"),
        ("ema_decay = 1.0", "< 1"),
        ("beta1 = 1.0", "< 1"),
        ("beta2 = 1.0", "< 1"),
        ("crop = [32, 64]", ">= 64"),
        ("crop = [64, 4160]", "<= 4096"),
        ('amp = "int8"', "int8"),
        ("class_weights = [1.0, -1.0]", "negative"),
        ("ohem_threshold = 0.7\nclass_weights = [1.0]", "exclude"),
        ("learning_rate = nan", "learning_rate"),
        ("quantise_from = 1.5", "<= 1"),
        ("quantise_from = 0.9\ncompile = true", "exclude"),
        ("quantise_from = 0.9\nstart_share = 0.5", "exclude"),
    ],
)
def test_a_recipe_that_does_not_hold_together_is_refused(tmp_path, text, problem):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_recipe("ade20k", "tiny", path=path)
    assert problem in str(caught.value)
    assert caught.value.next_step or "TOML" in caught.value.what or "tables" in caught.value.what


FLOATS = ["learning_rate", "weight_decay", "head_rate_factor", "poly_power", "iou_weight"]
NO_NUMBERS = st.sampled_from([float("inf"), float("-inf"), float("nan")])


@given(name=st.sampled_from([*FLOATS, "ratio_range", "class_weights"]), value=NO_NUMBERS)
def test_a_recipe_holds_finite_numbers_only(name, value):
    """In its own type: checkpoints and callers make recipes without `load_recipe`."""
    chosen = value if name in FLOATS else (1.0, value)
    with pytest.raises((ValueError, msgspec.ValidationError)):
        msgspec.convert(msgspec.structs.asdict(small_recipe()) | {name: chosen}, type=Recipe)
    with pytest.raises(UsageError, match="does not hold together"):
        load_recipe(
            "camvid", "tiny", overrides={name: f"{value}" if name in FLOATS else "[1, inf]"}
        )


@pytest.mark.parametrize("field", ["batch", "seed", "learning_rate", "evaluate_every", "crop"])
@pytest.mark.parametrize("digits", [20, 400, 4_300, 5_000, 50_000])
def test_numbers_of_any_length_are_one_clear_error(tmp_path, field, digits):
    number = "9" * digits
    text = f"[{number}, 64]" if field == "crop" else number
    path = tmp_path / "mine.toml"
    path.write_text(f"{field} = {text}\n")
    for named in ({"path": path}, {"overrides": {field: text}}):
        if field == "learning_rate" and digits == 20:
            assert load_recipe("camvid", "tiny", **named).learning_rate == float(number)
            continue
        with pytest.raises(UsageError) as caught:
            load_recipe("camvid", "tiny", **named)
        assert "4,300 digits" in caught.value.what or field in caught.value.why
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("\ufeffbatch = 4".encode("utf-16"), "UTF-16"),
        ("# \u00fcber\nbatch = 4".encode("latin-1"), "Line 1"),
    ],
)
def test_a_recipe_in_another_encoding_is_refused_by_its_name(tmp_path, data, said):
    path = tmp_path / "mine.toml"
    path.write_bytes(data)
    with pytest.raises(TopformerError, match="is not UTF-8") as caught:
        load_recipe("camvid", "tiny", path=path)
    assert said in caught.value.why


def test_a_recipe_may_begin_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes("batch = 4\r\n".encode("utf-8-sig"))
    assert load_recipe("camvid", "tiny", path=path).batch == 4


def test_an_unknown_field_names_the_one_that_was_meant():
    with pytest.raises(UsageError, match="Did you mean learning_rate"):
        load_recipe("ade20k", "tiny", overrides={"learning-rate": "1"})


@given(
    batch=st.integers(1, 512),
    rate=st.floats(1e-9, 10.0),
    init=st.text(max_size=30),
    ratio=st.tuples(st.floats(0.1, 1.0), st.floats(1.0, 4.0)),
    weights=st.lists(st.floats(0.0, 10.0), max_size=5),
)
def test_a_recipe_written_as_toml_reads_back_the_same(batch, rate, init, ratio, weights):
    import tomllib

    recipe = small_recipe(
        batch=batch,
        learning_rate=rate,
        init=init,
        ratio_range=ratio,
        class_weights=tuple(weights),
    )
    text = recipe_text(recipe)
    assert msgspec.convert(tomllib.loads(text), type=Recipe) == recipe


def test_every_field_is_explained():
    lines = recipe_text(small_recipe()).splitlines()
    for name in Recipe.__struct_fields__:
        place = next(n for n, line in enumerate(lines) if line.startswith(f"{name} ="))
        assert len(lines[place - 1]) > 5, name


def test_the_hash_of_a_recipe_ignores_what_changes_no_number():
    plain = recipe_sha256(small_recipe())
    for name in FREE_FIELDS:
        assert recipe_sha256(small_recipe(**{name: 7})) == plain
    assert recipe_sha256(small_recipe(seed=7)) != plain
    assert recipe_sha256(small_recipe(seed=0)) == plain
