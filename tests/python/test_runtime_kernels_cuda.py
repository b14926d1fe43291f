# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Kernels compiled at run time beside those of the binary module, bit for bit; skipped without a GPU and NVRTC."""

import math
import os
import subprocess
import sys
import threading

import pytest
import torch

import plan_texts
import twill_vdit
from attention_cases import LAYOUTS, ORDERS, PATTERNS
from twill_vdit import backends, cuda, native, sparse_attention
from twill_vdit.cuda_words import CudaWords
from twill_vdit.runtime_kernels import compiling, entries, launching
from twill_vdit.tensors import DTYPES

HEAD_DIMS = (64, 96, 128, 256)
DTYPES_OF_KERNELS = (torch.bfloat16, torch.float16)
GPU = torch.device("cuda", 0)


def why_not_here():
    if not torch.cuda.is_available():
        return "no CUDA device"
    return launching.why_not(GPU, torch.bfloat16, 64, 0.125)


def why_no_binary_kernels():
    if native.binary is None:
        return f"no binary module: {native.why_not}"
    return why_not_here() or cuda.why_not(GPU, torch.bfloat16, 64, 0.125)


pytestmark = pytest.mark.skipif(why_not_here() != "", reason=why_not_here() or "it runs")
beside_binary = pytest.mark.skipif(why_no_binary_kernels() != "", reason=why_no_binary_kernels() or "it runs")


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    """So that this file compiles what it tests."""
    before = os.environ.get("TWILL_CACHE")
    os.environ["TWILL_CACHE"] = str(tmp_path_factory.mktemp("kernels"))
    launching._loaded.cache_clear()
    yield
    launching._loaded.cache_clear()
    if before is None:
        del os.environ["TWILL_CACHE"]
    else:
        os.environ["TWILL_CACHE"] = before


def plan_of(heads_of=PATTERNS):
    layers = [[plan_texts.with_order(p, order) for p in heads_of.values()] for order in ORDERS.values()]
    return twill_vdit.parse_plan(plan_texts.plan_text(layers, dense_above=0.9), "made.json")


def tensors(layout, dtype, head_dim):
    """Views of (B, N, H x D), as ComfyUI hands them over."""
    generator = torch.Generator().manual_seed(7)
    shape = (2, layout.tokens, len(PATTERNS), head_dim)
    return [torch.randn(shape, generator=generator).to(dtype).cuda().transpose(1, 2) for _ in "qkv"]


def both(plan, layout):
    """(tables of the binary module, the same words made in numpy), on the device."""
    compiled = twill_vdit.compile_plan(plan, layout)
    tables = native.binary.CudaTables.of_plan(compiled.tables())
    words = CudaWords.of_plan(plan_texts.without_binary(plan, layout))
    return cuda.DevicePlan(tables, GPU), launching.DeviceWords(words, GPU)


def both_with_precisions(plan, layout, precisions_of):
    """As both(), of the plan's first segment; a variant for each of precisions_of: head -> precision."""
    compiled = twill_vdit.compile_plan(plan, layout)
    layers = [compiled.tasks(0, 0, 0, layer) for layer in range(len(ORDERS))]
    count = 1 + max(index for heads in layers for _, index in heads)
    made = [compiled.tile_list(index) for index in range(count)]
    lists = [(tiles.runs, tiles.run_begin, tiles.position_to_token) for tiles in made]
    tasks = [
        [[(*task, precision_of(head)) for head, task in enumerate(heads)] for heads in layers]
        for precision_of in precisions_of
    ]
    tables = native.binary.CudaTables.of_lists(layout.tokens, lists, tasks)
    return cuda.DevicePlan(tables, GPU), launching.DeviceWords(CudaWords(layout.tokens, lists, tasks), GPU)


def kernels_for(dtype, head_dim, precision="bf16"):
    capability = launching.driver.capability(GPU)
    return [
        entry.name
        for entry in entries.ENTRIES
        if entry.precision == precision and not entries.why_not_entry(entry, capability, head_dim, DTYPES[dtype], 1.0)
    ]


def assert_same_bits(pair, q, k, v, layer, heads=slice(None), **options):
    results = []
    for on_device in pair:
        out, lse = torch.empty_like(q), torch.full(q.shape[:3], math.nan, device=q.device)
        on_device.run(q, k, v, out, q.shape[3] ** -0.5, layer, lse=lse, **options)
        results.append((out[:, heads], lse[:, heads]))
    (theirs, their_lse), (ours, our_lse) = results
    assert not torch.isnan(theirs).any()
    assert torch.equal(ours.view(torch.int16), theirs.view(torch.int16))
    assert torch.equal(our_lse.view(torch.int32), their_lse.view(torch.int32))


@beside_binary
@pytest.mark.parametrize("head_dim", HEAD_DIMS)
@pytest.mark.parametrize("dtype", DTYPES_OF_KERNELS, ids=str)
def test_bits_are_those_of_the_binary_module(dtype, head_dim):
    """All kinds of heads, token orders, text in front and behind, both segments, with logarithms of the sums."""
    plan = plan_of()
    for layout in LAYOUTS.values():
        pair = both(plan, layout)
        q, k, v = tensors(layout, dtype, head_dim)
        for kernel in kernels_for(dtype, head_dim):
            for layer in range(len(ORDERS)):
                for variant in (0, 1):
                    assert_same_bits(pair, q, k, v, layer, variant=variant, kernel=kernel)


@beside_binary
@pytest.mark.parametrize("head_dim", HEAD_DIMS)
@pytest.mark.parametrize("dtype", DTYPES_OF_KERNELS, ids=str)
def test_bits_of_a_larger_clip(dtype, head_dim):
    """Many items for each block, and lists of many runs."""
    plan = plan_of()
    layout = twill_vdit.TokenLayout(frames=7, rows=17, cols=33, prefix=13, suffix=77)
    pair = both(plan, layout)
    q, k, v = tensors(layout, dtype, head_dim)
    for kernel in kernels_for(dtype, head_dim):
        for layer in range(len(ORDERS)):
            assert_same_bits(pair, q, k, v, layer, variant=0, kernel=kernel)


PRECISIONS_OF = (lambda head: ("bf16", "int8")[head % 2], lambda head: ("int8", "bf16")[head % 2], lambda head: "int8")


@beside_binary
@pytest.mark.parametrize("head_dim", entries.INT8_HEAD_DIMS)
@pytest.mark.parametrize("dtype", DTYPES_OF_KERNELS, ids=str)
def test_bits_of_heads_in_int8(dtype, head_dim):
    """Beside heads in elements, which another kernel of the binary module may compute, in small and larger layouts."""
    plan = plan_of()
    larger = twill_vdit.TokenLayout(frames=7, rows=17, cols=33, prefix=13, suffix=77)
    for layout in (*LAYOUTS.values(), larger):
        pair = both_with_precisions(plan, layout, PRECISIONS_OF)
        q, k, v = tensors(layout, dtype, head_dim)
        for kernel in kernels_for(dtype, head_dim, "int8"):
            for layer in range(len(ORDERS)):
                for variant, precision_of in enumerate(PRECISIONS_OF):
                    heads = [
                        head
                        for head, pattern in enumerate(PATTERNS.values())
                        if precision_of(head) == "int8" and pattern.kind not in ("skip", "mean")
                    ]
                    assert_same_bits(pair, q, k, v, layer, heads, variant=variant, kernel=kernel)


@beside_binary
def test_a_layer_of_int8_heads_alone_has_the_same_bits():
    layout = LAYOUTS["text_in_front_and_behind"]
    pair = both_with_precisions(
        plan_of({"dense": PATTERNS["dense"], "window": PATTERNS["window"]}), layout, [lambda head: "int8"]
    )
    q, k, v = (x[:, :2] for x in tensors(layout, torch.bfloat16, 128))
    for layer in range(len(ORDERS)):
        assert_same_bits(pair, q, k, v, layer)


def test_heads_in_int8_in_a_captured_graph_follow_the_variant():
    layout = LAYOUTS["text_in_front_and_behind"]
    heads = len(PATTERNS)
    tasks = [[[("dense", -1, precision)] * heads] for precision in ("int8", "bf16")]
    on_device = launching.DeviceWords(CudaWords(layout.tokens, [], tasks), GPU)
    q, k, v = tensors(layout, torch.bfloat16, 64)
    alone = [on_device.run(q, k, v, torch.empty_like(q), 0.125, 0, variant=variant) for variant in (0, 1)]
    assert not torch.equal(*alone)
    torch.testing.assert_close(alone[0], alone[1], rtol=5e-2, atol=5e-2)
    out = torch.empty_like(q)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        on_device.run(q, k, v, out, 0.125, 0)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        on_device.run(q, k, v, out, 0.125, 0)
    for variant in (1, 0, 1):
        on_device.set_variant(variant)
        graph.replay()
        torch.cuda.synchronize()
        assert torch.equal(out, alone[variant])


@beside_binary
@pytest.mark.parametrize("change", [
    pytest.param(lambda x: x.contiguous(), id="contiguous"),
    pytest.param(lambda x: torch.nn.functional.pad(x, (8, 8))[..., 8:-8], id="rows_apart"),
    pytest.param(lambda x: x.transpose(0, 1).contiguous().transpose(0, 1), id="heads_outermost"),
])  # fmt: skip
def test_bits_do_not_depend_on_strides(change):
    layout = LAYOUTS["text_in_front_and_behind"]
    pair = both(plan_of(), layout)
    q, k, v = map(change, tensors(layout, torch.bfloat16, 128))
    assert_same_bits(pair, q, k, v, 2, variant=0, kernel=kernels_for(torch.bfloat16, 128)[0])


@beside_binary
def test_bits_on_other_streams():
    layout = LAYOUTS["text_in_front_and_behind"]
    pair = both(plan_of(), layout)
    streams = [torch.cuda.Stream() for _ in range(3)]
    inputs = []
    for seed, stream in enumerate(streams):
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            inputs.append([x * (1 + seed) for x in tensors(layout, torch.bfloat16, 64)])
    kernel = kernels_for(torch.bfloat16, 64)[0]
    outs = [[], []]
    for _ in range(5):
        for which, on_device in enumerate(pair):
            for stream, (q, k, v) in zip(streams, inputs, strict=True):
                with torch.cuda.stream(stream):
                    outs[which].append(on_device.run(q, k, v, torch.empty_like(q), 0.125, 1, variant=0, kernel=kernel))
    torch.cuda.synchronize()
    for ours, theirs in zip(*outs, strict=True):
        assert torch.equal(ours, theirs)


@beside_binary
def test_the_word_in_memory_says_which_variant_holds():
    layout = LAYOUTS["text_behind"]
    pair = both(plan_of(), layout)
    q, k, v = tensors(layout, torch.bfloat16, 64)
    for variant in (1, 0, 1):
        for on_device in pair:
            on_device.set_variant(variant)
        assert_same_bits(pair, q, k, v, 1, kernel=kernels_for(torch.bfloat16, 64)[0])


@pytest.fixture
def runtime_plan():
    """Compiled without the binary module, to run by the kernels that are compiled here."""
    layout = LAYOUTS["text_in_front_and_behind"]
    compiled = plan_texts.without_binary(plan_of(), layout)
    compiled.backend = "runtime_cuda"
    return compiled


def test_the_operator_follows_the_plans_time_in_a_graph(runtime_plan):
    q, k, v = tensors(runtime_plan.layout, torch.bfloat16, 64)
    alone = [sparse_attention(q, k, v, runtime_plan, layer=1, segment=segment) for segment in (0, 1)]
    assert not torch.equal(*alone)
    runtime_plan.set_time(0.5, device="cuda")
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        sparse_attention(q, k, v, runtime_plan, layer=1)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        follows = sparse_attention(q, k, v, runtime_plan, layer=1)
        frozen = sparse_attention(q, k, v, runtime_plan, layer=1, segment=1)
    for t, segment in ((0.95, 1), (0.5, 0), (0.95, 1)):
        runtime_plan.set_time(t, device="cuda")
        graph.replay()
        torch.cuda.synchronize()
        assert torch.equal(follows, alone[segment])
        assert torch.equal(frozen, alone[1])


def test_the_operator_waits_for_nothing(runtime_plan):
    q, k, v = tensors(runtime_plan.layout, torch.bfloat16, 64)
    runtime_plan.set_time(0.5, device="cuda")
    sparse_attention(q, k, v, runtime_plan, layer=0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        sparse_attention(q, k, v, runtime_plan, layer=0)
        runtime_plan.set_time(0.95, device="cuda")
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_the_operator_compiles_without_a_break(runtime_plan):
    q, k, v = tensors(runtime_plan.layout, torch.bfloat16, 64)
    runtime_plan.set_time(0.5, device="cuda")

    def block(q, k, v):
        return sparse_attention(q * 2.0, k, v, runtime_plan, layer=0) + q

    made = torch.compile(block, fullgraph=True, mode="reduce-overhead")
    for t in (0.5, 0.5, 0.5, 0.95, 0.5):
        runtime_plan.set_time(t, device="cuda")
        torch.compiler.cudagraph_mark_step_begin()
        assert torch.equal(made(q, k, v), block(q, k, v)), t


def test_it_runs_in_a_thread_that_has_no_context_yet(runtime_plan):
    q, k, v = tensors(runtime_plan.layout, torch.bfloat16, 64)
    first = sparse_attention(q, k, v, runtime_plan, layer=2, segment=0)
    found = []
    worker = threading.Thread(target=lambda: found.append(sparse_attention(q, k, v, runtime_plan, layer=2, segment=0)))
    worker.start()
    worker.join()
    assert torch.equal(found[0], first)


def test_ptx_runs_where_nvrtc_does_not_know_the_card(runtime_plan, monkeypatch):
    """As on a card that came after NVRTC: the driver compiles PTX of an older one."""
    q, k, v = tensors(runtime_plan.layout, torch.bfloat16, 64)
    expected = sparse_attention(q, k, v, runtime_plan, layer=1, segment=0)
    monkeypatch.setattr(compiling, "options_for", lambda capability: ("compute_80", "ptx"))
    monkeypatch.setenv("TWILL_CACHE", os.environ["TWILL_CACHE"] + "-ptx")
    launching._loaded.cache_clear()
    again = plan_texts.without_binary(plan_of(), runtime_plan.layout)
    again.backend = "runtime_cuda"
    out = sparse_attention(q, k, v, again, layer=1, segment=0)
    launching._loaded.cache_clear()
    torch.testing.assert_close(out, expected, rtol=2e-2, atol=2e-2)


def test_it_agrees_with_plain_torch(runtime_plan):
    q, k, v = tensors(runtime_plan.layout, torch.bfloat16, 64)
    other = plan_texts.without_binary(plan_of(), runtime_plan.layout)
    other.backend = "eager"
    for layer in range(len(ORDERS)):
        ours = sparse_attention(q, k, v, runtime_plan, layer=layer, segment=0)
        theirs = sparse_attention(q, k, v, other, layer=layer, segment=0)
        torch.testing.assert_close(theirs, ours, rtol=2e-2, atol=2e-2)


def test_the_choice_and_the_report_name_it(monkeypatch):
    monkeypatch.setattr(native, "binary", None)
    monkeypatch.setenv("TWILL_CHOICE", "order")
    backends.forget_choices()
    try:
        choice = backends.choose(backends.Call(GPU, torch.bfloat16, 128, has_tables=False))
        assert choice.backend.name == "runtime_cuda"
        assert choice.name.split()[:2] == ["runtime_cuda", kernels_for(torch.bfloat16, 128)[0]]
    finally:
        backends.forget_choices()


SECOND_START = """
import time
import torch
from twill_vdit.runtime_kernels import compiling, entries, launching
def refuse(*_):
    raise AssertionError("compiled again")
compiling.compile_instance = refuse
device = torch.device("cuda", 0)
torch.zeros(1, device=device)
begin = time.perf_counter()
kernel = launching.kernel_for(entries.ENTRIES[-1].instance("bfloat16", 64), device)
kernel.resident_blocks(device)
print(time.perf_counter() - begin)
"""


def test_a_second_process_compiles_nothing():
    launching.kernel_for(entries.ENTRIES[-1].instance("bfloat16", 64), GPU)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    result = subprocess.run([sys.executable, "-c", SECOND_START], capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr[-3000:]
    assert float(result.stdout) <= 1.0
