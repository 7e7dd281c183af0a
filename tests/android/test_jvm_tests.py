"""The count of JVM tests, and programs that are missing."""

import pytest

from apk.jvm_tests import count_tests
from apk.tools import ProgramsMissingError, require
from topformer.errors import TopformerError

REPORT = """<testsuite><testcase classname="a.B" name="runs"/>
<testcase classname="a.B" name="not here"><skipped/></testcase></testsuite>"""


def test_tests_that_ran_are_counted_and_those_that_did_not_are_named(tmp_path):
    (tmp_path / "TEST-a.B.xml").write_text(REPORT)
    count = count_tests((tmp_path, tmp_path))
    assert (count.ran, count.skipped) == (2, ("a.B.not here", "a.B.not here"))


def test_a_module_without_tests_is_an_error(tmp_path):
    with pytest.raises(TopformerError, match="No test was run"):
        count_tests((tmp_path,))
    (tmp_path / "TEST-a.B.xml").write_text(
        REPORT.replace('"runs"/>', '"runs"><skipped/></testcase>')
    )
    with pytest.raises(TopformerError, match="No test was run"):
        count_tests((tmp_path,))


def test_programs_that_a_user_lacks_are_named_with_a_status_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramsMissingError, match="aapt, zipalign") as raised:
        require({"aapt2": "aapt", "zipalign": "zipalign"})
    assert raised.value.exit_code == 3
    assert raised.value.next_step == "sudo apt-get install aapt zipalign"
