# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch

import pattern_oracle as oracle
from attention_cases import KIND_OF, LAYOUTS, ORDERS, PATTERNS, random_part
from twill_vdit import Error, Pattern, TokenLayout
from twill_vdit.patterns import keeps
from twill_vdit.tile_lists import compile_pattern_in_order


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_keeps_is_the_definition(pattern, layout):
    tokens = np.arange(layout.tokens)
    assert np.array_equal(keeps(pattern, layout, tokens, tokens), oracle.keep_matrix(pattern, layout))


def test_no_query_of_a_sparse_pattern_is_without_a_key_and_lists_hold_its_tiles():
    random = np.random.default_rng(20261130)
    for case in range(150):
        parts = tuple(random_part(random) for _ in range(random.integers(1, 4)))
        pattern = Pattern("union" if len(parts) > 1 else KIND_OF[type(parts[0])], parts)
        sizes = dict(zip(("frames", "rows", "cols"), random.integers(1, (6, 7, 7)), strict=True))
        layout = TokenLayout(**sizes, prefix=random.integers(2) * 70, suffix=random.integers(2) * 9)
        tokens = np.arange(layout.tokens)
        kept = keeps(pattern, layout, tokens, tokens)
        assert np.array_equal(kept, oracle.keep_matrix(pattern, layout)), (case, pattern, layout)
        grid = slice(layout.prefix, layout.prefix + layout.grid_tokens)
        assert kept[grid, grid].any(axis=1).all(), (case, pattern, layout)
        for order in ORDERS.values():
            made = compile_pattern_in_order(pattern, order, layout)
            assert (np.diff(made.run_begin) > 0).all()
            expected = oracle.tile_matrix(kept, oracle.order_of(order, layout))
            assert np.array_equal(oracle.tiles_of_runs(made, layout), expected), (case, pattern, layout, order)


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_orders_are_the_definition(order, layout):
    assert order.position_to_token(layout).tolist() == oracle.order_of(order, layout)


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_tile_lists_hold_the_touched_tiles(pattern, order):
    layout = LAYOUTS["text_in_front_and_behind"]
    kept = oracle.keep_matrix(pattern, layout)
    expected = oracle.tile_matrix(kept, oracle.order_of(order, layout))
    made = compile_pattern_in_order(pattern, order, layout)
    assert np.array_equal(oracle.tiles_of_runs(made, layout), expected)
    assert made.tiles == expected.sum()


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8, np.array, torch.tensor], ids=lambda kind: kind.__name__)
def test_whole_numbers_of_other_libraries_are_taken(kind):
    layout = TokenLayout(frames=kind(2), rows=kind(3), cols=kind(4), suffix=kind(5))
    assert layout == TokenLayout(frames=2, rows=3, cols=4, suffix=5)
    assert [type(x) for x in layout.as_tuple()] == [int] * 5
    assert hash(layout) == hash(TokenLayout(frames=2, rows=3, cols=4, suffix=5))


@pytest.mark.parametrize(
    ("field", "value"),
    [("frames", 0), ("rows", -1), ("suffix", -2), ("cols", 2.5), ("rows", "3")],
    ids=lambda x: str(x),
)
def test_a_bad_layout_is_refused_by_name(field, value):
    sizes = {"frames": 2, "rows": 3, "cols": 4, field: value}
    with pytest.raises(Error, match=rf"layout: {field} {value!r} is not a whole number"):
        TokenLayout(**sizes)


def test_too_many_tokens_are_refused():
    with pytest.raises(Error, match=r"layout: 1000000000 tokens are more than 16777216"):
        TokenLayout(frames=1000, rows=1000, cols=1000)


def test_an_unknown_pattern_is_refused():
    with pytest.raises(Error, match="unknown kind 'zig', not one of dense, skip"):
        Pattern("zig")
