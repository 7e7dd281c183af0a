"""The published checkpoints: what they are, how good, and where they lie.

Source: README of hustvl/TopFormer at cc0f436. Names are the authors' own. Their Google Drive serves
single files; the ImageNet ones lie in a shared folder, which only a browser can open.
"""

from dataclasses import dataclass
from typing import Literal

from topformer.weights.fetch import Download

LICENCE = "no licence stated for the weights; code Apache-2.0/MIT"
_BAIDU_PASSWORD = "topf"  # noqa: S105 - published beside the link
_IMAGENET_FOLDER_URL = "https://drive.google.com/drive/folders/1NLz3QCDbaXJ2DeGxLPUfupZZbojceDJM"
_IMAGENET_BAIDU_CODE = "1YdrU-5Z_EtL2LiSQycRO3w"


@dataclass(frozen=True, kw_only=True)
class Published:
    """One checkpoint the authors published."""

    name: str
    task: Literal["semantic-segmentation", "classification"]
    dataset: str
    variant: str
    # Side of the square training crop.
    crop_px: int
    # Pictures per training step over all GPUs; None where it is not published with the weights.
    batch: int | None
    # mIoU on ADE20K's validation set, single scale, or top-1 accuracy on ImageNet's.
    score_percent: float
    page_url: str
    # None where the file can only be reached through its folder's page.
    drive_id: str | None
    baidu_code: str

    @property
    def metric(self) -> str:
        """What `score_percent` measures."""
        return "mIoU" if self.task == "semantic-segmentation" else "top-1"

    @property
    def file_name(self) -> str:
        """Name of the file, here and in the cache."""
        return f"{self.name}.pth"

    @property
    def download(self) -> Download:
        """Where to fetch it, and what to do by hand where that fails."""
        by_hand = (
            f"Get {self.name} with a browser from {self.page_url} or "
            f"https://pan.baidu.com/s/{self.baidu_code} (password {_BAIDU_PASSWORD}), and "
            "give the path of the file instead."
        )
        url = (
            f"https://drive.usercontent.google.com/download?id={self.drive_id}"
            "&export=download&confirm=t"
        )
        return Download(
            url=url if self.drive_id else None, file_name=self.file_name, by_hand=by_hand
        )


def _ade20k(
    letter: str, crop_px: int, images_per_gpu: int, miou_percent: float, links: tuple[str, str]
) -> Published:
    """Describe a row of the README; `links` are the Google Drive id and the Baidu code."""
    drive_id, baidu_code = links
    return Published(
        name=f"TopFormer-{letter}_{crop_px}x{crop_px}_{images_per_gpu}x8_160k",
        task="semantic-segmentation",
        dataset="ADE20K",
        variant=_SIZES[letter],
        crop_px=crop_px,
        batch=images_per_gpu * 8,
        score_percent=miou_percent,
        page_url=f"https://drive.google.com/file/d/{drive_id}/view",
        drive_id=drive_id,
        baidu_code=baidu_code,
    )


def _imagenet(letter: str, top1_percent: float) -> Published:
    return Published(
        name=f"topformer-{letter}-224-{top1_percent}",
        task="classification",
        dataset="ImageNet-1k",
        variant=_SIZES[letter],
        crop_px=224,
        batch=None,
        score_percent=top1_percent,
        page_url=_IMAGENET_FOLDER_URL,
        drive_id=None,
        baidu_code=_IMAGENET_BAIDU_CODE,
    )


_SIZES = {"T": "tiny", "S": "small", "B": "base"}

PUBLISHED = (
    _ade20k("T", 448, 2, 32.5, ("1HsdinQHVKGzi8INJy29L48Ho1MmIeCZN", "1_Mvi1hyXXfBB4udkJlAiDA")),
    _ade20k("T", 448, 4, 33.4, ("1UW6kmt5oxssxHylGaZg5CByP7xcFrOcF", "1XU43DLbEDfer8ppA9B0GxQ")),
    _ade20k("T", 512, 2, 33.6, ("11mxM2roRD-wXRYjw7YzKQVbQs2jsvYYw", "1-ElpFVrr1djpefKZlAb8GQ")),
    _ade20k("T", 512, 4, 34.6, ("1OnS3_PwjJuNMWCKisreNxw_Lma8uR8bV", "1QvhPenH1Jw4m2qB7dA-ppg")),
    _ade20k("S", 512, 2, 36.5, ("16TJLt_lxJ-QvrDmYvhY_6vxRCYpyIN1n", "1_lcmIShHX3q2IPvrQExfXg")),
    _ade20k("S", 512, 4, 37.0, ("19041fMb4HuDyNhIYdW1r5612FyzpexP0", "1zSzJWl_044P-hYCfCJRUIA")),
    _ade20k("B", 512, 2, 38.3, ("1pYUUB4N6FVjXt1NKygtQis5WmhGECrNt", "1M0AVFE0NABsuWbgqRPVqNQ")),
    _ade20k("B", 512, 4, 39.2, ("1m7CxYKWAyJzl5W3cj1vwsW4DfqAb_rqz", "11VQWW_qTKIyjRqyNwn9lVg")),
    _imagenet("T", 66.2),
    _imagenet("S", 72.3),
    _imagenet("B", 75.3),
)


def find_published(name: str) -> Published | None:
    """Look a published checkpoint up by name, in any case. A name with a suffix is a path."""
    return next((entry for entry in PUBLISHED if entry.name.lower() == name.lower()), None)
