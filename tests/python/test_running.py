# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A host of a few lines runs a plan: what is sparse is the plan's, what is not is counted, and nothing is raised."""

import json

import pytest
import torch

import plan_texts
import twill_vdit
from attention_cases import PATTERNS
from twill_vdit import running
from twill_vdit.families import NetworkShape

GRID, TEXT, HEADS, LAYERS = (3, 4, 5), 21, 2, 3
TOKENS = GRID[0] * GRID[1] * GRID[2]
SHAPE = NetworkShape(((LAYERS, HEADS),), 64)
LAYOUT = twill_vdit.TokenLayout(frames=3, rows=4, cols=5, suffix=TEXT)
BOUNDARY = 0.8  # the plan is dense above


def made_plan():
    names = [["window", "skip"], ["only_itself", "dense"], ["first_frame", "mean"]]
    layers = [[PATTERNS[name] for name in layer] for layer in names]
    return twill_vdit.parse_plan(plan_texts.plan_text(layers, dense_above=BOUNDARY))


class Host:
    """Attention of three layers, one after the other, on [batch, tokens, heads, head_dim], as diffusers has it."""

    def __init__(self, run, side="behind"):
        self.run = run
        self.side = side
        generator = torch.Generator().manual_seed(3)
        self.x = torch.randn(1, TOKENS + TEXT, HEADS, 64, generator=generator)
        self.dense_calls = 0

    def forward(self, t, attend=None, **more):
        forward = running.Forward(t=t, grid=GRID, side=self.side, **more)
        self.run.report.count_forward(t)
        x = self.x
        for layer in range(LAYERS):
            x = x + (attend or self._served)(forward, layer, x)
        return x

    def _served(self, forward, layer, x):
        def read():
            q, k, v = (x.transpose(1, 2) * factor for factor in (2.0, 1.0, 0.5))
            return running.AttentionCall(q, k, v), (0, layer), [0]

        def dense():
            self.dense_calls += 1
            q, k, v = (x.transpose(1, 2) * factor for factor in (2.0, 1.0, 0.5))
            return torch.nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2)

        return self.run.serve(forward, read, dense, lambda out, call: out.transpose(1, 2))


def by_hand(plan, t):
    compiled = twill_vdit.compile_plan(plan, LAYOUT)

    def attend(forward, layer, x):
        q, k, v = (x.transpose(1, 2) * factor for factor in (2.0, 1.0, 0.5))
        return twill_vdit.sparse_attention(q, k, v, compiled, layer=layer, t=t).transpose(1, 2)

    return attend


@pytest.fixture(autouse=True)
def always_worth_it(monkeypatch):
    """Without the binary module a plan is timed against dense; here it is the plan that is tested."""
    monkeypatch.setattr(running.pace, "break_even", lambda call, density, sparse: 2.0)


def run_of(plan=None, **more):
    return running.Run(plan or made_plan(), 0, SHAPE, **more)


def test_a_host_gets_what_the_plan_says():
    run = run_of()
    host = Host(run)
    out = host.forward(0.5)
    assert torch.equal(out, host.forward(0.5, by_hand(run.plan, 0.5)))
    assert (run.report.sparse, host.dense_calls) == (LAYERS, 0)
    assert run.finish().density == pytest.approx(twill_vdit.compile_plan(run.plan, LAYOUT).density(0))


@pytest.mark.parametrize(
    ("settings", "forward", "side", "reason"),
    [
        pytest.param({}, {"t": 0.9}, "behind", running.BY_PLAN, id="a_dense_segment"),
        pytest.param({"min_tokens": 82}, {"t": 0.5}, "behind", running.BY_MIN_TOKENS, id="few_tokens"),
        pytest.param({"dense_blocks": frozenset(range(3))}, {"t": 0.5}, "behind", running.BY_BLOCKS, id="blocks"),
        pytest.param(
            {}, {"t": 0.5, "dense_because": running.BY_PERCENT}, "behind", running.BY_PERCENT, id="the_hosts_reason"
        ),
        pytest.param(
            {}, {"t": 0.5}, "nowhere", "81 tokens are not the 60 of the clip (guide or reference tokens)", id="layout"
        ),
        pytest.param(
            {}, {"t": 0.5}, "both", "81 tokens are more than the 60 of the clip, on both sides of it", id="both_sides"
        ),
    ],
)
def test_what_is_dense_is_the_hosts_and_counted_by_reason(settings, forward, side, reason):
    run = run_of(**settings)
    host = Host(run, side)
    host.forward(**forward)
    assert host.dense_calls == LAYERS and run.report.dense == {reason: LAYERS}
    assert run.finish().sparse == 0


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(MemoryError(), "ran out of memory", id="memory"),
        pytest.param(RuntimeError("planted\nmore"), "sparse attention failed (RuntimeError: planted)", id="kernel"),
    ],
)
def test_an_error_of_ours_makes_the_rest_dense(error, text, monkeypatch):
    run = run_of()
    host = Host(run)
    host.forward(0.5)

    def fail(*args):
        raise error

    monkeypatch.setattr(running.Run, "attend", fail)
    host.forward(0.5)
    monkeypatch.undo()
    host.forward(0.5)
    assert (run.report.sparse, host.dense_calls) == (LAYERS, 2 * LAYERS)
    assert text in run.finish().warning()


def test_an_error_of_the_hosts_attention_is_raised():
    run = run_of(dense_blocks=frozenset({0}))
    call = running.AttentionCall(*torch.zeros(3, 1, HEADS, TOKENS, 64))

    def dense():
        raise ValueError("of the host")

    with pytest.raises(ValueError, match="of the host"):
        run.serve(running.Forward(t=0.5, grid=GRID), lambda: (call, (0, 0), [0]), dense, lambda out, call: out)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda x: running.AttentionCall(x, x[:, :, :7], x[:, :, :7]), id="cross_attention"),
        pytest.param(lambda x: running.AttentionCall(*[x[..., :32]] * 3), id="another_stream"),
    ],
)
def test_what_is_not_the_plans_business_is_not_counted(call):
    run = run_of()
    given = call(torch.zeros(1, HEADS, TOKENS, 64))
    out = run.serve(
        running.Forward(t=0.5, grid=GRID), lambda: (given, (0, 0), [0]), lambda: given.q, lambda out, call: out
    )
    assert out is given.q and run.report.calls == 0


def test_blocks_that_tell_no_index_are_told_by_hooks():
    seen = []

    class Block(torch.nn.Module):
        def forward(self, x):
            seen.append(running.current().site)
            return x

    stacks = [[Block(), Block()], [Block()]]
    forward = running.Forward(t=1.0, grid=None)
    with running.running_forward(forward), running.sites_told(stacks):
        for block in (*stacks[0], *stacks[1]):
            block(torch.zeros(1))
    assert seen == [(0, 0), (0, 1), (1, 0)] and forward.site is None and running.current() is None
    assert not any(block._forward_pre_hooks or block._forward_hooks for stack in stacks for block in stack)


def test_branches_of_the_guidance_are_equal_parts_of_the_batch():
    call = running.AttentionCall(*torch.zeros(3, 4, HEADS, TOKENS, 64))
    assert call.rows_of([1, 0]) == [(1, slice(0, 2)), (0, slice(2, 4))]


def test_a_schedule_follows_the_steps_that_the_host_tells():
    timesteps = torch.tensor([1000.0, 750.0, 500.0, 250.0, 0.0])
    schedule = running.Schedule(timesteps, lambda sigma: sigma / 1000, lambda moment: moment.t > BOUNDARY)
    assert [schedule.at(timesteps[step : step + 1]).t for step in range(4)] == [1.0, 0.75, 0.5, 0.25]


@pytest.mark.parametrize(
    ("asked", "times", "expert"),
    [("auto", [1.0], 0), ("auto", [0.9], 1), ("auto", [], 1), ("high noise", [0.5], 0), ("low noise", [1.0], 1)],
)
def test_the_expert_follows_where_the_run_begins(asked, times, expert):
    assert running.choose_expert(("high_noise", "low_noise"), asked, times) == expert
    assert running.choose_expert(("default",), asked, times) == 0


def test_the_ends_of_the_slider_need_no_profile():
    slider = running.Slider(made_plan(), "mine")
    run = running.SliderRun((0.9, 0.4))
    assert slider.plan_for(running.AS_SEARCHED, run)[0] is slider.plan
    dense, how = slider.plan_for(1.0, run)
    assert how == "speed-quality 1: dense" and [segment.dense for segment in dense.segments] == [True]
    assert dense.model == slider.plan.model and "profile" not in json.loads(dense.text)
    plan, how = slider.plan_for(0.3, run)
    assert plan is slider.plan and "has no profile, so it holds as it is" in how


def test_why_a_run_is_not_adapted_is_said():
    assert running.adapting_for(made_plan(), [0.9, 0.5], 0) == (None, "the plan has no profile")
