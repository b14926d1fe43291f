# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

import subprocess
import sys
from pathlib import Path

import pytest

SUMMARY = Path(__file__).resolve().parents[2] / "installer/summarise_tests.py"

CTEST = """<testsuite>
<testcase name="a" status="run"/>
<testcase name="b" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>
<system-out>x_test.cpp:9: Skipped
no CUDA device

[  SKIPPED ] X.b (0 ms)</system-out></testcase>
</testsuite>"""
PYTEST = """<testsuites><testsuite>
<testcase name="c"/><testcase name="d">{failure}</testcase>
<testcase name="e"><skipped message="needs a screen"/></testcase>
</testsuite></testsuites>"""


def summarise(tmp_path, *texts):
    files = []
    for number, text in enumerate(texts):
        files.append(tmp_path / f"part{number}.xml")
        files[-1].write_text(text)
    return subprocess.run([sys.executable, SUMMARY, *files], capture_output=True, text=True)


def test_counts_and_reasons(tmp_path):
    result = summarise(tmp_path, CTEST, PYTEST.format(failure=""))
    assert result.returncode == 0
    assert "  skipped 1: no CUDA device" in result.stdout
    assert "  skipped 1: needs a screen" in result.stdout
    assert result.stdout.splitlines()[-1] == "3 passed, 0 failed, 2 skipped"


WHOLE = '<testsuite><testcase name="part1" status="{status}">{failure}</testcase></testsuite>'
OF_PROGRAM = """<testsuites><testsuite>
<testcase name="a" status="run" result="completed"/>
<testcase name="b" status="run" result="skipped"><skipped message="../b_test.cpp:45&#x0A;no screen"/></testcase>
</testsuite></testsuites>"""


def test_a_program_that_ran_as_a_whole_counts_by_its_own_file(tmp_path):
    result = summarise(tmp_path, WHOLE.format(status="run", failure=""), OF_PROGRAM)
    assert result.stdout.splitlines() == [
        "part0: 0 passed, 0 failed, 0 skipped",
        "part1: 1 passed, 0 failed, 1 skipped",
        "  skipped 1: no screen",
        "1 passed, 0 failed, 1 skipped",
    ]


def test_a_program_that_failed_behind_its_last_test_has_failed(tmp_path):
    result = summarise(tmp_path, WHOLE.format(status="fail", failure="<failure/>"), OF_PROGRAM)
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1] == "1 passed, 1 failed, 1 skipped"


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        # GoogleTest writes "file:line" and what it expected; pytest the error's own sentence; ctest "Failed".
        ('<failure message="../b_test.cpp:45&#x0A;Expected: a"/>', "d: ../b_test.cpp:45 Expected: a"),
        ("<error>&#x0A;  no such file&#x0A;</error>", "d: no such file"),
        ("<failure/>", "d: no message"),
    ],
)
def test_the_last_lines_name_what_failed(tmp_path, failure, said):
    result = summarise(tmp_path, CTEST, PYTEST.format(failure=failure))
    assert result.stdout.splitlines()[-2:] == [f"  failed: {said}", "2 passed, 1 failed, 2 skipped"]


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param((CTEST, PYTEST.format(failure="<failure/>")), id="a_failure"),
        pytest.param((CTEST, "<testsuite"), id="a_damaged_file"),
        pytest.param(("<testsuite/>",), id="no_test_at_all"),
    ],
)
def test_it_fails(tmp_path, texts):
    assert summarise(tmp_path, *texts).returncode == 1
