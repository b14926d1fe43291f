# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What adapting a plan to a clip costs at the shape of a model: set-up, a layer's measuring, solving again.

    PYTHONPATH=build/cuda/core/python python tests/bench/bench_adapting.py --device cuda --shape wan-14b --out out.json

One layer of random q, k and v on the device is measured there, by the kernels of the binary module and by torch, and,
copied, on the CPU, in turns with dense attention on the device (torch's scaled_dot_product_attention). `worst_relative`
is how far the errors of the two forms are from each other. `of_run` takes all layers, four measured steps and both
branches of the guidance to cost what that layer does, and `shares` are of dense attention's time in all steps of the
run.
"""

import argparse
import json
import math
import statistics
import sys
import time
from pathlib import Path

import run_facts
import torch
import torch.nn.functional as functional

import twill_vdit
from twill_vdit import call_measures, search
from twill_vdit.plan import ModelShape, StackShape

# grid of tokens, layers, heads, head_dim, steps of a run
SHAPES = {
    "demo": ((9, 12, 20), 12, 4, 64, 20),
    "wan-1.3b": ((21, 30, 52), 30, 12, 128, 50),
    "wan-14b": ((21, 30, 52), 40, 40, 128, 50),
    "wan-14b-720p": ((21, 45, 80), 40, 40, 128, 50),
    "hunyuan-720p": ((33, 45, 80), 60, 24, 128, 50),
}
SMALL = twill_vdit.TokenLayout(frames=4, rows=12, cols=16)
CANDIDATES = 120
DENSITY = 0.4


def profile_of(layers: int, heads: int, head_dim: int) -> search.Profile:
    """Of random heads at a small size; how long solving takes does not depend on the errors' size."""
    model = ModelShape("made up", ("default",), (StackShape("blocks", layers, heads),), head_dim)
    times = [1.0, 0.9, 0.7, 0.4]
    profiler = search.Profiler(model, SMALL, t=times, prompts=["made up"], rows=8, candidates=CANDIDATES)
    generator = torch.Generator().manual_seed(1)
    for t_index in range(len(times)):
        for layer in range(layers):
            q, k, v = (torch.randn(1, heads, SMALL.tokens, head_dim, generator=generator) for _ in "qkv")
            profiler.observe(2 * q, k, v, torch.rand(heads, generator=generator), t_index=t_index, layer=layer)
        profiler.finish_unit(t_index)
    return profiler.finish()


def seconds_of(work) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def in_torch(work):
    """With the binary module's CUDA kernels left aside."""
    before, call_measures.why_no_kernels = call_measures.why_no_kernels, lambda call: "torch is timed"
    try:
        return work()
    finally:
        call_measures.why_no_kernels = before


def worst_relative(measures, q, k, v) -> float:
    """Of the kernels' errors against torch's, over all heads and candidates; fails where the kernels do not measure."""
    call = call_measures.ObservedCall(q, k, v, None)
    assert not call_measures.why_no_kernels(call), call_measures.why_no_kernels(call)
    rows = [row * (q.shape[2] // 64) for row in range(64)]
    error, norm = measures.errors(call, rows)
    other, other_norm = in_torch(lambda: measures.errors(call, rows))
    share, other_share = error / norm[:, None], other / other_norm[:, None]
    worst = float((abs(share - other_share) / (other_share + 1e-6)).max())
    assert worst < 1e-4, f"the two forms differ by {worst}"
    return worst


def measure(device: torch.device, dtype: torch.dtype, shape: str, rounds: int) -> dict:
    (frames, rows, cols), layers, heads, head_dim, steps = SHAPES[shape]
    layout = twill_vdit.TokenLayout(frames=frames, rows=rows, cols=cols)
    profile = profile_of(layers, heads, head_dim)
    times = [1.0 - i / steps for i in range(steps)]
    runs = []
    begin = [
        seconds_of(lambda: runs.append(search.AdaptiveRun(profile, times, density=DENSITY, layout=layout)))
        for _ in range(max(3, rounds))
    ]
    q, k, v = (torch.randn(1, heads, layout.tokens, head_dim, device=device, dtype=dtype) for _ in "qkv")

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    def dense() -> None:
        functional.scaled_dot_product_attention(q, k, v)
        wait()

    works = {
        "dense": lambda layer: dense(),
        "on_cpu": lambda layer: runs[0].observe(q.cpu(), k.cpu(), v.cpu(), layer=layer),
    }
    worst = None
    if device.type != "cpu":
        works["torch"] = lambda layer: in_torch(lambda: runs[1].observe(q, k, v, layer=layer))
        works["kernels"] = lambda layer: runs[2].observe(q, k, v, layer=layer)
        worst = worst_relative(runs[1]._measures, q, k, v)
    found: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            taken = seconds_of(lambda: work(turn))  # noqa: B023
            if turn > 0:  # the first warms up
                found[name].append(taken)
    medians = {name: statistics.median(taken) for name, taken in found.items()}
    attention = 2 * steps * layers * medians.pop("dense")
    measuring = {name: 4 * 2 * layers * taken for name, taken in medians.items()}
    solving = 5 * statistics.median(begin)
    return {
        "shape": shape,
        "tokens": layout.tokens,
        "layers": layers,
        "heads": heads,
        "head_dim": head_dim,
        "dtype": str(dtype).removeprefix("torch."),
        "candidates": CANDIDATES,
        "begin_seconds": begin,
        "layer_seconds": found,
        "worst_relative": worst,
        "of_run": {
            "steps": steps,
            "measuring_seconds": measuring,
            "solving_seconds": solving,
            "dense_attention_seconds": attention,
            "shares": {name: (taken + solving) / attention for name, taken in measuring.items()},
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16")
    parser.add_argument("--shape", choices=list(SHAPES), nargs="+", default=["demo"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    device = torch.device(given.device)
    result = {
        "run": run_facts.run_facts(
            "adapting_h200",
            " ".join(["bench_adapting.py", *map(str, sys.argv[1:])]),
            torch.cuda.get_device_name(device) if device.type == "cuda" else "",
            run_facts.torch_versions(),
            beside=run_facts.cpu(),
        ),
        "shapes": [measure(device, getattr(torch, given.dtype), shape, given.rounds) for shape in given.shape],
    }
    for shape in result["shapes"]:
        assert all(math.isfinite(share) for share in shape["of_run"]["shares"].values())
    print(json.dumps(result, indent=1))
    if given.out:
        run_facts.write(given.out, result)


if __name__ == "__main__":
    main()
