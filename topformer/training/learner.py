"""A network while it learns: one optimizer step, and the state that must outlive the process."""

# pyright: standard
# Not strict: torch types its optimizer, autograd and distributed parts loosely.

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from topformer.data.sharing import Batch
from topformer.errors import TopformerError
from topformer.files import sha256_bytes
from topformer.networks import AnyNetwork
from topformer.training.optimizer import build_optimizer, learning_rate_at, set_learning_rate
from topformer.training.processes import Place
from topformer.training.recipe import Recipe
from topformer.training.rounded import Rounded

# The mean loss of a network's outputs, by the truth and by a teacher's outputs, if there are any.
Criterion = Callable[[Any, Tensor, Any], Tensor]

# Steps after which the ranges of rounded activations follow the weights.
RANGES_EVERY = 50


class Learner:
    """A network, its optimizer and, as the recipe says, averages, its start and a teacher."""

    def __init__(
        self,
        model: AnyNetwork,
        recipe: Recipe,
        place: Place,
        criterion: Criterion,
        *,
        teacher: nn.Module | None = None,
    ) -> None:
        self.recipe, self.place, self.criterion = recipe, place, criterion
        cuda = place.device.type == "cuda"
        if place.world_size > 1 and cuda:
            nn.SyncBatchNorm.convert_sync_batchnorm(model)  # in place: all its layers are inside
        self.memory = torch.channels_last if recipe.channels_last else torch.contiguous_format
        model = model.to(place.device).to(memory_format=self.memory)  # pyright: ignore[reportCallIssue]
        self.model = model.train()
        self.teacher = None if teacher is None else teacher.to(place.device).eval()
        self.start = copy.deepcopy(self.model) if recipe.start_share else None
        self.optimizer = build_optimizer(self.model, recipe)
        self.averaged: AveragedModel | None = None
        if recipe.ema_decay:
            average = get_ema_multi_avg_fn(recipe.ema_decay)
            self.averaged = AveragedModel(self.model, multi_avg_fn=average, use_buffers=True)
        self.scaler = torch.GradScaler(place.device.type, enabled=recipe.amp == "fp16")
        self.shared: DistributedDataParallel | None = None
        if place.world_size > 1:
            self.shared = DistributedDataParallel(
                self.model, device_ids=[place.device] if cuda else None
            )
        network = self.shared or self.model
        self.network = torch.compile(network) if recipe.compile else network
        self.rounded = Rounded(self.model).to(place.device)

    @property
    def usable(self) -> AnyNetwork:
        """The network one would use: averaged over steps, and with its start, as the recipe says.

        Weights between a network and what was made of it by more training do well on the new
        pictures and better than the latter on others. Source: Wortsman et al., "Robust fine-tuning
        of zero-shot models", arXiv 2109.01903, section 3.
        """
        # An average is a copy of the network.
        found: AnyNetwork = self.model if self.averaged is None else self.averaged.module  # pyright: ignore[reportAssignmentType]
        if self.start is None:
            return found
        mixed = copy.deepcopy(found)
        start = self.start.state_dict()
        with torch.no_grad():
            for name, tensor in mixed.state_dict().items():
                if tensor.is_floating_point():
                    tensor.lerp_(start[name], self.recipe.start_share)
        return mixed

    def step(self, number: int, batch: Batch) -> float:
        """Take optimizer step `number`, counted from 0; returns the loss of this process.

        Raises `TopformerError` naming the pictures when the loss is no number.
        """
        recipe = self.recipe
        # Dropout and drop-path are drawn anew from the step, so that a resumed run draws the same.
        torch.manual_seed(_mixed_seed(recipe.seed, number, self.place.rank))
        set_learning_rate(self.optimizer, learning_rate_at(number, recipe))
        total = 0.0
        # There may be fewer: 6 samples make 3 parts, not 4.
        parts = [chunk.chunk(recipe.accumulate) for chunk in (batch.pictures, batch.truth)]
        last = len(parts[0])
        rounds = self._prepare_rounding(number, parts[0])
        for part, (pictures, truth) in enumerate(zip(*parts, strict=True), start=1):
            with self._unsynchronised(part < last):
                loss = self._loss(pictures, truth, rounds=rounds)
                loss = loss * (len(truth) / len(batch.truth))
                self.scaler.scale(loss).backward()
            total += loss.item()
        if not math.isfinite(total):
            names = ", ".join(path.name for path in batch.sources)
            raise TopformerError(
                f"The loss of step {number + 1} is {total}.",
                why=f"Its batch was {names}.",
                next_step="Look at these pictures and their labels or boxes; else lower "
                "learning_rate, or set amp to off, and begin again in another --out.",
            )
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        if self.averaged is not None:
            self.averaged.update_parameters(self.model)
        return total

    def _prepare_rounding(self, number: int, parts: Sequence[Tensor]) -> bool:
        """Whether the network is rounded in a step; where it is, its ranges are kept up to date."""
        rounded_steps = number - self.recipe.first_rounded_step
        # What is rounded is the network that is exported: statistics stand, nothing is dropped.
        self.model.train(rounded_steps < 0)
        if rounded_steps >= 0 and rounded_steps % RANGES_EVERY == 0:
            self.rounded.learn(self.model, [self._here(pictures) for pictures in parts])
            self.place.copy_from_first(self.rounded)
        return rounded_steps >= 0

    def _here(self, pictures: Tensor) -> Tensor:
        return pictures.to(self.place.device, memory_format=self.memory, non_blocking=True)

    def _loss(self, pictures: Tensor, truth: Tensor, *, rounds: bool) -> Tensor:
        recipe, device = self.recipe, self.place.device
        pictures = self._here(pictures)
        truth = truth.to(device, non_blocking=True)
        precision = torch.float16 if recipe.amp == "fp16" else torch.bfloat16
        taught = None
        # bf16 is as coarse as the largest values of int8.
        mixed = recipe.amp != "off" and not rounds
        with torch.autocast(device.type, dtype=precision, enabled=mixed):
            outputs = self.rounded(self.network, pictures) if rounds else self.network(pictures)
            if self.teacher is not None:
                with torch.no_grad():
                    taught = self.teacher(pictures)
        return self.criterion(outputs, truth, taught)

    def _unsynchronised(self, wanted: bool) -> AbstractContextManager[None]:
        """Hold gradients back from the other processes until the last part of a batch."""
        return self.shared.no_sync() if wanted and self.shared is not None else nullcontext()

    def state(self) -> dict[str, Any]:
        """Everything that decides how training goes on: tensors and plain values."""
        return {
            "model": dict(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "averaged": None if self.averaged is None else dict(self.averaged.state_dict()),
            "start": None if self.start is None else dict(self.start.state_dict()),
            "scaler": self.scaler.state_dict(),
            "ranges": self.rounded.ranges,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up a state; raises KeyError, RuntimeError, TypeError or ValueError if it can't."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        # Checkpoints from before there was rounding have none.
        self.rounded.ranges = state.get("ranges", self.rounded.ranges).to(self.place.device)
        if self.averaged is not None:
            self.averaged.load_state_dict(state["averaged"])
        if self.start is not None:
            self.start.load_state_dict(state["start"])


def _mixed_seed(seed: int, step: int, rank: int) -> int:
    """One seed from three numbers, no two triples alike in practice."""
    return int(sha256_bytes(f"{seed} {step} {rank}".encode())[:15], 16)
