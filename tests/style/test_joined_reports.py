# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Means and intervals of results/policies come from the clips there, by code that shares nothing with the C++."""

import copy
import json

import join_policies
import pytest
import result_paths

REPORTS = sorted((result_paths.RESULTS / "policies").glob("*.json"))
WITHIN = 3 * 10**-join_policies.DECIMALS  # clips and sums were rounded


def read(file):
    return json.loads(file.read_text(encoding="utf-8"))


def test_the_generator_is_the_one_of_the_standard():
    """C++ standard, [rand.predef]: the 10,000th value of a default-constructed mt19937_64."""
    assert int(join_policies.mt19937_64(5489, 10_000)[-1]) == 9981545732273789042


@pytest.mark.parametrize("file", REPORTS, ids=lambda file: file.stem)
def test_sums_are_those_of_the_clips(file):
    report = read(file)
    made = join_policies.joined([report])
    for told, found in zip(report["policies"], made["policies"], strict=True):
        for key in ("psnr_db", "psnr_db_worst", "behind_solver_db", "behind_solver_db_95"):
            assert told.get(key) == (pytest.approx(found[key], abs=WITHIN) if key in found else None), told["policy"]
    for told, found in zip(report["contrasts"], made["contrasts"], strict=True):
        for key in ("brings_db", "brings_db_95"):
            assert told[key] == pytest.approx(found[key], abs=WITHIN), told["factor"]


def test_of_a_row_in_two_reports_the_one_that_ended_inside_is_taken():
    report = read(REPORTS[-1])
    cut, row = copy.deepcopy(report), 1
    assert "tuning" in report["policies"][row]["profiles"][0]
    for run in cut["policies"][row]["profiles"]:
        run["tuning"]["inside"] = False
        run["psnr_db"] = [value + 1.0 for value in run["psnr_db"]]
    of_both = join_policies.joined([cut, report])
    name = report["policies"][row]["policy"]
    (taken,) = (each for each in of_both["policies"] if each["policy"] == name)
    assert taken["profiles"] == report["policies"][row]["profiles"]


def test_what_was_not_measured_alike_is_not_joined():
    report = read(REPORTS[0])
    with pytest.raises(ValueError, match="seed is 6000 in one report and 5000 in another"):
        join_policies.joined([report, {**report, "seed": 6000}])
