# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Attention over ranks is attention of one process: every head whose keys are kept bit by bit."""

import functools

import pytest
import small_calls as calls
import torch
from ranks import RankError, run_ranks

import twill_vdit
from twill_vdit import native
from twill_vdit.parallel import parallel_attention

CASES = {
    "clip_and_text_apart": {},
    "text_in_front": {"text": "in_front"},
    "tokens_in_one": {"spread": "one"},
    "uneven_tokens": {"spread": "uneven", "text": "none"},
    "a_batch": {"batch": 2},
    "heads_before_tokens_in_memory": {"tokens_first": False},
    "one_piece": {"pieces": 1},
    "two_pieces": {"pieces": 2, "scale": 0.25},
    "equal_head_counts": {"equal": True},
    "dense_by_the_host": {"dense": "host"},
    "bf16": {"dtype": "bfloat16", "batch": 2},
}


@functools.cache
def of_ranks(ranks):
    """The outputs of all cases, by name, from one start of the processes."""
    results = run_ranks(ranks, "small_calls:attend_cases", list(CASES.values()))
    return {name: [each[number] for each in results] for number, name in enumerate(CASES)}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("ranks", [2, 3, pytest.param(7, marks=pytest.mark.slow)])
def test_it_is_the_attention_of_one_process(ranks, name):
    case, parts = CASES[name], of_ranks(ranks)[name]
    layout, shares = calls.layout(case.get("text", "behind")), calls.spread(case, ranks)
    dtype = getattr(torch, case.get("dtype", "float32"))
    q, k, v = calls.call(layout, case.get("batch", 1), dtype, case.get("tokens_first", True))
    compiled = twill_vdit.compile_plan(calls.plan(), layout)
    for t in calls.TIMES:
        for stack, layer in calls.LAYERS:
            out = calls.whole_of([torch.from_numpy(part[t, stack, layer]) for part in parts], shares)
            expected = twill_vdit.sparse_attention(
                q, k, v, compiled, stack=stack, layer=layer, t=t, scale=case.get("scale")
            ).float()
            segment = compiled.segment_at(t)
            modes = [mode for mode, _ in compiled.tasks(segment, 0, stack, layer)]
            by_host = case.get("dense") == "host" and compiled.plan.segments[segment].dense
            for head, mode in enumerate(modes):
                if native.binary is None or mode == "mean" or by_host:
                    # Sums of other orders.
                    tolerance = (
                        {"rtol": 1e-2, "atol": 1e-2} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-5}
                    )
                    torch.testing.assert_close(out[:, head], expected[:, head], **tolerance)
                else:
                    assert torch.equal(out[:, head], expected[:, head]), (t, stack, layer, head, mode)


def test_other_plans_on_the_ranks_are_an_error_on_all_of_them():
    with pytest.raises(RankError) as raised:
        run_ranks(2, "small_calls:other_plans")
    text = "ranks 0 and 1 have not the same plan, layout and spread of tokens; give all ranks the same"
    assert str(raised.value).count(text) == 2


def test_a_rank_that_dies_is_an_error_of_the_others():
    with pytest.raises(RankError) as raised:
        run_ranks(2, "small_calls:a_rank_that_dies")
    assert "rank 1: 7" in str(raised.value) and "rank 0: " in str(raised.value)


def test_a_time_or_a_segment_is_given():
    with pytest.raises(twill_vdit.Error, match=r"^parallel_attention: give either t or segment$"):
        parallel_attention(*calls.call(calls.layout()), None, layer=0)
