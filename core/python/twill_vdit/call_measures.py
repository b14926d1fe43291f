# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What a call shows of its heads, measured where its tensors are: by CUDA kernels or in torch, or by the profiler."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from twill_vdit import native
from twill_vdit.errors import Error, require

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from twill_vdit import _twill
    from twill_vdit.cuda import Int8Errors
    from twill_vdit.tensors import TensorTuple
    from twill_vdit.tile_lists import ListArrays

    # (error [heads, candidates], norm [heads])
    Errors = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

Measured = TypeVar("Measured")


def measures_there(device: "torch.device") -> bool:
    """Whether heads are measured where the tensors are, by CUDA kernels or torch; on the CPU the profiler does it."""
    return device.type != "cpu"


def why_no_kernels(call: "ObservedCall", precision: str = "bf16") -> str:
    """Empty when the binary module's CUDA kernels measure such tensors, and what INT8 loses of them.

    That takes 0.2 to 0.75 of the time that torch needs on an H200 (tests/bench/results/adapting_h200.json).
    """
    if call.q.device.type != "cuda":
        return f"the tensors stand on {call.q.device.type}"
    from twill_vdit import cuda

    return cuda.why_not(call.q.device, call.q.dtype, call.q.shape[3], call.scale, precision)


class Measures:
    """What Profiler and AdaptiveRun measure on a device of its own, with what they made for the last rows."""

    def __init__(self, native_object: "_twill.Profiler | _twill.AdaptiveRun", tokens: int, head_dim: int) -> None:
        self._native = native_object
        self._tokens = tokens
        self._head_dim = head_dim
        self._candidates: tuple[list[tuple[str, int]], list[ListArrays]] | None = None
        self._of: tuple[list[int], torch.device, bool] | None = None  # rows, device, by kernels
        self._measure: Callable[[ObservedCall], tuple[torch.Tensor, torch.Tensor]] | None = None
        self._int8_of: tuple[list[int], torch.device, int] | None = None  # rows, device, heads
        self._int8: Int8Errors | None = None

    def errors(self, call: "ObservedCall", rows: list[int]) -> "Errors":
        tokens, head_dim, device = *call.q.shape[2:], call.q.device
        require(head_dim == self._head_dim, f"observe: head_dim {head_dim}, not the model's {self._head_dim}", "model")
        require(tokens == self._tokens, f"observe: {tokens} tokens, not the layout's {self._tokens}", "model")
        of = (rows, device, not why_no_kernels(call))
        if self._measure is None or self._of != of:
            self._of, self._measure = of, self._made(*of)
        error, norm = self._measure(call)
        return error.double().cpu().numpy(), norm.double().cpu().numpy()

    def int8_errors(self, call: "ObservedCall", rows: list[int]) -> "npt.NDArray[np.float64]":
        """[heads], of dense attention in INT8 by the kernel of the device.

        Raises:
            RuntimeError: there is none, so that the CPU is to measure.
        """
        import numpy as np

        why_not = why_no_kernels(call, "int8")
        if why_not:
            raise RuntimeError(why_not)
        from twill_vdit import cuda

        heads, tokens = call.q.shape[1:3]
        of = (rows, call.q.device, heads)
        if self._int8 is None or self._int8_of != of:
            self._int8_of = of
            self._int8 = cuda.Int8Errors(call.q.device, tokens, np.array(rows, dtype=np.int32), heads)
        return self._int8(*call.in_whole_rows(), call.scale).cpu().numpy()

    def _made(
        self, rows: list[int], device: "torch.device", by_kernels: bool
    ) -> "Callable[[ObservedCall], tuple[torch.Tensor, torch.Tensor]]":
        if self._candidates is None:
            self._candidates = self._native.candidates()
        tasks, lists = self._candidates
        if not by_kernels:
            from twill_vdit.measuring import Measuring

            measuring = Measuring(tasks, lists, rows, self._tokens, device)
            return lambda call: measuring.errors(call.q, call.k, call.v, call.scale)
        import numpy as np

        from twill_vdit import cuda

        head_errors = cuda.HeadErrors(device, self._tokens, np.array(rows, dtype=np.int32), tasks, lists)

        def by_kernel(call: "ObservedCall") -> "tuple[torch.Tensor, torch.Tensor]":
            error, norm = head_errors(*call.in_whole_rows(), call.scale)
            return error.sum(0), norm.sum(0)

        return by_kernel


class ObservedCall:
    """q, k and v, kept alive as long as the binary module may read them."""

    def __init__(self, q: "torch.Tensor", k: "torch.Tensor", v: "torch.Tensor", scale: float | None) -> None:
        self.q, self.k, self.v = (x if x.stride(-1) == 1 else x.contiguous() for x in (q, k, v))
        self.scale = 1.0 / math.sqrt(q.shape[3]) if scale is None else scale

    def arguments(self) -> "tuple[TensorTuple, TensorTuple, TensorTuple]":
        from twill_vdit.tensors import cpu_argument

        return cpu_argument(self.q), cpu_argument(self.k), cpu_argument(self.v)

    def in_whole_rows(self) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
        from twill_vdit.cuda import in_whole_rows

        return in_whole_rows(self.q), in_whole_rows(self.k), in_whole_rows(self.v)

    def on_cpu(self) -> "ObservedCall":
        return ObservedCall(self.q.cpu(), self.k.cpu(), self.v.cpu(), self.scale)


def measured(call: ObservedCall, measure: Callable[[], Measured]) -> Measured | None:
    """What `measure` gives, on the call's own device; None where the CPU is to measure."""
    if not measures_there(call.q.device):
        return None
    try:
        return measure()
    except Error:
        raise
    except RuntimeError as error:  # no memory beside the model, or a device that lacks an operation
        text = str(error).strip().splitlines()
        what = f"{type(error).__name__}: {text[0] if text else 'no text'}"
        native.say_once(f"heads are measured on the CPU and not on {call.q.device}: {what}")
        return None
