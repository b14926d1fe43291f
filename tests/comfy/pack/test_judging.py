# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Sparse Report says which form ran, and judges it against what ComfyUI would have run for this model."""

import functools
import json
import re

import pytest
import torch
from made_plans import plan_for
from small_models import CASES, build, sample
from twill_pack.twill_nodes.nodes.sparse_report import SparseReport
from twill_pack.twill_nodes.patch import notify
from twill_pack.twill_nodes.patch.apply import apply_plan, patch_of
from twill_pack.twill_nodes.settings import Settings

from twill_vdit.running import judging

CASE = CASES["wan_t2v"]
OVERRIDE = "optimized_attention_override"


@pytest.fixture(scope="module")
def model():
    return build(CASE)


@pytest.fixture(autouse=True)
def short_calls_too(monkeypatch):
    monkeypatch.setattr(judging, "LEAST_TOKENS", 1)


@pytest.fixture
def told(monkeypatch):
    seen = []
    monkeypatch.setattr(notify, "warn", lambda summary, detail: seen.append((summary, detail)))
    return seen


def applied(model, **settings):
    patched, why = apply_plan(model, plan_for(CASE), Settings(min_tokens=0, **settings))
    assert why == ""
    return patched


def report_of(patched, steps=4):
    """(the node's text, its JSON) after a run."""
    latent = {"samples": sample(patched, CASE, steps=steps)}
    _, text, numbers = SparseReport.execute(latent, patched).result
    return text, json.loads(numbers)


def test_the_report_judges_the_plan_against_comfyuis_attention(model):
    patched = applied(model)
    text, numbers = report_of(patched)
    line = next(line for line in text.splitlines() if line.startswith("attention: "))
    assert re.fullmatch(
        r"attention: \w+ \(by order\); judged against ComfyUI's attention_pytorch: [\d.]+x at density 0\.\d\d "
        r"\([\d.,]+ ms a call, [\d.,]+ ms without the plan\)",
        line,
    )
    judged = numbers["judged"]
    assert judged["against"] == "ComfyUI's attention_pytorch" and judged["calls"] == 6, (
        "each of three sites in both segments"
    )
    assert judged["times_as_fast"] == pytest.approx(judged["dense_ms"] / judged["sparse_ms"])
    assert numbers["dense_calls"] == {}, "what was asked for comparison is no call of the run"


def test_it_changes_no_bit_of_the_result(model, monkeypatch):
    patched = applied(model)
    compared = sample(patched, CASE, steps=4)
    assert patch_of(patched).report.judged is not None
    monkeypatch.setattr(judging, "LEAST_TOKENS", 1 << 20)
    assert torch.equal(sample(patched, CASE, steps=4), compared)
    assert patch_of(patched).report.judged is None


def sage(func, *args, **kwargs):
    """As sage's patch node puts one on a model."""
    sage.calls += 1
    return func(*args, **kwargs)


@pytest.mark.parametrize("partial", [False, True], ids=["function", "partial"])
def test_a_patch_before_is_what_the_plan_is_judged_against(partial, model):
    clone = model.clone()
    previous = functools.partial(sage) if partial else sage
    clone.model_options.setdefault("transformer_options", {})[OVERRIDE] = previous
    sage.calls = 0
    text, numbers = report_of(applied(clone, dense_blocks="0"))
    assert numbers["judged"]["against"] == "sage, the patch on the model before"
    assert "judged against sage, the patch on the model before: " in text
    assert sage.calls == 4 * (1 + 3), "block 0, and the cross-attention of all three; nothing for comparison"


def test_a_patch_that_has_no_call_of_its_own_is_not_called_for_it(model):
    clone = model.clone()
    clone.model_options.setdefault("transformer_options", {})[OVERRIDE] = sage
    sage.calls = 0
    text, numbers = report_of(applied(clone))
    assert numbers["judged"] is None and sage.calls == 4 * 3
    assert "not judged against sage, the patch on the model before: it had no call of its own in this run" in text


class Span:
    def __init__(self, milliseconds):
        self.is_over, self._milliseconds = False, milliseconds

    def end(self):
        self.is_over = True

    def milliseconds(self):
        return self._milliseconds


@pytest.mark.parametrize(("dense_ms", "slower"), [(8.0, True), (31.0, False)])
def test_a_plan_that_is_slower_than_the_users_attention_is_a_warning(dense_ms, slower, model, told, monkeypatch):
    spans = iter([dense_ms] + [10.0] * 100)  # the first is of the call for comparison
    monkeypatch.setattr(judging, "span_on", lambda device: Span(next(spans)))
    text, _ = report_of(applied(model))
    sentence = "Attention by the plan is slower here than ComfyUI's attention_pytorch: 0.80x at density"
    assert (sentence in text) == slower
    assert [summary for summary, _ in told] == ["attention by the plan is slower than without it"] * slower
    assert all(detail.startswith(sentence) for _, detail in told)
    assert (f"attention_pytorch: {dense_ms / 10:.2f}x at density" in text) is True
