"""The training loop: steps, scores, checkpoints, and an orderly end."""

import math
from collections.abc import Generator
from contextlib import closing, contextmanager, nullcontext
from itertools import zip_longest
from typing import NoReturn

import torch
from torch import nn

from topformer.data.loading import reading_trouble, training_batches
from topformer.errors import StoppedError, TopformerError
from topformer.files import atomic_write
from topformer.networks import AnyNetwork
from topformer.text import brief, first_line
from topformer.training.allocator import keep_freed_memory
from topformer.training.checkpoints import Best, pack_state, restore, save_checkpoint
from topformer.training.goals import Goal
from topformer.training.journal import AnyScoreRecord, Journal, Meter, Record
from topformer.training.learner import Learner
from topformer.training.optimizer import learning_rate_at
from topformer.training.processes import GO_ON, STOP, OutOfStepError, Place, Pulse, lost_peers
from topformer.training.recipe import read_recipe, recipe_differences, recipe_sha256
from topformer.training.run import Observer, Trained, TrainingRun
from topformer.training.signals import StopWish, stop_wish
from topformer.weights import pack_weights


def train(
    run: TrainingRun,
    model: AnyNetwork,
    place: Place,
    observer: Observer,
    *,
    resume: bool = False,
    teacher: nn.Module | None = None,
) -> Trained:
    """Train `model` from where it is, or from the newest sound checkpoint in `run.out`.

    After SIGINT, SIGTERM or SIGHUP a checkpoint is written and `StoppedError` raised;
    `TopformerError` when the loss is no number, when memory is short, when reading processes die,
    when another process fails, and when what must be written cannot be.
    """
    # Beside a GPU it is the reading processes that gain by it: they are copies of this one.
    keep_freed_memory()
    with _machine_watched():
        learner = Learner(model, run.recipe, place, run.goal.loss, teacher=teacher)
        loop = _Loop(run, learner, place, observer)
        first = loop.restore() if resume else 0
        place.meet()
        _check_together(run, place.gather((first, loop.restored_sha256)))
        with stop_wish() as wish:
            loop.steps(first, wish)
        return loop.finish(first if resume else None)


class _Loop:
    """A run in this process; all score, only the first process writes and speaks."""

    def __init__(
        self, run: TrainingRun, learner: Learner, place: Place, observer: Observer
    ) -> None:
        self.run, self.learner, self.place, self.observer = run, learner, place, observer
        self.best: Best | None = None
        self.saved: int | None = None
        self.restored_sha256 = ""
        self.licence = run.licence

    def steps(self, first: int, wish: StopWish) -> None:
        """Take the steps from `first` to the recipe's end."""
        run, recipe = self.run, self.run.recipe
        journal = Journal(run.out, keep_to_step=first) if self.place.is_first else None
        meter = Meter(recipe.batch)
        batches = training_batches(
            run.goal.samples(),
            first_step=first,
            end_step=recipe.iterations,
            batch=recipe.batch,
            positions=self.place.share(recipe.batch),
            seed=recipe.seed,
            workers=recipe.workers,
            on_notice=self.observer.on_notice,
        )
        waited = meter.waiting_for(batches)
        # Closed at once whatever happens, so that no reading process outlives the loop.
        with closing(batches), closing(journal) if journal else nullcontext():
            for number in range(first, recipe.iterations):
                batch = wish.unless_received(lambda: next(waited))
                # They must all leave at the same step, and no step can be taken without all.
                if self.place.agree(GO_ON if batch else STOP) == STOP or batch is None:
                    self._stop(number, wish)
                with lost_peers():
                    loss = self.learner.step(number, batch)
                meter.add(loss)
                self._after_step(number + 1, journal, meter)

    def _stop(self, done: int, wish: StopWish) -> NoReturn:
        """Leave a checkpoint and the loop."""
        if self.place.is_first and self.saved != done:
            self._save(done, required=True)
        raise StoppedError(
            f"Stopped after step {done} of {self.run.recipe.iterations}.",
            exit_code=wish.exit_status,
            why=f"{wish.name} was received; a checkpoint is written.",
            next_step="Give the same command with --resume to go on.",
        )

    def _after_step(self, done: int, journal: Journal | None, meter: Meter) -> None:
        """Log, score and save when it is time to."""
        recipe = self.run.recipe
        last = done == recipe.iterations
        if journal is not None:
            self.observer.on_step(done)
            if done % recipe.log_every == 0 or last:
                self._tell(journal, meter.record(done, learning_rate_at(done - 1, recipe)))
        scores = last or done % recipe.evaluation_interval == 0
        saves = last or done % recipe.checkpoint_interval == 0
        if scores or saves:
            # A loss that is no number in one process has spoilt the weights of all by now.
            self.place.meet()
        if scores:
            record = self._score(done)
            if journal is not None:
                self._tell(journal, record)
            meter.restart()
        if self.place.is_first and saves:
            self._save(done, required=last)

    def _tell(self, journal: Journal, record: Record) -> None:
        journal.write(record)
        self.observer.on_record(record)

    def _score(self, step: int) -> AnyScoreRecord:
        """Score on val; the best weights so far are kept."""
        record = validate(self.learner.usable, self.run.goal, self.place, step)
        # No score, as of an empty val, is never the best. Weights that have learnt to be rounded
        # are not measured by those that have not.
        before = math.nan if self.best is None else self.best.score
        if math.isnan(before) or record.best.score > before or self._first_rounded(step):
            path = self.run.out / "best.safetensors"
            with self._disk(str(path), required=False):
                if self.place.is_first:
                    atomic_write(path, self._pack())
                # Not if it could not be written, or this score would be told of weights before it.
                self.best = record.best
        return record

    def _first_rounded(self, step: int) -> bool:
        """Whether the network was rounded before a score is taken, and not before the best one."""
        first = self.run.recipe.first_rounded_step
        return self.best is not None and self.best.step <= first < step

    def _pack(self) -> bytes:
        run = self.run
        return pack_weights(
            self.learner.usable,
            classes=run.goal.classes,
            name=run.name,
            licence=self.licence,
            source=run.source,
            picture_size=run.picture_size,
            sample_size=run.goal.protocol.image_size,
        )

    def _save(self, step: int, *, required: bool) -> None:
        recipe, model, state = self.run.recipe, self._pack(), pack_state(self.learner.state())
        with self._disk("The checkpoint", required=required):
            save_checkpoint(
                self.run.out,
                step=step,
                recipe_sha256=recipe_sha256(recipe),
                classes=self.run.goal.classes.names,
                best=self.best,
                licence=self.licence,
                model=model,
                state=state,
                keep=recipe.keep_checkpoints,
            )
            self.saved = step

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
            raise _other_recipe(self.run, restored.index.recipe_sha256)
        if restored.index.classes != self.run.goal.classes.names:
            raise _other_classes(self.run, restored.index.classes)
        try:
            self.learner.load_state(restored.state)
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            if _memory_trouble(error) is not None:
                raise
            raise TopformerError(
                f"The checkpoint in {self.run.out} belongs to another network.",
                why=first_line(error),
                next_step="Give the same --size, --head and --dataset as then, or another --out.",
            ) from error
        self.best, self.saved = restored.index.best, restored.index.step
        self.restored_sha256 = restored.index.state_sha256
        # Of a run that goes on, what it began with is not opened again.
        self.licence = restored.index.licence or self.licence
        return restored.index.step

    def finish(self, resumed_from: int | None) -> Trained:
        """Write the weights of the last step and say what there is."""
        best_path = self.run.out / "best.safetensors"
        last_path = self.run.out / "last.safetensors"
        if self.place.is_first:
            with self._disk(str(last_path), required=True):
                atomic_write(last_path, self._pack())
        return Trained(
            steps=self.run.recipe.iterations,
            best=self.best,
            best_path=best_path if self.best and best_path.exists() else None,
            last_path=last_path,
            resumed_from=resumed_from,
            licence=self.licence,
        )


def _check_together(run: TrainingRun, starts: list[tuple[int, str]]) -> None:
    """Refuse processes that would go on from different checkpoints; all of them raise."""
    if len(set(starts)) > 1:
        steps = ", ".join(f"{step:,}" for step, _ in starts)
        raise OutOfStepError(
            f"The processes do not find the same checkpoint in {run.out}.",
            why=f"By rank they would go on from the steps {steps}.",
            next_step="Give them an --out that lies in a folder which all machines share.",
        )


@contextmanager
def _machine_watched() -> Generator[None]:
    """Say what to do where torch finds in the middle of a step that readers or memory are gone."""
    try:
        yield
    except RuntimeError as error:
        trouble = reading_trouble(error) or _memory_trouble(error)
        if trouble is None:
            raise
        raise OutOfStepError(trouble.what, why=trouble.why, next_step=trouble.next_step) from error


def _memory_trouble(error: Exception) -> TopformerError | None:
    """Say what to do where a GPU, or torch's allocator for CPUs, has no more memory."""
    if not isinstance(error, torch.OutOfMemoryError) and "DefaultCPUAllocator" not in str(error):
        return None
    return TopformerError(
        "There is not enough memory to train.",
        why=first_line(error),
        next_step="Set accumulate to 2 or more, which computes a batch in so many parts, or take a "
        "smaller batch, crop or scale, with another --out where the run has checkpoints.",
    )


def _other_recipe(run: TrainingRun, sha256: str) -> TopformerError:
    """Tell by its recipe.toml what a run was begun with, where that is still to be told."""
    path = run.out / "recipe.toml"
    try:
        then = read_recipe(path)
    except TopformerError as error:
        why = f"{path}, which should say with which, cannot be read: {error.why or error.what}"
        advice = "Give the same options as then"
    else:
        differing = "; ".join(recipe_differences(then, run.recipe))
        why = f"They differ in {differing}." if differing else ""
        advice = f"Give the same options as then ({path} has them)"
        if recipe_sha256(then) != sha256:
            why = f"{why} {path} was changed since then, and may tell other numbers.".strip()
            advice = "Give the same options as then"
    return TopformerError(
        f"The run in {run.out} was begun with another recipe.",
        why=why,
        next_step=f"{advice}, or another --out: going on with other numbers would give neither "
        "run's result.",
    )


def _other_classes(run: TrainingRun, then: tuple[str, ...]) -> TopformerError:
    """Tell the first class that the data name otherwise than those the run was begun with."""
    pairs = enumerate(zip_longest(then, run.goal.classes.names))
    number, (before, now) = next((id_, pair) for id_, pair in pairs if pair[0] != pair[1])
    return TopformerError(
        f"The run in {run.out} was begun with other classes.",
        why=f"Class {number} was {_named(before)} and is {_named(now)} now.",
        next_step="Give the --dataset and --data of then, or another --out.",
    )


def _named(name: str | None) -> str:
    return "not there" if name is None else f'"{brief(name, 60)}"'


def validate(network: AnyNetwork, goal: Goal, place: Place, step: int) -> AnyScoreRecord:
    """Score a network on val, each process on its share; it is left in the mode it was in.

    All see the first process's network: statistics of BatchNorm may differ between them.
    """
    was_training = network.training
    place.copy_from_first(network)
    record = goal.score(network.eval(), place, step, Pulse(place))
    network.train(was_training)
    return record
