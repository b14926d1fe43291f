# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Attention by a plan over several GPUs, beside one GPU's over their number, and beside equal numbers of heads.

    torchrun --nproc-per-node N tests/bench/bench_parallel.py --out results.json

At any number of GPUs of one host; with --tiny on CPUs, to try it. Layers are drawn evenly from each plan. The calls of
a layer take turns, and each takes as long as its slowest rank. Other numbers of GPUs are computed from the parts that
were measured. Every output is compared with one GPU's. Run with PYTHONPATH=<build>/core/python.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import run_facts
import torch
import torch.distributed as dist
from parallel_plans import PLANS, TINY_PLANS

import twill_vdit
from twill_vdit.parallel import equal_shares, layer_shares
from twill_vdit.parallel.attention import ParallelPlan
from twill_vdit.parallel.exchange import Exchange

COMPUTED_RANKS = 2, 4, 8, 16
CODE = ["tests/bench/bench_parallel.py", "tests/bench/parallel_plans.py", "core/python/twill_vdit/parallel"]


class Turns:
    """Milliseconds of calls that all ranks make together."""

    def __init__(self, device):
        self._device = device

    def _wait(self):
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def _took(self, call):
        self._wait()
        dist.barrier()
        begin = time.perf_counter()
        call()
        self._wait()
        took = torch.tensor([1e3 * (time.perf_counter() - begin)], dtype=torch.float64, device=self._device)
        dist.all_reduce(took, op=dist.ReduceOp.MAX)
        return float(took)

    def of(self, calls, rounds):
        """[rounds] of each call, after one that warms up; in each round they run in another order."""
        times = {name: [] for name in calls}
        for round_ in range(-1, rounds):
            names = list(calls)
            for name in names[round_ % len(names) :] + names[: round_ % len(names)]:
                took = self._took(calls[name])
                if round_ >= 0:
                    times[name].append(took)
        return times


class Case:
    """One plan at its layout: q, k and v whole on every rank, and this rank's part of them."""

    def __init__(self, make, sizes, device, dtype):
        self.layout = twill_vdit.TokenLayout(**sizes)
        self.compiled = twill_vdit.compile_plan(make(), self.layout)
        self.ranks, self.rank = dist.get_world_size(), dist.get_rank()
        self.by_cost = ParallelPlan(self.compiled)
        self.by_count = ParallelPlan(self.compiled, reshare=lambda shares: equal_shares(shares, self.ranks))
        model = self.compiled.plan.model
        generator = torch.Generator(device).manual_seed(0)
        axes = 1, self.layout.tokens, model.stacks[0].heads, model.head_dim
        whole = [torch.randn(axes, generator=generator, device=device, dtype=dtype) for _ in range(3)]
        self.whole = [x.transpose(1, 2) for x in whole]
        tokens = self.by_cost.tokens.stretches[0]
        self.mine = slice(sum(tokens[: self.rank]), sum(tokens[: self.rank + 1]))
        self.local = [x[:, self.mine].contiguous().transpose(1, 2) for x in whole]

    def places(self, most):
        """(segment, stack, layer), drawn evenly from the sparse ones."""
        plan = self.compiled.plan
        found = [
            (segment, stack, layer)
            for segment, each in enumerate(plan.segments)
            if not each.dense
            for stack, shape in enumerate(plan.model.stacks)
            for layer in range(shape.layers)
        ]
        return [found[number * len(found) // most] for number in range(most)] if len(found) > most else found

    def calls(self, segment, stack, layer):
        """Of one layer."""
        place = {"segment": segment, "stack": stack, "layer": layer}
        shares = self.by_cost.shares(segment, stack=stack, layer=layer)
        exchange = Exchange(None, self.by_cost.tokens)
        heads = [sum(pieces, ()) for pieces in shares.ranks]

        def there_and_back():
            (come,) = exchange.to_heads(*self.local, heads).wait()
            exchange.to_tokens(come.permute(2, 1, 3, 0, 4)[0], heads).wait()

        return {
            "one_gpu": lambda: twill_vdit.sparse_attention(*self.whole, self.compiled, **place),
            "by_cost": lambda: self.by_cost.attend(*self.local, **place),
            "by_count": lambda: self.by_count.attend(*self.local, **place),
            "exchange_alone": there_and_back,
        }

    def worst_error(self, calls):
        """Of the ranks' outputs against one GPU's, relative to its largest number."""
        expected = calls["one_gpu"]()[:, :, self.mine]
        worst = torch.zeros(1, device=expected.device)
        for name in ("by_cost", "by_count"):
            off = (calls[name]().float() - expected.float()).abs().max() / expected.float().abs().max()
            worst = torch.maximum(worst, off.reshape(1))
        dist.all_reduce(worst, op=dist.ReduceOp.MAX)
        if not float(worst) < 1e-2:
            raise RuntimeError(f"outputs are off by {float(worst)}")
        return float(worst)


def row_of(case, name, place, rounds, turns):
    segment, stack, layer = place
    calls = case.calls(*place)
    error = case.worst_error(calls)
    times = turns.of(calls, rounds)
    shares = case.by_cost.shares(segment, stack=stack, layer=layer)
    medians = {who: statistics.median(took) for who, took in times.items()}
    return {
        "plan": name,
        "segment": segment,
        "stack": stack,
        "layer": layer,
        "density": case.compiled.layer_density(segment, stack=stack, layer=layer),
        "imbalance": shares.imbalance,
        "imbalance_by_count": equal_shares(shares, case.ranks).imbalance,
        "relative_error": error,
        "ms": times,
        "of_ideal": medians["one_gpu"] / case.ranks / medians["by_cost"],
        "of_ideal_by_count": medians["one_gpu"] / case.ranks / medians["by_count"],
    }


def computed(case, rows):
    """Share of the ideal at other numbers of GPUs, from the parts that were measured here.

    A rank computes its heads' key tiles in as long as one GPU takes for as many, and a head travels in its share of
    what the exchange alone took. Nothing hides the way of the first piece's q, k and v, and of the last one's output.
    """
    found = {}
    for ranks in COMPUTED_RANKS:
        one = together = 0.0
        for row in rows:
            place = {"stack": row["stack"], "layer": row["layer"]}
            ms = {who: statistics.median(took) for who, took in row["ms"].items()}
            here = case.by_cost.shares(row["segment"], **place)
            ms_of_head = ms["exchange_alone"] / max(1, sum(cost > 0 for cost in here.costs))
            # Of each head's q, k, v and output all but one rank's part leave each rank.
            ms_of_head *= (ranks - 1) / ranks / ((case.ranks - 1) / case.ranks) * case.ranks / ranks
            shares = layer_shares(case.compiled, row["segment"], ranks, **place)
            together_heads = [max(map(len, pieces)) for pieces in zip(*shares.ranks, strict=True) if any(pieces)]
            ends = (together_heads[0], together_heads[-1]) if together_heads else (0, 0)
            ms_exposed = ms_of_head * ranks * (0.75 * ends[0] + 0.25 * ends[1])
            one += ms["one_gpu"]
            together += ms["one_gpu"] * shares.imbalance / ranks + ms_exposed
        found[str(ranks)] = one / ranks / together
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--layers", type=int, default=4, help="of each plan")
    parser.add_argument("--plans", nargs="*", default=None)
    parser.add_argument("--tiny", action="store_true", help="a tiny plan, on a CPU too")
    arguments = parser.parse_args()
    on_gpu = torch.cuda.is_available() and not arguments.tiny
    if not dist.is_initialized():
        dist.init_process_group("nccl" if on_gpu else "gloo")
    device = torch.device("cuda", dist.get_rank() % torch.cuda.device_count()) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
    ranks = dist.get_world_size()
    name = f"{ranks} x {torch.cuda.get_device_name()}" if on_gpu else ""
    command = f"torchrun --nproc-per-node {ranks} tests/bench/bench_parallel.py " + " ".join(sys.argv[1:])
    report = {
        "run": run_facts.run_facts(f"parallel_{ranks}", command, name, run_facts.torch_versions(), CODE, ranks=ranks),
        "metric": "milliseconds of the slowest rank, rounds in turns; of_ideal: one GPU's over their number over these",
        "inputs": "normal, bf16" if on_gpu else "normal, fp32",
        "layers": [],
        "computed_of_ideal": {},
    }
    plans = TINY_PLANS if arguments.tiny else PLANS
    turns = Turns(device)
    for plan in arguments.plans or plans:
        case = Case(*plans[plan], device, torch.bfloat16 if on_gpu else torch.float32)
        rows = [row_of(case, plan, place, arguments.rounds, turns) for place in case.places(arguments.layers)]
        report["layers"] += rows
        report["computed_of_ideal"][plan] = computed(case, rows)
        if dist.get_rank() == 0:
            for row in rows:
                print(json.dumps(row), flush=True)
            run_facts.write(arguments.out, report)
        del case
    return report


if __name__ == "__main__":
    main()
