# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The CUDA kernels that are compiled at run time beside the same kernels of the binary module, in turns.

Both get the same lists, and their bits are compared before they are timed. The order changes with every round. Then
fresh processes tell how long a first call takes that compiles everything, and one that finds it on disk: from plan and
tensors on the device to the end of the call, without starting Python, torch and CUDA. Run with
PYTHONPATH=<build>/core/python, where cuda-core is installed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import bench_cuda_cases as cases
import numpy as np
import run_facts
import torch
from bench_cuda import SHAPES, device_state
from bench_kernels import MORE_SHAPES, time_in_changing_turns

from twill_vdit import cuda, native
from twill_vdit.cuda_words import CudaWords
from twill_vdit.runtime_kernels import compiling, entries, launching

CODE = [
    "tests/bench/bench_runtime_kernels.py",
    "core/python/twill_vdit/runtime_kernels",
    "kernels/src/cuda/portable",
    "kernels/src/cuda/int8",
    "kernels/src/cuda/*.cuh",
]
KERNELS = ("portable", "compact", "int8", "int8_compact")
ENTRIES = {entry.name: entry for entry in entries.ENTRIES}
PLAN = [
    ("hunyuan-720p", ["dense", "band 0.28", "random 0.30", "multi_diagonal", "mixed"]),
    ("wan-1.3b-480p", ["dense", "band 0.28"]),
    ("cogvideox-1.5", ["dense", "band 0.28"]),
    ("head-dim-96", ["dense", "band 0.28"]),
    ("head-dim-256", ["dense", "band 0.28"]),
]
STARTS = [
    ("bfloat16", 64, "bf16"),
    ("bfloat16", 96, "bf16"),
    ("bfloat16", 128, "bf16"),
    ("bfloat16", 256, "bf16"),
    ("float16", 128, "bf16"),
    ("bfloat16", 64, "int8"),
    ("bfloat16", 128, "int8"),
]


def bits_differ(ours, theirs):
    return not torch.equal(ours.view(torch.int16), theirs.view(torch.int16))


def run_case(name, case_name, tensors, rounds, report):
    q, k, v = tensors
    heads, tokens, head_dim = q.shape[1:]
    case = cases.make(case_name, name, heads, tokens)
    kernels = [kernel for kernel in KERNELS if head_dim in ENTRIES[kernel].head_dims]
    forms = {"binary": {}, "compiled here": {}}
    for precision in {ENTRIES[kernel].precision for kernel in kernels}:
        tasks = [[[(*task, precision) for task in case.tasks]]]
        tables = native.binary.CudaTables.of_lists(tokens, case.lists, tasks)
        forms["binary"][precision] = cuda.DevicePlan(tables, q.device)
        forms["compiled here"][precision] = launching.DeviceWords(CudaWords(tokens, case.lists, tasks), q.device)
    calls, outs = {}, {}
    for kernel in kernels:
        for form, on_device in forms.items():
            which = f"{form} {kernel}"
            out = outs[which] = torch.empty_like(q)
            of_precision = on_device[ENTRIES[kernel].precision]
            calls[which] = lambda form=of_precision, kernel=kernel, out=out: form.run(
                q, k, v, out, head_dim**-0.5, 0, kernel=kernel
            )
            calls[which]()
    row = {"shape": name, "case": case_name, "density": case.density, "kernels": {}}
    times = time_in_changing_turns(calls, rounds)
    cells = 4 * cases.QUERY_TILE * cases.KEY_TILE * head_dim * case.cells * q.shape[0]
    for kernel in kernels:
        theirs, ours = (np.array(times[f"{form} {kernel}"]) for form in forms)
        row["kernels"][kernel] = {
            "same_bits": not bits_differ(outs[f"compiled here {kernel}"], outs[f"binary {kernel}"]),
            "binary_ms": float(np.median(theirs)),
            "compiled_here_ms": float(np.median(ours)),
            "speed": float(np.median(theirs) / np.median(ours)),
            "speed_of_rounds": [float(np.min(theirs / ours)), float(np.max(theirs / ours))],
            "tflops": float(cells / np.median(ours) / 1e9),
        }
    row["state"] = device_state()
    report["attention"].append(row)
    print(json.dumps(row), flush=True)


START = """
import json, sys, time
import torch
from twill_vdit.cuda_words import CudaWords
from twill_vdit.runtime_kernels import compiling, launching
import numpy as np
dtype, head_dim = getattr(torch, sys.argv[1]), int(sys.argv[2])
tokens, device = 1000, torch.device("cuda", 0)
order = np.arange(tokens, dtype=np.int32)[::-1].copy()
runs, begin = np.array([[i, 2] for i in range(8)], dtype=np.int32), np.arange(9, dtype=np.int32)
heads = [("dense", -1, sys.argv[3]), ("mean", -1), ("sparse", 0, sys.argv[3])]
words = CudaWords(tokens, [(runs, begin, order)], [[heads]])
q, k, v = (torch.randn(1, 3, tokens, head_dim, device=device).to(dtype) for _ in range(3))
compiled = []
compile_instance = compiling.compile_instance
def timed(instance, capability, log=None):
    begin = time.perf_counter()
    made = compile_instance(instance, capability, log)
    compiled.append([instance.name, time.perf_counter() - begin])
    return made
compiling.compile_instance = timed
torch.cuda.synchronize()
begin = time.perf_counter()
why_not = launching.why_not(device, dtype, head_dim, 0.125)
assert why_not == "", why_not
on_device = launching.DeviceWords(words, device)
on_device.run(q, k, v, torch.empty_like(q), head_dim ** -0.5, 0)
torch.cuda.synchronize()
first = time.perf_counter() - begin
begin = time.perf_counter()
for _ in range(200):
    on_device.run(q, k, v, torch.empty_like(q), head_dim ** -0.5, 0)
host = (time.perf_counter() - begin) / 200
torch.cuda.synchronize()
print(json.dumps({"first_call_s": first, "compiled": compiled, "host_us_of_a_call": 1e6 * host}))
"""


def time_starts(report):
    for dtype, head_dim, precision in STARTS:
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "TWILL_CACHE": folder}
            row = {"dtype": dtype, "head_dim": head_dim, "precision": precision}
            for start in ("first_use", "second_start"):
                command = [sys.executable, "-c", START, dtype, str(head_dim), precision]
                result = subprocess.run(command, capture_output=True, text=True, env=environment)
                if result.returncode != 0:
                    raise RuntimeError(result.stderr[-3000:])
                row[start] = json.loads(result.stdout.splitlines()[-1])
            report["starts"].append(row)
            print(json.dumps(row), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--shapes", nargs="*", default=[name for name, _ in PLAN])
    arguments = parser.parse_args()
    nvrtc = ".".join(map(str, compiling.nvrtc_version()))
    report = {
        "run": run_facts.run_facts(
            "runtime_kernels_h200",
            "python tests/bench/bench_runtime_kernels.py " + " ".join(sys.argv[1:]),
            torch.cuda.get_device_name(),
            {**run_facts.torch_versions(), "nvrtc": nvrtc},
            CODE,
        ),
        "metric": "speed: milliseconds of the binary module's kernel over those of the same compiled here, medians of "
        "rounds in changing turns; first_call_s: wall time of a first call",
        "inputs": "normal, queries doubled, bf16",
        "starts": [],
        "attention": [],
    }
    time_starts(report)
    for name, case_names in PLAN:
        if name not in arguments.shapes:
            continue
        torch.manual_seed(0)
        shape = {**SHAPES, **MORE_SHAPES}[name]
        q, k, v = (torch.randn(shape, device="cuda", dtype=torch.bfloat16) for _ in "qkv")
        for case_name in case_names:
            run_case(name, case_name, (q.mul(2), k, v), arguments.rounds, report)
        run_facts.write(arguments.out, report)
    of_kernels = [made for row in report["attention"] for made in row["kernels"].values()]
    report["slowest"] = min((made["speed"] for made in of_kernels), default=None)
    report["same_bits"] = all(made["same_bits"] for made in of_kernels)
    run_facts.write(arguments.out, report)
    print(json.dumps({key: report[key] for key in ("slowest", "same_bits")}))


if __name__ == "__main__":
    main()
