"""How threads wait: whoever starts us gets the passive policy, unless they chose one."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow
SHOW = "import os; print(os.environ.get('OMP_WAIT_POLICY'), 'torch' in sys.modules)"
ENTRIES = {
    "import": ["-c", f"import sys, topformer; {SHOW}"],
    "command": ["-c", f"import sys, topformer.cli.main; {SHOW}"],
    "worker": ["-c", f"import sys, topformer.benchmarks; {SHOW}"],
    "export": ["-c", f"import sys, topformer.export.targets; {SHOW}"],
}


def shown(arguments: list[str], **variables: str) -> str:
    environment = {name: v for name, v in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment | variables, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_policy_is_set_before_torch_can_be_loaded(entry):
    assert shown(ENTRIES[entry]) in {"passive False", "passive True"}


def test_importing_the_package_loads_no_torch():
    assert shown(ENTRIES["import"]) == "passive False"


def test_the_tests_own_process_has_the_policy():
    assert os.environ["OMP_WAIT_POLICY"]


def test_a_users_own_setting_stays():
    assert shown(ENTRIES["import"], OMP_WAIT_POLICY="active").startswith("active ")


def test_openmp_itself_took_the_policy():
    """libgomp shows at its start what it read; this is torch's own copy of it."""
    code = "import topformer, torch; torch.ones(4).sum()"
    environment = {name: v for name, v in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"OMP_DISPLAY_ENV": "true"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in done.stderr
