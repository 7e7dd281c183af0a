"""Recipes: everything that decides how a network is trained, as a small TOML.

The shipped recipe of each data set is `recipes/DATASET.toml`, which says what of it was published.
Its values stand at the top; a table named after a size, or after a detector's head, holds what
differs for that.
"""

import dataclasses
import difflib
import math
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec

from topformer.data.datasets import check_key
from topformer.data.transforms import Augmentation
from topformer.detection import HEADS
from topformer.documents import Document, Share
from topformer.errors import TopformerError, UsageError, advising
from topformer.files import read_text, sha256_bytes
from topformer.tasks import DETECTION, SEGMENTATION
from topformer.text import well_formed
from topformer.toml import NoTomlError, decode_toml
from topformer.variants import MAXIMUM_SIDE_PX, MINIMUM_SIDE_PX, VARIANTS

RECIPE_LIMIT_BYTES = 2**20
SHOW_RECIPE = "`topformer train --dataset D --show-recipe` prints every field with its meaning."
# What may differ when a run goes on: these change no number in it.
FREE_FIELDS = {
    *("workers", "evaluate_every", "checkpoint_every", "keep_checkpoints", "log_every"),
}

# What only one task has a use for, by its name in manifests: others refuse it.
ONLY_FOR = {
    SEGMENTATION: (
        *("cat_max_ratio", "class_mix", "class_weights", "ohem_threshold", "ohem_min_pixels"),
        *("label_smoothing", "iou_weight", "teacher", "distill_weight", "distill_temperature"),
        "quantise_from",
    ),
    DETECTION: ("offset_weight",),
}

Meta = msgspec.Meta
# Within 32 bits, as torch and its samplers count.
Positive32 = Annotated[int, Meta(ge=1, lt=2**31)]
Count32 = Annotated[int, Meta(ge=0, lt=2**31)]
Side = Annotated[int, Meta(ge=MINIMUM_SIDE_PX, le=MAXIMUM_SIDE_PX)]


class Recipe(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a network is trained. Every field may stand in a TOML or in --set FIELD=VALUE."""

    iterations: Annotated[Positive32, Meta(description="Optimizer steps.")]
    batch: Annotated[Positive32, Meta(description="Pictures a step, over all processes.")]
    learning_rate: Annotated[float, Meta(gt=0, description="At the end of the warm-up.")]
    scale: Annotated[
        tuple[Positive32, Positive32],
        Meta(description="Long and short side in pixels that pictures are fitted into at ratio 1."),
    ]
    crop: Annotated[
        tuple[Side, Side],
        Meta(description="Height and width of a sample; the most of it, where boxes are learnt."),
    ]

    init: Annotated[
        str,
        Meta(description="imagenet (the published classifier), none, or a checkpoint's path."),
    ] = "imagenet"
    seed: Annotated[Count32, Meta(description="Of weights, order and augmentation.")] = 0
    workers: Annotated[
        int, Meta(ge=0, le=64, description="Reading processes, per training process.")
    ] = 2

    # The optimizer, as published.
    optimizer: Annotated[Literal["adamw", "sgd"], Meta(description="adamw or sgd.")] = "adamw"
    weight_decay: Annotated[float, Meta(ge=0, description="On all parameters.")] = 0.01
    beta1: Annotated[float, Meta(ge=0, lt=1, description="AdamW's first decay.")] = 0.9
    beta2: Annotated[float, Meta(ge=0, lt=1, description="AdamW's second decay.")] = 0.999
    momentum: Annotated[Share, Meta(description="Of sgd.")] = 0.9
    head_rate_factor: Annotated[
        float, Meta(gt=0, description="The head's learning rate over that of the rest.")
    ] = 10.0
    warmup_iterations: Annotated[Count32, Meta(description="Steps of linear warm-up.")] = 1500
    warmup_ratio: Annotated[
        float, Meta(gt=0, le=1, description="Share of the learning rate at the first step.")
    ] = 1e-6
    poly_power: Annotated[float, Meta(gt=0, description="Of the decay to zero.")] = 1.0
    rate_drops: Annotated[
        tuple[Share, ...],
        Meta(
            description="Shares of the steps after which the learning rate falls to a tenth, in "
            "place of the decay to zero."
        ),
    ] = ()

    # Augmentation, as published down to `photometric`.
    ratio_range: Annotated[
        tuple[float, float], Meta(description="Random factor on the scale: least and most.")
    ] = (0.5, 2.0)
    cat_max_ratio: Annotated[
        float, Meta(gt=0, le=1, description="Crops of which one class has more are drawn again.")
    ] = 0.75
    flip_probability: Annotated[Share, Meta(description="Of a mirrored sample.")] = 0.5
    photometric: Annotated[bool, Meta(description="Distort brightness, contrast, colour.")] = True
    aspect_jitter: Annotated[
        float, Meta(ge=1, le=4, description="Most change of width over height; 1: none.")
    ] = 1.0
    stretch: Annotated[
        Share,
        Meta(
            description="Share of samples stretched to crop times ratio, as files of that size "
            "do, in place of scale."
        ),
    ] = 0.0
    degradation: Annotated[
        Share, Meta(description="Probability of each of gamma, grey, blur, noise and JPEG.")
    ] = 0.0
    class_mix: Annotated[
        Share,
        Meta(description="Share of samples into which half the classes of another are pasted."),
    ] = 0.0

    # The loss; all off as published.
    class_weights: Annotated[
        tuple[float, ...],
        Meta(description="A factor per class, by label and by teacher; none: all count alike."),
    ] = ()
    ohem_threshold: Annotated[
        Share,
        Meta(description="Only pixels whose class has at most this probability count; 0: all do."),
    ] = 0.0
    ohem_min_pixels: Annotated[
        Count32, Meta(description="Pixels a picture that count in any case, with OHEM.")
    ] = 100_000
    label_smoothing: Annotated[float, Meta(ge=0, lt=1, description="Spread over all classes.")] = (
        0.0
    )
    iou_weight: Annotated[
        float, Meta(ge=0, description="Of 1 - soft IoU, averaged over classes, beside the loss.")
    ] = 0.0
    teacher: Annotated[
        str,
        Meta(
            description="Weights, or an ONNX file, of a network to learn from as well; none: empty."
        ),
    ] = ""
    distill_weight: Annotated[
        float, Meta(ge=0, description="Of the divergence from the teacher, beside the loss.")
    ] = 1.0
    distill_temperature: Annotated[float, Meta(gt=0, description="Softens both distributions.")] = (
        2.0
    )
    offset_weight: Annotated[
        float, Meta(ge=0, description="Of the boxes' offsets, beside the loss of their classes.")
    ] = 1.0

    # How it is computed; all off as published.
    # Weights of the first step weigh decay ** (steps - 1): 5 / (1 - decay) steps forget them.
    ema_decay: Annotated[
        float, Meta(ge=0, lt=1, description="Of averaged weights, which are then used; 0: off.")
    ] = 0.0
    start_share: Annotated[
        Share,
        Meta(
            description="Share of the weights it began with, averaged into those it gives: keeps "
            "what they knew of other pictures; 0: off."
        ),
    ] = 0.0
    amp: Annotated[
        Literal["off", "bf16", "fp16"], Meta(description="Mixed precision; fp16 on CUDA only.")
    ] = "off"
    accumulate: Annotated[
        Positive32, Meta(description="Parts a process's batch is computed in, to save memory.")
    ] = 1
    channels_last: Annotated[bool, Meta(description="Memory order of activations.")] = False
    compile: Annotated[bool, Meta(description="torch.compile the network.")] = False
    quantise_from: Annotated[
        Share,
        Meta(
            description="Share of the steps after which the network computes as its int8 file "
            "will, in eval mode and without amp; 1: off."
        ),
    ] = 1.0

    # What is kept and told.
    evaluate_every: Annotated[
        Count32, Meta(description="Steps between scores on val; 0: a tenth of all.")
    ] = 0
    checkpoint_every: Annotated[
        Count32, Meta(description="Steps between checkpoints; 0: a tenth of all.")
    ] = 0
    keep_checkpoints: Annotated[Positive32, Meta(description="Latest checkpoints kept.")] = 2
    log_every: Annotated[Positive32, Meta(description="Steps between lines of the log.")] = 50

    def __post_init__(self) -> None:
        """Refuse values that are no numbers and such as contradict each other."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            numbers = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
            if any(isinstance(one, float) and not math.isfinite(one) for one in numbers):
                raise ValueError(f"{name} must be finite, not {value}")
        if self.batch % self.accumulate:
            raise ValueError(
                f"batch {self.batch} is not a multiple of accumulate {self.accumulate}"
            )
        if not 0 < self.ratio_range[0] <= self.ratio_range[1]:
            raise ValueError("ratio_range must go from a positive number to one as large or larger")
        if any(weight < 0 for weight in self.class_weights):
            raise ValueError("class_weights must not be negative")
        if self.ohem_threshold and self.class_weights:
            raise ValueError("ohem_threshold and class_weights exclude each other")
        if self.compile and self.quantise_from < 1.0:
            raise ValueError("compile and quantise_from exclude each other")
        if self.start_share and self.quantise_from < 1.0:
            raise ValueError("start_share and quantise_from exclude each other")

    @property
    def first_rounded_step(self) -> int:
        """Number of the first step whose network is rounded, counted from 0."""
        return round(self.quantise_from * self.iterations)

    @property
    def evaluation_interval(self) -> int:
        """Steps between two scores on val."""
        return self.evaluate_every or max(1, self.iterations // 10)

    @property
    def checkpoint_interval(self) -> int:
        """Steps between two checkpoints."""
        return self.checkpoint_every or max(1, self.iterations // 10)


def load_recipe(
    dataset: str,
    variant: str,
    *,
    head: str = "",
    path: Path | None = None,
    overrides: dict[str, str] | None = None,
) -> Recipe:
    """Build the recipe of a data set and size: the shipped one, a file's, then single fields.

    `head` is that of a detector, empty for other networks. A file of one's own holds only what
    differs from the shipped recipe. `overrides` are fields as text, read as TOML values where
    they are such. Raises `UsageError` for an unknown data set, unknown fields and values out of
    range.
    """
    check_key(dataset, boxes=bool(head))
    shipped = resources.files("topformer").joinpath("recipes", f"{dataset}.toml")
    fields = _read(shipped.read_text("utf-8"), (variant, head), f"recipes/{dataset}.toml")
    if path is not None:
        text = read_text(path, limit_bytes=RECIPE_LIMIT_BYTES, kind="recipe")
        fields |= _read(text, (variant, head), str(path))
    for name, text in (overrides or {}).items():
        if name not in Recipe.__struct_fields__:
            raise _unknown(name, "--set")
        if well_formed(text) != text:
            raise UsageError(
                f"{name}={text} cannot stand in a recipe.",
                why="A recipe is written as UTF-8, and this is not.",
                next_step="Rename the file.",
            )
        fields[name] = _value(text, f"--set {name}")
    try:
        return msgspec.convert(fields, type=Recipe)
    except msgspec.ValidationError as error:
        raise UsageError(
            "The recipe does not hold together.",
            why=str(error),
            next_step=SHOW_RECIPE,
        ) from error


def read_assignments(assignments: Iterable[str]) -> dict[str, str]:
    """Read FIELD=VALUE, as in --set, for `load_recipe`; raises `UsageError` for anything else."""
    fields: dict[str, str] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise UsageError(
                f"--set takes FIELD=VALUE, not {assignment!r}.",
                next_step="For example --set learning_rate=3e-4.",
            )
        fields[name.strip()] = value.strip()
    return fields


def check_task(recipe: Recipe, task: str) -> None:
    """Raise `UsageError` for fields that say something of another task than this one."""
    defaults = {field.name: field.default for field in msgspec.structs.fields(Recipe)}
    for other, names in ONLY_FOR.items():
        said = [name for name in names if getattr(recipe, name) != defaults[name]]
        if other != task and said:
            raise UsageError(
                f"The recipe sets {said[0]}, which is for {other} only.",
                why=f"This run is for {task}.",
                next_step=f"Leave it out; there it is {_as_toml(defaults[said[0]])}.",
            )


def recipe_sha256(recipe: Recipe) -> str:
    """Hash of the fields that decide the numbers of a run.

    Defaults are left out, so that a run may go on under a version that has more fields.
    """
    defaults = {field.name: field.default for field in msgspec.structs.fields(Recipe)}
    deciding = {
        name: value
        for name, value in msgspec.structs.asdict(recipe).items()
        if name not in FREE_FIELDS and value != defaults[name]
    }
    return sha256_bytes(msgspec.json.encode(deciding, order="sorted"))


def read_recipe(path: Path) -> Recipe:
    """Read a whole recipe, as `recipe_text` wrote it; raises `TopformerError` if it is none."""
    text = read_text(path, limit_bytes=RECIPE_LIMIT_BYTES, kind="recipe")
    fields = _read(text, (), str(path))
    try:
        return msgspec.convert(fields, type=Recipe)
    except msgspec.ValidationError as error:
        raise TopformerError(f"{path} holds no recipe.", why=str(error)) from error


def recipe_differences(then: Recipe, now: Recipe) -> tuple[str, ...]:
    """Say of each field that decides the numbers and differs what it was and what it is."""
    deciding = [name for name in Recipe.__struct_fields__ if name not in FREE_FIELDS]
    pairs = {
        name: (_as_toml(getattr(then, name)), _as_toml(getattr(now, name))) for name in deciding
    }
    return tuple(
        f"{name}: {old} then, {new} now" for name, (old, new) in pairs.items() if old != new
    )


def augmentation_of(recipe: Recipe) -> Augmentation:
    """The part of a recipe that makes samples."""
    names = [field.name for field in dataclasses.fields(Augmentation)]
    return Augmentation(**{name: getattr(recipe, name) for name in names})


def _read(text: str, chosen: tuple[str, ...], origin: str) -> dict[str, Any]:
    with advising(UsageError, SHOW_RECIPE):
        content = decode_toml(text, origin)
    tables = {name: content.pop(name) for name in (*VARIANTS, *HEADS) if name in content}
    for table in (content, *tables.values()):
        if not isinstance(table, dict):
            raise UsageError(
                f"{origin} gives a size or a head a value; these are tables, as in [tiny].",
                next_step=SHOW_RECIPE,
            )
        for name in cast("dict[str, Any]", table):
            if name not in Recipe.__struct_fields__:
                raise _unknown(name, origin)
    for name in chosen:
        content |= tables.get(name, {})
    return content


def _unknown(name: str, origin: str) -> UsageError:
    close = difflib.get_close_matches(name, Recipe.__struct_fields__, n=1)
    return UsageError(
        f"A recipe has no field called {name!r} ({origin}).",
        next_step=f"Did you mean {close[0]}?" if close else SHOW_RECIPE,
    )


def _value(text: str, origin: str) -> Any:
    """Read a value as TOML; what is no TOML is text."""
    try:
        return decode_toml(f"value = {text}", origin)["value"]
    except NoTomlError:
        return text


def recipe_text(recipe: Recipe) -> str:
    """Write a recipe as TOML, each field after its meaning; `load_recipe` reads it back."""
    schema = msgspec.json.schema(Recipe)["$defs"]["Recipe"]["properties"]
    lines: list[str] = []
    for name in Recipe.__struct_fields__:
        lines.append(f"# {schema[name].get('description', '')}")
        lines.append(f"{name} = {_as_toml(getattr(recipe, name))}\n")
    return "\n".join(lines)


def _as_toml(value: object) -> str:
    # Of the values that occur, JSON's form is TOML's (numbers, texts, booleans, lists), but for
    # one character that TOML wants escaped and JSON does not.
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
