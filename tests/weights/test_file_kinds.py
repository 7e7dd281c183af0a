"""Files and folders that are no checkpoint are named for what they are, with advice that works."""

import bz2
import gzip
import io
import lzma
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from topformer.errors import TopformerError
from topformer.weights.checkpoints import read_checkpoint

WEIGHTS = {"a.weight": torch.ones(2), "a.bias": torch.ones(1)}


def refused(path):
    with pytest.raises(TopformerError, match="cannot be used as a checkpoint") as caught:
        read_checkpoint(path)
    assert caught.value.next_step
    return caught.value


def saved():
    stream = io.BytesIO()
    torch.save(WEIGHTS, stream)
    return stream.getvalue()


def zipped(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return stream.getvalue()


def tarred():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("model.pth")
        member.size = len(saved())
        archive.addfile(member, io.BytesIO(saved()))
    return stream.getvalue()


def onnx_model():
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    return helper.make_graph([helper.make_node("Relu", ["x"], ["x2"])], "g", [value], [])


def numpy_file():
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


def numpy_archive():
    stream = io.BytesIO()
    np.savez(stream, a=np.zeros(3))
    return stream.getvalue()


KINDS = {
    "gzip": (gzip.compress(b"x" * 99), "gzip"),
    "bzip2": (bz2.compress(b"x" * 99), "bzip2"),
    "xz": (lzma.compress(b"x" * 99), "xz"),
    "tar": (tarred(), "tar archive"),
    "zip": (zipped(model__pth=saved()), "holds model.pth"),
    "zip of many": (zipped(a__txt=b"a", b__pth=saved(), c__txt=b"c"), "holds b.pth"),
    "zip of texts": (zipped(readme__txt=b"hello"), "without the data.pkl"),
    "empty zip": (zipped(), "empty zip"),
    "npy": (numpy_file(), "numpy array"),
    "npz": (numpy_archive(), "archive of arrays"),
    "keras": (zipped(model__weights__h5=b"x", config__json=b"{}"), "Keras"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(90), "HDF5"),
    "onnx": (helper.make_model(onnx_model()).SerializeToString(), "ONNX"),
    "torch's onnx": (
        helper.make_model(onnx_model(), producer_name="pytorch").SerializeToString(), "ONNX",
    ),
    "tflite": (b"\x1c\0\0\0TFL3" + bytes(90), "TensorFlow Lite"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 3\n", "Git LFS"),
    "json": (b'{"classes": ["sky"]}', "text file"),
    "text": ("Grüße\n".encode() * 2000, "text file"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(90), "picture"),
    "pickle": (b"\x80\x04}.", "pickle"),
    "nothing": (b"", "empty"),
    "noise": (bytes(range(255, 128, -1)), "neither"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_files_are_named_for_what_they_are(tmp_path, kind):
    data, named = KINDS[kind]
    path = tmp_path / "weights.pth"
    path.write_bytes(data)
    assert named in refused(path).why


def test_an_exported_file_is_named_a_program(small_pte):
    assert "ExecuTorch" in refused(small_pte).why


def test_real_onnx_is_recognised(tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(onnx_model()), path)
    assert "ONNX" in refused(path).why


def save_script(path):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4)).eval()
    torch.jit.save(torch.jit.trace(module, torch.zeros(1, 3, 8, 8)), path)


def save_program(path):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4)).eval()
    torch.export.save(torch.export.export(module, (torch.zeros(1, 3, 8, 8),)), path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("save", "suffix", "named"),
    [(save_script, "pt", "TorchScript"), (save_program, "pt2", "torch.export")],
)
def test_programs_are_named_and_the_advice_works(tmp_path, save, suffix, named):
    path = tmp_path / f"IN.{suffix}"
    save(path)
    error = refused(path)
    assert named in error.why
    command = error.next_step.partition('python -c "')[2].removesuffix('"')
    command = command.replace("'IN'", f"'{path.name}'")
    subprocess.run([sys.executable, "-c", command], cwd=tmp_path, check=True, capture_output=True)
    assert {"0.weight", "1.running_mean"} <= set(read_checkpoint(tmp_path / "OUT.pth").tensors)


@pytest.mark.parametrize(
    ("files", "named", "advice"),
    [
        (["saved_model.pb", "variables"], "TensorFlow", "torch.save"),
        (["model.ckpt-1.index", "model.ckpt-1.data-00000-of-00001"], "TensorFlow", "torch.save"),
        ([".metadata", "__0_0.distcp"], "sharded", "dcp_to_torch"),
        (["data.pkl", "version"], "unpacked", "zip -0 -r"),
        (["mp_rank_00_model_states.pt"], "DeepSpeed", "mp_rank_00_model_states.pt"),
        (["zero_pp_rank_0_mp_rank_00_optim_states.pt"], "DeepSpeed", "zero_to_fp32"),
        (["a.pth", "b.txt"], "folder", "a.pth"),
        ([], "folder", "torch.save"),
    ],
)
def test_folders_are_named_for_what_they_are(tmp_path, files, named, advice):
    for name in files:
        (tmp_path / name).touch()
    error = refused(tmp_path)
    assert named in error.why
    assert advice in error.next_step


def test_an_unpacked_checkpoint_is_packed_again_where_its_members_get_one_folder(tmp_path):
    folder = tmp_path / "my weights"
    folder.mkdir()
    (folder / "data.pkl").touch()
    assert refused(folder).next_step.endswith(f": cd {tmp_path} && zip -0 -r OUT.pth 'my weights'")
