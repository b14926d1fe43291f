# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""ComfyUI's attention interface: what an override is called with, as every host hands it to the package.

Since 0.30 an override is called as (func, q, k, v, heads, ..., transformer_options=...). Newer versions hand containers
to an override that has the attribute `container_function`; this one has none, so it is given tensors there too.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twill_vdit.running import AttentionCall, Site

from .forward import Forward


@dataclass(frozen=True)
class ComfyCall(AttentionCall):
    keep_heads_apart: bool = False  # the result is wanted as [batch, heads, tokens, head_dim]


def _positional(args: tuple, kwargs: dict, index: int, name: str, otherwise: Any) -> Any:
    return args[index] if len(args) > index else kwargs.get(name, otherwise)


def read_call(args: tuple, kwargs: dict) -> ComfyCall:
    q, k, v = args[:3]
    heads = _positional(args, kwargs, 3, "heads", 0)
    apart = kwargs.get("skip_reshape", args[6] if len(args) > 6 else False)
    if not apart:
        q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    return ComfyCall(
        q,
        k,
        v,
        masked=_positional(args, kwargs, 4, "mask", None) is not None,
        grouped=bool(kwargs.get("enable_gqa", False)),
        scale=kwargs.get("scale"),
        keep_heads_apart=bool(kwargs.get("skip_output_reshape", False)),
    )


def site_of(forward: Forward, options: dict) -> Site | None:
    """Which block calls. options: transformer_options, into which some networks write it; "single" blocks of
    HunyuanVideo are the second stack and count from 0 again."""
    if forward.family.hooks:
        return forward.site
    index = options.get("block_index")
    return None if index is None else (1 if options.get("block_type") == "single" else 0, index)


def branches_of(options: dict) -> Sequence[int]:
    """Of the guidance: 0 conditional, 1 unconditional, of each part of the batch. options: transformer_options."""
    return options.get("cond_or_uncond") or [0]


def shape_result(out, call: ComfyCall):
    """out: [batch, heads, tokens, head_dim] -> what the caller of the override wants."""
    if call.keep_heads_apart:
        return out
    return out.transpose(1, 2).flatten(2)


def persistent_memory():
    """Around device memory that outlives a forward: newer versions record a forward's allocations to replay them."""
    try:
        from comfy.model_prefetch import pause_malloc_graph
    except ImportError:
        return contextlib.nullcontext()
    return pause_malloc_graph()
