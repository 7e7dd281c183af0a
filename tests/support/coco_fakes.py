"""Small sets in COCO's format."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

CATEGORIES = ({"id": 7, "name": "cat"}, {"id": 3, "name": "dog"})


def annotation(number: int, picture: int, bbox: list[object], **others: object) -> dict:
    """Return an annotation of a cat."""
    return {"id": number, "image_id": picture, "category_id": 7, "bbox": bbox} | others


def image(number: int, **others: object) -> dict:
    """Return the entry of a picture of 96x64."""
    return {"id": number, "file_name": f"{number}.png", "width": 96, "height": 64} | others


def annotations(**others: object) -> dict:
    """Return what a sound file holds: two pictures with three boxes, and one without any."""
    return {
        "info": {"year": 2026},
        "images": [image(2), image(1), image(5)],
        "annotations": [
            annotation(11, 2, [10, 20, 30.5, 40], iscrowd=0, area=700.5, segmentation=[[1, 2, 3]]),
            annotation(12, 1, [0, 0, 96, 64], category_id=3),
            annotation(13, 2, [1, 2, 3, 4], iscrowd=1),
        ],
        "categories": list(CATEGORIES),
    } | others


def write_split(root: Path, content: dict | str | bytes, *, split: str = "train2017") -> Path:
    """Write an annotation file, and a picture of 96x64 for each of its entries."""
    path = root / "annotations" / f"instances_{split}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    pictures = root / "images" / split
    pictures.mkdir(parents=True, exist_ok=True)
    for number in (1, 2, 5):
        noise = np.random.default_rng(number).integers(0, 256, (64, 96, 3), np.uint8)
        Image.fromarray(noise).save(pictures / f"{number}.png")
    return root


def save_detector(path: Path, *, classes: int = 2, variant: str = "tiny") -> Path:
    """Write a drawn detector with the light head that finds something everywhere."""
    import torch

    from topformer.classes import named_classes
    from topformer.detector import create_detector
    from topformer.weights import save_weights

    torch.manual_seed(0)
    network = create_detector(variant, classes, head="lite")
    with torch.no_grad():
        for name, parameter in network.head.named_parameters():
            if name.startswith("logits") and name.endswith("last.bias"):
                parameter.copy_(torch.linspace(-2, 0, len(parameter)))
    save_weights(
        path,
        network,
        classes=named_classes(["dog", "cat", "bird"][:classes]),
        name="drawn",
        licence="none",
        source="a test",
    )
    return path
