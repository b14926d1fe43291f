# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Tables of the CUDA kernels in device memory, and calls on torch tensors there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from twill_vdit.native import binary
from twill_vdit.plan import PRECISIONS
from twill_vdit.tensors import DTYPES, argument
from twill_vdit.tile_lists import KEY_TILE, QUERY_TILE, ListArrays, tile_count

if TYPE_CHECKING:
    from twill_vdit import _twill
    from twill_vdit.compiled_plan import CompiledPlan


def _stream(device: torch.device) -> int:
    return torch.cuda.current_stream(device).cuda_stream


def has_whole_rows(x: torch.Tensor) -> bool:
    """Whether the kernels take x as it is: strides of whole 16 bytes."""
    return x.stride(3) == 1 and x.data_ptr() % 16 == 0 and all(stride % 8 == 0 for stride in x.stride()[:3])


def in_whole_rows(x: torch.Tensor) -> torch.Tensor:
    """x, or a copy where its strides are not those that the kernels take, which is rare."""
    return x if has_whole_rows(x) else x.clone(memory_format=torch.contiguous_format)


def why_not(device: torch.device, dtype: torch.dtype, head_dim: int, scale: float, precision: str = "bf16") -> str:
    """Empty when the binary has a kernel of this precision for such tensors on the device, else the reason."""
    if dtype not in DTYPES:
        return f"dtype {dtype}"
    with torch.cuda.device(device):
        return binary.why_no_cuda(head_dim, DTYPES[dtype], scale, precision)


def kernel_of(device: torch.device, dtype: torch.dtype, head_dim: int, scale: float) -> str:
    """Name and version ("hopper 3") of the kernel that runs such tensors on the device, empty where none does."""
    if dtype not in DTYPES:
        return ""
    with torch.cuda.device(device):
        return binary.cuda_kernel_of(head_dim, DTYPES[dtype], scale)


class DevicePlan:
    """The tables of a plan on one device, with the word that says which variant holds."""

    def __init__(self, tables: "_twill.CudaTables", device: torch.device) -> None:
        self.tables = tables
        self.device = device
        self.image = torch.from_numpy(tables.image()).to(device)
        self._variant = 0
        self._needed: dict[tuple[int, torch.Size, torch.dtype], int] = {}  # bytes of workspace

    def set_variant(self, variant: int) -> None:
        """What launches after this on the current stream compute, replays of captured graphs too."""
        if variant != self._variant:
            self.tables.set_variant(self.image.data_ptr(), variant, _stream(self.device))
            self._variant = variant

    def run(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        out: torch.Tensor,
        scale: float,
        layer: int,
        lse: torch.Tensor | None = None,
        variant: int = -1,
        kernel: str = "",
    ) -> torch.Tensor:
        """variant -1: the one that set_variant wrote last; else this one, in captured graphs too.

        kernel: by its name in the doctor's list; empty: the best that takes the call.
        The workspace is torch's memory of this call only, so streams, graphs and threads do not share it.
        """
        image, stream = self.image.data_ptr(), _stream(self.device)
        described = argument(q)
        shape = (layer, q.shape, q.dtype)
        needed = self._needed.get(shape)
        if needed is None:
            needed = self._needed[shape] = self.tables.workspace_bytes(image, layer, described, scale)
        workspace = torch.empty(needed, dtype=torch.uint8, device=self.device)
        tensors = (described, argument(k), argument(v), argument(out))
        lse_address = 0 if lse is None else lse.data_ptr()
        where = (workspace.data_ptr(), workspace.numel(), stream)
        self.tables.run(image, layer, *tensors, scale, *where, lse_address, variant, kernel)
        return out


def device_plan_of(plan: "CompiledPlan", device: torch.device, wants_int8: bool = True) -> DevicePlan:
    """The plan's tables there, copied at the first call; heads in INT8 become bf16 unless wanted and taken so."""
    key = device, wants_int8
    if key not in plan.on_devices:
        takes_int8 = wants_int8 and not why_not(device, torch.bfloat16, plan.plan.model.head_dim, 1.0, "int8")
        plan.on_devices[key] = DevicePlan(binary.CudaTables.of_plan(plan.tables(), takes_int8), device)
    return plan.on_devices[key]


class HeadErrors:
    """Head errors of candidates for sampled rows; everything but the call is made once.

    rows: int32 array of sampled tokens; candidates: (mode, list); lists: (runs, run_begin, positions or None).
    """

    def __init__(
        self,
        device: torch.device,
        tokens: int,
        rows: npt.NDArray[np.int32],
        candidates: Sequence[tuple[str, int]],
        lists: Sequence[ListArrays],
    ) -> None:
        self.tables = binary.CudaTables.of_lists(tokens, lists, [[candidates]])
        self.image = torch.from_numpy(self.tables.image()).to(device)
        self.rows, self.candidates = rows, candidates
        self.device_rows = torch.from_numpy(rows).to(device)

    def __call__(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """float64 (error [batch, heads, candidates], norm [batch, heads]) on the device of q; the same bits each time.

        q, k, v: [batch, heads, tokens, head_dim], rows of whole 16 bytes.
        """
        error = torch.empty(*q.shape[:2], len(self.candidates), dtype=torch.float64, device=q.device)
        norm = torch.empty(*q.shape[:2], dtype=torch.float64, device=q.device)
        inputs = (self.image.data_ptr(), argument(q), argument(k), argument(v), scale)
        what = (self.candidates, self.rows, self.device_rows.data_ptr())
        results = (error.data_ptr(), norm.data_ptr())
        stream = _stream(q.device)
        needed = self.tables.head_errors(*inputs, *what, *results, 0, 0, stream)
        workspace = torch.empty(needed, dtype=torch.uint8, device=q.device)
        with torch.cuda.device(q.device):
            self.tables.head_errors(*inputs, *what, *results, workspace.data_ptr(), workspace.numel(), stream)
        return error, norm


class Int8Errors:
    """What dense attention in INT8 loses at sampled rows: a layer of the kernels in bf16 beside one in INT8.

    All heads have all keys for the query tiles that hold a sampled row, and none for the others.
    """

    def __init__(self, device: torch.device, tokens: int, rows: npt.NDArray[np.int32], heads: int) -> None:
        wanted = np.zeros(tile_count(tokens, QUERY_TILE), dtype=bool)
        wanted[rows // QUERY_TILE] = True
        runs = np.tile(np.array([[0, tile_count(tokens, KEY_TILE)]], dtype=np.int32), (int(wanted.sum()), 1))
        run_begin = np.concatenate([[0], np.cumsum(wanted)]).astype(np.int32)
        variants = [[[("sparse", 0, precision)] * heads] for precision in PRECISIONS]
        self._plan = DevicePlan(binary.CudaTables.of_lists(tokens, [(runs, run_begin, None)], variants), device)
        self._rows = torch.from_numpy(rows.astype(np.int64)).to(device)

    def __call__(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float) -> torch.Tensor:
        """float64 [heads]: sum over rows and batch |o - o0|^2. q, k, v as HeadErrors takes them."""
        batch, heads, tokens, head_dim = q.shape
        rows = []
        with torch.cuda.device(q.device):
            for variant in range(len(PRECISIONS)):
                out = q.new_empty(batch, tokens, heads, head_dim).transpose(1, 2)
                self._plan.run(q, k, v, out, scale, layer=0, variant=variant)
                rows.append(out.index_select(2, self._rows).double())
        return (rows[1] - rows[0]).square().sum((0, 2, 3))


def attention_map(q: torch.Tensor, k: torch.Tensor, scale: float, size: int, query_stride: int = 1) -> torch.Tensor:
    """Block-averaged attention map [batch, heads, size, size] in float32; each row sums to 1."""
    drawn = torch.empty(*q.shape[:2], size, size, dtype=torch.float32, device=q.device)
    with torch.cuda.device(q.device):
        stream = _stream(q.device)
        binary.cuda_attention_map(argument(q), argument(k), scale, size, query_stride, drawn.data_ptr(), stream)
    return drawn
