# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What the patch promises: nothing changes without a plan, everything is counted, nothing is raised."""

import json
import re

import pytest
import torch
from made_plans import PATTERNS, plan_for, relative
from small_models import CASES, build, sample
from twill_pack.twill_nodes import plan_store
from twill_pack.twill_nodes.patch.apply import apply_plan, patch_of, without_plan
from twill_pack.twill_nodes.settings import Settings, parse_blocks

import twill_vdit
from twill_vdit import running as reasons
from twill_vdit.running import Run

CASE = CASES["wan_t2v"]
ALL = Settings(min_tokens=0)
OVERRIDE = "optimized_attention_override"


@pytest.fixture(scope="module")
def model():
    return build(CASE)


@pytest.fixture(scope="module")
def dense(model):
    return sample(model, CASE)


def applied(model, settings=ALL, **more):
    patched, why = apply_plan(model, plan_for(CASE, **more), settings)
    assert why == ""
    return patched


def run(patched, case=CASE, **more):
    out = sample(patched, case, **more)
    return out, patch_of(patched).report


def test_the_given_model_stays_as_it_was(model, dense):
    sample(applied(model), CASE)
    assert torch.equal(sample(model, CASE), dense)
    assert OVERRIDE not in model.model_options.get("transformer_options", {})


def test_taking_the_plan_off_gives_the_same_bits(model, dense):
    assert torch.equal(sample(without_plan(applied(model)), CASE), dense)


def test_a_run_is_repeatable_bit_by_bit(model):
    patched = applied(model)
    assert torch.equal(sample(patched, CASE), sample(patched, CASE))


def test_of_two_plans_the_later_holds(model):
    twice, _ = apply_plan(applied(model), plan_for(CASE, seed=9), ALL)
    once, _ = apply_plan(model, plan_for(CASE, seed=9), ALL)
    assert torch.equal(sample(twice, CASE), sample(once, CASE))


@pytest.mark.parametrize(
    ("settings", "reason", "calls"),
    [
        pytest.param(Settings(min_tokens=561), reasons.BY_MIN_TOKENS, 6, id="min_tokens"),
        pytest.param(Settings(min_tokens=0, dense_blocks="0,-1"), reasons.BY_BLOCKS, 4, id="dense_blocks"),
        pytest.param(Settings(min_tokens=0, start_percent=0.9), reasons.BY_PERCENT, 6, id="start_percent"),
        pytest.param(Settings(min_tokens=0, end_percent=0.1), reasons.BY_PERCENT, 3, id="end_percent"),
    ],
)
def test_what_is_asked_to_be_dense_is(settings, reason, calls, model):
    _, report = run(applied(model, settings))
    assert report.dense == {reason: calls}
    assert report.sparse == 6 - calls
    # Min tokens may be nobody's wish: Sparse Sampler has them without a field.
    assert (report.warning() == "") == (reason != reasons.BY_MIN_TOKENS)


def sparse_between(begin, end):
    """The made-up plan for t in (begin, end], dense elsewhere."""
    text = json.loads(plan_for(CASE).plan.text)
    heads = text["segments"][0]["heads"]
    edges = [(0, begin, None), (begin, end, heads), (end, 1, None)]
    text["segments"] = [
        {"t_begin": low, "t_end": high, **({"heads": table} if table else {"dense": True})}
        for low, high, table in edges
        if low < high
    ]
    return plan_store.from_plan(twill_vdit.parse_plan(json.dumps(text)), "made")


@pytest.mark.parametrize(
    ("begin", "end", "why"),
    [
        pytest.param(0, 0.3, r"its sparse segments end at t 0\.3, and the run's last step is at t 0\.\d+", id="ends"),
        pytest.param(
            0.97, 0.98, r"its sparse segments stand at t 0\.97 to 0\.98, and the run's steps, at t 1 to 0\.\d+, are "
            "all outside of them", id="steps_over",
        ),
    ],
)  # fmt: skip
def test_a_run_without_a_sparse_step_says_so_and_why(begin, end, why, model):
    patched, _ = apply_plan(model, sparse_between(begin, end), ALL)
    _, report = run(patched)
    assert report.sparse == 0
    assert re.search(f"the plan took no part: {why}$", report.text(), re.MULTILINE)
    assert "fell back" not in report.text()
    assert re.fullmatch(f"The plan took no part: {why}.", report.warning())
    assert report.trouble() == ""
    told = report.as_dict()
    assert told["plan_took_part"] is False
    assert re.fullmatch(why, told["why_plan_took_no_part"])


def test_a_dense_plan_and_dense_settings_are_told_without_a_warning(model):
    patched, _ = apply_plan(model, plan_for(CASE, dense=True), ALL)
    _, report = run(patched)
    assert "the plan took no part: it is dense at all t" in report.text() and report.warning() == ""
    _, report = run(applied(model, Settings(min_tokens=561)))
    assert "the plan took no part: all 6 calls ran dense, 6 of them: fewer tokens than min tokens" in report.text()


def test_a_run_with_a_sparse_step_takes_part(model):
    _, report = run(applied(model))
    assert (report.as_dict()["plan_took_part"], report.as_dict()["why_plan_took_no_part"]) == (True, None)
    assert "no part" not in report.text()


def test_all_dense_blocks_give_the_same_bits(model, dense):
    out, report = run(applied(model, Settings(min_tokens=0, dense_blocks="0-2")))
    assert torch.equal(out, dense)
    assert report.density == 1.0


def test_the_override_before_serves_what_is_dense(model):
    calls = []

    def previous(func, *args, **kwargs):
        calls.append(args[0].shape)
        return func(*args, **kwargs)

    clone = model.clone()
    clone.model_options.setdefault("transformer_options", {})[OVERRIDE] = previous
    run(applied(clone, Settings(min_tokens=0, dense_blocks="0")))
    # Per forward: one dense self-attention, and three cross-attentions.
    assert len(calls) == 2 * (1 + 3)
    assert without_plan(applied(clone)).model_options["transformer_options"][OVERRIDE] is previous


def test_an_override_put_over_ours_is_told(model):
    patched = applied(model)
    patched.model_options["transformer_options"][OVERRIDE] = lambda func, *args, **kwargs: func(*args, **kwargs)
    _, report = run(patched)
    assert report.sparse == 0
    assert "put Apply Sparse Plan after that node" in report.warning()


def test_an_override_that_calls_ours_is_no_trouble(model):
    patched = applied(model)
    options = patched.model_options["transformer_options"]
    ours = options[OVERRIDE]
    options[OVERRIDE] = lambda func, *args, **kwargs: ours(func, *args, **kwargs)
    _, report = run(patched)
    assert report.sparse == 6 and report.warning() == ""


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), "out of memory", id="memory"),
        pytest.param(RuntimeError("planted"), "RuntimeError: planted", id="kernel"),
    ],
)
def test_an_error_of_ours_ends_sparse_attention_and_not_the_run(error, text, model, dense, monkeypatch):
    def fail(self, forward, decision, call):
        raise error

    monkeypatch.setattr(Run, "attend", fail)
    out, report = run(applied(model))
    assert torch.equal(out, dense)
    assert report.sparse == 0 and text in report.warning()


def test_an_error_of_the_dense_attention_is_raised_as_ever(model):
    clone = model.clone()

    def previous(func, *args, **kwargs):
        raise MemoryError("of somebody else")

    clone.model_options.setdefault("transformer_options", {})[OVERRIDE] = previous
    with pytest.raises(MemoryError, match="of somebody else"):
        run(applied(clone, Settings(min_tokens=0, dense_blocks="0")))


def test_a_mask_makes_a_call_dense_and_is_told():
    case = CASES["hunyuan_video"]
    masked = type(case)(**{**case.__dict__, "cond": lambda: {**case.cond(), "attention_mask": torch.ones(1, 11)}})
    model = build(masked)
    patched, _ = apply_plan(model, plan_for(case), ALL)
    out, report = run(patched, masked)
    assert torch.equal(out, sample(model, masked))
    assert report.dense == {"the call has a mask": 10}


def test_an_unsupported_dtype_is_dense_and_told(model):
    patched = applied(model)
    patched.model_options["transformer_options"][OVERRIDE].previous = None
    network = patched.model.diffusion_model

    def widen(func, q, k, v, *args, **kwargs):
        return ours(func, q.double(), k.double(), v.double(), *args, **kwargs).float()

    options = patched.model_options["transformer_options"]
    ours = options[OVERRIDE]
    options[OVERRIDE] = widen
    _, report = run(patched)
    assert network is not None and report.dense == {"dtype float64": 6}


@pytest.mark.parametrize("name", ["hunyuan_video", "mochi"])
def test_a_plan_of_another_model_is_refused_by_text(name, model):
    patched, why = apply_plan(model, plan_for(CASES[name]), ALL)
    assert patched is model
    assert "is for" in why and "Wan" in why


def test_a_plan_of_other_heads_is_refused_by_text(model):
    other = type(CASE)(**{**CASE.__dict__, "stacks": ((3, 4),)})
    _, why = apply_plan(model, plan_for(other), ALL)
    assert "is for 3 layers x 4 heads x 64, this model has 3 layers x 2 heads x 64" in why


def test_experts_follow_the_part_of_the_run(model):
    """The second half of a split run is the low noise expert's."""
    plan = plan_for(CASE, experts=("high_noise", "low_noise"))
    both, _ = apply_plan(model, plan, ALL)
    forced = {
        name: apply_plan(model, plan, Settings(min_tokens=0, expert=name))[0] for name in ("high noise", "low noise")
    }
    split = {"high noise": {"start_step": 0, "last_step": 2}, "low noise": {"start_step": 2, "disable_noise": True}}
    for name, part in split.items():
        auto = sample(both, CASE, steps=4, **part)
        assert torch.equal(auto, sample(forced[name], CASE, steps=4, **part))
        other = next(each for each in forced if each != name)
        assert relative(auto, sample(forced[other], CASE, steps=4, **part)) > 1e-4


def test_density_counts_all_calls(model):
    """Against tiles counted from the plan by hand: 560 tokens are five query tiles and nine key tiles."""
    _, report = run(applied(model))
    assert report.calls == 6
    assert 0 < report.density < 1
    assert report.as_dict()["forwards"] == 2


@pytest.mark.parametrize(
    ("text", "count", "blocks"),
    [("", 5, set()), ("0, 2-3", 5, {0, 2, 3}), ("-1", 5, {4}), ("-2--1 0", 5, {0, 3, 4}), ("9", 5, set())],
)
def test_dense_blocks_are_read(text, count, blocks):
    assert parse_blocks(text, count) == blocks


def test_a_wrong_block_list_is_refused_by_text():
    with pytest.raises(ValueError, match='"x" is not a number or a range'):
        parse_blocks("1, x", 5)


def test_every_pattern_is_tried():
    used = {index for segment in plan_for(CASE).plan.segments for index in segment.heads[0]}
    assert len(used) > len(PATTERNS) // 2
