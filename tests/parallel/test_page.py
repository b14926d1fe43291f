# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The plain functions of core/python/parallel.md run as they stand there, on two ranks."""

import json
import re
from pathlib import Path

import small_calls
from ranks import run_ranks

PAGE = Path(__file__).resolve().parents[2] / "core/python/parallel.md"


def scripts():
    """Of the page: diffusers', and the plain functions'."""
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def run_script(rank, script, folder):
    """In a process that is a rank of a group already."""
    import os

    import torch.distributed as dist

    os.chdir(folder)
    dist.init_process_group = dist.destroy_process_group = lambda: None
    names = {"__name__": "__main__"}
    exec(compile(script, str(PAGE), "exec"), names)
    return {name: tuple(names[name].shape) for name in ("q", "out")}


def test_the_plain_functions_run(tmp_path):
    text = json.loads(small_calls.plan().text)
    text["model"]["stacks"] = [{"name": "blocks", "layers": 4, "heads": small_calls.HEADS}]
    layer = [0, 1, 2, 3, 4]
    text["segments"] = [{"t_begin": 0, "t_end": 1, "heads": {"default": {"blocks": [layer] * 4}}}]
    (tmp_path / "plan.json").write_text(json.dumps(text), encoding="utf-8")
    for shapes in run_ranks(2, "test_page:run_script", scripts()[1], str(tmp_path)):
        assert shapes["q"] == shapes["out"] == (1, small_calls.HEADS, 13 * 16 * 16 // 2, small_calls.HEAD_DIM)
