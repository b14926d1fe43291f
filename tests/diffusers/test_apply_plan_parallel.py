# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plans under diffusers' context parallelism: on each rank the result of one process, and its counts."""

import functools
import re
import types
from pathlib import Path

import parallel_cases
import pytest
import tiny_pipelines
import tiny_plans as plans
import torch
from ranks import RankError, run_ranks
from tiny_transformers import TINY, run

import twill_vdit.diffusers
from twill_vdit import native, running
from twill_vdit.diffusers.parallel import Spreads
from twill_vdit.diffusers.transformer import BY_RING, BY_SPREAD

CASES = {
    "wan_without_a_plan": ("wan", "none", {}),
    "wan_dense": ("wan", "dense", {}),
    "wan": ("wan", "sparse", {"twice": True}),
    "wan_batch": ("wan", "sparse", {"batch": 2}),
    "wan_image": ("wan_image", "sparse", {}),
    "wan_compiled": ("wan", "sparse", {"compiled": True}),
    "ltx": ("ltx", "sparse", {}),
}
OF_THREE = {"wan_of_any_head_count": ("wan", "sparse", {"anything": True})}


@functools.cache
def of_ranks(ranks):
    cases = CASES if ranks == 2 else OF_THREE
    try:
        results = run_ranks(ranks, "parallel_cases:forwards", list(cases.values()))
    except RankError as error:
        return error  # for all of them, once
    return {name: [each[number] for each in results] for number, name in enumerate(cases)}


@pytest.mark.parametrize(
    ("ranks", "name"),
    [(2, name) for name in CASES] + [pytest.param(3, name, marks=pytest.mark.slow) for name in OF_THREE],
)
def test_every_rank_has_the_result_of_one_process(ranks, name):
    case, wish, options = (CASES | OF_THREE)[name]
    expected = parallel_cases.of_one_process(case, wish, options)
    dense = parallel_cases.of_one_process(case, "none", options)
    results = of_ranks(ranks)
    assert isinstance(results, dict), results
    for out, sparse, by_reason, told in results[name]:
        torch.testing.assert_close(torch.from_numpy(out), expected, rtol=1e-4, atol=1e-5)
        assert not told
        layers = TINY[case].layers
        if wish == "sparse":
            assert (sparse, by_reason) == (layers * (1 + options.get("twice", 0)), {})
            assert not torch.allclose(expected, dense, rtol=1e-3, atol=1e-3), "the case tells nothing"
        elif wish == "dense":
            assert (sparse, by_reason) == (0, {running.BY_PLAN: layers})


@pytest.mark.skipif(native.binary is None, reason=f"no binary module: {native.why_not}")
def test_a_pipeline_follows_its_plan_and_a_search_is_refused():
    pipe = tiny_pipelines.wan()
    with twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.plan_for(pipe.case, dense_above=0.8)) as applied:
        expected = pipe()
        report = applied.report()
    for out, sparse, by_reason, text, refused in run_ranks(2, "parallel_cases:pipelines"):
        torch.testing.assert_close(torch.from_numpy(out), expected, rtol=1e-3, atol=1e-4)
        assert (sparse, by_reason) == (report.sparse, report.dense) and sparse > 0
        assert "3x8x12 tokens" in text
        assert refused == "this clip cannot be searched on: its tokens stand on several devices; search on one"


def test_ring_attention_runs_as_before_and_is_counted(monkeypatch):
    """diffusers has it on GPUs only: here a stand-in of its attention takes the configuration."""
    case = TINY["wan"]
    transformer, given = case.made(), case.given()
    expected = run(transformer, given)
    attention, parallel = case.module.dispatch_attention_fn, []

    def ring(*args, parallel_config=None, **more):
        parallel.append(parallel_config)
        return attention(*args, **more)

    monkeypatch.setattr(case.module, "dispatch_attention_fn", ring)
    config = types.SimpleNamespace(context_parallel_config=types.SimpleNamespace(ring_degree=2))
    for block in transformer.blocks:
        block.attn1.processor._parallel_config = config
    with twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(case)) as applied:
        assert torch.equal(run(transformer, given), expected)
        report = applied.report()
    assert parallel.count(config) == case.layers
    assert (report.sparse, report.dense) == (0, {BY_RING: case.layers}) and BY_RING in report.warning()


def test_tokens_that_are_spread_in_another_way_run_as_before(monkeypatch):
    case = TINY["wan"]
    transformer, given = case.made(), case.given()
    expected = run(transformer, given)
    attention = case.module.dispatch_attention_fn
    monkeypatch.setattr(
        case.module, "dispatch_attention_fn", lambda *args, parallel_config=None, **more: attention(*args, **more)
    )
    monkeypatch.setattr(Spreads, "of", lambda self, config, tokens: types.SimpleNamespace(tokens_here=tokens // 2))
    for block in transformer.blocks:
        block.attn1.processor._parallel_config = types.SimpleNamespace(context_parallel_config=None)
    with twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(case)) as applied:
        assert torch.equal(run(transformer, given), expected)
        assert applied.report().dense == {BY_SPREAD: case.layers}


@pytest.mark.slow
def test_the_script_of_the_page_runs(monkeypatch, tmp_path):
    page = Path(__file__).resolve().parents[2] / "core/python/parallel.md"
    script = re.search(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)[1]
    (tmp_path / "wan2.1-t2v").mkdir()
    plan = plans.plan_for(TINY["wan"]).text
    (tmp_path / "wan2.1-t2v/tiny.json").write_text(plan, encoding="utf-8")
    monkeypatch.setenv("TWILL_PRESETS", str(tmp_path))
    assert run_ranks(2, "parallel_cases:run_page", script, str(tmp_path)) == [[("cat.mp4", True)], []]
