"""Whatever training scripts wrap around the network: recognised, said, and taken off."""

import collections
import copy
import tracemalloc
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from topformer.errors import TopformerError
from topformer.model import TopFormerClassifier, create_model
from topformer.variants import TINY
from topformer.weights import copies, initialise_backbone, load_weights
from topformer.weights.checkpoints import read_checkpoint
from topformer.weights.dictionaries import tensor_dictionaries
from topformer.weights.disarm import Unreadable
from topformer.weights.inert import StandIn
from topformer.weights.unwrapping import unwrap

torch.manual_seed(5)
MODEL = create_model("tiny", 3)
STATE = MODEL.state_dict()
OTHER = {name: tensor + 1 for name, tensor in STATE.items()}
CLASSIFIER = TopFormerClassifier(TINY).state_dict()


def prefixed(prefix, state=None):
    return collections.OrderedDict((prefix + n, t) for n, t in (state or STATE).items())


def renamed(change):
    return {change(name): tensor for name, tensor in STATE.items()}


def assert_found(content, *, wanted=STATE):
    """The very tensors, by their official names and nothing besides."""
    found = unwrap(content)
    assert set(found.entries) == set(wanted)
    for name, tensor in wanted.items():
        assert torch.equal(found.entries[name], tensor), name
    return " / ".join(found.notes)


PREFIXES = [
    "module.", "_orig_mod.", "model.", "net.", "network.", "student.", "segmentor.", "ema.",
    "module._orig_mod.", "_orig_mod.module.", "module.module.", "model._orig_mod.",
    "model.model.net.", "pl_module.model.", "_forward_module.", "task.arch.", "0.",
    "_fsdp_wrapped_module.", "loss_wrapper.model.",
]  # fmt: skip


@pytest.mark.parametrize("prefix", PREFIXES)
def test_any_prefix_is_taken_off_and_told(prefix):
    assert prefix in assert_found({"state_dict": prefixed(prefix)})


@settings(max_examples=25, deadline=None)
@given(
    parts=st.lists(
        st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(
            lambda part: part not in {"tpm", "trans", "backbone"}
        ),
        min_size=1,
        max_size=4,
    )
)
def test_prefixes_nobody_thought_of_are_taken_off(parts):
    prefix = ".".join(parts) + "."
    assert prefix in assert_found(prefixed(prefix))


@pytest.mark.parametrize("name", ["." * 10**6, "net." * 10**5 + "w", "x" * 301])
def test_names_without_end_are_refused_before_they_are_taken_apart(name):
    with pytest.raises(Unreadable, match="An entry's name is"):
        unwrap({name: torch.zeros(1)})
    # Where no tensor has it, it is not read.
    assert unwrap({"state_dict": STATE, name: {"w": torch.zeros(1)}}).entries.keys() == STATE.keys()


@pytest.mark.parametrize(
    "change",
    [
        lambda name: name.replace("backbone.", "backbone.module.", 1),
        lambda name: name.replace("backbone.", "module.backbone._orig_mod."),
        lambda name: name.replace("tpm.", "_fsdp_wrapped_module.tpm._fsdp_wrapped_module."),
        lambda name: name.replace("transformer_blocks.0.", "transformer_blocks.0."
                                  "_checkpoint_wrapped_module."),
        lambda name: name.replace("decode_head.", "decode_head._orig_mod."),
        lambda name: name.replace("backbone.", "net.encoder.").replace("decode_head.", "net.head."),
    ],
    ids=["ddp", "compiled", "fsdp", "checkpointed", "head", "renamed parts"],
)  # fmt: skip
def test_wrappers_of_single_parts_are_taken_off(change):
    assert_found(renamed(change))


CONTAINERS = {
    "bare": lambda state: state,
    "mmseg": lambda state: {"meta": {"epoch": 1}, "state_dict": state, "optimizer": {"state": {}}},
    "tutorial": lambda state: {"epoch": 1, "model_state_dict": state, "loss": 0.3},
    "net": lambda state: {"net": state, "acc": 91.0, "epoch": 3},
    "weights": lambda state: {"weights": state},
    "params": lambda state: {"params": state},
    "params ema": lambda state: {"params_ema": state},
    "model ema": lambda state: {"model_ema": state},
    "deepspeed": lambda state: {"module": state, "dp_world_size": 2, "optimizer": None},
    "nested": lambda state: {"checkpoint": {"model": state, "step": 3}},
    "deep": lambda state: {"a": {"b": {"c": {"d": state}}}},
    "listed": lambda state: {"models": [state]},
    "tuple": lambda state: (state, {"epoch": 1}),
    "callback": lambda state: {"callbacks": {"EMA": {"ema_state_dict": state}}, "epoch": 1},
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.model."])
def test_any_container_is_looked_into(container, prefix):
    note = assert_found(CONTAINERS[container](prefixed(prefix)))
    told = prefix or container not in {"bare", "mmseg"}
    assert bool(note) == bool(told)


class Wrapper(nn.Module):
    """As a LightningModule has it: the network beside its losses and metrics."""

    def __init__(self):
        super().__init__()
        self.model = copy.deepcopy(MODEL)
        self.loss = nn.CrossEntropyLoss(weight=torch.ones(3))
        self.register_buffer("confusion", torch.zeros(3, 3, dtype=torch.int64))


def averaged():
    return torch.optim.swa_utils.AveragedModel(copy.deepcopy(MODEL))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: nn.DataParallel(MODEL), "module."),
        (lambda: torch.compile(copy.deepcopy(MODEL)), "_orig_mod."),
        (lambda: torch.compile(nn.DataParallel(copy.deepcopy(MODEL))), "_orig_mod.module."),
        (averaged, "n_averaged"),
        (Wrapper, "confusion"),
    ],
    ids=["DataParallel", "compile", "both", "AveragedModel", "Lightning"],
)
def test_what_torchs_own_wrappers_write_is_read(make, told):
    assert told in assert_found({"state_dict": make().state_dict()})


# Beside the weights


EXTRAS = {
    "auxiliary_head.conv_seg.weight": "auxiliary_head",
    "auxiliary_head.linear_fuse.conv.weight": "auxiliary_head",
    "auxiliary_head.0.convs.0.conv.weight": "auxiliary_head",
    "aux_head.conv_seg.bias": "aux_head",
    "decode_head.loss_decode.class_weight": "decode_head",
    "loss.weight": "loss",
    "criterion.pos_weight": "criterion",
    "log_vars": "log_vars",
    "n_averaged": "n_averaged",
    "backbone.tpm.total_ops": "total_ops",
    "decode_head.total_params": "total_ops",
    "ema_backbone_tpm_stem_0_c_weight": "ema_*",
    "val_metric.confusion": "val_metric",
}


@pytest.mark.parametrize("prefix", ["", "model."])
@pytest.mark.parametrize("name", EXTRAS)
def test_what_the_network_does_not_use_is_left_out_and_told(name, prefix):
    state = prefixed(prefix) | {prefix + name: torch.tensor([float("nan")])}
    assert f"does not use it: {EXTRAS[name]}" in assert_found({"state_dict": state})


@pytest.mark.parametrize(
    "name",
    [
        "backbone.tpm.layer3.attention.weight",
        "backbone.SIM.1.extra.weight",
        "backbone.neck.weight",
        "decode_head.second_conv.weight",
        "decode_head.linear_fuse.extra.weight",
    ],
)
@pytest.mark.parametrize("prefix", ["", "module.model."])
def test_an_extended_network_is_still_refused(tmp_path, name, prefix):
    path = tmp_path / "w.pth"
    torch.save({"state_dict": prefixed(prefix) | {prefix + name: torch.zeros(2)}}, path)
    with pytest.raises(TopformerError) as caught:
        load_weights(path)
    assert name in caught.value.what
    assert "extended" in caught.value.why


def test_a_head_beside_the_backbone_is_called_as_it_officially_is(tmp_path):
    path = tmp_path / "w.pth"
    bare = {name.removeprefix("decode_head."): tensor for name, tensor in STATE.items()}
    extra = {"backbone.SIM.1.extra.weight": torch.zeros(2)}
    torch.save({"state_dict": bare | extra}, path)
    with pytest.raises(TopformerError) as caught:
        load_weights(path)
    assert "backbone.SIM.1.extra.weight" in caught.value.what
    assert "extended" in caught.value.why


# Several copies


@pytest.mark.parametrize(
    ("content", "taken"),
    [
        ({"state_dict": OTHER, "state_dict_ema": STATE}, "state_dict_ema"),
        ({"model": OTHER, "model_ema": prefixed("module.")}, "model_ema"),
        ({"model": OTHER, "ema": STATE}, "ema"),
        ({"net": OTHER, "swa_model": prefixed("module.")}, "swa_model"),
        ({"state_dict": OTHER, "ema_state_dict": STATE}, "ema_state_dict"),
        ({"state_dict": prefixed("model.", OTHER) | prefixed("ema_model.")}, "ema_model."),
        ({"state_dict": prefixed("student.") | prefixed("teacher.", OTHER)}, "student."),
        ({"model": STATE, "teacher": OTHER}, "model"),
        ({"a": STATE, "b": OTHER}, "a"),
    ],
)
def test_averaged_copies_go_first_and_it_is_told(content, taken):
    note = assert_found(content)
    assert taken in note.partition("were taken")[0]
    assert "not those of" in note


def test_mmengine_swaps_the_copies_when_it_saves():
    content = {
        "state_dict": STATE,
        "ema_state_dict": prefixed("module.", OTHER) | {"steps": torch.tensor(3)},
        "message_hub": {"log_scalars": {}},
    }
    assert "the averaged weights of state_dict" in assert_found(content)


def test_an_average_of_parameters_only_is_passed_over():
    parameters = dict(MODEL.named_parameters())
    note = assert_found({"model": STATE, "ema": parameters})
    assert "ema, which lacks" in note


def test_moments_of_an_optimizer_are_no_copy():
    moments = {"exp_avg": OTHER, "state": {name: {"exp_avg": t} for name, t in OTHER.items()}}
    for key in ("optimizer", "optim", "opt", "optimizer_state_dict", "optimizer_states", "exp_avg"):
        assert "not those of" not in assert_found({key: moments, "weights": STATE})


# Whole files


def test_safetensors_with_a_prefix_load(tmp_path):
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file({n: t.half() for n, t in prefixed("model.").items()}, path)
    loaded = load_weights(path)
    assert loaded.notes == ("taken off every name: model.",)
    name = "backbone.SIM.1.global_act.conv.weight"
    assert torch.equal(loaded.model.state_dict()[name], STATE[name].half().float())


@pytest.mark.parametrize("wrap", [lambda m: m, nn.DataParallel, lambda m: {"model": m, "epoch": 3}])
def test_a_whole_pickled_model_gives_its_tensors(tmp_path, wrap):
    path = tmp_path / "whole.pth"
    torch.save(wrap(MODEL), path)
    loaded = load_weights(path)
    assert all(torch.equal(t, STATE[name]) for name, t in loaded.model.state_dict().items())
    assert "a whole pickled" in loaded.notes[0]


@pytest.mark.parametrize("prefix", ["", "module.", "model.backbone."])
def test_a_wrapped_classifier_loads(tmp_path, prefix):
    path = tmp_path / "classifier.pth"
    torch.save({"state_dict": prefixed(prefix, CLASSIFIER)}, path)
    model = create_model("tiny")
    initialise_backbone(model, read_checkpoint(path))
    given = [name for name in model.backbone.state_dict() if name in CLASSIFIER]
    assert len(given) == len(CLASSIFIER) - 7
    assert all(torch.equal(model.backbone.state_dict()[name], CLASSIFIER[name]) for name in given)


@pytest.mark.parametrize("prefix", ["", "backbone.", "module.backbone."])
def test_a_bare_backbone_says_what_it_is_good_for(tmp_path, prefix):
    path = tmp_path / "backbone.pth"
    torch.save(prefixed(prefix, MODEL.backbone.state_dict()), path)
    with pytest.raises(TopformerError) as caught:
        load_weights(path)
    assert "bare backbone" in caught.value.why
    assert "train --init" in caught.value.next_step


@pytest.mark.parametrize("content", [
    {"state_dict": {"model.layer1.conv1.weight": torch.zeros(3), "model.fc.bias": torch.zeros(1)}},
    {"model": {"blocks.0.weight": torch.zeros(2)}, "epoch": 3},
])  # fmt: skip
def test_another_network_is_still_another_network(tmp_path, content):
    path = tmp_path / "w.pth"
    torch.save(content, path)
    with pytest.raises(TopformerError) as caught:
        load_weights(path)
    assert "another network" in caught.value.why


@pytest.mark.parametrize(
    "counter",
    [torch.tensor(7), torch.tensor(7.0), torch.tensor([7]), torch.tensor([7.0]).half(),
     torch.tensor(7, dtype=torch.int32), torch.tensor([[7]], dtype=torch.uint8)],
)  # fmt: skip
def test_counters_of_any_kind_are_counts(tmp_path, counter):
    name = "backbone.tpm.stem.0.bn.num_batches_tracked"
    path = tmp_path / "w.pth"
    torch.save(dict(STATE) | {name: counter}, path)
    found = read_checkpoint(path).tensors[name]
    assert found.dtype is torch.int64
    assert found.shape == ()
    assert found == 7
    assert load_weights(path).model.num_classes == 3


@pytest.mark.parametrize("count", [float("nan"), float("inf"), -1.0, 1e300])
def test_counters_that_are_no_counts_become_none(tmp_path, count):
    name = "a.num_batches_tracked"
    path = tmp_path / "w.pth"
    torch.save({name: torch.tensor(count, dtype=torch.float64), "a.weight": torch.ones(1)}, path)
    assert read_checkpoint(path).tensors[name] == 0


@pytest.mark.parametrize("counter", [torch.zeros(4), torch.zeros(0), torch.zeros(2, 2).long()])
@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_a_counter_of_several_numbers_is_one_clear_error(tmp_path: Path, counter, kind):
    path = tmp_path / f"w.{kind}"
    save = torch.save if kind == "pth" else safetensors.torch.save_file
    save({"a.num_batches_tracked": counter}, path)
    with pytest.raises(TopformerError) as caught:
        load_weights(path)
    assert "counter 'a.num_batches_tracked' has shape" in caught.value.why
    assert caught.value.next_step


@pytest.mark.parametrize("kind", ["looped", "long"])
def test_modules_with_endless_names_are_refused_before_these_are_made(kind):
    weight = torch.zeros(1)
    many = {f"{number}": weight for number in range(10_000)}
    module, inner = StandIn(), StandIn()
    if kind == "looped":
        module.state = {"_parameters": many, "_modules": {"a": module}}
    else:
        inner.state = {"_parameters": many}
        module.state = {"_modules": {"x" * 10**6: inner}}
    tracemalloc.start()
    with pytest.raises(Unreadable, match="nested without end"):
        list(tensor_dictionaries(module))
    assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    tracemalloc.stop()


def test_modules_that_share_their_parts_are_counted_once_more_each_time():
    shared = {f"{number}": StandIn() for number in range(10_000)}
    modules = [StandIn() for _ in range(3)]
    for module in modules:
        module.state = {"_modules": shared}
    assert not list(tensor_dictionaries(modules[:2]))
    with pytest.raises(Unreadable, match="nested without end"):
        list(tensor_dictionaries(modules))


def test_long_lists_of_hidden_buffers_are_not_searched_for_each_tensor():
    compared = []

    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other):
            compared.append(other)
            return super().__eq__(other)

    module = StandIn()
    module.state = {
        "_parameters": {f"{number}": torch.zeros(1) for number in range(50)},
        "_non_persistent_buffers_set": StandIn([Name("x")] * 1000),
    }
    (found,) = tensor_dictionaries(module)
    assert len(found.entries) == 50
    assert len(compared) <= 50 * 100


@pytest.mark.parametrize("steps", [25_000, 250_000])
def test_a_long_history_before_the_weights_hides_nothing(steps):
    assert_found({"history": [{"loss": 1.0} for _ in range(steps)], "state_dict": STATE})


def test_names_are_taken_apart_once_however_many_copies_there_are(monkeypatch):
    taken_apart = []
    bare = copies._bare
    monkeypatch.setattr(copies, "_bare", lambda parts: taken_apart.append(0) or bare(parts))
    content = {f"{number}.tpm.stem.0.c.weight": torch.zeros(1) for number in range(60)}
    content |= {f"other{number}": torch.zeros(1) for number in range(1000)}
    unwrap(content)
    assert len(taken_apart) < 5 * len(content)


def test_nested_and_shared_containers_end(tmp_path):
    looped: dict = {"weights": STATE}
    looped["self"] = looped
    assert_found(looped)
    shared: list = []
    for _ in range(60):
        shared = [{"a": shared, "b": shared}]
    with pytest.raises(Exception, match="no tensors"):
        unwrap(shared)
    with pytest.raises(Exception, match="prefixes"):
        unwrap({f"{number}.tpm.stem.0.c.weight": torch.zeros(1) for number in range(10_000)})
