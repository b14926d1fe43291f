# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plans for the tiny transformers, and attention by their definition in the real processors."""

import contextlib
import json
import types

import tiny_transformers as tiny
import torch

import pattern_oracle
import plan_texts
import twill_vdit
from attention_cases import PATTERNS
from tolerance import masked_attention

# Of each layer its own, in the order in which plans count layers; no two heads are alike.
HEADS_OF_LAYERS = [["window", "first_frame"], ["only_itself", "bands_of_near_frames"], ["window_elsewhere", "mean"]]


def plan_for(case, names=None, dense_above=None, experts=("default",)):
    """names: [expert][layer][head]; one expert's where there is one."""
    of_experts = [HEADS_OF_LAYERS[: case.layers]] if names is None else names
    text = plan_texts.plan_object([[PATTERNS[name] for name in layer] for layer in of_experts[0]], dense_above)
    all_names = list(dict.fromkeys(name for layers in of_experts for layer in layers for name in layer))
    # The order is said, as the compiler of plans would choose one of its own.
    patterns = [plan_texts.with_order(PATTERNS[name], twill_vdit.TokenOrder()) for name in all_names]
    text["patterns"] = [plan_texts.pattern_object(pattern) for pattern in patterns]
    stacks = [{"name": name, "layers": layers, "heads": tiny.HEADS} for name, layers in case.stacks.items()]
    text["model"] |= {"family": case.family, "stacks": stacks, "head_dim": tiny.HEAD_DIM, "experts": list(experts)}
    heads = {}
    for expert, layers in zip(experts, of_experts, strict=True):
        left = iter(layers)
        heads[expert] = {
            name: [[all_names.index(head) for head in next(left)] for _ in range(count)]
            for name, count in case.stacks.items()
        }
    text["segments"][0]["heads"] = heads
    return twill_vdit.parse_plan(json.dumps(text))


def dense_plan(case):
    text = json.loads(plan_for(case).text)
    text["segments"] = [{"t_begin": 0, "t_end": 1, "dense": True}]
    return twill_vdit.parse_plan(json.dumps(text))


def layout_of(case):
    frames, rows, cols = case.grid
    return twill_vdit.TokenLayout(frames=frames, rows=rows, cols=cols, prefix=case.prefix, suffix=case.suffix)


def by_definition(case, names=HEADS_OF_LAYERS, dtype=torch.float64):
    """(layer, q, k, v) -> attention whose scores are masked by the patterns. q: [batch, heads, tokens, head_dim]."""
    layout = layout_of(case)

    def attend(layer, q, k, v):
        outs = []
        for head, name in enumerate(names[layer]):
            of_head = [tensor[:, head].to(dtype) for tensor in (q, k, v)]
            if name == "mean":
                outs.append(of_head[2].mean(1, keepdim=True).expand_as(of_head[2]))
            else:
                mask = pattern_oracle.computed_mask(PATTERNS[name], layout, twill_vdit.TokenOrder())
                outs.append(masked_attention(*of_head, torch.from_numpy(mask), tiny.HEAD_DIM**-0.5))
        return torch.stack(outs, 1).to(q.dtype)

    return attend


@contextlib.contextmanager
def in_the_processors(case, attend, batch=1):
    """While it holds, self-attention of the clip in diffusers is `attend`, layer by layer; the rest is as it was.

    attend: (layer, q, k, v) -> as q: [batch, heads, tokens, head_dim], without padded text.
    """
    grid_tokens = case.grid[0] * case.grid[1] * case.grid[2]
    tokens = grid_tokens + case.prefix + case.suffix
    # Diffusers runs VACE's second stack first.
    order = [2, 0, 1] if "vace_blocks" in case.stacks else range(case.layers)
    calls = []

    def attended(q, k, v):
        layer = order[len(calls) // (batch if case.one_by_one else 1) % case.layers]
        calls.append(layer)
        return attend(layer, q[:, :, :tokens], k[:, :, :tokens], v[:, :, :tokens])

    def dispatched(query, key, value, *args, **kwargs):
        if query.shape[1] != key.shape[1] or query.shape[1] < tokens:
            return original(query, key, value, *args, **kwargs)
        out = attended(*(x.transpose(1, 2) for x in (query, key, value))).transpose(1, 2)
        return torch.nn.functional.pad(out, (0, 0, 0, 0, 0, query.shape[1] - tokens))

    def scaled(query, key, value, *args, **kwargs):
        return attended(query, key, value)

    name, made = "dispatch_attention_fn", dispatched
    original = getattr(case.module, name, None)
    if original is None:
        name, original = "F", case.module.F
        made = types.SimpleNamespace(**{**vars(original), "scaled_dot_product_attention": scaled})
    setattr(case.module, name, made)
    try:
        yield calls
    finally:
        setattr(case.module, name, original)
