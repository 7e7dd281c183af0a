"""One step: accumulation, averaging, precision, a teacher, and a loss that is NaN."""

import copy
import functools
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch import nn

from support.training_fakes import settled_model, small_recipe
from topformer.data.sharing import Batch
from topformer.errors import TopformerError
from topformer.model import create_model
from topformer.training.learner import Learner
from topformer.training.losses.segmentation import taught_loss
from topformer.training.processes import Place

pytestmark = pytest.mark.slow
NOTHING = nullcontext()
ALONE = Place(rank=0, world_size=1, device=torch.device("cpu"))


@pytest.fixture(scope="module")
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    return Batch(
        pictures=torch.randn(4, 3, 64, 96, generator=generator),
        truth=torch.randint(0, 3, (4, 64, 96), generator=generator),
        sources=tuple(Path(f"{n}.png") for n in range(4)),
    )


def learner_of(model: nn.Module, *, teacher=None, **fields) -> Learner:
    """A learner of label maps."""
    recipe = small_recipe(**fields)
    criterion = functools.partial(taught_loss, recipe=recipe)
    return Learner(model, recipe, ALONE, criterion, teacher=teacher)


def learn(batch: Batch, model: nn.Module | None = None, *, steps: int = 1, teacher=None, **fields):
    fields = {"warmup_iterations": 0, "batch": 4} | fields
    model = settled_model() if model is None else model
    learner = learner_of(model, teacher=teacher, **fields)
    losses = [learner.step(number, batch) for number in range(steps)]
    return learner, losses


def tensors(learner: Learner) -> dict[str, torch.Tensor]:
    return dict(learner.usable.state_dict())


def assert_close(found, expected, **tolerance):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, msg=name, **tolerance)


@pytest.mark.parametrize("parts", [2, 4])
def test_accumulated_parts_give_the_gradient_of_the_whole_batch(batch, parts):
    whole, (loss,) = learn(batch)
    divided, (sum_of_parts,) = learn(batch, accumulate=parts)
    assert sum_of_parts == pytest.approx(loss, rel=1e-5)
    # AdamW's first step is the rate times the gradient's sign: where that is noise, so is the step.
    differences = [
        (tensors(divided)[name] - value).abs().float().mean().item()
        for name, value in tensors(whole).items()
    ]
    assert max(differences) < 1e-4


def test_gradients_are_shared_after_the_last_part_however_many_there_are(batch, monkeypatch):
    """Four samples in "three" parts are two: on many processes none would be shared."""
    held = []
    monkeypatch.setattr(Learner, "_unsynchronised", lambda _, hold: held.append(hold) or NOTHING)
    learner_of(settled_model(), batch=6, accumulate=3).step(0, batch)
    assert held == [True, False]


def test_steps_lower_the_loss(batch):
    _, losses = learn(batch, steps=4, learning_rate=1e-3)
    assert losses[-1] < losses[0]


def test_averaged_weights_follow_the_formula(batch):
    decay = 0.9
    plain = settled_model()
    learner, _ = learn(batch, plain, ema_decay=decay)
    expected = {name: value.clone().float() for name, value in plain.state_dict().items()}
    for number in range(1, 4):
        learner.step(number, batch)
        for name, value in plain.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * value.float()
    assert learner.usable is not plain
    for name, value in learner.usable.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, expected[name], msg=name, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_a_share_of_the_start_is_averaged_in(batch, decay):
    start = create_model_seeded().state_dict()
    alone, _ = learn(batch, create_model_seeded(), steps=2, ema_decay=decay)
    learner, _ = learn(batch, create_model_seeded(), steps=2, ema_decay=decay, start_share=0.25)
    assert_close(learner.model.state_dict(), alone.model.state_dict(), rtol=0, atol=0)
    moved = 0.0
    for name, value in tensors(learner).items():
        if value.is_floating_point():
            end = tensors(alone)[name]
            torch.testing.assert_close(value, 0.75 * end + 0.25 * start[name], msg=name)
            moved = max(moved, (end - start[name]).abs().max().item())
        else:
            assert torch.equal(value, tensors(alone)[name])
    assert moved > 0.01


def test_half_precision_computes_nearly_the_same_loss(batch):
    _, (plain,) = learn(batch)
    _, (fast,) = learn(batch, amp="bf16")
    assert fast != plain
    assert fast == pytest.approx(plain, rel=1e-2)


def test_channels_may_come_last_in_memory(batch):
    _, (plain,) = learn(batch)
    learner, (fast,) = learn(batch, channels_last=True)
    stem = tensors(learner)["backbone.tpm.stem.0.c.weight"]
    assert stem.is_contiguous(memory_format=torch.channels_last)
    assert not stem.is_contiguous()
    assert fast == pytest.approx(plain, rel=1e-2)


def test_a_compiled_network_learns_the_same(batch, monkeypatch):
    # The graph is captured as always; generating C++ for it takes minutes on two busy cores.
    compile_, compiled_networks = torch.compile, []

    def capture(network):
        compiled_networks.append(network)
        return compile_(network, backend="aot_eager")

    monkeypatch.setattr(torch, "compile", capture)
    plain, (loss,) = learn(batch)
    assert not compiled_networks
    compiled, (compiled_loss,) = learn(batch, compile=True)
    assert compiled_networks == [compiled.model]
    assert compiled_loss == pytest.approx(loss, rel=1e-4)
    assert tensors(compiled).keys() == tensors(plain).keys()


def test_a_teacher_adds_its_divergence_and_stays_as_it_is(batch):
    teacher = create_model("small", 3)
    before = copy.deepcopy(teacher.state_dict())
    _, (alone,) = learn(batch)
    _, (taught,) = learn(batch, teacher=teacher, distill_weight=1.0)
    _, (ignored,) = learn(batch, teacher=teacher, distill_weight=0.0)
    assert taught > alone
    assert ignored == pytest.approx(alone)
    assert_close(teacher.state_dict(), before, rtol=0, atol=0)


def test_dropout_depends_on_the_step_and_on_nothing_before(batch):
    torch.manual_seed(3)
    model = create_model("tiny", 3)
    first = learner_of(copy.deepcopy(model)).step(2, batch)
    torch.rand(17)
    assert learner_of(copy.deepcopy(model)).step(2, batch) == first
    assert learner_of(copy.deepcopy(model)).step(3, batch) != first


def test_a_loss_that_is_no_number_names_the_pictures(batch):
    broken = Batch(
        pictures=batch.pictures.clone().fill_(float("nan")),
        truth=batch.truth,
        sources=batch.sources,
    )
    with pytest.raises(TopformerError) as caught:
        learn(broken)
    assert "step 1" in caught.value.what
    assert "0.png, 1.png, 2.png, 3.png" in caught.value.why


# Rounded from step 2 on: the ranges learnt then are part of the state.
@pytest.mark.parametrize("changes", [{}, {"quantise_from": 1 / 6}, {"start_share": 0.5}])
def test_a_state_taken_up_goes_on_bit_for_bit(batch, changes):
    fields = {"ema_decay": 0.9, "iterations": 6} | changes
    through, _ = learn(batch, create_model_seeded(), steps=6, **fields)
    half, _ = learn(batch, create_model_seeded(), steps=3, **fields)
    other = learner_of(create_model("tiny", 3), warmup_iterations=0, batch=4, **fields)
    other.load_state(copy.deepcopy(half.state()))
    for number in range(3, 6):
        other.step(number, batch)
    assert_close(tensors(other), tensors(through), rtol=0, atol=0)
    assert_close(other.model.state_dict(), through.model.state_dict(), rtol=0, atol=0)


def test_a_network_is_rounded_from_its_step_on_and_not_before(batch):
    fields = {"steps": 4, "iterations": 4, "learning_rate": 1e-4}
    _, plain = learn(batch, **fields)
    learner, rounded = learn(batch, **fields, quantise_from=0.5)
    assert rounded[:2] == plain[:2]
    assert rounded[2] != plain[2]
    assert rounded[2] == pytest.approx(plain[2], rel=0.05)
    assert learner.usable.state_dict().keys() == create_model("tiny", 3).state_dict().keys()


def test_a_rounded_network_is_in_eval_mode_whatever_came_between(batch):
    learner, _ = learn(batch, create_model_seeded(), quantise_from=0.0)
    learner.model.train()
    before = learner.model.get_buffer("backbone.tpm.stem.0.bn.running_mean").clone()
    learner.step(1, batch)
    assert torch.equal(learner.model.get_buffer("backbone.tpm.stem.0.bn.running_mean"), before)
    assert not learner.model.training


def test_mixed_precision_ends_where_rounding_begins(batch):
    fields = {"iterations": 1, "quantise_from": 0.0}
    one, plain = learn(batch, **fields)
    other, mixed = learn(batch, amp="bf16", **fields)
    assert mixed == plain
    assert_close(tensors(other), tensors(one), rtol=0, atol=0)


def test_ranges_follow_the_weights(batch, monkeypatch):
    monkeypatch.setattr("topformer.training.learner.RANGES_EVERY", 2)
    learner, _ = learn(batch, steps=2, iterations=4, quantise_from=0.0)
    before = learner.rounded.ranges.clone()
    learner.step(2, batch)
    assert learner.rounded.ranges.shape == before.shape
    assert not torch.equal(learner.rounded.ranges, before)


def create_model_seeded():
    torch.manual_seed(0)
    return create_model("tiny", 3)
