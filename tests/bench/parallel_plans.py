# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plans whose heads are shared out over GPUs: two presets, and plans like searched ones, at 720p; and tiny ones."""

import json
import random
from pathlib import Path

import twill_vdit

PRESETS = Path(__file__).resolve().parents[2] / "presets"
HUNYUAN = {"frames": 33, "rows": 45, "cols": 80, "suffix": 256}
WAN = {"frames": 21, "rows": 45, "cols": 80}
TINY = {"frames": 3, "rows": 8, "cols": 12, "suffix": 11}


def searched_like(family, layers, heads, head_dim=128):
    """Heads whose windows keep from 0.02 of the keys to all of them, in each layer others."""
    patterns = [{"kind": "dense"}] + [
        {"kind": "window", "frames": frames, "rows": side, "cols": side}
        for frames in (0, 1, 3, 8)
        for side in (0.1, 0.2, 0.35, 0.6)
    ]
    draw = random.Random(5)
    rows = [[draw.randrange(len(patterns)) for _ in range(heads)] for _ in range(layers)]
    stacks = [{"name": "blocks", "layers": layers, "heads": heads}]
    model = {"family": family, "experts": ["default"], "stacks": stacks, "head_dim": head_dim}
    segments = [{"t_begin": 0, "t_end": 1, "heads": {"default": {"blocks": rows}}}]
    plan = {"schema_version": "1.0", "name": "like a searched one", "model": model, "patterns": patterns}
    return twill_vdit.parse_plan(json.dumps({**plan, "segments": segments}))


# (what makes the plan, the sizes of its layout) by name.
PLANS = {
    "hunyuan_preset": (lambda: twill_vdit.read_plan(PRESETS / "hunyuanvideo/balanced.json"), HUNYUAN),
    "wan_14b_preset": (lambda: twill_vdit.read_plan(PRESETS / "wan2.1-t2v/14b-balanced.json"), WAN),
    "hunyuan_like_a_search": (lambda: searched_like("hunyuanvideo", 4, 24), HUNYUAN),
    "wan_14b_like_a_search": (lambda: searched_like("wan2.1-t2v", 4, 40), WAN),
}
TINY_PLANS = {"tiny": (lambda: searched_like("wan2.1-t2v", 2, 6, head_dim=32), TINY)}
