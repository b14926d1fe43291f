# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What the ComfyUI override costs a call beside the operator that it calls. Needs no ComfyUI.

    PYTHONPATH=build/ci/core/python python tests/bench/bench_comfy_override.py --out results.json
    PYTHONPATH=build/cuda/core/python python tests/bench/bench_comfy_override.py --device cuda --shape wan-1.3b

`own_us` is the time of a call through the override whose operator answers at once with a tensor made before: all that
the override adds. `host_us` are whole calls, in turns; on a GPU they are queued without waiting, and the device's own
time stands beside them, and `why_it_waits` is empty when no forward waits for the device.
"""

import argparse
import functools
import importlib.util
import json
import statistics
import sys
import time
from pathlib import Path

import run_facts
import torch

import twill_vdit

ROOT = Path(__file__).resolve().parents[2]
# Grid, heads, head_dim: the demo clip, and Wan 2.1 1.3B at 832x480x81.
SHAPES = {"demo": ((13, 16, 16), 4, 64), "wan-1.3b": ((21, 30, 52), 12, 128)}
PATTERNS = [
    {"kind": "window", "frames": 1, "rows": 1, "cols": 0.3},
    {"kind": "multi_diagonal", "frames": 20, "rows": 0.05, "cols": 0},
    {"kind": "diagonal", "reach": 3.0},
    {"kind": "vertical_stripe", "boxes": [{"frame_begin": 0, "frame_end": 6}]},
]


def load_nodes():
    """comfy_nodes/twill_nodes as a package of its own."""
    folder = ROOT / "comfy_nodes" / "twill_nodes"
    spec = importlib.util.spec_from_file_location(
        "twill_nodes", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["twill_nodes"] = module
    spec.loader.exec_module(module)


def plan_of(heads: int, head_dim: int):
    text = {
        "schema_version": "1.0",
        "name": "made",
        "model": {
            "family": "wan2.1-t2v",
            "experts": ["default"],
            "stacks": [{"name": "blocks", "layers": 1, "heads": heads}],
            "head_dim": head_dim,
        },
        "patterns": PATTERNS,
        "segments": [{"t_begin": 0, "t_end": 1, "heads": {"default": {"blocks": [[h % 4 for h in range(heads)]]}}}],
    }
    return twill_vdit.parse_plan(json.dumps(text))


def make_calls(device: torch.device, dtype: torch.dtype, shape: str):
    """(through the override, the operator alone, the override alone, density of the layer)"""
    from twill_nodes.layouts.wan import WAN
    from twill_nodes.patch.attention_call import read_call
    from twill_nodes.patch.forward import KEY, Forward
    from twill_nodes.patch.override import Override

    from twill_vdit.families import NetworkShape
    from twill_vdit.running import Run

    grid, heads, head_dim = SHAPES[shape]
    network = NetworkShape(((1, heads),), head_dim)
    run = Run(plan_of(heads, head_dim), 0, network, kernel_when_dense=True)
    here = Forward(run=run, family=WAN, network=None, grid=grid, side="front", t=0.5)
    override = Override(None)
    tokens = grid[0] * grid[1] * grid[2]
    generator = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(1, tokens, heads * head_dim, generator=generator).to(device, dtype) for _ in "qkv")
    options = {KEY: here, "block_index": 0, "block_type": "double"}

    def through_the_override():
        return override(None, q, k, v, heads=heads, transformer_options=options)

    through_the_override()
    assert run.report.sparse == 1, run.report.text()
    call = read_call((q, k, v), {"heads": heads})
    decision = run.decide(here, call, (0, 0))
    named = {} if device.type == "cuda" else {"segment": 0}

    def the_operator_alone():
        return twill_vdit.sparse_attention(call.q, call.k, call.v, decision.compiled, layer=0, **named)

    made = the_operator_alone()

    def with_an_answer_at_once():
        attend, run._attend = run._attend, lambda *args, **kwargs: made
        try:
            return through_the_override()
        finally:
            run._attend = attend

    return through_the_override, the_operator_alone, with_an_answer_at_once, decision.density


def measure(device: torch.device, dtype: torch.dtype, shape: str, calls: int) -> dict:
    override, operator, alone, density = make_calls(device, dtype, shape)
    runs = {"override": override, "operator": operator, "own": alone}
    assert torch.equal(override(), operator().transpose(1, 2).flatten(2))
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(calls):
        for name in list(runs)[:: 1 if turn % 2 else -1]:
            if device.type == "cuda":
                torch.cuda.synchronize()
            begin = time.perf_counter()
            runs[name]()
            seconds[name].append(time.perf_counter() - begin)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    own = medians.pop("own")
    found = {
        "shape": shape,
        "grid": list(SHAPES[shape][0]),
        "heads": SHAPES[shape][1],
        "head_dim": SHAPES[shape][2],
        "dtype": str(dtype).removeprefix("torch."),
        "density": density,
        "host_us": {name: 1e6 * value for name, value in medians.items()},
        "own_us": 1e6 * own,
        "calls": calls,
    }
    if device.type == "cuda":
        found["device_us"] = device_us(operator, calls)
        found["why_it_waits"] = why_it_waits(override, device)
    else:
        found["own_share"] = own / medians["operator"]
    return found


class FlowSampling:
    """Timesteps of a flow model without shift, as ComfyUI's sampling objects have them."""

    def timestep(self, sigma):
        return sigma


def why_it_waits(override, device: torch.device) -> str:
    """Empty when neither a forward's lookup of t nor the override makes the host wait for the device."""
    from twill_nodes.patch.timestep import t_of_sigma

    from twill_vdit.running import Schedule

    sigmas = torch.linspace(1.0, 0.0, 21)
    schedule = Schedule(sigmas, functools.partial(t_of_sigma, FlowSampling()), lambda moment: moment.t > 0.5)
    on_device = sigmas.to(device)
    override()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for step in range(20):
            schedule.at(on_device[step].reshape(1))
            override()
            schedule.after_step(step)
    except RuntimeError as error:
        return str(error)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return "the steps were taken for others" if schedule.between or schedule.lost else ""


def device_us(run, calls: int) -> float:
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(calls):
        run()
    end.record()
    torch.cuda.synchronize()
    return 1e3 * begin.elapsed_time(end) / calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--shape", choices=SHAPES, default="demo")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    load_nodes()
    device = torch.device(given.device)
    cuda = device.type == "cuda"
    dtypes = (torch.bfloat16, torch.float16) if cuda else (torch.bfloat16, torch.float32)
    with torch.inference_mode():
        result = {
            "run": run_facts.run_facts(
                "comfy_override_h100" if cuda else "comfy_override",
                "bench_comfy_override.py " + " ".join(sys.argv[1:]),
                torch.cuda.get_device_name() if cuda else "",
                run_facts.torch_versions(),
            ),
            "results": [measure(device, dtype, given.shape, given.calls) for dtype in dtypes],
        }
    print(json.dumps(result, indent=1))
    if given.out:
        run_facts.write(given.out, result)


if __name__ == "__main__":
    main()
