# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Attention of every preset at its model's default setting: all layers, the mean over all steps, against dense.

Random q, k, v in bf16, batch 1. Layers whose heads have the same patterns take the same time and are run once. A plan
with more than --kinds such kinds runs that many, evenly spaced by their cells with the smallest and the largest among
them, and the others are interpolated by their cells; --kinds 1000 runs all. Rounds interleave them with cuDNN's dense
attention and ours. Sampled rows of every pattern are compared with float64 over the keys that its tiles hold. Run with
PYTHONPATH=<build>/core/python:

    python tests/bench/bench_presets.py --out tests/bench/results/presets.json

then `python presets/make_presets.py` writes the figures into the presets and their table. --tiny runs the same on a
CPU at some 2,300 tokens: it tests the script, its times mean nothing.
"""

import argparse
import collections
import functools
import json
import math
import platform
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import run_facts
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "presets"))

import twill_vdit  # noqa: E402
from makers import measured, points  # noqa: E402
from makers.models import MODELS, Model  # noqa: E402

QUERY_TILE, KEY_TILE = 128, 64
TINY_LAYOUT = {"frames": 12, "rows": 12, "cols": 16}
Place = tuple[int, int, int, int]  # segment, expert, stack, layer


@dataclass
class Kind:
    """Layers whose heads have the same patterns, in any order. steps: how many (step, layer) pairs are of it."""

    place: Place
    tasks: list[tuple[str, int]]
    cells: int  # list tiles
    steps: int = 0
    ms: list[float] = field(default_factory=list)


def kinds_of(model: Model, compiled) -> list[Kind]:
    """Every kind of layer that the default setting runs."""
    kinds: dict[tuple, Kind] = {}
    dense = -(-compiled.layout.tokens // QUERY_TILE) * -(-compiled.layout.tokens // KEY_TILE)
    tiles = functools.cache(lambda index: int(compiled.tile_list(index).tiles))

    def cells(task: tuple[str, int]) -> int:
        mode, index = task
        return tiles(index) if mode == "sparse" else {"dense": dense}.get(mode, 0)

    passes = collections.Counter((compiled.segment_at(t), model.expert_at(t)) for t in model.times)
    for (segment, expert), count in sorted(passes.items()):
        for stack, (_, layers, _) in enumerate(model.stacks):
            for layer in range(layers):
                tasks = compiled.tasks(segment, expert, stack, layer)
                key = tuple(sorted(tasks))
                if key not in kinds:
                    kinds[key] = Kind((segment, expert, stack, layer), tasks, sum(map(cells, tasks)))
                kinds[key].steps += count
    return list(kinds.values())


def is_dense(kind: Kind) -> bool:
    return all(mode == "dense" for mode, _ in kind.tasks)


def sample(kinds: list[Kind], most: int) -> list[Kind]:
    """At most so many, by rising cells, evenly spaced from the smallest to the largest."""
    ordered = sorted(kinds, key=lambda kind: kind.cells)
    picked = np.unique(np.linspace(0, len(ordered) - 1, min(most, len(ordered))).round().astype(int))
    return [ordered[i] for i in picked]


def keys_of(compiled, task: tuple[str, int], row: int, tokens: int) -> np.ndarray | None:
    """Tokens that a query's tiles hold; None for a head without any."""
    mode, index = task
    if mode != "sparse":
        return np.arange(tokens) if mode == "dense" else None
    made = compiled.tile_list(index)
    order = made.position_to_token
    tile = (row if order is None else int(np.flatnonzero(order == row)[0])) // QUERY_TILE
    runs = made.runs[made.run_begin[tile] : made.run_begin[tile + 1]]
    keys = np.concatenate([np.arange(f * KEY_TILE, min((f + c) * KEY_TILE, tokens)) for f, c in runs])
    return keys if order is None else order[keys]


def worst_row(compiled, heads: dict[tuple[str, int], int], q, k, v, out) -> float:
    """The worst relative error of three rows of each head, against float64. heads: by task."""
    worst, tokens = 0.0, q.shape[2]
    for task, head in heads.items():
        for row in (0, tokens // 3, tokens - 1):
            keys = keys_of(compiled, task, row, tokens)
            if keys is None:
                continue
            keys = torch.from_numpy(keys.astype(np.int64)).to(q.device)
            scores = k[0, head, keys].double() @ q[0, head, row].double() * q.shape[3] ** -0.5
            exact = torch.softmax(scores, 0) @ v[0, head, keys].double()
            worst = max(worst, ((out[0, head, row].double() - exact).norm() / exact.norm()).item())
    return worst


class Clock:
    """Milliseconds of a call, by events on a CUDA device; calls shorter than `least_ms` are repeated to fill it."""

    def __init__(self, device: torch.device, least_ms: float = 10.0) -> None:
        self.device, self.least_ms = device, least_ms

    def once(self, call, count: int) -> float:
        if self.device.type != "cuda":
            start = time.perf_counter()
            for _ in range(count):
                call()
            return (time.perf_counter() - start) * 1e3 / count
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in "be")
        begin.record()
        for _ in range(count):
            call()
        end.record()
        torch.cuda.synchronize()
        return begin.elapsed_time(end) / count

    def __call__(self, call) -> float:
        took = self.once(call, 1)
        count = math.ceil(self.least_ms / took) if self.device.type == "cuda" else 1
        return took if count == 1 else self.once(call, count)


class DenseTimes:
    """Dense attention of one layer, cuDNN's and ours; shared by the presets of one model."""

    def __init__(self, model: Model, layout, q, k, v) -> None:
        heads = model.stacks[0][2]
        plan = {
            "schema_version": "1.0",
            "name": "dense",
            "model": {**model.shape(), "experts": ["default"], "stacks": [{"name": "b", "layers": 1, "heads": heads}]},
            "patterns": [],
            "segments": [{"t_begin": 0, "t_end": 1, "dense": True}],
        }
        compiled = twill_vdit.compile_plan(twill_vdit.parse_plan(json.dumps(plan), "dense"), layout)
        self.calls = {"twill": lambda: twill_vdit.sparse_attention(q, k, v, compiled, layer=0, t=0.5)}
        if q.device.type == "cuda":
            self.calls["cudnn"] = lambda: self.cudnn(q, k, v)
        else:
            self.calls["torch"] = lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v)
        self.ms: dict[str, list[float]] = {name: [] for name in self.calls}

    @staticmethod
    def cudnn(q, k, v):
        with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
            return torch.nn.functional.scaled_dot_product_attention(q, k, v)

    def measure(self, clock: Clock, keep: bool = True) -> None:
        for name, call in self.calls.items():
            took = clock(call)
            if keep:
                self.ms[name].append(took)


def preset_result(model: Model, name: str, layout, tensors, dense: DenseTimes, rounds: int, most_kinds: int) -> dict:
    q, k, v = tensors
    text = (ROOT / "presets" / f"{name}.json").read_text(encoding="utf-8")
    plan = twill_vdit.parse_plan(text, name)
    compiled = twill_vdit.compile_plan(plan, layout)
    kinds = [kind for kind in kinds_of(model, compiled) if not is_dense(kind)]
    dense_pairs = model.steps * model.layers - sum(kind.steps for kind in kinds)
    clock = Clock(q.device)

    def run(kind: Kind):
        segment, expert, stack, layer = kind.place
        t = plan.segments[segment].t_end
        return twill_vdit.sparse_attention(q, k, v, compiled, layer=layer, t=t, stack=stack, expert=expert)

    error, checked = 0.0, set()
    for kind in kinds:
        new = {task: head for head, task in enumerate(kind.tasks) if task not in checked}
        if new:
            error = max(error, worst_row(compiled, new, q, k, v, run(kind)))
            checked |= new.keys()
    if not error < 1e-2:
        raise RuntimeError(f"{name}: rows are off by {error}")
    timed = sample(kinds, most_kinds)
    for kind in timed:  # workspace, clocks
        run(kind)
    for _ in range(rounds):
        for i, kind in enumerate(timed):
            if i % 8 == 0:
                dense.measure(clock)
            kind.ms.append(clock(lambda kind=kind: run(kind)))

    medians = {who: float(np.median(took)) for who, took in dense.ms.items()}
    best = min(medians, key=medians.__getitem__)
    ours = medians["twill"]
    dense_step = medians[best] * model.layers

    def plan_step(pick) -> float:
        cells, ms = [kind.cells for kind in timed], [float(pick(kind.ms)) for kind in timed]
        of_each = np.interp([kind.cells for kind in kinds], cells, ms)
        return (float(of_each @ [kind.steps for kind in kinds]) + ours * dense_pairs) / model.steps

    density = compiled.run_density(model.times, [model.expert_at(t) for t in model.times])
    step = plan_step(np.median)
    return {
        "heads": measured.heads_digest(text),
        "tokens": layout.tokens,
        "density": density,
        "dense_layer_ms": medians,
        "dense_layer_ms_range": {who: [min(took), max(took)] for who, took in dense.ms.items()},
        "best_dense": best,
        "dense_step_ms": dense_step,
        "plan_step_ms": step,
        "plan_step_ms_range": [plan_step(min), plan_step(max)],
        "speedup": dense_step / step,
        "speedup_times_density": dense_step / step * density,
        "kinds_of_layers": len(kinds),
        "kinds_timed": len(timed),
        "patterns_checked": len(checked),
        "relative_error": error,
    }


def tensors_of(model: Model, layout, device: torch.device):
    torch.manual_seed(0)
    shape = (1, model.stacks[0][2], layout.tokens, model.head_dim)
    return tuple(torch.randn(shape, device=device, dtype=torch.bfloat16) for _ in "qkv")


def device_state(device: torch.device) -> str:
    if device.type != "cuda":
        return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"
    query = "name,driver_version,clocks.sm,power.draw,temperature.gpu"
    command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip().splitlines()[0]


def measure_all(device: torch.device, options: argparse.Namespace, after_each) -> dict:
    report = {
        "run": run_facts.run_facts(
            "presets",
            "python tests/bench/bench_presets.py --out tests/bench/results/presets.json",
            torch.cuda.get_device_name(device) if device.type == "cuda" else "",
            {**run_facts.torch_versions(), "twill_vdit": twill_vdit.__version__},
            rounds=options.rounds,
        ),
        "presets": {},
    }
    for model in MODELS:
        names = [f"{model.folder}/{model.prefix}{point}" for point in points.names_of(model)]
        names = [name for name in names if not options.only or name in options.only]
        if not names:
            continue
        layout = (
            twill_vdit.TokenLayout(**TINY_LAYOUT, suffix=model.layout.suffix // 16) if options.tiny else model.layout
        )
        tensors = tensors_of(model, layout, device)
        dense = DenseTimes(model, layout, *tensors)
        dense.measure(Clock(device), keep=False)
        for name in names:
            begin = time.perf_counter()
            result = preset_result(model, name, layout, tensors, dense, options.rounds, options.kinds)
            result["state"] = device_state(device)
            report["presets"][name] = result
            what = f"{result['speedup']:.2f}x at density {result['density']:.3f}"
            what += f", {result['speedup_times_density']:.2f}/density, {time.perf_counter() - begin:.1f} s"
            print(f"{name}: {what}", flush=True)
            after_each(report)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", type=int, default=16, help="of layers that are timed, at most, for each preset")
    parser.add_argument("--only", nargs="*", default=[], help="such as hunyuanvideo/balanced")
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    if not arguments.tiny and not torch.cuda.is_available():
        parser.error("there is no CUDA device; --tiny tests the script without one")
    device = torch.device("cpu" if arguments.tiny else "cuda")
    with torch.inference_mode():
        measure_all(device, arguments, lambda report: run_facts.write(arguments.out, report))


if __name__ == "__main__":
    main()
