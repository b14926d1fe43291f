# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Head errors and maps in torch, as other devices than the CPU measure them: here on the CPU, where all is known."""

import math

import numpy as np
import pytest
import torch

import twill_vdit
from twill_vdit import Error, call_measures, measuring, native, search
from twill_vdit.measuring import Measuring
from twill_vdit.plan import ModelShape, StackShape
from twill_vdit.tile_lists import KEY_TILE, QUERY_TILE

needs_binary = pytest.mark.skipif(native.binary is None, reason=f"no binary module: {native.why_not}")

LAYOUT = twill_vdit.TokenLayout(frames=6, rows=9, cols=17, prefix=5, suffix=30)
TOKENS = LAYOUT.tokens
MODEL = ModelShape("made", ("default",), (StackShape("blocks", 2, 3),), 64)
ROWS = [0, 63, 64, 127, 128, 500, TOKENS - 1]
ORDER = np.random.default_rng(5).permutation(TOKENS).astype(np.int32)


def tile_list(keep, order=None):
    """keep: (query tile, key tile) -> bool."""
    runs, begin = [], [0]
    for query_tile in range(-(-TOKENS // QUERY_TILE)):
        runs += [(tile, 1) for tile in range(-(-TOKENS // KEY_TILE)) if keep(query_tile, tile)]
        begin.append(len(runs))
    return np.array(runs, dtype=np.int32).reshape(-1, 2), np.array(begin, dtype=np.int32), order


LISTS = [
    tile_list(lambda q, k: abs(2 * q - k) <= 3),
    tile_list(lambda q, k: (q + k) % 3 == 0, ORDER),
    tile_list(lambda q, k: q != 1 and k == 15),  # the ragged last tile alone, and nothing for one query tile
    tile_list(lambda q, k: k < 4, ORDER[::-1].copy()),
    tile_list(lambda q, k: k >= 9, ORDER),
]
TASKS = [("sparse", 0), ("dense", -1), ("sparse", 1), ("mean", -1), ("sparse", 2), ("skip", -1)]
TASKS += [("sparse", 3), ("sparse", 4)]


def inputs(seed=1, batch=2, spread=1.0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(batch, 3, TOKENS, 64, generator=generator) for _ in "qkv")
    return (spread * q).to(dtype), k.to(dtype), v.to(dtype)


def by_definition(q, k, v, scale):
    """(error, norm) in double, each row and candidate for itself."""
    error, norm = np.zeros((3, len(TASKS))), np.zeros(3)
    q, k, v = (x.double().numpy() for x in (q, k, v))

    def output(b, h, row, keys):
        if not len(keys):
            return np.zeros(v.shape[3])
        scores = scale * k[b, h, keys] @ q[b, h, row]
        weights = np.exp(scores - scores.max())
        return weights @ v[b, h, keys] / weights.sum()

    for b in range(q.shape[0]):
        for h in range(3):
            for row in ROWS:
                dense = output(b, h, row, np.arange(TOKENS))
                norm[h] += dense @ dense
                for c, (mode, index) in enumerate(TASKS):
                    if mode == "sparse":
                        runs, begin, order = LISTS[index]
                        order = np.arange(TOKENS) if order is None else order
                        tile = int(np.flatnonzero(order == row)[0]) // QUERY_TILE
                        tiles = runs[begin[tile] : begin[tile + 1], 0]
                        keys = [order[t * KEY_TILE : (t + 1) * KEY_TILE] for t in tiles]
                        out = output(b, h, row, np.concatenate(keys) if keys else [])
                    else:
                        out = {"dense": dense, "skip": 0 * dense, "mean": v[b, h].mean(0)}[mode]
                    error[h, c] += (out - dense) @ (out - dense)
    return error, norm


# Scores of up to some hundreds: tiles whose weights relative to the row's greatest are 0 in fp32.
@pytest.mark.parametrize("spread", [1.0, 60.0], ids=["even", "peaked"])
def test_errors_are_those_of_the_definition(spread):
    q, k, v = inputs(spread=spread)
    error, norm = Measuring(TASKS, LISTS, ROWS, TOKENS, q.device).errors(q, k, v, 0.125)
    wanted, wanted_norm = by_definition(q, k, v, 0.125)
    # Scores of size s are off by some s * 2^-24 in fp32, and so are weights.
    rounding = 64 * spread * 2**-24
    assert norm.numpy() == pytest.approx(wanted_norm, rel=rounding)
    assert error.numpy() == pytest.approx(wanted, rel=rounding, abs=float(wanted_norm.max()) * rounding)
    assert (error[:, 1] == 0.0).all(), "dense loses nothing"


def test_groups_of_heads_make_no_difference(monkeypatch):
    q, k, v = inputs()
    measuring_all = Measuring(TASKS, LISTS, ROWS, TOKENS, q.device)
    expected = measuring_all.errors(q, k, v, 0.125)
    assert measuring_all._heads_at_once(64) > 3
    monkeypatch.setattr(measuring, "MOST_BYTES", 1)
    assert measuring_all._heads_at_once(64) == 1
    for found, wanted in zip(measuring_all.errors(q, k, v, 0.125), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=0)


def test_what_the_host_has_set_holds_afterwards_and_not_within():
    q, k, v = inputs()
    expected = Measuring(TASKS, LISTS, ROWS, TOKENS, q.device).errors(q, k, v, 0.125)[0]
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = Measuring(TASKS, LISTS, ROWS, TOKENS, q.device).errors(q, k, v, 0.125)[0]
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert torch.equal(found, expected)


@pytest.fixture
def in_torch(monkeypatch):
    return lambda: monkeypatch.setattr(call_measures, "measures_there", lambda device: True)


def profile(dtype=torch.float32, *, scale=None, spread=4.0):
    profiler = search.Profiler(MODEL, LAYOUT, t=[0.5], prompts=["made"], rows=40, map_size=12)
    for layer in range(2):
        for branch in range(2):
            q, k, v = inputs(10 * layer + branch, spread=spread, dtype=dtype)
            # As ComfyUI has them: heads apart in views only.
            q, k, v = (x.transpose(1, 2).contiguous().transpose(1, 2) for x in (q, k, v))
            profiler.observe(q, k, v, [0.5, 0.2, 1.0], t_index=0, layer=layer, branch=branch, scale=scale)
    profiler.finish_unit(0)
    return profiler


@needs_binary
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_a_profile_is_the_binary_modules(dtype, scale, in_torch):
    """By the predicted errors of plans, which weigh every head and candidate, and by the maps."""
    native_one = profile(dtype, scale=scale)
    in_torch()
    torch_one = profile(dtype, scale=scale)
    # The binary module rounds weights to the dtype of 16-bit inputs, torch does not.
    allowed = 1e-4 if dtype == torch.float32 else 2e-2
    found = [search.Solver(each.finish(), [0.5], dense_first_steps=0) for each in (native_one, torch_one)]
    for (density, error), (other, close) in zip(*(each.pareto_front(17) for each in found), strict=True):
        assert (density, error) == pytest.approx((other, close), rel=allowed, abs=1e-4)
    assert native_one.mean_maps() == pytest.approx(torch_one.mean_maps(), abs=1e-6)


@needs_binary
@pytest.mark.parametrize("size", [pytest.param(TOKENS, marks=pytest.mark.slow), 100, 7, 1])
def test_maps_of_any_size_are_the_binary_modules(size, in_torch):
    def drawn():
        profiler = search.Profiler(MODEL, LAYOUT, t=[0.5], prompts=["made"], rows=8, map_size=size, candidates=0)
        for layer in range(2):
            profiler.observe(*inputs(layer), [1.0] * 3, t_index=0, layer=layer)
        profiler.finish_unit(0)
        return profiler.mean_maps()

    expected = drawn()
    in_torch()
    # pytest.approx compares 2.7 million numbers one by one.
    np.testing.assert_allclose(drawn(), expected, rtol=0, atol=1e-6)


@needs_binary
@pytest.mark.parametrize("name", ["q", "k", "v"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_not_finite_is_refused_by_head(name, value, in_torch):
    in_torch()
    tensors = dict(zip("qkv", inputs(), strict=True))
    tensors[name][1, 2] = value
    profiler = search.Profiler(MODEL, LAYOUT, t=[0.5], prompts=["made"], rows=8)
    with pytest.raises(Error, match=r"blocks layer 1 at t 0\.5, prompt 0, head 2: q, k or v holds"):
        profiler.observe(*tensors.values(), [1.0] * 3, t_index=0, layer=1)
    profiler.observe(*inputs(), [1.0] * 3, t_index=0, layer=1)


@needs_binary
def test_a_call_that_does_not_fit_is_refused(in_torch):
    in_torch()
    profiler = search.Profiler(MODEL, LAYOUT, t=[0.5], prompts=["made"], rows=8)
    q, k, v = inputs()
    with pytest.raises(Error, match=f"{TOKENS - 1} tokens, not the layout's {TOKENS}"):
        profiler.observe(q[:, :, 1:], k[:, :, 1:], v[:, :, 1:], [1.0] * 3, t_index=0, layer=0)
    with pytest.raises(Error, match="measures of 2 heads"):
        profiler.observe(q[:, :2], k[:, :2], v[:, :2], [1.0] * 3, t_index=0, layer=0)
    with pytest.raises(Error, match="layer 7"):
        profiler.observe(q, k, v, [1.0] * 3, t_index=0, layer=7)


@needs_binary
@pytest.mark.parametrize("error", [torch.OutOfMemoryError("planted"), RuntimeError("planted")])
def test_where_torch_cannot_the_cpu_measures_and_it_is_told(error, in_torch, monkeypatch):
    expected = profile().mean_maps()
    in_torch()
    native.say_once.cache_clear()

    def fail(self, *args):
        raise error

    monkeypatch.setattr(Measuring, "errors", fail)
    with pytest.warns(
        UserWarning, match=f"heads are measured on the CPU and not on cpu: {type(error).__name__}: planted"
    ):
        assert np.array_equal(profile().mean_maps(), expected)


@needs_binary
def test_a_run_is_adapted_by_the_same_measures(in_torch):
    made = search.Profiler(MODEL, LAYOUT, t=[0.9, 0.3], prompts=["made"], rows=32)
    for t_index in range(2):
        for layer in range(2):
            made.observe(*inputs(layer), [1.0, 0.3, 0.6], t_index=t_index, layer=layer)
        made.finish_unit(t_index)
    profile_of_all = made.finish()

    def adapted():
        run = search.AdaptiveRun(profile_of_all, [1.0, 0.8, 0.6, 0.4], density=0.4, layout=LAYOUT)
        for layer in range(2):
            run.observe(*inputs(7 + layer, spread=5.0), layer=layer)
        assert run.finish_step()
        return run.plan.segments

    expected = adapted()
    in_torch()
    assert adapted() == expected
