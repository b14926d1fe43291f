# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Heads are shared out so that the dearest rank has little more than the mean: against brute force, and by presets."""

import itertools
import json
import random

import pytest
import small_calls as calls
from parallel_plans import PLANS

import twill_vdit
from twill_vdit.parallel import TokenShares, equal_shares, head_costs, layer_shares, share_heads
from twill_vdit.parallel.head_plans import compile_pieces
from twill_vdit.parallel.shares import MOVED_KEYS, pieces_of


def loads_of(shares, costs):
    return [sum(costs[head] for head in share) for share in shares]


@pytest.mark.parametrize("ranks", [2, 3])
def test_shares_are_near_the_best_that_there_are(ranks):
    """Within 2 % of brute force's, and within 4/3 of it in any case, as largest-first is."""
    draw = random.Random(7)
    ratios = []
    for _ in range(30):
        costs = [draw.choice([1.0, 0.02, draw.random()]) for _ in range(7)]
        shares = share_heads(costs, ranks)
        assert sorted(head for share in shares for head in share) == list(range(7))
        best = min(
            max(sum(cost for cost, at in zip(costs, chosen, strict=True) if at == rank) for rank in range(ranks))
            for chosen in itertools.product(range(ranks), repeat=7)
        )
        ratios.append(max(loads_of(shares, costs)) / best)
    assert max(ratios) <= 4 / 3 and sum(ratios) / len(ratios) <= 1.02


def test_heads_without_keys_are_nobodys_and_more_ranks_than_heads_get_none():
    assert share_heads([0.0, 1.0, 0.0, 0.5], 2) == [[1], [3]]
    assert share_heads([1.0, 0.5], 4) == [[0], [1], [], []]
    assert share_heads([], 3) == [[], [], []]
    with pytest.raises(twill_vdit.Error, match=r"^heads shared out among 0 ranks$"):
        share_heads([1.0], 0)


def test_equal_heads_are_shared_out_by_their_number():
    assert [len(share) for share in share_heads([1.0] * 40, 16)] == [3] * 8 + [2] * 8


def test_costs_are_key_tiles_and_what_a_head_costs_to_be_moved():
    layout = calls.layout()
    compiled = twill_vdit.compile_plan(calls.plan(), layout)
    costs = head_costs(compiled, 1, layer=0)
    moved = MOVED_KEYS / layout.tokens
    dense, window, stripe, mean, skip = costs
    assert (dense, mean, skip) == (1.0 + moved, 0.0, 0.0)
    kept = [(cost - moved) for cost in (dense, window, stripe)]
    assert sum(kept) / 5 == pytest.approx(compiled.layer_density(1, layer=0))
    assert head_costs(compiled, 2, layer=0) == [1.0 + moved] * 5


def test_the_first_and_the_last_piece_are_small():
    heads = pieces_of(range(16), [1.0] * 16, 4)
    assert [len(piece) for piece in heads] == [2, 6, 6, 2] and sorted(itertools.chain(*heads)) == list(range(16))
    assert sorted(itertools.chain(*pieces_of([4], [1.0] * 5, 4))) == [4]
    with pytest.raises(twill_vdit.Error, match=r"^5 pieces are not 1 to 4$"):
        pieces_of([0], [1.0], 5)


def test_a_rank_has_the_patterns_and_precisions_of_its_heads():
    compiled = twill_vdit.compile_plan(calls.plan(int8=True), calls.layout())
    pieces = {(1, 0, 0, 0, 0): (1, 2), (0, 0, 1, 0, 1): (0, 4), (2, 0, 0, 1, 0): (3,), (1, 0, 1, 1, 2): (0,)}
    places = compile_pieces(compiled, pieces)
    for site, heads in pieces.items():
        segment, expert, stack, layer, _ = site
        place = places[site]
        tasks = compiled.tasks(segment, expert, stack, layer)
        made = place.compiled.tasks(0, 0, place.stack, place.layer)
        assert [mode for mode, _ in made] == [tasks[head][0] for head in heads]
        for (mode, index), head in zip(made, heads, strict=True):
            if mode == "sparse":
                assert place.compiled.tile_list(index).tiles == compiled.tile_list(tasks[head][1]).tiles
        precisions = compiled.precisions(segment, expert, stack, layer)
        assert list(place.compiled.precisions(0, 0, place.stack, place.layer)) == [precisions[head] for head in heads]


def test_more_head_counts_than_a_plan_has_stacks_make_several_plans():
    heads = 12
    text = json.loads(calls.plan().text)
    text["model"]["stacks"] = [{"name": "blocks", "layers": heads, "heads": heads}]
    text["segments"] = [{"t_begin": 0, "t_end": 1, "heads": {"default": {"blocks": [[1] * heads] * heads}}}]
    compiled = twill_vdit.compile_plan(twill_vdit.parse_plan(json.dumps(text)), calls.layout())
    pieces = {(0, 0, 0, layer, 0): tuple(range(layer + 1)) for layer in range(heads)}
    places = compile_pieces(compiled, pieces)
    assert len({id(place.compiled) for place in places.values()}) == 2
    assert all(place.compiled.heads_of_stack(place.stack) == len(pieces[site]) for site, place in places.items())


@pytest.mark.parametrize("name", PLANS)
def test_plans_of_large_models_are_balanced_over_two_and_four_ranks(name):
    """Over all segments and layers: the dearest rank of each layer, over the mean. Equal counts are worse."""
    make, sizes = PLANS[name]
    compiled = twill_vdit.compile_plan(make(), twill_vdit.TokenLayout(**sizes))
    for ranks, most in ((2, 1.02), (4, 1.06)):
        dearest = mean = dearest_by_count = 0.0
        for segment in range(len(compiled.plan.segments)):
            for stack, shape in enumerate(compiled.plan.model.stacks):
                for layer in range(shape.layers):
                    shares = layer_shares(compiled, segment, ranks, layer=layer, stack=stack)
                    loads = shares.loads()
                    assert shares.imbalance >= 1.0 - 1e-9
                    dearest, mean = dearest + max(loads), mean + sum(loads) / ranks
                    dearest_by_count += max(equal_shares(shares, ranks).loads())
        assert dearest / mean <= most, f"imbalance {dearest / mean:.3f} over {ranks} ranks"
        assert dearest_by_count >= dearest * (1 - 1e-9)


def test_tokens_are_spread_as_tensor_split_does():
    import torch

    layout = calls.layout()
    for ranks in (2, 3, 7):
        shares = TokenShares.even(layout, ranks, apart=True)
        assert shares.stretches == tuple(
            tuple(len(part) for part in torch.tensor_split(torch.zeros(tokens), ranks)) for tokens in (288, 11)
        )
        assert shares.tokens == layout.tokens and sum(map(shares.of_rank, range(ranks))) == layout.tokens
    with pytest.raises(twill_vdit.Error, match=r"^stretches of tokens over \[2, 3\] ranks$"):
        TokenShares(((1, 2), (1, 2, 3)))
