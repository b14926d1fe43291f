# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""FlexAttention over tile lists: the same kept keys as the compiled plan, and the same result."""

import numpy as np
import pytest
import torch

import plan_texts
import twill_vdit
from attention_cases import LAYOUTS, ORDERS, PATTERNS
from tolerance import assert_as_exact_as_torch, in_double
from twill_vdit import eager
from twill_vdit.tile_lists import KEY_TILE, QUERY_TILE

flex_attention = pytest.importorskip("torch.nn.attention.flex_attention", reason="torch before 2.5")
from twill_vdit import flex  # noqa: E402

SPARSE = {name: pattern for name, pattern in PATTERNS.items() if pattern.parts}
CPU = torch.device("cpu")
SCALE = 0.125


def list_of(pattern, layout):
    compiled = twill_vdit.compile_plan(twill_vdit.parse_plan(plan_texts.plan_text([[pattern]]), "made.json"), layout)
    mode, index = compiled.tasks(0, 0, 0, 0)[0]
    assert mode == "sparse"
    return compiled.tile_list(index)


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("pattern", SPARSE.values(), ids=SPARSE)
def test_the_block_mask_keeps_the_keys_of_the_list(pattern, layout, order):
    tiles = list_of(plan_texts.with_order(pattern, order), layout)
    mask = flex.block_mask(tiles, layout.tokens, CPU)
    assert tuple(mask.BLOCK_SIZE) == (QUERY_TILE, KEY_TILE)
    assert not mask.kv_num_blocks.any()  # no tile is computed in part
    keys = np.arange(layout.tokens)
    for query_tile in range(len(tiles.run_begin) - 1):
        kept = tiles.key_tiles(query_tile)
        count = int(mask.full_kv_num_blocks[0, 0, query_tile])
        assert mask.full_kv_indices[0, 0, query_tile, :count].tolist() == kept.tolist()
        query = torch.tensor(query_tile * QUERY_TILE)
        by_mask_mod = mask.mask_mod(0, 0, query, torch.from_numpy(keys)).numpy()
        assert np.array_equal(by_mask_mod, np.isin(keys // KEY_TILE, kept))


def assert_as_exact_as_plain_torch(out, q, k, v, tiles):
    plain, exact = (eager.sparse_heads(*given, tiles, SCALE) for given in ((q, k, v), in_double(q, k, v)))
    assert_as_exact_as_torch(out, exact, plain)


@pytest.mark.parametrize("layout_name", ["ragged_last_tile", "text_in_front_and_behind"])
@pytest.mark.parametrize("pattern", SPARSE.values(), ids=SPARSE)
def test_it_computes_what_plain_torch_does(pattern, layout_name):
    """Uncompiled, FlexAttention reads the mask function; compiled (below and on GPUs) the block lists."""
    layout = LAYOUTS[layout_name]
    tiles = list_of(pattern, layout)
    generator = torch.Generator().manual_seed(3)
    q, k, v = (torch.randn(2, 2, layout.tokens, 32, generator=generator) for _ in "qkv")
    out = flex.sparse_heads(q, k, v, tiles, SCALE, flex_attention.flex_attention)
    assert_as_exact_as_plain_torch(out, q, k, v, tiles)


@pytest.mark.slow
def test_compiled_it_computes_what_plain_torch_does():
    """By torch's C++ code for CPUs; 560 tokens in ragged tiles, one list in raster order and one in another."""
    layout = twill_vdit.TokenLayout(frames=4, rows=10, cols=14)
    generator = torch.Generator().manual_seed(3)
    q, k, v = (torch.randn(1, 2, layout.tokens, 32, generator=generator) for _ in "qkv")
    for order in ("raster", "tiles"):
        tiles = list_of(plan_texts.with_order(PATTERNS["window"], ORDERS[order]), layout)
        assert tiles.tiles < 5 * 9  # it does leave tiles out
        out = flex.sparse_heads(q, k, v, tiles, SCALE)
        assert_as_exact_as_plain_torch(out, q, k, v, tiles)
