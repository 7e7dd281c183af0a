"""Instructions are counted between markers, and always the same."""

import pytest

HEADER = "topformer-instructions/1 cpu=cortex-a76"
LOG = "/data/local/tmp/instructions"
# A loop of three instructions: add, compare, branch. The compiler must not unroll or drop it.
LOOP = """\
#include <sys/prctl.h>
static void mark(unsigned long stage) { prctl(0x746f7066, stage, 0, 0, 0); }
static void loop(long turns) {
  __asm__ volatile("1: subs %0, %0, #1\\n nop\\n b.ne 1b" : "+r"(turns) : : "cc");
}
int main(int argc, char **argv) {
  mark(0);
  loop(1000000);
  mark(1);
  loop(2000000);
  mark(4294967297);
  return argc + (argv[1] != 0);
}
"""


@pytest.fixture
def counted(rig):
    """Run a command under count-instructions and return its exit status, and the log's lines."""

    def run(command):
        done = rig.adb("shell", f"count-instructions {LOG} {command}")
        log = rig.root / LOG[1:]
        return done, log.read_text().splitlines() if log.exists() else []

    yield run
    (rig.root / LOG[1:]).unlink(missing_ok=True)


def stages(lines):
    return [tuple(map(int, line.split())) for line in lines]


def test_a_loop_takes_as_many_instructions_as_it_has(counted, arm_program):
    done, (header, *lines) = counted(arm_program(LOOP))
    assert header == HEADER
    (first, start), (second, middle), (third, end) = stages(lines)
    assert (first, second, third) == (0, 1, 4294967297)
    assert start > 0
    # Besides the loop there are the calls around it.
    assert 3_000_000 < middle - start < 3_000_100
    assert 6_000_000 < end - middle < 6_000_100
    assert done.returncode == 1


def test_two_runs_take_the_same_and_share_one_log(counted, arm_program):
    program = arm_program(LOOP)
    counted(program)
    _, (header, *lines) = counted(program)
    assert header == HEADER
    assert len(lines) == 6
    assert lines[:3] == lines[3:]


def test_the_instructions_of_finished_threads_count(counted, arm_program):
    program = arm_program(
        LOOP.replace("int main(int argc, char **argv) {", "int main2(int argc, char **argv) {")
        + "#include <pthread.h>\n"
        "static void *work(void *p) { loop(1000000); return p; }\n"
        "int main(void) { mark(0); pthread_t t; pthread_create(&t, 0, work, 0);"
        " pthread_join(t, 0); mark(1); }\n"
    )
    _, (_, *lines) = counted(program)
    (_, start), (_, end) = stages(lines)
    assert 3_000_000 < end - start < 3_100_000


def test_without_counting_markers_do_nothing(rig, arm_program):
    assert rig.adb("shell", arm_program(LOOP)).returncode == 1


def test_what_a_program_starts_is_not_counted(counted, arm_program):
    _, lines = counted(f"sh -c '{arm_program(LOOP)}; true'")
    assert lines == [HEADER]


@pytest.mark.parametrize(
    ("command", "status", "complaint"),
    [
        ("count-instructions", 2, "usage: count-instructions LOG PROGRAM"),
        (f"count-instructions {LOG} missing", 127, "count-instructions: missing: not found"),
        ("count-instructions /no/log true", 1, "count-instructions: the log: No such file"),
    ],
)
def test_wrong_use_is_refused(rig, command, status, complaint):
    done = rig.adb("shell", command)
    assert done.returncode == status
    assert complaint in done.stderr


def test_the_runner_can_be_counted(rig, counted, arm_runner):
    folder = "/data/local/tmp/bundle"
    assert rig.adb("push", arm_runner.folder, folder).returncode == 0
    command = " ".join(arm_runner.bundle.command(folder))
    done, lines = counted(f"{command} about")
    assert done.returncode == 0
    assert done.stdout.startswith('{"schema":"topformer.runner-about/1"')
    assert lines == [HEADER]
    rig.adb("shell", f"rm -r {folder}")
