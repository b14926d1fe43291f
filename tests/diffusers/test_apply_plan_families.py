# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Every family: dense is the transformer's own result, sparse is what masked scores give, and all can be undone."""

import pytest
import tiny_plans as plans
import tiny_transformers as tiny
import torch
from tiny_transformers import TINY, run

import twill_vdit.diffusers
from tolerance import assert_as_exact_as_torch
from twill_vdit import running

EVERY_FAMILY = pytest.mark.parametrize("case", TINY.values(), ids=TINY)


def calls_of(case, batch):
    return case.layers * (batch if case.one_by_one else 1)


@EVERY_FAMILY
def test_a_dense_plan_is_the_transformers_own_result(case):
    transformer, given = case.made(), case.given(batch=2)
    expected = run(transformer, given)
    with twill_vdit.diffusers.apply_plan(transformer, plans.dense_plan(case)) as applied:
        assert torch.equal(run(transformer, given), expected)
        report = applied.report()
    assert report.dense == {running.BY_PLAN: calls_of(case, 2)} and report.sparse == 0
    assert report.density == 1.0 and report.why_no_part == running.DENSE_PLAN


@EVERY_FAMILY
@pytest.mark.parametrize("batch", [1, 2])
def test_a_sparse_plan_is_attention_with_masked_scores(case, batch):
    transformer, given = case.made(), case.given(batch=batch)
    dense = run(transformer, given)
    exact, in_torch = [], []
    for outs, dtype in ((exact, torch.float64), (in_torch, torch.float32)):
        with plans.in_the_processors(case, plans.by_definition(case, dtype=dtype), batch) as calls:
            outs.append(run(transformer, given))
        assert len(calls) == calls_of(case, batch)
    plan = plans.plan_for(case)
    with twill_vdit.diffusers.apply_plan(transformer, plan) as applied:
        out = run(transformer, given)
        report = applied.report()
    assert_as_exact_as_torch(out, exact[0].double(), in_torch[0], factor=4.0, rounds_to=case.rounds_to)
    # Also what bounds a network that rounds to coarser numbers between its layers.
    assert (dense - exact[0]).abs().max() > 100 * (out - exact[0]).abs().max(), "the case tells nothing"
    assert (report.sparse, dict(report.dense), report.forwards) == (calls_of(case, batch), {}, 1)
    compiled = twill_vdit.compile_plan(plan, plans.layout_of(case))
    densities = [
        compiled.layer_density(0, layer=layer, stack=stack)
        for stack, layers in enumerate(case.stacks.values())
        for layer in range(layers)
    ]
    assert report.density == pytest.approx(sum(densities) / len(densities))
    assert torch.equal(run(transformer, given), dense)


@EVERY_FAMILY
@pytest.mark.parametrize("t", [0.85, 0.75])
def test_a_plan_follows_the_timestep_that_the_network_is_given(case, t):
    transformer, given = case.made(), case.given(t)
    with twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(case, dense_above=0.8)) as applied:
        run(transformer, given)
        report = applied.report()
    assert report.highest_t == pytest.approx(t, abs=1e-5)
    assert (report.sparse > 0) == (t < 0.8) and report.calls == case.layers


def everything_of(transformer):
    """Attributes, hooks and classes of all modules and processors."""
    found = {}
    for name, module in transformer.named_modules():
        for key, value in vars(module).items():
            found[name, key] = dict(value) if isinstance(value, dict) else value
        processor = getattr(module, "processor", None)
        if processor is not None:
            found[name, "its processor"] = (id(processor), type(processor), dict(vars(processor)))
        found[name, "its class"] = type(module)
    return found


@EVERY_FAMILY
def test_removing_a_plan_leaves_nothing(case):
    transformer, given = case.made(), case.given()
    run(transformer, given)
    before, module_before = everything_of(transformer), dict(vars(case.module))
    applied = twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(case))
    run(transformer, given)
    applied.remove()
    after = everything_of(transformer)
    assert before.keys() == after.keys()
    assert [key for key, value in before.items() if after[key] is not value and not same(after[key], value)] == []
    assert vars(case.module) == module_before, "diffusers' own module has changed"
    applied.remove()  # a second time nothing happens


def same(one, other):
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def test_padded_text_of_two_lengths_is_served_clip_by_clip():
    """HunyuanVideo masks padding: each clip of a batch attends to as much text as it has."""
    case = TINY["hunyuan_video"]
    transformer = case.made()
    given = {**tiny.hunyuan_inputs(2, torch.full((2,), 500.0), 0, (11, 19)), "return_dict": False}

    def clip(number):
        return {name: x if isinstance(x, bool) else x[number : number + 1] for name, x in given.items()}

    with twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(case)) as applied:
        together = run(transformer, given)
        report = applied.report()
        alone = torch.cat([run(transformer, clip(number)) for number in (0, 1)])
    assert report.sparse == 2 * case.layers and not report.dense
    torch.testing.assert_close(together, alone)
    with twill_vdit.diffusers.apply_plan(transformer, plans.dense_plan(case)):
        torch.testing.assert_close(run(transformer, given), run(transformer, given))


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        pytest.param("ltx", {"hidden_states": tiny.noise(1, 300, 8)}, "guide or reference tokens", id="guides"),
        pytest.param("wan", {"timestep": torch.tensor([5000.0])}, "not within 0..1", id="a_timestep_of_another_range"),
    ],
)
def test_what_cannot_be_served_runs_as_before_and_is_counted_by_reason(name, change, reason):
    case = TINY[name]
    transformer, given = case.made(), case.given() | change
    if name == "ltx":  # a pipeline that appends tokens says where they are
        given["video_coords"] = tiny.noise(1, 3, 300).abs()
    expected = run(transformer, given)
    with twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(case)) as applied:
        assert torch.equal(run(transformer, given), expected)
        report = applied.report()
    assert report.sparse == 0 and list(report.dense.values()) == [case.layers]
    assert reason in next(iter(report.dense)) and reason in report.warning()
