# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The INT8 kernel beside our 16-bit portable kernel, PyTorch's FlashAttention-2 and comfy-kitchen, in turns.

comfy-kitchen (0.2.40 is what ComfyUI 0.36 asks for) has dense INT8 attention and, for head_dim 128, Sol-Attn: blocks
of 64 keys chosen while it runs, the others as one pooled term or not at all. Where it is not installed it is left out
and the result says so. Rates count the cells of the list, 4 x 128 x 64 x head_dim each; a rival's dense call counts
tokens x tokens, Sol-Attn's that times its share of blocks. Errors are of sampled rows against float64 over the same
keys, relative to the row; Sol-Attn chooses its own keys, so it has none. Inputs: normal numbers, queries doubled;
and the same with channels that stand out. Run with PYTHONPATH=<build>/core/python[:<comfy-kitchen>].
"""

import argparse
import importlib.metadata
import json
import sys
from pathlib import Path

import bench_cuda_cases as cases
import numpy as np
import run_facts
import torch
from bench_cuda import SHAPES, device_state
from bench_kernels import MORE_SHAPES, flash_attention_2, time_in_changing_turns

from twill_vdit import cuda, native
from twill_vdit.tensors import argument

try:
    import comfy_kitchen
    from comfy_kitchen.sage_attention import int8_attention
except ImportError:
    comfy_kitchen = None

CODE = ["tests/bench/bench_int8.py", "kernels/src/cuda/int8", "kernels/src/cuda/*.cuh"]
SHARES = (0.1, 0.3, 0.5)
INPUTS = ("normal", "outliers")
ROWS = (0, 1, 0.33, 0.5, 0.77, -1)


def make_inputs(kind, shape):
    torch.manual_seed(0)
    q, k, v = (torch.randn(shape, device="cuda", dtype=torch.bfloat16) for _ in "qkv")
    q *= 2
    if kind == "outliers":  # channels of larger spread, and with a mean of their own, as trained models have them
        q[..., 5] *= 6
        k[..., 5] *= 6
        k[..., 17] += 8
        v[..., 3] *= 10
        v[..., 9] += 5
    return q, k, v


def tables_of(case, precision):
    tasks = [(mode, index, precision) for mode, index in case.tasks]
    return native.binary.CudaTables.of_lists(case.tokens, case.lists, [[tasks]])


def errors_of(q, k, v, out, case):
    """Relative errors of sampled rows of the first and the last head."""
    found = []
    for head in (0, q.shape[1] - 1):
        for row in ROWS:
            query = int(row * case.tokens) if 0 < row < 1 else row % case.tokens
            keys = torch.from_numpy(np.ascontiguousarray(case.keys_of(head, query))).to(q.device)
            scores = k[0, head, keys].double() @ q[0, head, query].double() * q.shape[3] ** -0.5
            exact = torch.softmax(scores, 0) @ v[0, head, keys].double()
            found.append(((out[0, head, query].double() - exact).norm() / exact.norm()).item())
    return {"mean": float(np.mean(found)), "largest": max(found)}


def rivals_of(case_name, q, k, v, full):
    """(name, call, work, whether its rows have an error) of what else computes such attention."""
    if case_name == "dense":
        yield "flash_attention_2", flash_attention_2(q, k, v), full, True
        if comfy_kitchen is not None:
            yield "comfy_kitchen_int8", lambda: int8_attention(q, k, v), full, True
    elif comfy_kitchen is not None and q.shape[3] == 128:
        share = float(case_name.split()[1])
        turned = [x.transpose(1, 2).contiguous() for x in (q, k, v)]
        for name, tail in (("sol_attn", False), ("sol_attn_tail", True)):
            call = lambda tail=tail: comfy_kitchen.sol_attn(*turned, topk_ratio=share, tail=tail)  # noqa: E731
            yield name, call, full * share, False


def run_case(name, case_name, kind, tensors, rounds, report):
    q, k, v = tensors
    _, heads, tokens, head_dim = q.shape
    case = cases.make(case_name, name, heads, tokens)
    plans = {precision: cuda.DevicePlan(tables_of(case, precision), q.device) for precision in ("bf16", "int8")}
    out = torch.empty_like(q)
    scale = head_dim**-0.5
    cells = 4 * cases.QUERY_TILE * cases.KEY_TILE * head_dim * case.cells
    calls = {
        "int8": (lambda: plans["int8"].run(q, k, v, out, scale, 0), cells, True),
        "portable": (lambda: plans["bf16"].run(q, k, v, out, scale, 0, kernel="portable"), cells, True),
    }
    full = 4 * tokens * tokens * head_dim * heads
    calls |= {who: (call, work, exact) for who, call, work, exact in rivals_of(case_name, q, k, v, full)}
    row = {"shape": name, "case": case_name, "inputs": kind, "density": case.density}
    workspace = plans["int8"].tables.workspace_bytes(plans["int8"].image.data_ptr(), 0, argument(q), scale)
    row["workspace_over_qkv"] = workspace / (3 * q.numel() * q.element_size())
    for who, (call, _, exact) in calls.items():
        result = call()
        row[who] = {"relative_error": errors_of(q, k, v, result, case)} if exact else {}
    if kind == INPUTS[0]:
        for who, took in time_in_changing_turns({who: call for who, (call, _, _) in calls.items()}, rounds).items():
            work = calls[who][1]
            row[who] |= {
                "ms": float(np.median(took)),
                "tflops": work / np.median(took) / 1e9,
                "tflops_range": [work / max(took) / 1e9, work / min(took) / 1e9],
            }
    row["state"] = device_state()
    report["attention"].append(row)
    print(json.dumps(row), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shapes", nargs="*", default=[*SHAPES, "head-dim-96"])
    arguments = parser.parse_args()
    versions = run_facts.torch_versions()
    versions["comfy-kitchen"] = (
        "not installed" if comfy_kitchen is None else importlib.metadata.version("comfy-kitchen")
    )
    report = {
        "run": run_facts.run_facts(
            "int8_h200",
            "python tests/bench/bench_int8.py " + " ".join(sys.argv[1:]),
            torch.cuda.get_device_name(),
            versions,
            CODE,
        ),
        "metric": "TFLOP/s over the cells of the list, median of rounds in changing turns; relative errors of rows",
        "attention": [],
    }
    for name in arguments.shapes:
        shape = {**SHAPES, **MORE_SHAPES}[name]
        for kind in INPUTS:
            tensors = make_inputs(kind, shape)
            lists = ["dense", *(f"{list_} {share:.2f}" for share in SHARES for list_ in ("band", "random"))]
            for case_name in lists if kind == INPUTS[0] else ["dense"]:
                run_case(name, case_name, kind, tensors, arguments.rounds, report)
    run_facts.write(arguments.out, report)


if __name__ == "__main__":
    main()
