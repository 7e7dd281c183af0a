"""What `topformer sensitivity` does: quantise each layer alone, and say what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from torch import Tensor

from topformer.console.output import print_result
from topformer.console.progress import ProgressDisplay, progress_display
from topformer.console.screen import stderr
from topformer.console.tables import print_table
from topformer.console.weights import announce_random, tell_notes, weights_as
from topformer.documents import encode_document
from topformer.export.calibration import Calibration
from topformer.export.precisions import get_precision
from topformer.export.preparation import manifest_held_to
from topformer.export.quantisation.gap import Gap, simulation_gap
from topformer.export.quantisation.quantiser import observe
from topformer.export.quantisation.rewriting import rewrite
from topformer.export.quantisation.sensitivity import LayerCost, LayerStudy
from topformer.export.quantisation.simulation import Simulation
from topformer.export.scoring import Judge, JudgingData, open_judge
from topformer.export.targets import get_target
from topformer.files import ensure_writable_folder
from topformer.fusion import fuse
from topformer.manifest import Manifest
from topformer.networks import AnyNetwork
from topformer.preprocess import parse_image_size
from topformer.runtimes.torch_network import describe
from topformer.sets import write_set
from topformer.tasks import task_of, task_type
from topformer.variants import DEFAULT_VARIANT
from topformer.verbs.calibration import (
    choose_calibration,
    judging_data,
    refuse_unused_data,
    warn_of_bundled,
)
from topformer.verbs.sensitivity.document import (
    GapDocument,
    LayerCostDocument,
    SensitivityDocument,
)
from topformer.verbs.sensitivity.picture import draw
from topformer.weights import load_weights
from topformer.weights.sources import RANDOM


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    manifest: Manifest
    # Fused, and rewritten as it would be to be quantised.
    network: AnyNetwork
    calibration: tuple[Tensor, ...]
    foreign: bool
    # On which every layer is measured.
    pictures: tuple[Tensor, ...]
    judge: Judge | None
    notes: tuple[str, ...]


def run(
    *,
    variant: str | None,
    weights: str | None,
    image_size: str | None,
    calibration: str | None,
    calibration_size: int,
    dataset: str | None,
    data: Path | None,
    pictures: int,
    gap: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Measure every layer; write a picture and a document."""
    size = None if image_size is None else parse_image_size(image_size)
    refuse_unused_data(data, calibration=calibration, dataset=dataset)
    chosen = choose_calibration(calibration, data, pictures=calibration_size)
    judging = judging_data(dataset, data, pictures=pictures)
    ensure_writable_folder(out)
    with progress_display() as show_progress, weights_as("--weights "):
        show_progress("loading weights")
        prepared = _prepare(
            weights=weights,
            variant=variant,
            size=size,
            chosen=chosen,
            judging=judging,
            pictures=pictures,
        )
        whole, layers = _study(prepared, show_progress)
        measured_gap = None
        if gap:
            show_progress("comparing with XNNPACK")
            measured_gap = _measure_gap(prepared)
    plot = out / "sensitivity.png"
    document = SensitivityDocument(
        variant=prepared.manifest.model.variant,
        task=prepared.manifest.model.task,
        weights=prepared.manifest.weights,
        random_weights=prepared.manifest.weights.is_random,
        image_size=(prepared.manifest.input.height, prepared.manifest.input.width),
        calibration=chosen.describe(),
        pictures=len(prepared.pictures),
        dataset=dataset,
        metric=None if prepared.judge is None else prepared.judge.metric,
        layers=tuple(map(_layer, layers)),
        whole=_layer(whole),
        gap=None if measured_gap is None else _gap(measured_gap),
        plot=str(plot),
    )
    written = {plot: draw(document), out / "sensitivity.json": encode_document(document)}
    write_set(written)
    tell_notes(prepared.notes)
    announce_random(document.weights)
    warn_of_bundled(chosen)
    _show(document)
    print_result(document, list(written), as_json=as_json)


def _prepare(
    *,
    weights: str | None,
    variant: str | None,
    size: tuple[int, int] | None,
    chosen: Calibration,
    judging: JudgingData | None,
    pictures: int,
) -> _Prepared:
    if weights in {None, RANDOM}:
        variant = variant or DEFAULT_VARIANT
    loaded = load_weights(weights, variant=variant)
    manifest = manifest_held_to(describe(loaded, size or loaded.input_size), get_precision("int8"))
    fused = fuse(loaded.model)
    calibration = chosen.tensors(manifest.input)
    judge = None if judging is None else open_judge(judging, manifest, fused)
    return _Prepared(
        manifest=manifest,
        network=rewrite(fused, calibration, foreign=chosen.is_bundled),
        calibration=calibration,
        foreign=chosen.is_bundled,
        pictures=calibration[:pictures] if judge is None else judge.tensors(),
        judge=judge,
        notes=loaded.notes,
    )


def _study(
    prepared: _Prepared, show_progress: ProgressDisplay
) -> tuple[LayerCost, list[LayerCost]]:
    show_progress("calibrating")
    judge = prepared.judge
    observed = observe(prepared.network, prepared.calibration, foreign=prepared.foreign)
    simulation = Simulation(observed)
    study = LayerStudy(
        simulation,
        prepared.pictures,
        task_of(prepared.manifest),
        drop_of=None if judge is None else judge.drop_of,
    )
    whole, costs = study.whole_cost(), list[LayerCost]()
    for number, layer in enumerate(simulation.layers, start=1):
        show_progress(f"layer {number} of {len(simulation.layers)}")
        costs.append(study.cost(layer))
    return whole, costs


def _measure_gap(prepared: _Prepared) -> Gap:
    return simulation_gap(
        prepared.network,
        prepared.calibration,
        prepared.pictures,
        foreign=prepared.foreign,
        task=task_of(prepared.manifest),
        target=get_target("xnnpack"),
    )


def _layer(cost: LayerCost) -> LayerCostDocument:
    return LayerCostDocument(
        layer=cost.layer,
        sqnr_db=cost.sqnr_db,
        result_agreement=cost.result_agreement,
        score_drop=cost.score_drop,
    )


def _gap(gap: Gap) -> GapDocument:
    return GapDocument(sqnr_db=gap.sqnr_db, result_agreement=gap.result_agreement)


def _show(found: SensitivityDocument) -> None:
    """Print the layers, those that cost most first, and the gap where it was measured."""
    table = Table(title="each layer alone in int8", title_justify="left")
    table.add_column("layer")
    noun, metric = task_type(found.task).noun, found.metric or "score"
    for heading in ("SQNR dB", f"{noun} equal", f"{metric} lost"):
        table.add_column(heading, justify="right")
    _add_rows(table, sorted(found.layers, key=lambda one: one.sqnr_db))
    table.add_section()
    _add_rows(table, [found.whole])
    print_table(table)
    if found.gap is not None:
        stderr().print(
            f"XNNPACK against torch's simulation, all layers: {found.gap.sqnr_db:.1f} dB, "
            f"{found.gap.result_agreement:.3%} equal {noun}"
        )
    unit = f"; points of {metric}, of which there are 100" if found.metric else ""
    stderr().print(f"on {found.pictures} pictures{unit}")


def _add_rows(table: Table, costs: Sequence[LayerCostDocument]) -> None:
    for one in costs:
        lost = "-" if one.score_drop is None else f"{one.score_drop:.2f}"
        table.add_row(one.layer, f"{one.sqnr_db:.1f}", f"{one.result_agreement:.3%}", lost)
