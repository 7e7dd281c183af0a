"""The proof itself: it must find what is wrong, and forgive only what rounding explains."""

import copy
import re

import msgspec
import numpy as np
import pytest
import torch

from topformer import metrics
from topformer.classes import numbered_classes
from topformer.errors import TopformerError, UsageError
from topformer.export.divergence import first_divergence
from topformer.export.inputs import ProofInput, is_picture, picture_inputs, standard_inputs
from topformer.export.proof import (
    FLOAT32_FLOOR,
    FP32_GATES,
    Reference,
    Step,
    _near,
    check_golden,
    golden_cases,
    measure_simulation,
    measure_step,
    measure_yardstick,
    refer,
)
from topformer.manifest import Agreement, Gates, Manifest, Parity, WeightsInfo
from topformer.model import create_model
from topformer.preprocess import input_info
from topformer.runtimes.torch_network import TorchNetwork, describe
from topformer.tasks import SEGMENTATION, Answer, task_of
from topformer.verbs.parity import show_parity
from topformer.weights import LoadedWeights, load_weights

SIZE = (128, 128)


def float32_step(run) -> Step:
    return Step(name="float32", run=run, gates=FLOAT32_FLOOR, find_divergence=pytest.fail)


def file_step(run) -> Step:
    return Step(name="file", run=run, gates=FP32_GATES, find_divergence=pytest.fail)


@pytest.fixture(scope="module")
def loaded(golden_path):
    return load_weights(str(golden_path))


@pytest.fixture(scope="module")
def references(loaded):
    float64 = copy.deepcopy(loaded.model).double()
    task = task_of(describe(loaded, SIZE))
    return refer(task, TorchNetwork(float64).run, standard_inputs(input_info(*SIZE)))


@pytest.fixture(scope="module")
def float32(loaded, references):
    return measure_yardstick(float32_step(TorchNetwork(loaded.model).run), references)


@pytest.fixture(scope="module")
def manifest(loaded, references, float32) -> Manifest:
    plain = describe(loaded, SIZE)
    return msgspec.structs.replace(plain, golden=golden_cases(references, float32, FP32_GATES))


def disturbed(model, path, factor):
    """Return a copy with one tensor scaled."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.get_parameter(path).mul_(factor)
    return TorchNetwork(other).run


def test_the_inputs_are_pictures_and_adversarial_and_degenerate_tensors():
    inputs = list(standard_inputs(input_info(64, 96)))
    names = [entry.name for entry in inputs]
    assert sum(name.startswith("picture:") for name in names) >= 3
    assert {"zeros", "pixels:black", "pixels:white", "pixels:checkerboard", "pixels:noise"} <= set(
        names
    )
    assert all(entry.tensor.shape == (1, 3, 64, 96) for entry in inputs)
    assert len({entry.tensor.tobytes() for entry in inputs}) == len(inputs)


def test_too_many_pictures_are_refused_before_they_take_memory(tmp_path):
    for number in range(101):
        (tmp_path / f"{number}.png").write_bytes(b"")
    with pytest.raises(UsageError, match="101 pictures"):
        picture_inputs(tmp_path, input_info(64, 64))


def test_the_same_network_passes(loaded, references, float32):
    assert float32.passed
    step = measure_step(file_step(TorchNetwork(loaded.model).run), references, float32)
    assert step.passed
    assert step.worst.sqnr_db >= FP32_GATES.sqnr_db
    assert [entry.input for entry in step.inputs] == [r.input.name for r in references]


@pytest.mark.parametrize(
    "path",
    [
        "backbone.tpm.stem.0.c.weight",
        "backbone.trans.transformer_blocks.3.attn.to_v.c.weight",
        "backbone.SIM.2.global_act.bn.weight",
        "decode_head.conv_seg.bias",
    ],
)
def test_a_weight_off_by_a_hundredth_fails(loaded, references, float32, manifest, path):
    run = disturbed(loaded.model, path, 1.01)
    assert not measure_step(file_step(run), references, float32).passed
    inputs = [reference.input for reference in references]
    assert not check_golden(manifest, run, inputs, FP32_GATES).passed


def test_a_result_that_is_not_finite_fails(references, float32):
    def run(tensor):
        return [np.full((1, 150, 16, 16), np.nan, np.float32)]

    step = measure_step(file_step(run), references, float32)
    assert not step.passed
    assert step.worst.max_abs_error == metrics.ERROR_LIMIT


def test_a_file_is_held_to_torch_where_float32_itself_strays(references, float32, loaded):
    """An input on which float32 loses precision is reported, and still has a gate of its own."""
    ill = [entry for entry in float32.inputs if entry.ill_conditioned]
    assert ill, "the golden network is known to be ill-conditioned on some of the inputs"
    step = measure_step(file_step(TorchNetwork(loaded.model).run), references, float32)
    for entry, yardstick in zip(step.inputs, float32.inputs, strict=True):
        if entry.ill_conditioned:
            assert entry.required.sqnr_db == min(90.0, yardstick.agreement.sqnr_db - 20.0)
        else:
            assert entry.required == FP32_GATES


def noisy(run, share, *, only=None):
    """Return answers with noise of a share of their size, everywhere or on one input."""

    def disturbed_run(tensor):
        (logits,) = run(tensor)
        if only is not None and not np.array_equal(tensor, only):
            return [logits]
        noise = np.random.default_rng(0).standard_normal(logits.shape).astype(np.float32)
        return [logits + share * logits.std() * noise]

    return disturbed_run


LOOSE = Gates(sqnr_db=20.0, result_agreement=0.5)


def loose_step(run) -> Step:
    return Step(name="file", run=run, gates=LOOSE, find_divergence=None)


def test_a_simulation_may_stray_where_nothing_was_calibrated(references, float32, loaded):
    """There a file is held to the simulation; elsewhere to the gates."""
    run, odd = TorchNetwork(loaded.model).run, references[3].input
    simulation = noisy(run, 0.3, only=odd.tensor)
    step, strays = measure_simulation(loose_step(simulation), references, [], float32)
    assert step.passed
    assert [one.input for one in step.inputs if one.ill_conditioned] == [odd.name] == [*strays]
    assert strays[odd.name].sqnr_db == pytest.approx(step.inputs[3].agreement.sqnr_db - 3)
    file = measure_step(loose_step(simulation), references, float32, strays=strays)
    assert file.passed
    worse = noisy(run, 0.6, only=odd.tensor)
    assert not measure_step(loose_step(worse), references, float32, strays=strays).passed
    cases = {c.input: c for c in golden_cases(references, float32, LOOSE, strays=strays)}
    assert [case.input for case in cases.values() if case.ill_conditioned] == [odd.name]
    assert cases[odd.name].required.sqnr_db == strays[odd.name].sqnr_db - 1


def test_samples_of_a_file_at_its_gates_pass(manifest, loaded, references, float32):
    """512 samples may fare worse than the whole; half such files would fail else."""
    simulation = noisy(TorchNetwork(loaded.model).run, 0.05)
    found = measure_step(loose_step(simulation), references, float32)
    cases = []
    for reference, one in zip(references, found.inputs, strict=True):
        share = min(one.agreement.result_agreement, 0.99)
        at_its_gates = Gates(sqnr_db=one.agreement.sqnr_db, result_agreement=share)
        cases += golden_cases([reference], float32, at_its_gates)
    held = msgspec.structs.replace(manifest, golden=tuple(cases))
    inputs = [reference.input for reference in references]
    assert check_golden(held, simulation, inputs, LOOSE).passed
    off = noisy(TorchNetwork(loaded.model).run, 0.2)
    assert not check_golden(held, off, inputs, LOOSE).passed


def test_a_file_may_fall_short_of_a_simulation_that_just_passes(references, float32, loaded):
    run, odd = TorchNetwork(loaded.model).run, references[3].input
    simulation = noisy(run, 0.04, only=odd.tensor)
    found = measure_step(loose_step(simulation), references, float32).inputs[3].agreement
    gates = Gates(sqnr_db=found.sqnr_db - 1, result_agreement=0.5)
    held = Step(name="int8", run=simulation, gates=gates, find_divergence=None)
    step, strays = measure_simulation(held, references, [], float32)
    assert step.passed
    assert not any(one.ill_conditioned for one in step.inputs)
    assert [*strays] == [odd.name]
    assert strays[odd.name].sqnr_db == pytest.approx(found.sqnr_db - 3)


@pytest.mark.parametrize(
    ("simulated", "held"), [(1.0, 0.7), (0.76, 0.7), (0.72, 0.67), (0.69, 0.49), (0.1, 0.0)]
)
def test_labels_may_fall_further_where_the_simulation_has_too_few(simulated, held):
    agreement = Agreement(
        max_abs_error=1.0, sqnr_db=30.0, result_agreement=simulated, result_agreement_untied=1.0
    )
    gates = _near(agreement, Gates(sqnr_db=18.0, result_agreement=0.7))
    assert gates.result_agreement == pytest.approx(held)
    assert gates.sqnr_db == 18.0


def test_a_simulation_must_not_stray_on_the_users_own_pictures(references, float32, loaded):
    run, own = TorchNetwork(loaded.model).run, references[-1].input
    simulation = loose_step(noisy(run, 0.3, only=own.tensor))
    step, strays = measure_simulation(simulation, references[:-1], references[-1:], float32)
    assert not step.passed
    assert not strays


def test_a_simulation_must_not_stray_on_all_pictures(references, float32, loaded):
    """That it is right on constants would say nothing of what it is for."""
    run = TorchNetwork(loaded.model).run
    pictures = [one.input for one in references if is_picture(one.input.name)]

    def astray(tensor):
        several = any(np.array_equal(tensor, one.tensor) for one in pictures)
        return noisy(run, 0.3)(tensor) if several else run(tensor)

    step, strays = measure_simulation(loose_step(astray), references, [], float32)
    assert [one.input for one in step.inputs if not one.passed] == [one.name for one in pictures]
    assert not any(one.ill_conditioned for one in step.inputs)
    assert not strays


class Told:
    """A task whose answers say themselves how closely they follow float64."""

    def answer(self, outputs):
        return Answer(outputs=outputs, result=None)

    def compare(self, _expected, found):
        sqnr_db, equal = found.outputs
        return Agreement(
            max_abs_error=0.1,
            sqnr_db=sqnr_db,
            result_agreement=equal,
            result_agreement_untied=equal,
        )

    def sample(self, _answer):
        return {}

    def compare_sampled(self, _samples, found):
        return self.compare(None, found)

    def weakness(self, _results):
        return ""


INT8 = Gates(sqnr_db=18.0, result_agreement=0.7)
INT8_SIMULATION = {
    "picture:a": (10, 0.6),
    "picture:b": (18.5, 0.72),
    "picture:c": (40, 0.705),
    "pixels:noise": (25, 0.9),
    "zeros": (30, 0.9),
}


def told_references(names):
    return [
        Reference(input=ProofInput(name=name, tensor=np.float32([index])), task=Told(), answer=None)
        for index, name in enumerate(names)
    ]


def told_step(references, figures, *, gates=INT8) -> Step:
    tensors = {one.input.tensor.tobytes(): figures[one.input.name] for one in references}
    return Step(
        name="told",
        run=lambda tensor: tensors[tensor.tobytes()],
        gates=gates,
        find_divergence=None,
    )


def told_yardstick(references):
    exact = {one.input.name: (150.0, 1.0) for one in references}
    return measure_yardstick(told_step(references, exact, gates=FLOAT32_FLOOR), references)


@pytest.mark.parametrize(("found", "passes"), [((15.6, 0.68), False), ((18.0, 0.7), True)])
def test_a_file_must_meet_the_gates_on_the_picture_where_its_simulation_does_best(
    monkeypatch, manifest, found, passes
):
    """Else one that meets them on no picture passed for being near a simulation that does."""
    references = told_references(INT8_SIMULATION)
    yardstick = told_yardstick(references)
    simulation = told_step(references, INT8_SIMULATION)
    step, strays = measure_simulation(simulation, references, [], yardstick)
    assert step.passed
    assert [*strays] == ["picture:a", "picture:c"]

    near = {"picture:a": (8, 0.45), "picture:c": (37, 0.66)}
    file = told_step(references, INT8_SIMULATION | near | {"picture:b": found})
    proof = measure_step(file, references, yardstick, strays=strays)
    assert proof.passed is passes
    assert proof.worst.sqnr_db == found[0]

    cases = golden_cases(references, yardstick, INT8, strays=strays)
    kept = msgspec.structs.replace(manifest, golden=cases)
    monkeypatch.setattr("topformer.export.proof.task_of", lambda _manifest: Told())
    inputs = [one.input for one in references]
    assert check_golden(kept, file.run, inputs, INT8).passed is passes


@pytest.mark.parametrize(
    ("bundled", "excused"),
    [((18.5, 0.72), {"picture:b"}), ((17.9, 0.9), {"picture:a", "picture:b"})],
)
def test_a_bundled_picture_is_held_to_the_gates_before_ones_own(bundled, excused):
    """Of the user's own a manifest has no samples, so `verify` cannot go by them."""
    figures = {"picture:a": bundled, "picture:b": (10, 0.6), "image:own.png": (40, 0.99)}
    references = told_references(figures)
    step, strays = measure_simulation(
        told_step(references, figures), references[:2], references[2:], told_yardstick(references)
    )
    assert step.passed
    assert {*strays} == excused


def test_an_input_that_reaches_the_full_gates_is_held_to_them(references, float32, loaded):
    """A simulation just above its gates excuses its file everywhere, also where none is needed."""
    run = TorchNetwork(loaded.model).run
    excused = dict.fromkeys(
        (one.input.name for one in references), Gates(sqnr_db=1.0, result_agreement=0.0)
    )
    step = measure_step(loose_step(run), references, float32, strays=excused)
    assert step.passed
    assert {one.required for one in step.inputs} == {LOOSE}
    cases = golden_cases(references, float32, LOOSE, strays=excused)
    assert all(case.ill_conditioned for case in cases)
    held = msgspec.structs.replace(describe(loaded, SIZE), golden=cases)
    inputs = [reference.input for reference in references]
    assert check_golden(held, run, inputs, LOOSE).passed
    assert not check_golden(held, noisy(run, 0.3), inputs, LOOSE).passed


def test_a_simulation_that_strays_everywhere_fails(references, float32, loaded):
    simulation = loose_step(noisy(TorchNetwork(loaded.model).run, 0.3))
    step, _ = measure_simulation(simulation, references, [], float32)
    assert not step.passed


def test_a_simulation_far_from_everything_fails_anywhere(references, float32, loaded):
    run, odd = TorchNetwork(loaded.model).run, references[3].input
    simulation = loose_step(noisy(run, 3.0, only=odd.tensor))
    assert not measure_simulation(simulation, references, [], float32)[0].passed


def test_a_proof_needs_an_input_that_is_held_to_the_full_gates(float32):
    inputs = tuple(msgspec.structs.replace(entry, ill_conditioned=True) for entry in float32.inputs)
    assert all(entry.passed for entry in inputs)
    assert not msgspec.structs.replace(float32, inputs=inputs).passed


def test_each_step_says_how_many_inputs_it_is_the_worst_of(float32, capsys):
    """A file may reach the full gates where its simulation was excused, and the other way round."""
    names, every = ("float32", "int8", "file"), len(float32.inputs)
    excused = {
        name: tuple(
            msgspec.structs.replace(entry, ill_conditioned=index < count)
            for index, entry in enumerate(float32.inputs)
        )
        for name, count in zip(names, (every, every - 1, 1), strict=True)
    }
    steps = [msgspec.structs.replace(float32, step=name, inputs=excused[name]) for name in names]
    parity = Parity(passed=False, gates=LOOSE, steps=tuple(steps))
    show_parity("a.pte", parity, SEGMENTATION, calibrated=True)
    told = re.findall(r"\d+ inputs?", capsys.readouterr().err)
    assert told == [f"{every} inputs", "1 input", f"{every - 1} inputs"]


def test_a_failed_proof_says_on_which_inputs_and_by_how_much(float32, capsys):
    bad = Agreement(
        max_abs_error=9.0, sqnr_db=12.34, result_agreement=0.5, result_agreement_untied=0.5
    )
    first, *others = float32.inputs
    missed = msgspec.structs.replace(first, agreement=bad, required=LOOSE, ill_conditioned=False)
    steps = [
        msgspec.structs.replace(float32, step=name, inputs=inputs)
        for name, inputs in (("int8", (missed, *others)), ("file", float32.inputs))
    ]
    parity = Parity(passed=False, gates=LOOSE, steps=tuple(steps))
    show_parity("a.pte", parity, SEGMENTATION, calibrated=True)
    told = capsys.readouterr().err
    assert "int8 failed on picture:china: 12.3 dB, 50.000% equal labels, needs 20.0 dB" in told
    excused = tuple(msgspec.structs.replace(one, ill_conditioned=True) for one in float32.inputs)
    step = msgspec.structs.replace(float32, step="file", inputs=excused)
    show_parity(
        "a.pte", Parity(passed=False, gates=LOOSE, steps=(step,)), SEGMENTATION, calibrated=True
    )
    assert "file failed: no input is held to what the file needs" in capsys.readouterr().err


def test_a_checkpoint_that_float32_cannot_hold_fails(references):
    noisy = {}

    def run(tensor):
        # Stands for a checkpoint whose rounding errors are amplified a million times.
        rng = np.random.default_rng(len(noisy))
        noisy[len(noisy)] = True
        return [rng.standard_normal((1, 150, 16, 16)).astype(np.float32)]

    assert not measure_yardstick(float32_step(run), references).passed


def test_the_manifest_alone_repeats_the_proof(manifest, loaded, references):
    inputs = [reference.input for reference in references]
    parity = check_golden(manifest, TorchNetwork(loaded.model).run, inputs, FP32_GATES)
    assert parity.passed
    again = msgspec.json.decode(msgspec.json.encode(manifest), type=Manifest)
    assert again == manifest
    assert check_golden(again, TorchNetwork(loaded.model).run, inputs, FP32_GATES) == parity


def test_inputs_that_cannot_be_rebuilt_are_an_error_not_a_pass(manifest, loaded, references):
    shifted = [
        ProofInput(name=r.input.name, tensor=r.input.tensor + np.float32(1)) for r in references
    ]
    for inputs in (shifted, []):
        with pytest.raises(TopformerError, match="cannot be rebuilt"):
            check_golden(manifest, TorchNetwork(loaded.model).run, inputs, FP32_GATES)


def test_a_manifest_without_samples_proves_nothing(manifest, loaded):
    empty = msgspec.structs.replace(manifest, golden=())
    with pytest.raises(TopformerError, match="no golden cases"):
        check_golden(empty, TorchNetwork(loaded.model).run, [], FP32_GATES)


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("backbone.tpm.layer4.conv.2.c.weight", "backbone.tpm.layer4"),
        (
            "backbone.trans.transformer_blocks.1.mlp.fc2.c.weight",
            "backbone.trans.transformer_blocks.1.mlp",
        ),
        ("decode_head.conv_seg.weight", "decode_head"),
    ],
)
def test_the_first_diverging_module_is_named(loaded, references, path, module):
    candidate = copy.deepcopy(loaded.model)
    with torch.no_grad():
        candidate.get_parameter(path).mul_(1.05)
    reference = copy.deepcopy(loaded.model).double()
    tensor = next(r.input.tensor for r in references if r.input.name == "zeros")
    assert first_divergence(reference, candidate, tensor, gate_db=90.0) == module
    assert first_divergence(reference, loaded.model, tensor, gate_db=90.0) == ""


def test_random_weights_have_a_proof_that_holds(tmp_path):
    torch.manual_seed(5)
    model = create_model("small", num_classes=7).eval()
    info = WeightsInfo(name="drawn", sha256="0" * 64, licence="-", source="-", random_seed=5)
    drawn = LoadedWeights(model=model, info=info, classes=numbered_classes(7))
    references = refer(
        task_of(describe(drawn, SIZE)),
        TorchNetwork(copy.deepcopy(model).double()).run,
        standard_inputs(input_info(*SIZE)),
    )
    float32 = measure_yardstick(float32_step(TorchNetwork(model).run), references)
    assert float32.passed
    assert float32.worst.sqnr_db > 100
