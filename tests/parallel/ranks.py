# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Processes that are ranks of a gloo group: each runs one function and gives its result back."""

import importlib
import os
import pickle
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

SECONDS = 120  # that the ranks wait for each other on a loaded machine


class RankError(Exception):
    """What a rank said as it ended."""


def run_ranks(count, function, *arguments, seconds=SECONDS):
    """What each rank's `function(rank, *arguments)` returns. function: "module:name", importable beside this file."""
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "arguments"
        given.write_bytes(pickle.dumps((sys.path, function, arguments, count, seconds)))
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        processes = [
            subprocess.Popen(
                [sys.executable, __file__, folder, str(rank)], env=environment, stderr=subprocess.PIPE, text=True
            )
            for rank in range(count)
        ]
        said = []
        try:
            for process in processes:
                said.append(process.communicate(timeout=2 * seconds)[1])
        finally:
            for process in processes:
                process.kill()
        failed = [
            f"rank {rank}: {text.strip().splitlines()[-1] if text.strip() else process.returncode}"
            for rank, (process, text) in enumerate(zip(processes, said, strict=True))
            if process.returncode
        ]
        if failed:
            raise RankError("; ".join(failed))
        return [pickle.loads((Path(folder) / f"result {rank}").read_bytes()) for rank in range(count)]


def main(folder, rank):
    sys.path[:], function, arguments, count, seconds = pickle.loads((Path(folder) / "arguments").read_bytes())
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    store = dist.FileStore(str(Path(folder) / "store"), count)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=count, timeout=timedelta(seconds=seconds))
    module, name = function.split(":")
    result = getattr(importlib.import_module(module), name)(rank, *arguments)
    (Path(folder) / f"result {rank}").write_bytes(pickle.dumps(result))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
