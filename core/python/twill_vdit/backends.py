# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The forms of attention, best first, and the one place that chooses among them and says why."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import torch

from twill_vdit import cuda, eager, flex, native
from twill_vdit.errors import Error
from twill_vdit.runtime_kernels import compiling, launching
from twill_vdit.tensors import DTYPES, argument

if TYPE_CHECKING:
    from twill_vdit.compiled_plan import CompiledPlan

AUTO = "auto"


@dataclass(frozen=True)
class Call:
    """What the choice depends on."""

    device: torch.device
    dtype: torch.dtype
    head_dim: int
    scale: float = 1.0
    has_tables: bool = True  # the binary module compiled the plan


@dataclass(frozen=True)
class Place:
    """Where in the plan a call stands. follows: it asked for the plan's own time, which may change under a graph."""

    segment: int
    expert: int
    stack: int
    layer: int
    follows: bool = False


@dataclass(frozen=True)
class Backend:
    """One form of attention.

    tables_on: a plan's tables on a device, of forms whose captured graphs compute what set_time says at replay.
    why_not_int8: of the heads that a plan wants in INT8; the default is of a form that never computes so.
    """

    name: str
    what: str
    why_not: Callable[[Call], str]
    run: Callable[..., torch.Tensor]
    tables_on: "Callable[[CompiledPlan, torch.device], cuda.DevicePlan | launching.DeviceWords] | None" = None
    why_not_int8: Callable[[Call], str] | None = None

    @property
    def follows_graphs(self) -> bool:
        return self.tables_on is not None


def _no_tables(call: Call) -> str:
    if native.binary is None:
        return f"the binary module is missing: {native.why_not}"
    return "" if call.has_tables else "the plan was compiled without the binary module"


def _why_not_native_cpu(call: Call) -> str:
    if call.device.type != "cpu":
        return f"the tensors stand on {call.device.type}"
    if call.dtype not in DTYPES:
        return f"it has no kernel for {call.dtype}"
    if call.head_dim % 16 != 0 or call.head_dim > 256:
        return f"head_dim {call.head_dim} is not a multiple of 16 up to 256"
    return _no_tables(call)


def _why_not_native_cuda(call: Call) -> str:
    if call.device.type != "cuda":
        return f"the tensors stand on {call.device.type}"
    if call.dtype not in DTYPES:
        return f"it has no kernel for {call.dtype}"
    return _no_tables(call) or cuda.why_not(call.device, call.dtype, call.head_dim, call.scale)


def _why_not_int8_cuda(call: Call) -> str:
    return cuda.why_not(call.device, call.dtype, call.head_dim, call.scale, "int8")


def _why_not_runtime_cuda(call: Call) -> str:
    if call.device.type != "cuda":
        return f"the tensors stand on {call.device.type}"
    if call.dtype not in DTYPES:
        return f"it has no kernel for {call.dtype}"
    return launching.why_not(call.device, call.dtype, call.head_dim, call.scale)


def _run_native_cpu(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, plan: "CompiledPlan", place: Place, scale: float
) -> torch.Tensor:
    out = torch.empty_like(q)
    if out.stride(3) != 1:
        return out.copy_(_run_native_cpu(q.contiguous(), k.contiguous(), v.contiguous(), plan, place, scale))
    q, k, v = (x if x.stride(3) == 1 else x.contiguous() for x in (q, k, v))
    site = (place.segment, place.expert, place.stack, place.layer)
    tensors = (argument(q), argument(k), argument(v), argument(out))
    native.binary.run_attention(plan.tables(), *site, *tensors, scale, torch.get_num_threads())
    return out


def _run_on_words(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    plan: "CompiledPlan",
    place: Place,
    scale: float,
    on_device: "cuda.DevicePlan | launching.DeviceWords",
) -> torch.Tensor:
    """By tables in device memory."""
    out = torch.empty_like(q)
    if not cuda.has_whole_rows(out):
        q, k, v = (x.contiguous() for x in (q, k, v))
        return out.copy_(_run_on_words(q, k, v, plan, place, scale, on_device))
    q, k, v = map(cuda.in_whole_rows, (q, k, v))
    variant = -1 if place.follows else on_device.tables.variant(place.segment, place.expert)
    with torch.cuda.device(q.device):
        layer = on_device.tables.layer(place.stack, place.layer)
        return on_device.run(q, k, v, out, scale, layer, variant=variant)


def _run_native_cuda(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, plan: "CompiledPlan", place: Place, scale: float
) -> torch.Tensor:
    return _run_on_words(q, k, v, plan, place, scale, cuda.device_plan_of(plan, q.device))


def _run_runtime_cuda(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, plan: "CompiledPlan", place: Place, scale: float
) -> torch.Tensor:
    try:
        return _run_on_words(q, k, v, plan, place, scale, launching.device_words_of(plan, q.device))
    except compiling.CompileError as error:  # whether NVRTC compiles on this machine shows only here
        launching.note_failure(error)
        choose.cache_clear()
        call = Call(q.device, q.dtype, q.shape[3], 1.0 if scale >= 0 else -1.0, plan.native is not None)
        return choose(call).backend.run(q, k, v, plan, place, scale)


def _tasks(plan: "CompiledPlan", place: Place) -> list[tuple[str, int]]:
    return plan.tasks(place.segment, place.expert, place.stack, place.layer)


def _run_eager(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, plan: "CompiledPlan", place: Place, scale: float
) -> torch.Tensor:
    return eager.attention(q, k, v, _tasks(plan, place), plan.tile_list, scale)


def _run_flex(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, plan: "CompiledPlan", place: Place, scale: float
) -> torch.Tensor:
    try:
        return eager.attention(q, k, v, _tasks(plan, place), plan.tile_list, scale, flex.sparse_heads)
    except torch.cuda.OutOfMemoryError:
        raise
    except RuntimeError as error:  # whether Triton can compile on this machine shows only here
        flex.note_failure(error)
        choose.cache_clear()
        return _run_eager(q, k, v, plan, place, scale)


BACKENDS = (
    Backend(
        "native_cuda",
        "CUDA kernels of the binary module",
        _why_not_native_cuda,
        _run_native_cuda,
        cuda.device_plan_of,
        _why_not_int8_cuda,
    ),
    Backend(
        "runtime_cuda",
        "CUDA kernels that are compiled here",
        _why_not_runtime_cuda,
        _run_runtime_cuda,
        launching.device_words_of,
        lambda call: launching.why_not(call.device, call.dtype, call.head_dim, call.scale, "int8"),
    ),
    Backend("native_cpu", "CPU kernels of the binary module", _why_not_native_cpu, _run_native_cpu),
    Backend(
        "flex",
        "FlexAttention of torch, compiled with Triton",
        lambda call: flex.why_not(call.device, call.dtype, call.head_dim),
        _run_flex,
    ),
    Backend("eager", "plain torch", lambda call: "", _run_eager),
)
BACKEND_NAMES = tuple(backend.name for backend in BACKENDS)


@dataclass(frozen=True)
class Choice:
    backend: Backend
    passed_over: tuple[tuple[str, str], ...]  # (name, why not) of the better ones


def name_of(choice: Choice, call: Call) -> str:
    """The form that runs such calls, with name and version of its kernel where it has several ("native_cuda hopper 1").

    Measured times are kept by it.
    """
    of_form = {"native_cuda": cuda.kernel_of, "runtime_cuda": launching.kernel_of}.get(choice.backend.name)
    if of_form is None:
        return choice.backend.name
    return f"{choice.backend.name} {of_form(call.device, call.dtype, call.head_dim, call.scale)}"


@functools.lru_cache(maxsize=4096)
def choose(call: Call, wanted: str = AUTO) -> Choice:
    """The best form that runs such a call, or the wanted one; throws Error with the reason when that does not run."""
    passed_over: list[tuple[str, str]] = []
    for backend in BACKENDS:
        if wanted not in (AUTO, backend.name):
            continue
        reason = backend.why_not(call)
        if not reason:
            return Choice(backend, tuple(passed_over))
        passed_over.append((backend.name, reason))
    if wanted not in BACKEND_NAMES:
        raise Error(f"backend {wanted!r} is not one of {', '.join((AUTO, *BACKEND_NAMES))}")
    raise Error(f"backend {wanted!r} does not run here: {passed_over[0][1]}", "unsupported")


def has_kernel(device: torch.device, dtype: torch.dtype, head_dim: int, scale: float | None = None) -> bool:
    """Whether there is a kernel for such calls; without one a plan may be slower than dense attention.

    Args:
        device: of the tensors.
        dtype: of the tensors.
        head_dim: of the heads.
        scale: of q k^T, 1/sqrt(head_dim) if not given.
    """
    return choose(_asked(device, dtype, head_dim, scale)).backend.name in _KERNELS


_KERNELS = ("native_cuda", "runtime_cuda", "native_cpu")


def _asked(device: torch.device, dtype: torch.dtype, head_dim: int, scale: float | None) -> Call:
    scale = head_dim**-0.5 if scale is None else scale
    return Call(device, dtype, head_dim, scale, has_tables=native.binary is not None)


def has_int8_kernel(device: torch.device, dtype: torch.dtype, head_dim: int, scale: float | None = None) -> bool:
    """Whether heads that a plan has in INT8 are computed so in such calls; elsewhere they are computed as bf16.

    Args:
        device: of the tensors.
        dtype: of the tensors.
        head_dim: of the heads.
        scale: of q k^T, 1/sqrt(head_dim) if not given.
    """
    call = _asked(device, dtype, head_dim, scale)
    return not why_not_int8(choose(call), call)


def why_not_int8(choice: Choice, call: Call) -> str:
    """Why heads that a plan wants in INT8 are computed as bf16 in such calls; empty where they are in INT8."""
    why_not = choice.backend.why_not_int8
    return f"there is no INT8 in {choice.backend.what}" if why_not is None else why_not(call)


def say_why_not_int8(choice: Choice, call: Call, int8_heads: int) -> None:
    """Nobody who asked for INT8 gets something else without being told. int8_heads: that the plan wants so."""
    reason = why_not_int8(choice, call) if int8_heads else ""
    if reason:
        native.say_once(f"twill_vdit computes the {int8_heads} int8 heads of the plan as bf16: {reason}")


def say_why_not_native(choice: Choice, call: Call) -> None:
    """Nobody who has the binary module gets the slower forms without being told, nor who lacks it."""
    if choice.backend.name in _KERNELS:
        return
    if native.binary is None:
        lacking = dict(choice.passed_over).get("runtime_cuda", "") if call.device.type == "cuda" else ""
        native.say_that_it_is_missing(choice.backend.what, lacking)
        return
    meant = ("native_cuda", "runtime_cuda") if call.device.type == "cuda" else ("native_cpu",)
    passed_over = dict(choice.passed_over)
    reason = "; ".join(dict.fromkeys(passed_over[name] for name in meant if name in passed_over))
    if reason:
        native.say_once(f"twill_vdit runs its plans on {call.device.type} through {choice.backend.what}: {reason}")


class BackendRow(TypedDict):
    """passed_over: why the better forms do not run, by name; kernel: name_of() what runs."""

    device: str
    dtype: str
    head_dim: int
    runs: str
    kernel: str
    passed_over: dict[str, str]


def backend_report(
    head_dims: Sequence[int] = (64, 96, 128, 256),
    dtypes: Sequence[torch.dtype] = tuple(DTYPES),
) -> list[BackendRow]:
    """For each device of this machine, dtype and head_dim: which form runs, and why the better ones do not."""
    devices = [torch.device("cpu")]
    if torch.cuda.is_available():
        devices += [torch.device("cuda", i) for i in range(torch.cuda.device_count())]
    calls = [
        Call(device, dtype, head_dim, has_tables=native.binary is not None)
        for device in devices
        for dtype in dtypes
        for head_dim in head_dims
    ]
    report: list[BackendRow] = []
    for call in calls:
        choice = choose(call)
        # Kernels of another kind of device say nothing about this one.
        others = ("native_cpu",) if call.device.type == "cuda" else ("native_cuda", "runtime_cuda")
        report.append(
            {
                "device": str(call.device),
                "dtype": str(call.dtype).removeprefix("torch."),
                "head_dim": call.head_dim,
                "runs": choice.backend.name,
                "kernel": name_of(choice, call),
                "passed_over": {name: reason for name, reason in choice.passed_over if name not in others},
            }
        )
    return report
