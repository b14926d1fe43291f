# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""ComfyUI's attention interface: what an override is called with, in one form.

Since 0.30 an override is called as (func, q, k, v, heads, ..., transformer_options=...). Newer versions hand containers
to an override that has the attribute `container_function`; this one has none, so it is given tensors there too.
"""

import contextlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class AttentionCall:
    """q, k, v: [batch, heads, tokens, head_dim], views of what was given."""

    q: Any
    k: Any
    v: Any
    heads: int
    masked: bool
    grouped: bool  # enable_gqa
    scale: float | None
    keep_heads_apart: bool  # the result is wanted as [batch, heads, tokens, head_dim]

    @property
    def tokens(self) -> int:
        return self.q.shape[2]

    @property
    def head_dim(self) -> int:
        return self.q.shape[3]


def _positional(args: tuple, kwargs: dict, index: int, name: str, otherwise: Any) -> Any:
    return args[index] if len(args) > index else kwargs.get(name, otherwise)


def read_call(args: tuple, kwargs: dict) -> AttentionCall:
    q, k, v = args[:3]
    heads = _positional(args, kwargs, 3, "heads", 0)
    apart = kwargs.get("skip_reshape", args[6] if len(args) > 6 else False)
    if not apart:
        q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    return AttentionCall(
        q,
        k,
        v,
        heads=heads,
        masked=_positional(args, kwargs, 4, "mask", None) is not None,
        grouped=bool(kwargs.get("enable_gqa", False)),
        scale=kwargs.get("scale"),
        keep_heads_apart=bool(kwargs.get("skip_output_reshape", False)),
    )


def shape_result(out, call: AttentionCall):
    """out: [batch, heads, tokens, head_dim] -> what the caller of the override wants."""
    if call.keep_heads_apart:
        return out
    return out.transpose(1, 2).flatten(2)


def branches_of(call: AttentionCall, options: dict) -> list[tuple[int, slice]]:
    """(branch of the guidance: 0 conditional, 1 unconditional; its rows of the batch). options: transformer_options."""
    branches = options.get("cond_or_uncond") or [0]
    each = call.q.shape[0] // len(branches)
    return [(branch, slice(number * each, (number + 1) * each)) for number, branch in enumerate(branches)]


def persistent_memory():
    """Around device memory that outlives a forward: newer versions record a forward's allocations to replay them."""
    try:
        from comfy.model_prefetch import pause_malloc_graph
    except ImportError:
        return contextlib.nullcontext()
    return pause_malloc_graph()
