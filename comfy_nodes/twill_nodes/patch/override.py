# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The attention override: sparse where the plan says so, what was there before everywhere else."""

import time
from collections.abc import Callable

import torch

from . import block_index
from . import forward as forwards
from .attention_call import AttentionCall, read_call, shape_result
from .forward import Forward

Site = tuple[int, int]  # stack, layer


class Override:
    """Called by ComfyUI's attention as (func, q, k, v, heads, ..., transformer_options=...).

    One object per patched model, handed on by reference when models are cloned. It holds no state of a run: that
    stands in the forward, in transformer_options. Errors of its own never reach the sampler.
    """

    def __init__(self, previous: Callable | None) -> None:
        self.previous = previous
        # A graph traced by torch.compile must not hold what changes from step to step.
        self._attend = torch.compiler.disable(self._attend_eagerly)

    def __call__(self, func: Callable, *args, **kwargs):
        forward = (kwargs.get("transformer_options") or {}).get(forwards.KEY)
        if forward is None:
            return self._before(func, args, kwargs)
        return self._attend(forward, func, args, kwargs)

    def _attend_eagerly(self, forward: Forward, func: Callable, args: tuple, kwargs: dict):
        run, site, call, out, why = forward.run, None, None, None, ""
        begin = time.perf_counter()
        try:
            call = read_call(args, kwargs)
            site = self._site(forward, call, kwargs["transformer_options"])
            if site is not None:
                run.adapt(forward, call, site, kwargs["transformer_options"])
                begin = time.perf_counter()
                decision = run.decide(forward, call, site)
                why = decision.dense_because
                if decision.compiled is not None:
                    out = shape_result(run.attend(forward, decision, call), call)
        except Exception as error:  # the sampler goes on, dense
            out, why = None, run.failed(error)
        if out is None:
            out = self._before(func, args, kwargs)
        if site is not None:
            run.count(forward, call, site, why, time.perf_counter() - begin)
        return out

    def _before(self, func: Callable, args: tuple, kwargs: dict):
        return func(*args, **kwargs) if self.previous is None else self.previous(func, *args, **kwargs)

    def _site(self, forward: Forward, call: AttentionCall, options: dict) -> Site | None:
        """None for what is not the plan's business: cross-attention, text refiners, attention of other streams."""
        site = forward.block if forward.family.hooks else block_index.from_options(options)
        if site is None or forward.grid is None or call.q.shape[2] != call.k.shape[2]:
            return None
        return site if call.head_dim == forward.run.shape.head_dim else None
