"""A signal ends a command with one line, a status of its own, and nothing half-written."""

import json
import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow  # processes

# The command, held at a place where a signal reaches it.
HELD = """
import os, sys, time
from topformer.cli.main import main
import topformer.verbs.models as verb
def wait(*_, **__):
    os.write(2, b"up\\n")
    time.sleep(60)
verb.run = wait
main()
"""


def start(*options, code=HELD, **popen):
    return subprocess.Popen(
        [sys.executable, "-c", code, "models", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **popen,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "status"), [("SIGHUP", 129), ("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_ends_it_with_a_line_and_a_status(name, status):
    process = start()
    assert process.stderr.readline() == "up\n"
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (status, "", f"error: Stopped by {name}.\n")


def test_with_json_the_document_says_so():
    process = start("--json")
    assert process.stderr.readline() == "up\n"
    process.terminate()
    out, _ = process.communicate(timeout=60)
    assert json.loads(out)["what"] == "Stopped by SIGTERM."


def test_who_is_told_to_ignore_a_signal_does():
    process = start(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert process.stderr.readline() == "up\n"
    process.send_signal(signal.SIGHUP)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (143, "error: Stopped by SIGTERM.\n")


def test_a_second_signal_ends_what_hangs_after_all_is_told():
    """Not one that was ignored from the start."""
    hanging = (
        "import atexit, os, time\n"
        "atexit.register(lambda: (os.write(2, b'ending\\n'), time.sleep(60)))\n"
    )
    process = start(
        code=hanging + HELD, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    assert process.stderr.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "error: Stopped by SIGINT.\n"
    assert process.stderr.readline() == "ending\n"
    process.send_signal(signal.SIGHUP)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM


def test_a_signal_that_a_finalizer_swallowed_comes_again():
    code = HELD.replace(
        "    time.sleep(60)\n",
        "    class Slow:\n"
        "        def __del__(self):\n"
        "            os.write(2, b'up\\n')\n"
        "            time.sleep(60)\n"
        "    Slow()\n"
        "    time.sleep(60)\n",
    ).replace('    os.write(2, b"up\\n")\n', "", 1)
    process = start(code=code)
    assert process.stderr.readline() == "up\n"
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (143, "error: Stopped by SIGTERM.\n")


def test_children_end_with_it():
    code = HELD.replace(
        "    time.sleep(60)\n",
        "    from topformer.children import child\n"
        "    with child(['sleep', '600']) as process:\n"
        "        os.write(2, b'%d\\n' % process.pid)\n"
        "        time.sleep(60)\n",
    )
    process = start(code=code)
    assert process.stderr.readline() == "up\n"
    number = int(process.stderr.readline())
    process.terminate()
    process.communicate(timeout=60)
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
