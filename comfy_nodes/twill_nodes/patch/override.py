# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The attention override: sparse where the plan says so, what was there before everywhere else."""

from collections.abc import Callable, Sequence

import torch

from twill_vdit.running import Site

from . import forward as forwards
from .attention_call import ComfyCall, branches_of, read_call, shape_result, site_of
from .forward import Forward


def name_of(func: Callable, previous: Callable | None) -> str:
    """What attends where no plan does. func: ComfyUI's own; previous: the override that was on the model before."""
    if previous is None:
        return f"ComfyUI's {getattr(func, '__name__', 'attention')}"
    function = getattr(previous, "func", previous)  # of functools.partial
    return f"{getattr(function, '__name__', type(function).__name__)}, the patch on the model before"


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
        def read() -> tuple[ComfyCall, Site | None, Sequence[int]]:
            options = kwargs["transformer_options"]
            return read_call(args, kwargs), site_of(forward, options), branches_of(options)

        name = name_of(func, self.previous)
        return forward.run.serve(forward, read, lambda: self._before(func, args, kwargs), shape_result, name)

    def _before(self, func: Callable, args: tuple, kwargs: dict):
        return func(*args, **kwargs) if self.previous is None else self.previous(func, *args, **kwargs)
