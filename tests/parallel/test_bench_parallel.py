# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of several GPUs runs on two processes of a CPU, and says what it is to say."""

import json

import pytest
from ranks import run_ranks


def measure(rank, out):
    """In a rank."""
    import sys

    import bench_parallel

    sys.argv = ["bench_parallel.py", "--tiny", "--rounds", "2", "--layers", "2", "--out", out]
    return bench_parallel.main()


def test_it_measures_and_computes(tmp_path):
    out = tmp_path / "results.json"
    report, _ = run_ranks(2, "test_bench_parallel:measure", str(out))
    assert json.loads(out.read_text()) == json.loads(json.dumps(report))
    assert report["run"]["command"].startswith("torchrun --nproc-per-node 2 tests/bench/bench_parallel.py --tiny")
    assert len(report["layers"]) == 2
    for row in report["layers"]:
        assert {len(took) for took in row["ms"].values()} == {2} and row["relative_error"] < 1e-5
        assert 1.0 <= row["imbalance"] <= row["imbalance_by_count"] + 1e-9
        assert row["of_ideal"] > 0
    shares = report["computed_of_ideal"]["tiny"]
    assert list(shares) == ["2", "4", "8", "16"] and all(0 < share <= 1.0 for share in shares.values())
    assert shares["16"] == pytest.approx(min(shares.values()))
