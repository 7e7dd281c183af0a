"""What several tests of benches share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def detector_pte(tmp_path_factory) -> Path:
    """Export a drawn Tiny with the lite head, 64x64, that finds boxes, once for the whole run."""
    import torch

    from topformer.classes import numbered_classes
    from topformer.detector import LiteHead, create_detector
    from topformer.export import export_model
    from topformer.weights import save_weights

    folder = tmp_path_factory.mktemp("detector")
    torch.manual_seed(0)
    detector = create_detector("tiny", 3, head="lite").eval()
    assert isinstance(detector.head, LiteHead)
    for tower in detector.head.logits:
        # A drawn detector sees nothing anywhere.
        torch.nn.init.normal_(tower.get_submodule("last").weight, std=1.0)
        torch.nn.init.constant_(tower.get_submodule("last").bias, -2.0)
    save_weights(
        folder / "w.safetensors",
        detector,
        classes=numbered_classes(3),
        name="drawn",
        licence="none",
        source="a test",
    )
    exported = export_model(
        weights=str(folder / "w.safetensors"),
        targets=["xnnpack"],
        image_size=(64, 64),
        out_dir=folder,
    )
    assert exported.passed
    return exported.files[0].path
