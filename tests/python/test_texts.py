# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Texts of any bytes: names that are not UTF-8, files of other encodings, numbers that JSON has not."""

import json
import os
import subprocess
import sys

import pytest

import twill_vdit
from twill_vdit import texts
from twill_vdit.errors import Error

LATIN_1 = os.fsdecode(b"caf\xe9")
# A process of its own finds the package that is tested here.
PACKAGE = os.environ | {"PYTHONPATH": os.path.dirname(twill_vdit.__path__[0])}


def test_bytes_that_are_no_utf8_are_spelled():
    assert texts.valid_text(LATIN_1) == r"caf\xe9"
    assert texts.valid_text("caf\u00e9 \U0001f9f5") == "caf\u00e9 \U0001f9f5"


def test_json_takes_any_text_and_number():
    value = {LATIN_1: [LATIN_1, float("inf"), float("nan"), 1.5, 2**64 - 1, None, True]}
    assert json.loads(texts.json_text(value)) == {r"caf\xe9": [r"caf\xe9", None, None, 1.5, 2**64 - 1, None, True]}


def test_errors_can_be_printed_whatever_they_name():
    str(Error(f"{LATIN_1}: no such file")).encode()
    assert str(Error(f"{LATIN_1}: no such file")) == r"caf\xe9: no such file"


def test_a_plan_is_read_from_a_name_that_is_no_utf8(tmp_path):
    file = tmp_path / f"{LATIN_1}.json"
    plan = twill_vdit.read_plan(twill_vdit.demo_model_folder() / "plan.json")
    file.write_bytes(b"\xef\xbb\xbf" + plan.text.encode())  # with a byte order mark, too
    assert twill_vdit.read_plan(file).segments == plan.segments


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("{}".encode("utf-16"), "is a text in UTF-16, as some editors on Windows write it", id="utf16"),
        pytest.param(
            "{}".encode("utf-16-be"), "is a text in UTF-16, as some editors on Windows write it", id="no_mark"
        ),
        pytest.param("{}".encode("utf-32"), "is a text in UTF-32", id="utf32"),
        pytest.param(b"caf\xe9", "not UTF-8 text", id="latin_1"),
    ],
)
def test_files_are_named_for_what_they_are(content, said, tmp_path):
    file = tmp_path / f"{LATIN_1}.json"
    file.write_bytes(content)
    with pytest.raises(Error) as caught:
        twill_vdit.read_plan(file)
    assert str(caught.value).startswith(rf"{tmp_path}/caf\xe9.json: {said}")


def test_a_damaged_plan_with_such_a_name_is_refused_in_one_sentence(tmp_path):
    file = tmp_path / f"{LATIN_1}.json"
    file.write_text("[]")
    with pytest.raises(Error, match=r"caf\\xe9\.json: "):
        twill_vdit.read_plan(file)


def test_doctor_speaks_json_of_folders_with_such_names(tmp_path):
    folder = tmp_path / LATIN_1
    command = [sys.executable, "-m", "twill_vdit", "doctor", "--json", "--model", folder, "--folder", folder]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=PACKAGE)
    report = json.loads(result.stdout)
    assert result.returncode == 1
    assert rf"{tmp_path}/caf\xe9" in [entry["folder"] for entry in report["models"]]
    assert any(problem.startswith(rf"{tmp_path}/caf\xe9/model.json: ") for problem in report["problems"])
    # People read the same.
    command.remove("--json")
    assert (
        rf"{tmp_path}/caf\xe9/model.json: "
        in subprocess.run(command, capture_output=True, text=True, env=PACKAGE).stdout
    )
