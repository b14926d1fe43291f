# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Heads in INT8: read from a plan, told to the kernels' tables, and said where nothing computes them so."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from test_search import GAIN, TIMES, make_profiler, planted
from test_search import LAYOUT as SEARCHED
from test_search_run import Host, begun

import twill_vdit
from twill_vdit import backends, native, search
from twill_vdit.native import binary
from twill_vdit.plan import PRECISIONS
from twill_vdit.running.report import Report

needs_binary = pytest.mark.skipif(native.binary is None, reason=f"no binary module: {native.why_not}")
GOLDEN = Path(__file__).parents[1] / "data/plan"
LAYOUT = twill_vdit.TokenLayout(frames=3, rows=8, cols=8)


@pytest.fixture
def plan():
    return twill_vdit.read_plan(GOLDEN / "precise-1.2.json")


def in_bf16():
    text = json.loads((GOLDEN / "precise-1.2.json").read_text())

    def plain(value):
        if isinstance(value, dict):
            return value["pattern"] if "precision" in value else {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list) else value

    return twill_vdit.parse_plan(json.dumps(plain(text)))


@needs_binary
def test_the_names_are_those_of_the_binary_module():
    assert binary.PRECISION_NAMES == PRECISIONS


def test_they_are_read_as_the_file_has_them(plan):
    first, second, third = plan.segments
    assert first.precisions[0] == ("int8", "bf16", "int8", *["bf16"] * 5)
    assert first.precisions[1] == ("bf16", "bf16", "int8", *["bf16"] * 5)
    assert second.precisions[1][7] == "int8"
    assert third.dense and third.precisions == ()
    assert in_bf16().segments[0].precisions == ()
    assert plan.precision_counts() == (3, 28), "of four, one is a mean, which has no keys"
    assert in_bf16().precision_counts() == (0, 28)


def test_an_unknown_one_is_refused_without_the_binary_module_too():
    from twill_vdit import plan_json

    text = (GOLDEN / "precise-1.2.json").read_text().replace('"int8"}', '"int3"}', 1)
    with pytest.raises(twill_vdit.Error, match=r'precision: unknown precision "int3"'):
        plan_json.read(text, "p.json")


def test_layers_count_their_own(plan):
    compiled = twill_vdit.compile_plan(plan, LAYOUT)
    assert compiled.int8_heads == 3
    assert compiled.precision_counts(0, layer=0, expert=0) == (1, 1)
    assert compiled.precision_counts(0, layer=0, stack=1, expert=0) == (0, 2), "the mean has no keys"
    assert compiled.precision_counts(2, layer=0, expert=0) == (0, 0), "a dense segment"


@needs_binary
def test_the_tables_of_a_device_have_them_where_a_kernel_takes_them(plan):
    compiled, other = twill_vdit.compile_plan(plan, LAYOUT), twill_vdit.compile_plan(in_bf16(), LAYOUT)
    without = binary.CudaTables.of_plan(compiled.tables(), False).image()
    assert np.array_equal(without, binary.CudaTables.of_plan(other.tables()).image())
    assert not np.array_equal(binary.CudaTables.of_plan(compiled.tables()).image(), without)


@pytest.mark.parametrize("form", [pytest.param("native_cpu", marks=needs_binary), "eager"])
def test_other_forms_compute_them_as_bf16_and_say_so_once(plan, form):
    q, k, v = torch.randn(3, 1, 3, LAYOUT.tokens, 128)
    there = {"layer": 1, "stack": 1, "expert": 0, "segment": 0}
    compiled = twill_vdit.compile_plan(plan, LAYOUT, backend=form)
    native.say_once.cache_clear()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        out = [twill_vdit.sparse_attention(q, k, v, compiled, **there) for _ in range(2)]
    same = twill_vdit.compile_plan(in_bf16(), LAYOUT, backend=form)
    assert torch.equal(out[0], twill_vdit.sparse_attention(q, k, v, same, **there))
    said = [str(warning.message) for warning in told if "int8" in str(warning.message)]
    what = next(backend.what for backend in backends.BACKENDS if backend.name == form)
    assert said == [f"twill_vdit computes the 3 int8 heads of the plan as bf16: there is no INT8 in {what}"]


def test_a_report_says_how_many_and_why_not():
    report = Report()
    assert report.precision_text() == ""
    report.count_precision(0, 4, "")
    assert report.precision_text() == ""
    report.count_precision(3, 4, "")
    assert report.precision_text() == "int8: 3 of 8 heads"
    report.count_precision(2, 4, "no kernel")
    told = "int8: 3 of 12 heads; 2 that the plan wants in int8 were computed as bf16: no kernel"
    assert report.precision_text() == told
    assert told in report.text()
    assert report.as_dict()["int8_heads"] == 3
    assert report.as_dict()["heads_with_keys"] == 12
    assert report.as_dict()["int8_as_bf16"] == {"no kernel": 2}


# At densities that leave something out: no share of nothing is anything.
def profile_with(change=lambda x: x, **more):
    profiler = make_profiler(**more)
    for t_index in range(len(TIMES)):
        for layer in range(2):
            q, k, v = map(change, planted(10 * t_index + layer))
            profiler.observe(q, k, v, GAIN, t_index=t_index, layer=layer)
        profiler.finish_unit(t_index)
    return profiler.finish()


@pytest.fixture(scope="module")
def measured():
    return profile_with(int8=True)


@needs_binary
def test_a_profile_knows_what_int8_loses_where_it_was_asked(measured):
    assert measured.int8_error.shape == (len(TIMES) * 6,)
    assert (measured.int8_error > 0).all() and (measured.int8_error < 1e-2).all()
    assert profile_with().int8_error is None


@needs_binary
def test_a_solver_gives_heads_to_int8_where_the_profile_knows_it(measured):
    def int8(profile, **share):
        return search.solve(profile, [0.9, 0.7, 0.4], density=0.2, **share).plan.precision_counts()[0]

    assert int8(measured, int8_error_share=1e9) > 0
    assert int8(measured) == int8(measured, int8_error_share=search.INT8_ERROR_SHARE)
    assert int8(measured, int8_error_share=0.0) == 0
    unknown = profile_with()
    assert int8(unknown) == 0
    with pytest.raises(twill_vdit.Error, match="the profile does not know what int8 loses"):
        int8(unknown, int8_error_share=0.05)


@needs_binary
def test_a_search_measures_it_and_plans_with_it(tmp_path):
    found = Host().work_for(begun(tmp_path / "with", share=0.2, int8=True, int8_error_share=1e9))
    assert search.profile_of(found.plan).int8_error is not None
    int8, with_keys = found.plan.precision_counts()
    assert int8 == with_keys > 0
    without = Host().work_for(begun(tmp_path / "without"))
    assert search.profile_of(without.plan).int8_error is None
    assert without.plan.precision_counts()[0] == 0


@needs_binary
def test_an_adapted_plan_has_heads_in_int8_where_it_is_asked_to(measured):
    def int8(share):
        run = search.AdaptiveRun(measured, TIMES, density=0.2, layout=SEARCHED, int8_error_share=share)
        return run.plan.precision_counts()[0]

    assert int8(0.0) == 0
    assert int8(1e9) > 0


def test_hosts_can_ask_before():
    assert not twill_vdit.has_int8_kernel(torch.device("cpu"), torch.bfloat16, 64)


def why_no_int8_kernel():
    if not torch.cuda.is_available():
        return "no CUDA device"
    from twill_vdit import cuda

    return cuda.why_not(torch.device("cuda", 0), torch.bfloat16, 64, 0.125, "int8")


on_cuda = pytest.mark.skipif(why_no_int8_kernel() != "", reason=why_no_int8_kernel() or "it runs")


@on_cuda
def test_what_the_kernel_loses_is_what_the_cpu_finds():
    there = profile_with(lambda x: x.to("cuda", torch.bfloat16), int8=True).int8_error
    here = profile_with(lambda x: x.bfloat16().float(), int8=True).int8_error
    # Both outputs of the device are rounded to 16 bits: up to 2^-14 / 12 of the square of each number, in the mean.
    rounding = 2 * 2**-14 / 12
    assert (there > 0.9 * here).all() and (there < 1.1 * here + rounding).all()


@on_cuda
def test_a_device_computes_them_in_int8(plan):
    q, k, v = torch.randn(3, 1, 2, LAYOUT.tokens, 128, device="cuda", dtype=torch.bfloat16)
    there = {"layer": 0, "stack": 0, "expert": 0, "segment": 0}  # its first head is dense and in int8
    out, plain = (
        # By name: otherwise heads are in INT8 only where that is faster.
        twill_vdit.sparse_attention(q, k, v, twill_vdit.compile_plan(each, LAYOUT, backend="native_cuda"), **there)
        for each in (plan, in_bf16())
    )
    lost = (out - plain).float().square().sum((0, 2, 3)) / plain.float().square().sum((0, 2, 3)).clamp_min(1e-9)
    assert 0 < lost[0] < 1e-2, "rounded, and to 8 bits"
    assert lost[1] == 0, "a skipped head"
