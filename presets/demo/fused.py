# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Turns the pointwise `scenes.shade` into C, so that a GPU draws a batch of clips in one kernel.

Eager PyTorch would read and write memory for each of its ~900 steps, and torch.compile takes
minutes on a graph of this length; the emitted kernel compiles in seconds.
"""

import functools
import math
import operator

import torch
from torch import fx

_INFIX = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/",
    operator.gt: ">", operator.lt: "<", operator.ge: ">=",
}  # fmt: skip
_CALLS = {
    "sin": "sinf", "cos": "cosf", "exp": "expf", "tanh": "tanhf", "atan": "atanf",
    "sqrt": "sqrtf", "abs": "fabsf", "rsqrt": "tw_rsqrt", "sigmoid": "tw_sigmoid",
    "sign": "tw_sign", "minimum": "fminf", "maximum": "fmaxf",
}  # fmt: skip
_HELPERS = """
QUALIFIER float tw_rsqrt(float x) { return 1.0f / sqrtf(x); }
QUALIFIER float tw_sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }
QUALIFIER float tw_sign(float x) { return (float)(x > 0.0f) - (float)(x < 0.0f); }
"""


def _literal(value) -> str:
    """C text of an argument: another node's variable or a number."""
    if isinstance(value, fx.Node):
        return value.name
    return f"{float(value)!r}f" if math.isfinite(value) else "INFINITY"


def _expression(node: fx.Node) -> str:
    name = node.target if node.op == "call_method" else getattr(node.target, "__name__", "")
    arguments = [_literal(a) for a in node.args]
    if node.target in _INFIX:
        return f"{arguments[0]} {_INFIX[node.target]} {arguments[1]}"
    if node.target is operator.neg:
        return f"-{arguments[0]}"
    if node.target is operator.and_:
        return f"{arguments[0]} * {arguments[1]}"
    if node.target is operator.pow:
        if node.args[1] == 2:
            return f"{arguments[0]} * {arguments[0]}"
        return f"powf({arguments[0]}, {arguments[1]})"
    if name == "where":
        return f"{arguments[0]} != 0.0f ? {arguments[1]} : {arguments[2]}"
    if name == "float":
        return arguments[0]
    if name == "clamp":
        low, high = [*node.args[1:], None, None][:2]
        low, high = node.kwargs.get("min", low), node.kwargs.get("max", high)
        text = arguments[0]
        if low is not None:
            text = f"fmaxf({text}, {_literal(low)})"
        return text if high is None else f"fminf({text}, {_literal(high)})"
    if name in _CALLS:
        return f"{_CALLS[name]}({', '.join(arguments)})"
    raise NotImplementedError(f"no C form of {node.op} {node.target}")


def emit_shade(track_count: int) -> str:
    """C of `shade(tracks, stride, u, v, pixel, out)`; track i stands at tracks[i * stride]."""
    from scenes import shade

    graph = fx.Graph()
    tracer = fx.proxy.GraphAppendingTracer(graph)
    names = [f"track_{i}" for i in range(track_count)] + ["u", "v", "pixel"]
    proxies = [fx.Proxy(graph.placeholder(name), tracer) for name in names]
    graph.output([p.node for p in shade(proxies[:-3], *proxies[-3:])])
    lines = ["QUALIFIER void shade(const float* tracks, long long stride, float u, float v, float pixel, float* out) {"]
    for node in graph.nodes:
        if node.op == "placeholder" and node.name.startswith("track_"):
            lines.append(f"  const float {node.name} = tracks[{node.name[6:]} * stride];")
        elif node.op in ("call_function", "call_method"):
            lines.append(f"  const float {node.name} = {_expression(node)};")
        elif node.op == "output":
            lines += [f"  out[{i}] = {_literal(a)};" for i, a in enumerate(node.args[0])]
    return _HELPERS + "\n".join([*lines, "}"])


@functools.cache
def _kernel(track_count: int, rays: tuple[tuple[float, float], ...]):
    offsets = ", ".join(f"{{{du!r}f, {dv!r}f}}" for du, dv in rays)
    source = (
        "#define QUALIFIER __device__ __forceinline__\n"
        + emit_shade(track_count)
        + f"""
extern "C" __global__ void draw(const float* tracks, float* out, int clips, int height, int width,
                                const float* scale) {{
  const float unit = *scale;
  const float rays[][2] = {{{offsets}}};
  const int count = {len(rays)};
  const long long plane = (long long)height * width;
  const long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= clips * plane) return;
  const int clip = index / plane;
  const int y = index % plane / width, x = index % width;
  float sum[3] = {{0.0f, 0.0f, 0.0f}};
  for (int ray = 0; ray < count; ++ray) {{
    float colour[3];
    shade(tracks + clip, clips, (x - 0.5f * (width - 1) + rays[ray][0]) / unit,
          (y - 0.5f * (height - 1) + rays[ray][1]) / unit, 1.0f / unit, colour);
    for (int c = 0; c < 3; ++c) sum[c] += colour[c];
  }}
  for (int c = 0; c < 3; ++c)
    out[(clip * 3ll + c) * plane + index % plane] = sum[c] * (2.0f / count) - 1.0f;
}}
"""
    )
    return torch.cuda._compile_kernel(source, "draw")


def render_cuda(
    tracks: torch.Tensor,
    height: int,
    width: int,
    unit: float,
    rays: tuple[tuple[float, float], ...],
) -> torch.Tensor:
    """tracks: [track, batch, frames] on the GPU; returns [batch, frames, 3, height, width]."""
    count, batch, frames = tracks.shape
    out = torch.empty(batch, frames, 3, height, width, device=tracks.device)
    threads = 128
    blocks = (batch * frames * height * width + threads - 1) // threads
    scale = torch.full((1,), unit, device=tracks.device)
    arguments = [tracks.contiguous(), out, batch * frames, height, width, scale]
    _kernel(count, rays)((blocks, 1, 1), (threads, 1, 1), arguments)
    return out
