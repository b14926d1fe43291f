# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A plan on torch tensors, as operators that torch.compile and CUDA graphs understand."""

import inspect
import math
from typing import TYPE_CHECKING, Any

import torch

from twill_vdit import backends
from twill_vdit.compiled_plan import CompiledPlan, compiled_plan_of
from twill_vdit.errors import Error, require
from twill_vdit.layout import as_whole

if TYPE_CHECKING:
    from torch._library.custom_ops import CustomOpDef

_PLANS_OWN = -1  # as the segment of an operator: what set_time said


def sparse_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    plan: CompiledPlan,
    *,
    layer: int,
    t: float | None = None,
    segment: int | None = None,
    stack: int = 0,
    expert: int = 0,
    scale: float | None = None,
) -> torch.Tensor:
    """softmax(scale q k^T over the keys that each head keeps) v; for inference, it has no gradient.

    Args:
        q: [batch, heads, tokens, head_dim] of float32, bfloat16 or float16, heads and tokens as the plan has them.
        k: as q.
        v: as q.
        plan: at the layout of the call.
        layer: of the stack.
        t: 1 noise, 0 clean: which of the plan's tables holds. With neither t nor segment it is what plan.set_time said:
            for compiled models and CUDA graphs, where a value given here would be frozen or compiled anew.
        segment: which table, in place of t.
        stack: of the model.
        expert: of the model.
        scale: 1/sqrt(head_dim) if not given.

    Returns:
        [batch, heads, tokens, head_dim] with q's order of axes in memory.

    Raises:
        Error: the tensors are not of the plan's shape, or the form of attention that was asked for does not run here.
    """
    if t is not None and segment is not None:
        require(False, "sparse_attention: give either t or segment")
    _check(q, k, v, plan, stack)
    if t is not None:
        segment = plan.segment_at(t)
    elif segment is None:
        segment = _PLANS_OWN
    elif segment < 0:
        require(False, f"segment {segment} is not one of {len(plan.plan.segments)}")
    scale = 1.0 / math.sqrt(q.shape[3]) if scale is None else scale
    if not -math.inf < scale < math.inf:
        require(False, f"scale {scale:g} is not finite")
    graphs = _follows_graphs(q.device, q.dtype, q.shape[3], scale >= 0, plan.native is not None, plan.backend)
    operator = _in_graphs if graphs else _outside_graphs
    place = [
        x if type(x) is int else _whole(x, name)
        for name, x in zip(_PLACE, (segment, expert, stack, layer), strict=True)
    ]
    out: torch.Tensor = operator(q, k, v, plan.handle, *place, scale)
    return out


_PLACE = "segment", "expert", "stack", "layer"


def _whole(value: object, name: str) -> int:
    """numpy's and torch's whole numbers as Python's, which operators want."""
    whole = as_whole(value)
    if whole is None:
        raise Error(f"sparse_attention: {name} {value!r} is not a whole number")
    return whole


def _check(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, plan: CompiledPlan, stack: int) -> None:
    # The texts are made on failure only: shapes may be symbols while a model is compiled.
    if k.shape != q.shape or v.shape != q.shape:
        require(False, f"q, k and v differ: {[*q.shape]}, {[*k.shape]}, {[*v.shape]}")
    if q.ndim != 4:
        require(False, f"q: {q.ndim} axes, not [batch, heads, tokens, head_dim]")
    if q.shape[2] != plan.layout.tokens:
        require(False, f"q: {q.shape[2]} tokens, but the plan has {plan.layout.tokens}")
    heads = plan.heads_of_stack(stack)
    if q.shape[1] != heads:
        require(False, f"q: {q.shape[1]} heads, but the plan has {heads} in stack {stack}", "model")
    head_dim = plan.plan.model.head_dim
    if q.shape[3] != head_dim:
        require(False, f"q: head_dim {q.shape[3]}, but the plan is for {head_dim}", "model")


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _follows_graphs(
    device: torch.device, dtype: torch.dtype, head_dim: int, not_negative: bool, has_tables: bool, wanted: str
) -> bool:
    call = backends.Call(device, dtype, head_dim, 1.0 if not_negative else -1.0, has_tables)
    if device.type != "cuda":
        return True
    return backends.choose(call, wanted, in_graph=True, may_time=False).backend.follows_graphs


def _attend(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    handle: int,
    segment: int,
    expert: int,
    stack: int,
    layer: int,
    scale: float,
) -> torch.Tensor:
    plan = compiled_plan_of(handle)
    follows = segment == _PLANS_OWN
    if follows:
        place = plan.places.get(q.device)
        if place is None:
            raise Error(
                f"sparse_attention: give t or segment, or call plan.set_time(t, device={str(q.device)!r}) before"
            )
        segment, expert = place
    call = backends.Call(q.device, q.dtype, q.shape[3], 1.0 if scale >= 0 else -1.0, plan.native is not None)
    in_graph = q.device.type == "cuda" and torch.cuda.is_current_stream_capturing()
    choice = backends.choose(call, plan.backend, in_graph=in_graph)
    if follows and in_graph:
        require(
            choice.backend.follows_graphs,
            f"a CUDA graph cannot follow the plan's time through {choice.backend.what}; give segment, and capture one "
            "graph for each",
            "unsupported",
        )
    backends.say_why_not_native(choice, call)
    backends.say_why_not_int8(choice, call, plan.int8_heads)
    return choice.run(q, k, v, plan, backends.Place(segment, expert, stack, layer, follows), scale)


def _operator(name: str, **options: Any) -> "CustomOpDef":
    known = inspect.signature(torch.library.custom_op).parameters
    options = {key: value for key, value in options.items() if key in known}
    operator = torch.library.custom_op(f"twill_vdit::{name}", _attend, mutates_args=(), **options)
    operator.register_fake(lambda q, k, v, handle, segment, expert, stack, layer, scale: torch.empty_like(q))
    return operator


# Torch's own CUDA graphs leave out operators with this tag; versions before 2.7 have none.
_NOT_IN_GRAPHS = tuple(getattr(torch._C.Tag, tag) for tag in ("cudagraph_unsafe",) if hasattr(torch._C.Tag, tag))
_in_graphs = _operator("sparse_attention")
_outside_graphs = _operator("sparse_attention_outside_graphs", tags=_NOT_IN_GRAPHS)
