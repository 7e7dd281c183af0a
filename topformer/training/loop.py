"""The training loop: steps, scores, checkpoints, and an orderly end."""

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import distributed, nn

from topformer.data import Dataset
from topformer.data.layouts import FoundPairs
from topformer.data.loading import training_batches
from topformer.errors import TopformerError
from topformer.evaluation.confusion import Scores
from topformer.evaluation.protocols import whole_segmenter
from topformer.evaluation.scoring import score_split
from topformer.files import atomic_write
from topformer.model import TopFormer
from topformer.training.allocator import keep_freed_memory
from topformer.training.checkpoints import Best, new_index, pack_state, restore, save_checkpoint
from topformer.training.journal import Journal, Record, ScoreRecord
from topformer.training.learner import Learner
from topformer.training.meter import Meter
from topformer.training.optimizer import learning_rate_at
from topformer.training.processes import Place
from topformer.training.recipe import Recipe, augmentation_of, recipe_sha256
from topformer.training.signals import StopWish, stop_wish
from topformer.weights import pack_weights


class Observer(Protocol):
    """Who watches a run."""

    def on_step(self, step: int) -> None:
        """Note that so many steps are done."""
        ...

    def on_record(self, record: Record) -> None:
        """Take what was just written to the log."""
        ...

    def on_notice(self, text: str) -> None:
        """Tell a person something that needs no action now."""
        ...


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a training run is made of."""

    dataset: Dataset
    train: FoundPairs
    val: FoundPairs
    recipe: Recipe
    out: Path
    # What is written into the weights beside the numbers.
    name: str
    licence: str
    source: str
    # Usual (height, width) of the training pictures.
    picture_size: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a finished run left."""

    steps: int
    best: Best | None
    best_path: Path | None
    last_path: Path
    resumed_from: int | None


def train(
    run: Run,
    model: TopFormer,
    place: Place,
    observer: Observer,
    *,
    resume: bool = False,
    teacher: nn.Module | None = None,
) -> Trained:
    """Train `model` from where it is, or from the newest sound checkpoint in `run.out`.

    After SIGINT or SIGTERM a checkpoint is written and `TopformerError` raised; it is also raised
    when the loss is no number and when what must be written cannot be.
    """
    if place.device.type == "cpu":
        keep_freed_memory()
    learner = Learner(model, run.recipe, place, teacher=teacher)
    loop = _Loop(run, learner, place, observer)
    first = loop.restore() if resume else 0
    with stop_wish() as wish:
        loop.steps(first, wish)
    return loop.finish(first if resume else None)


class _Loop:
    """A run in this process; only the first process writes, scores and speaks."""

    def __init__(self, run: Run, learner: Learner, place: Place, observer: Observer) -> None:
        self.run, self.learner, self.place, self.observer = run, learner, place, observer
        self.best: Best | None = None

    def steps(self, first: int, wish: StopWish) -> None:
        """Take the steps from `first` to the recipe's end."""
        run, recipe = self.run, self.run.recipe
        journal = Journal(run.out, keep_to_step=first) if self.place.is_first else None
        meter = Meter(recipe.batch)
        batches = training_batches(
            run.train,
            run.dataset.classes,
            augmentation_of(recipe),
            first_step=first,
            end_step=recipe.iterations,
            batch=recipe.batch,
            positions=self.place.share(recipe.batch),
            seed=recipe.seed,
            workers=recipe.workers,
        )
        # Closed at once whatever happens, so that no reading process outlives the loop.
        with closing(batches):
            for number, batch in enumerate(meter.waiting_for(batches), start=first):
                meter.add(self.learner.step(number, batch))
                done, last = number + 1, number + 1 == recipe.iterations
                stop = self._agreed(wish.received) and not last
                if journal is not None:
                    self._after_step(done, journal, meter, save=stop or last)
                if stop:
                    raise TopformerError(
                        f"Stopped after step {done} of {recipe.iterations}.",
                        why=f"{wish.name} was received; a checkpoint is written.",
                        next_step="Give the same command with --resume to go on.",
                    )
        if journal is not None:
            journal.close()

    def _after_step(self, done: int, journal: Journal, meter: Meter, *, save: bool) -> None:
        """Log, score and save when it is time to."""
        recipe = self.run.recipe
        last = done == recipe.iterations
        self.observer.on_step(done)
        if done % recipe.log_every == 0 or last:
            self._tell(journal, meter.record(done, learning_rate_at(done - 1, recipe)))
        if done % recipe.evaluation_interval == 0 or last:
            self._tell(journal, self._score(done))
            meter.restart()
        if save or done % recipe.checkpoint_interval == 0:
            self._save(done, required=save)

    def _agreed(self, stop: bool) -> bool:
        """Whether any process was asked to stop: they must all leave at the same step."""
        if self.place.count == 1:
            return stop
        flag = torch.tensor(float(stop), device=self.place.device)
        distributed.all_reduce(flag, distributed.ReduceOp.MAX)  # pyright: ignore[reportUnknownMemberType]
        return bool(flag.item())

    def _tell(self, journal: Journal, record: Record) -> None:
        journal.write(record)
        self.observer.on_record(record)

    def _score(self, step: int) -> ScoreRecord:
        """Score on val; the best weights so far are kept."""
        scores = validate(self.learner.usable, self.run)
        # A score that is no number, as of an empty val, is never the best.
        if self.best is None or scores.miou > self.best.miou:
            self.best = Best(step=step, miou=scores.miou)
            self._write_weights(self.run.out / "best.safetensors", required=False)
        return ScoreRecord(
            step=step,
            miou=scores.miou,
            mean_accuracy=scores.mean_accuracy,
            pixel_accuracy=scores.pixel_accuracy,
        )

    def _pack(self) -> bytes:
        run = self.run
        return pack_weights(
            self.learner.usable,
            classes=run.dataset.classes,
            name=run.name,
            licence=run.licence,
            source=run.source,
            picture_size=run.picture_size,
        )

    def _write_weights(self, path: Path, *, required: bool) -> None:
        with self._disk(str(path), required=required):
            atomic_write(path, self._pack())

    def _save(self, step: int, *, required: bool) -> None:
        recipe, state, model = self.run.recipe, pack_state(self.learner.state()), self._pack()
        index = new_index(
            step=step,
            recipe_sha256=recipe_sha256(recipe),
            best=self.best,
            model=model,
            state=state,
        )
        with self._disk("The checkpoint", required=required):
            keep = recipe.keep_checkpoints
            save_checkpoint(self.run.out, index, model=model, state=state, keep=keep)

    @contextmanager
    def _disk(self, what: str, *, required: bool) -> Generator[None]:
        """Let a full disk end a run only where nothing later could make up for it."""
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            if required:
                raise TopformerError(
                    f"{what} could not be written.",
                    why=f"{reason}.",
                    next_step="Make room and go on from the last checkpoint with --resume.",
                ) from error
            self.observer.on_notice(f"{what} could not be written ({reason}); training goes on.")

    def restore(self) -> int:
        """Take up the newest sound checkpoint; returns the steps it has behind it."""
        restored = restore(self.run.out)
        if restored is None:
            return 0
        for damage in restored.passed_over:
            self.observer.on_notice(f"a checkpoint is damaged and was passed over: {damage}")
        if restored.index.recipe_sha256 != recipe_sha256(self.run.recipe):
            raise TopformerError(
                f"The run in {self.run.out} was begun with another recipe.",
                why="Going on with other numbers would give neither run's result.",
                next_step=f"Give the same options as then ({self.run.out / 'recipe.toml'} has "
                "them), or another --out.",
            )
        try:
            self.learner.load_state(restored.state)
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise TopformerError(
                f"The checkpoint in {self.run.out} belongs to another network.",
                why=str(error).splitlines()[0],
                next_step="Give the same --size and --dataset as then, or another --out.",
            ) from error
        self.best = restored.index.best
        return restored.index.step

    def finish(self, resumed_from: int | None) -> Trained:
        """Write the weights of the last step and say what there is."""
        best_path = self.run.out / "best.safetensors"
        last_path = self.run.out / "last.safetensors"
        if self.place.is_first:
            self._write_weights(last_path, required=True)
        return Trained(
            steps=self.run.recipe.iterations,
            best=self.best,
            best_path=best_path if self.best and best_path.exists() else None,
            last_path=last_path,
            resumed_from=resumed_from,
        )


def validate(model: TopFormer, run: Run) -> Scores:
    """Score a network on whole val pictures; it is left in the mode it was in."""
    was_training = model.training
    segment = whole_segmenter(model.eval(), run.dataset.scale)
    scored = score_split(segment, run.val, run.dataset.classes)
    model.train(was_training)
    return scored.scores
