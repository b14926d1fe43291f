# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The CUDA kernels beside cuDNN's attention and FlexAttention, at the true lengths of the models.

TFLOP/s count the cells of the list, 4 x 128 x 64 x head_dim each, and nothing that a kernel adds. Every case checks
sampled rows against float64. Run with PYTHONPATH=<build>/core/python.
"""

import argparse
import json
import math
import subprocess
import sys
import time
from pathlib import Path

import bench_cuda_cases as cases
import numpy as np
import run_facts
import torch
import torch.nn.functional as functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from twill_vdit import cuda, native

SHAPES = {  # batch, heads, tokens, head_dim
    "hunyuan-720p": (1, 24, 119056, 128),
    "wan-14b-720p": (1, 40, 75600, 128),
    "wan-1.3b-480p": (1, 12, 32760, 128),
    "cogvideox-1.5": (1, 48, 45106, 64),
}
PLAN = [
    ("hunyuan-720p", ["dense", "band 0.28", "band 0.10", "random 0.30", "random 0.10", "multi_diagonal", "window"]),
    ("wan-14b-720p", ["dense", "band 0.28", "band 0.10", "random 0.30", "random 0.10", "multi_diagonal", "window"]),
    ("wan-1.3b-480p", ["dense", "band 0.10"]),
    ("cogvideox-1.5", ["dense", "band 0.25"]),
]


def device_state():
    query = "name,driver_version,clocks.sm,power.draw,temperature.gpu"
    command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def time_in_turns(calls, rounds, least_ms=25.0):
    """Milliseconds of each call, [rounds]: every round runs all calls, each often enough to fill least_ms."""
    times = {name: [] for name in calls}
    repeats = {}
    for round_ in range(-1, rounds):
        for name, call in calls.items():
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in "be")
            count = repeats.get(name, 1)
            begin.record()
            for _ in range(count):
                call()
            end.record()
            torch.cuda.synchronize()
            took = begin.elapsed_time(end) / count
            if round_ < 0:
                repeats[name] = max(1, math.ceil(least_ms / took))
            else:
                times[name].append(took)
    return times


def check_rows(q, k, v, out, case):
    """The worst relative error of some rows of two heads against float64."""
    worst = 0.0
    tokens = q.shape[2]
    for head in (0, q.shape[1] - 1):
        for row in (0, tokens // 3, tokens - 1):
            keys = case.keys_of(head, row)
            if keys is None:
                continue
            keys = torch.from_numpy(keys).to(q.device)
            scores = k[0, head, keys].double() @ q[0, head, row].double() * q.shape[3] ** -0.5
            exact = torch.softmax(scores, 0) @ v[0, head, keys].double()
            worst = max(worst, ((out[0, head, row].double() - exact).norm() / exact.norm()).item())
    if not worst < 1e-2:
        raise RuntimeError(f"{case.name}: rows are off by {worst}")
    return worst


def flex_call(q, k, v, case, compiled_flex):
    """FlexAttention over the same tiles, for a list that all heads share in raster order."""
    runs, run_begin, _ = case.lists[0]
    query_tiles, key_tiles = cases.tiles_of(q.shape[2])
    counts = torch.zeros(query_tiles, dtype=torch.int32)
    indices = torch.zeros(query_tiles, key_tiles, dtype=torch.int32)
    for tile in range(query_tiles):
        kept = np.concatenate([np.arange(f, f + c) for f, c in runs[run_begin[tile] : run_begin[tile + 1]]])
        counts[tile] = len(kept)
        indices[tile, : len(kept)] = torch.from_numpy(kept)
    nothing = torch.zeros_like(counts)[None, None].cuda(), torch.zeros_like(indices)[None, None].cuda()
    mask = BlockMask.from_kv_blocks(
        *nothing,
        counts[None, None].cuda(),
        indices[None, None].cuda(),
        BLOCK_SIZE=(cases.QUERY_TILE, cases.KEY_TILE),
        seq_lengths=(q.shape[2], q.shape[2]),
        compute_q_blocks=False,
    )
    options = {"BLOCK_M": 128, "BLOCK_N": 64}  # its default for head_dim 64 does not divide such blocks
    return lambda: compiled_flex(q, k, v, block_mask=mask, kernel_options=options if q.shape[3] == 64 else None)


def cudnn_call(q, k, v):
    def call():
        with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
            return functional.scaled_dot_product_attention(q, k, v)

    return call


def run_shape(name, case_names, rounds, with_flex, report):
    batch, heads, tokens, head_dim = SHAPES[name]
    torch.manual_seed(0)
    q, k, v = (torch.randn(batch, heads, tokens, head_dim, device="cuda", dtype=torch.bfloat16) for _ in "qkv")
    out = torch.empty_like(q)
    compiled_flex = torch.compile(flex_attention, dynamic=False)
    cudnn = cudnn_call(q, k, v)
    for case_name in [*case_names, *(["mixed"] if name == "hunyuan-720p" else [])]:
        case = cases.make(case_name, name, heads, tokens)
        on_device = cuda.DevicePlan(case.tables, q.device)
        calls = {"twill": lambda plan=on_device: plan.run(q, k, v, out, head_dim**-0.5, 0)}
        error = check_rows(q, k, v, calls["twill"](), case)
        calls["cudnn_dense"] = cudnn
        if with_flex and case_name.startswith(("band", "random")):
            try:
                calls["flex"] = flex_call(q, k, v, case, compiled_flex)
                calls["flex"]()
            except Exception as trouble:  # a rival that does not run is reported, not fatal
                print("flex:", str(trouble)[:300])
                calls.pop("flex", None)
        times = time_in_turns(calls, rounds)
        cells = case.cells * batch
        flop = {"cudnn_dense": 4 * tokens * tokens * head_dim * heads * batch}
        row = {"shape": name, "case": case_name, "density": case.density, "relative_error": error}
        for who, took in times.items():
            work = flop.get(who, cells * 4 * cases.QUERY_TILE * cases.KEY_TILE * head_dim)
            row[who] = {
                "ms": float(np.median(took)),
                "tflops": work / np.median(took) / 1e9,
                "tflops_range": [work / max(took) / 1e9, work / min(took) / 1e9],
            }
        row["speedup_over_cudnn_dense"] = row["cudnn_dense"]["ms"] / row["twill"]["ms"]
        if case.gathered:
            row["gather"] = gather_share(calls["twill"], case, q)
        row["state"] = device_state()
        report["attention"].append(row)
        print(json.dumps(row), flush=True)


def gather_share(call, case, q):
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        call()
        torch.cuda.synchronize()
    us = {event.key: event.device_time_total for event in profile.key_averages()}
    gather = sum(time for key, time in us.items() if "gather_kernel" in key)
    moved = 2 * 3 * case.gathered * q.shape[2] * q.shape[3] * q.element_size()
    return {"ms": gather / 1e3, "share": gather / sum(us.values()), "tb_per_s": moved / gather / 1e6}


def copy_bandwidth():
    source = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    times = time_in_turns({"copy": lambda: target.copy_(source)}, 5)["copy"]
    return 2 * source.numel() / np.median(times) / 1e9


def host_overhead_us():
    """Of one planned call, in Python and with the arguments ready."""
    q = torch.randn(1, 24, 256, 128, device="cuda", dtype=torch.bfloat16)
    tables = native.binary.CudaTables.of_lists(256, [], [[[("dense", -1)] * 24]])
    on_device = cuda.DevicePlan(tables, q.device)
    out = torch.empty_like(q)
    on_device.run(q, q, q, out, 0.1, 0)
    described = [cuda.argument(x) for x in (q, q, q, out)]
    workspace = torch.empty(1 << 20, dtype=torch.uint8, device="cuda")
    stream = torch.cuda.current_stream().cuda_stream
    image = on_device.image.data_ptr()
    ready = (image, 0, *described, 0.1, workspace.data_ptr(), workspace.numel(), stream)
    results = {}
    ways = {"python": lambda: on_device.run(q, q, q, out, 0.1, 0), "arguments_ready": lambda: tables.run(*ready)}
    for name, call in ways.items():
        took = []
        for _ in range(300):
            torch.cuda.synchronize()
            begin = time.perf_counter()
            call()
            took.append(time.perf_counter() - begin)
        results[name] = float(np.median(took) * 1e6)
    return results


def run_profiling(report):
    batch, heads, tokens, head_dim = SHAPES["hunyuan-720p"]
    torch.manual_seed(0)
    q, k, v = (torch.randn(batch, heads, tokens, head_dim, device="cuda", dtype=torch.bfloat16) for _ in "qkv")
    candidates, lists = cases.candidates("hunyuan-720p", 100)
    rows = np.sort(np.random.default_rng(0).choice(tokens, 64, replace=False)).astype(np.int32)
    measure = cuda.HeadErrors(q.device, tokens, rows, candidates, lists)
    times = time_in_turns({"errors": lambda: measure(q, k, v, head_dim**-0.5)}, 3)["errors"]
    maps = time_in_turns({"map": lambda: cuda.attention_map(q, k, head_dim**-0.5, 64, 16)}, 3)["map"]
    report["profiling"] = {
        "candidates": len(candidates),
        "rows": len(rows),
        "head_errors_ms": float(np.median(times)),
        "attention_map_64_stride_16_ms": float(np.median(maps)),
    }
    print(json.dumps(report["profiling"]), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shapes", nargs="*", default=[name for name, _ in PLAN])
    parser.add_argument("--no-flex", action="store_true")
    arguments = parser.parse_args()
    report = {
        "run": run_facts.run_facts(
            "cuda_h200",
            "python tests/bench/bench_cuda.py " + " ".join(sys.argv[1:]),
            torch.cuda.get_device_name(),
            run_facts.torch_versions(),
        ),
        "metric": "TFLOP/s over the cells of the list (cuDNN: over tokens x tokens), median of rounds in turns",
        "copy_tb_per_s": copy_bandwidth(),
        "host_overhead_us": host_overhead_us(),
        "attention": [],
    }
    print(json.dumps(report), flush=True)
    for name, case_names in PLAN:
        if name in arguments.shapes:
            run_shape(name, case_names, arguments.rounds, not arguments.no_flex, report)
            run_facts.write(arguments.out, report)
    run_profiling(report)
    run_facts.write(arguments.out, report)


if __name__ == "__main__":
    main()
