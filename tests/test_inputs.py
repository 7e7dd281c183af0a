"""Nobody opens an input by hand: `files.open_regular` waits for no FIFO and reads no device."""

import ast
import re

import pytest
from test_layers import MODULES

# What opens or reads a file by its path, in the last words of the call.
OPENING = re.compile(
    r"(?:^|\.)(?:open|open_code|fdopen|read_text|read_bytes|safe_open|fromfile|loadtxt|memmap"
    r"|ZipFile|TarFile|copyfile|copy2|copytree)$"
)
BY_NAME = {"shutil.copy", "np.load", "torch.load", "json.load", "tomllib.load", "pickle.load"}

# Calls that look alike, and those that open what is ours or the system's, each with its reason.
ALLOWED = {
    # It is the one place.
    "topformer.files": {
        "os.fdopen", "os.open",
        # Our own temporary file.
        "temporary.open",
    },
    # What open_zip is given was opened by open_regular.
    "topformer.archives": {"zipfile.ZipFile"},
    "topformer.weights.safeload": {
        # Of bytes in memory, bounded before.
        "zipfile.ZipFile", "torch.load",
    },
    # A stream of open_regular's, or of bytes in memory.
    "topformer.images": {"Image.open"},
    "topformer.data.label_files": {"Image.open"},
    "topformer.data.transforms": {"Image.open"},
    "topformer.verbs.report.looks": {"Image.open"},
    # Files of the package.
    "topformer.classes": {
        "resources.files('topformer').joinpath('names', f'{key}.json').read_bytes",
    },
    "topformer.training.recipe": {"shipped.read_text"},
    # Written, not read; both were looked at before.
    "topformer.training.journal": {"self.path.open"},
    "topformer.weights.transfer": {"part.open", "_https_only_opener().open"},
    # To lock what is ours; links and FIFOs are refused.
    "topformer.locks": {"os.open"},
    "topformer.temporary": {"os.open"},
    # Shared memory and channels of our own processes.
    "topformer.data.sharing": {"Path(self.path).open", "open"},
    "topformer.children": {"os.open", "os.fdopen", "(stdin or Path(os.devnull)).open"},
    "topformer.cli.streams": {"os.open", "open"},
    # The kernel's own files, by names of ours.
    "topformer.devices.machine": {"path.read_text"},
    "topformer.benchmarks.workers.python": {"Path('/proc/self/status').read_text"},
    "topformer.runtimes.trial.__main__": {"Path('/proc/self/statm').read_bytes"},
    # The latter was written a moment ago by ONNX Runtime, for us.
    "topformer.runtimes.exported.onnxruntime": {
        "Path('/proc/cpuinfo').read_bytes",
        "Path(session.end_profiling()).read_bytes",
    },
    # Pulled from a device a moment ago, with a limit.
    "topformer.benchmarks.workers.device.check": {"local.read_bytes"},
    # Hashed before and after.
    "topformer.android.assets": {"shutil.copyfile"},
    # What our own build made.
    "topformer.android.sdk_free": {"shutil.copyfile"},
    # The compiler's own libraries.
    "topformer.benchmarks.bundle.build": {"shutil.copyfile"},
}  # fmt: skip
# Functions of ours and methods with such a name that open no file, or only by `files`.
OURS = {
    "read_bytes",
    "read_text",
    # The native runtimes, on files whose hash was checked.
    "runtime.open",
}


def openings(text: str) -> set[str]:
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    names = {ast.unparse(call.func) for call in calls}
    return {name for name in names if OPENING.search(name) or name in BY_NAME} - OURS


@pytest.mark.parametrize("name", MODULES)
def test_inputs_are_opened_by_files_alone(name):
    unknown = openings(MODULES[name].read_text()) - ALLOWED.get(name, set())
    assert not unknown, "use files.open_regular, read_bytes or read_text, or say why not in ALLOWED"


def test_every_exception_is_still_one():
    for name, calls in ALLOWED.items():
        assert calls <= openings(MODULES[name].read_text()), name


@pytest.mark.parametrize(
    "text", ["open(path)", "Path('x').read_text()", "Image.open(a)", "np.load(a)", "a.b.open('rb')"]
)
def test_what_opens_a_file_is_found(text):
    assert openings(text)


def test_what_opens_none_is_passed_over():
    assert not openings("read_text(path, limit_bytes=1)\nopen_regular(path)\nreopen(a)\nopened(b)")
