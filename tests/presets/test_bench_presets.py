# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of the presets on a CPU, at a size where its times mean nothing: what it counts and checks."""

import argparse

import pytest

torch = pytest.importorskip("torch", reason="the benchmark runs attention on torch tensors")
twill_vdit = pytest.importorskip("twill_vdit")
if twill_vdit.native.binary is None:
    pytest.skip("_twill is not built", allow_module_level=True)

import bench_presets as bench  # noqa: E402

from makers import measured  # noqa: E402
from makers.models import MODELS  # noqa: E402

BY_LABEL = {model.label: model for model in MODELS}
HUNYUAN = BY_LABEL["HunyuanVideo 1.0"]


def compiled_of(model, name, layout):
    return twill_vdit.compile_plan(twill_vdit.read_plan(bench.ROOT / "presets" / f"{name}.json"), layout)


@pytest.mark.parametrize(
    ("label", "name"), [("HunyuanVideo 1.0", "hunyuanvideo/balanced"), ("Wan 2.2 T2V A14B", "wan2.2-t2v/a14b-quality")]
)
def test_kinds_of_layers_make_up_the_density(label, name):
    """Cells of all kinds, times how often the setting runs them, are the run's density."""
    model = BY_LABEL[label]
    layout = twill_vdit.TokenLayout(**bench.TINY_LAYOUT)
    compiled = compiled_of(model, name, layout)
    kinds = bench.kinds_of(model, compiled)
    assert sum(kind.steps for kind in kinds) == model.steps * model.layers
    dense = max(kind.cells for kind in kinds if bench.is_dense(kind))
    share = sum(kind.cells * kind.steps for kind in kinds) / (dense * model.steps * model.layers)
    assert share == pytest.approx(compiled.run_density(model.times, [model.expert_at(t) for t in model.times]))


def test_a_sample_holds_the_smallest_and_the_largest():
    kinds = [bench.Kind((0, 0, 0, i), [], cells) for i, cells in enumerate((5, 9, 1, 7, 3))]
    assert [kind.cells for kind in bench.sample(kinds, 3)] == [1, 5, 9]
    assert [kind.cells for kind in bench.sample(kinds, 9)] == [1, 3, 5, 7, 9]


def test_it_measures_a_preset(monkeypatch):
    monkeypatch.setattr(bench, "TINY_LAYOUT", {"frames": 7, "rows": 8, "cols": 12})
    options = argparse.Namespace(rounds=1, kinds=2, tiny=True, only=["hunyuanvideo/balanced"])
    reports = []
    report = bench.measure_all(torch.device("cpu"), options, lambda report: reports.append(report))
    assert reports and list(report["presets"]) == ["hunyuanvideo/balanced"]
    result = report["presets"]["hunyuanvideo/balanced"]
    text = (bench.ROOT / "presets/hunyuanvideo/balanced.json").read_text(encoding="utf-8")
    assert result["heads"] == measured.heads_digest(text)
    assert result["patterns_checked"] == 5 and result["kinds_timed"] == 2
    assert result["speedup"] == pytest.approx(result["dense_step_ms"] / result["plan_step_ms"])
    assert "2 of 195 kinds of layers were timed" in measured.sentence(report, result)


def test_a_wrong_result_is_refused(monkeypatch):
    monkeypatch.setattr(bench, "TINY_LAYOUT", {"frames": 7, "rows": 8, "cols": 12})
    monkeypatch.setattr(bench.twill_vdit, "sparse_attention", lambda q, k, v, *_, **__: torch.full_like(q, 0.1))
    options = argparse.Namespace(rounds=1, kinds=2, tiny=True, only=["mochi-1/balanced"])
    with pytest.raises(RuntimeError, match="mochi-1/balanced: rows are off by"):
        bench.measure_all(torch.device("cpu"), options, lambda report: None)
