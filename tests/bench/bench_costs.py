# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""How well a cost table predicts what a layer takes.

Times every candidate of a profile, solves for shares of dense attention's time, and runs the layers of those plans on
random q, k and v, in turns. A layer's prediction is the sum of its heads' costs. Run with
PYTHONPATH=<build>/core/python:

    python tests/bench/bench_costs.py --profile out/demo/plan.json --dtype bfloat16 --out costs.json
    python tests/bench/bench_costs.py --device cuda --layout 21x30x52 --heads 12 --head-dim 128 --out costs.json

Without --profile one is made up: the candidates of that layout, and errors that fall with the cells, for every head in
another order; they only serve to choose patterns.
"""

import argparse
import base64
import functools
import json
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import run_facts
import torch

import twill_vdit
from twill_vdit import candidate_costs, search
from twill_vdit.attention import sparse_attention
from twill_vdit.compiled_plan import compile_plan
from twill_vdit.layout import TokenLayout
from twill_vdit.plan import ModelShape, StackShape
from twill_vdit.plan_io import parse_plan, read_plan

SHARES = (0.2, 0.35, 0.5)
T = (1.0, 0.9, 0.75, 0.5, 0.25)
ROUNDS = 5


def as_floats(values: np.ndarray) -> dict:
    return {"shape": list(values.shape), "float32": base64.b64encode(values.astype("<f4").tobytes()).decode()}


def candidates_of(profile: search.Profile) -> list:
    """One-layer plans."""
    native = profile.native
    return [parse_plan(native.plan_of_candidate(i).to_json(), "candidate") for i in range(native.candidate_count)]


def made_up_profile(layout: TokenLayout, layers: int, heads: int, head_dim: int) -> search.Profile:
    one_head = ModelShape("made-up", ("default",), (StackShape("blocks", 1, 1),), head_dim)
    profiler = search.Profiler(one_head, layout, t=T, prompts=["none"], rows=1)
    x = torch.ones(1, 1, layout.tokens, head_dim)
    for index in range(len(T)):
        profiler.observe(x, x, x, [1.0], t_index=index, layer=0)
        profiler.finish_unit(index)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "profile.json"
        profiler.finish().write(file)
        profile = json.loads(file.read_text())
        cells = [compile_plan(plan, layout).density(0) for plan in candidates_of(search.Profile.read(file))]
        profile["model"]["stacks"][0].update(layers=layers, heads=heads)
        shape = len(T), 1, layers * heads
        noise = np.random.default_rng(1).lognormal(0.0, 1.5, (*shape[1:], len(cells)))
        errors = np.maximum(np.exp(-6.0 * np.array(cells)) - np.exp(-6.0), 0.0) * noise
        profile["head_error"] = as_floats(np.broadcast_to(errors, (*shape, len(cells))))
        profile["gain"] = as_floats(np.ones(shape))
        file.write_text(json.dumps(profile))
        return search.Profile.read(file)


def different_layers(plan) -> list[tuple[int, int]]:
    """(segment, layer), one for each set of patterns that a layer's heads have."""
    stack = plan.model.stacks[0]
    seen = {}
    for index, segment in enumerate(plan.segments):
        for layer in range(0 if segment.dense else stack.layers):
            heads = segment.heads[0][layer * stack.heads : (layer + 1) * stack.heads]
            seen.setdefault(tuple(sorted(heads)), (index, layer))
    return list(seen.values())


def measure(arguments: argparse.Namespace) -> dict:
    device, dtype = torch.device(arguments.device), getattr(torch, arguments.dtype)
    if arguments.profile:
        profile = search.profile_of(read_plan(arguments.profile))
        frames, rows, cols, prefix, suffix = profile.native.layout
        layout = TokenLayout(frames=frames, rows=rows, cols=cols, prefix=prefix, suffix=suffix)
    else:
        frames, rows, cols = map(int, arguments.layout.split("x"))
        layout = TokenLayout(frames=frames, rows=rows, cols=cols)
        profile = made_up_profile(layout, arguments.layers, arguments.heads, arguments.head_dim)
    profile.measure_costs(device, dtype)
    candidates = candidates_of(profile)
    cost = {plan.patterns[0]: ms for plan, ms in zip(candidates, profile.costs.milliseconds, strict=True)}
    model = candidates[0].model
    heads = model.stacks[0].heads
    generator = torch.Generator().manual_seed(2)
    q, k, v = (
        torch.randn(1, heads, layout.tokens, model.head_dim, generator=generator).to(device, dtype) for _ in "qkv"
    )

    layers = []
    for share in SHARES:
        plan = search.Solver(profile, T, budget="attention_share", max_segments=4).solve(share).plan
        compiled = compile_plan(plan, layout)
        for segment, layer in different_layers(plan):
            own = plan.segments[segment].heads[0][layer * heads : (layer + 1) * heads]
            run = functools.partial(sparse_attention, q, k, v, compiled, layer=layer, segment=segment)
            layers.append({"share": share, "predicted_ms": sum(cost[plan.patterns[i]] for i in own), "run": run})
    times = [[] for _ in layers]
    for round_ in range(ROUNDS + 1):
        for layer, of_layer in zip(layers, times, strict=True):
            seconds = candidate_costs.seconds_of(layer["run"], device)
            if round_ > 0:  # the first warms up
                of_layer.append(1e3 * seconds)
    for layer, of_layer in zip(layers, times, strict=True):
        del layer["run"]
        layer["measured_ms"] = statistics.median(of_layer)
        layer["spread_ms"] = max(of_layer) - min(of_layer)
        layer["off"] = layer["predicted_ms"] / layer["measured_ms"] - 1.0
    off = sorted(abs(layer["off"]) for layer in layers)
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return {
        "run": run_facts.run_facts(
            "costs_h200" if gpu else "costs",
            "python " + " ".join(sys.argv),
            gpu,
            {**run_facts.torch_versions(), "twill_vdit": twill_vdit.__version__},
            **({"profile": run_facts.sha256_of(arguments.profile)} if arguments.profile else {}),
        ),
        "dtype": arguments.dtype,
        "layout": f"{layout.frames}x{layout.rows}x{layout.cols}",
        "heads": heads,
        "head_dim": model.head_dim,
        "cost_of": profile.costs.device,
        "off_median": statistics.median(off),
        "off_90_percent": off[int(0.9 * (len(off) - 1))],
        "off_most": off[-1],
        "layers": layers,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", type=Path, help="a plan with a profile")
    parser.add_argument("--layout", default="21x30x52", help="of a made-up profile, frames x rows x columns in tokens")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--head-dim", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="bfloat16")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    result = measure(arguments)
    run_facts.write(arguments.out, result)
    off = [f"{100 * result[key]:.1f} %" for key in ("off_median", "off_90_percent", "off_most")]
    print(f"{len(result['layers'])} layers, predicted off by: median {off[0]}, 90 % {off[1]}, most {off[2]}")


if __name__ == "__main__":
    main()
