# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A plan on torch tensors, as the operator twill_vdit::sparse_attention that torch.compile understands."""

import math

import torch

from twill_vdit import cuda, eager, native
from twill_vdit.compiled_plan import CompiledPlan, compiled_plan_of
from twill_vdit.errors import require

_NATIVE_DTYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}


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

    q, k, v: [batch, heads, tokens, head_dim] of float32, bfloat16 or float16, heads and tokens as the plan has them.
    t (1 noise, 0 clean) or segment says which of the plan's tables holds. scale: 1/sqrt(head_dim) if not given.
    """
    require((t is None) != (segment is None), "sparse_attention: give either t or segment")
    require(k.shape == q.shape and v.shape == q.shape, f"q, k and v differ: {[*q.shape]}, {[*k.shape]}, {[*v.shape]}")
    require(q.ndim == 4, f"q: {q.ndim} axes, not [batch, heads, tokens, head_dim]")
    require(q.shape[2] == plan.layout.tokens, f"q: {q.shape[2]} tokens, but the plan has {plan.layout.tokens}")
    heads = plan.heads_of_stack(stack)
    require(q.shape[1] == heads, f"q: {q.shape[1]} heads, but the plan has {heads} in stack {stack}", "model")
    segment = plan.segment_at(t) if segment is None else segment
    scale = 1.0 / math.sqrt(q.shape[3]) if scale is None else scale
    return _operator(q, k, v, plan.handle, segment, expert, stack, layer, scale)


@torch.library.custom_op("twill_vdit::sparse_attention", mutates_args=())
def _operator(
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
    if q.device.type == "cpu" and plan.native is not None and q.dtype in _NATIVE_DTYPES:
        return _run_native(q, k, v, plan, (segment, expert, stack, layer), scale)
    if q.device.type == "cuda" and plan.native is not None:
        why_not = cuda.why_not(q, scale)
        if not why_not:
            return _run_cuda(q, k, v, plan, (segment, expert, stack, layer), scale)
        native.say_once(f"twill_vdit runs its plans on {q.device} in plain torch: {why_not}")
    elif native.binary is None:
        native.say_that_it_is_missing()
    else:
        native.say_once(
            f"twill_vdit has no kernel for {q.dtype} on {q.device.type}; its plans run there in plain torch"
        )
    return eager.attention(q, k, v, plan.tasks(segment, expert, stack, layer), plan.tile_list, scale)


@_operator.register_fake
def _(q, k, v, handle, segment, expert, stack, layer, scale):
    return q.new_empty(q.shape)


def _run_native(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    plan: CompiledPlan,
    site: tuple[int, int, int, int],
    scale: float,
) -> torch.Tensor:
    q, k, v = (x if x.stride(3) == 1 else x.contiguous() for x in (q, k, v))
    out = q.new_empty(q.shape)
    threads = torch.get_num_threads()
    native.binary.run_attention(plan.native, *site, *map(tensor_argument, (q, k, v, out)), scale, threads)
    return out


def _run_cuda(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    plan: CompiledPlan,
    site: tuple[int, int, int, int],
    scale: float,
) -> torch.Tensor:
    # The kernel takes any strides of whole 16 bytes; others are rare and copied.
    q, k, v = (x if _has_whole_rows(x) else x.clone(memory_format=torch.contiguous_format) for x in (q, k, v))
    segment, expert, stack, layer = site
    on_device = cuda.device_plan_of(plan, q.device)
    if not torch.cuda.is_current_stream_capturing():
        on_device.set_variant(on_device.tables.variant(segment, expert))
    with torch.cuda.device(q.device):
        out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
        return on_device.run(q, k, v, out, scale, on_device.tables.layer(stack, layer))


def _has_whole_rows(x: torch.Tensor) -> bool:
    return x.stride(3) == 1 and x.data_ptr() % 16 == 0 and all(stride % 8 == 0 for stride in x.stride()[:3])


def tensor_argument(x: torch.Tensor) -> tuple[int, tuple[int, ...], tuple[int, ...], str]:
    """What the binary module takes for a tensor; the caller keeps x alive until the call returns."""
    require(x.device.type == "cpu", f"a tensor stands on {x.device}, the kernels of this build take the CPU's")
    require(x.dtype in _NATIVE_DTYPES, f"dtype {x.dtype} is not one of float32, bfloat16, float16")
    return x.data_ptr(), tuple(x.shape), tuple(x.stride()), _NATIVE_DTYPES[x.dtype]
