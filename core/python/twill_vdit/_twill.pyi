# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The binary module: plans, kernels and search, from core/python/src. Use the package around it."""

import os
from collections.abc import Sequence
from typing import Any, TypeAlias, TypedDict

import numpy as np
import numpy.typing as npt

from twill_vdit.run_facts import RunTuple

# (address, shape, strides in elements, dtype)
_Tensor: TypeAlias = tuple[int, Sequence[int], Sequence[int], str]
# (prefix, frames, rows, cols, suffix)
_Layout: TypeAlias = tuple[int, int, int, int, int]
# (mode, list): dense, sparse, skip or mean; -1 unless sparse
_Task: TypeAlias = tuple[str, int]
# (runs [runs, 2], run_begin [query_tiles + 1], position_to_token [tokens] or None)
_TileList: TypeAlias = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32] | None]
_Path: TypeAlias = str | os.PathLike[str]

class _Kernel(TypedDict):
    name: str
    why_not: str

class _CudaDevice(TypedDict):
    name: str
    capability: int
    memory_bytes: int
    why_not: str

class _CudaMachine(TypedDict):
    built_with: int
    driver_takes: int
    why_not: str
    devices: list[_CudaDevice]
    kernels: list[_Kernel]

__version__: str
PATTERN_NAMES: tuple[str, ...]
QUERY_TILE: int
KEY_TILE: int

def write_file(file: _Path, content: bytes) -> None: ...
def cpu_kernels() -> list[_Kernel]: ...
def cuda_machine() -> _CudaMachine: ...
def cuda_kernels(capability: int, head_dim: int, dtype: str, scale: float) -> list[dict[str, Any]]: ...
def why_not_driver(built_with: int, driver_takes: int) -> str: ...
def why_not_capability(capability: int) -> str: ...
def why_no_cuda(head_dim: int, dtype: str, scale: float, precision: str = "bf16") -> str: ...
def cuda_kernel_of(head_dim: int, dtype: str, scale: float, precision: str = "bf16") -> str: ...
def run_attention(
    compiled: CompiledPlan,
    segment: int,
    expert: int,
    stack: int,
    layer: int,
    q: _Tensor,
    k: _Tensor,
    v: _Tensor,
    out: _Tensor,
    scale: float,
    threads: int = 0,
) -> None: ...
def attention_map(
    q: _Tensor, k: _Tensor, scale: float, size: int, query_stride: int = 1, threads: int = 0
) -> npt.NDArray[np.float32]: ...
def cuda_attention_map(
    q: _Tensor, k: _Tensor, scale: float, size: int, query_stride: int, map: int, stream: int
) -> None: ...

class Plan:
    def __init__(self, text: str, file_name: str) -> None: ...
    def to_json(self) -> str: ...
    def write(self, file: _Path) -> None: ...
    def segment_at(self, t: float) -> int: ...
    @property
    def profile(self) -> Profile | None: ...
    def __copy__(self) -> Plan: ...
    def __deepcopy__(self, memo: dict[int, Any], /) -> Plan: ...

class CompiledPlan:
    def __init__(self, plan: Plan, layout: _Layout, threads: int = 0) -> None: ...
    @property
    def bytes(self) -> int: ...
    @property
    def segment_count(self) -> int: ...
    @property
    def list_count(self) -> int: ...
    def segment_is_dense(self, segment: int) -> bool: ...
    def density(self, segment: int, expert: int = 0) -> float: ...
    def run_density(self, plan: Plan, t: Sequence[float], expert_at: Sequence[int] = ()) -> float: ...
    def tasks(self, segment: int, expert: int, stack: int, layer: int) -> list[_Task]: ...
    def tile_list(self, index: int) -> _TileList: ...
    def __copy__(self) -> CompiledPlan: ...
    def __deepcopy__(self, memo: dict[int, Any], /) -> CompiledPlan: ...

class CudaTables:
    """Addresses and streams are integers, 0 for none; the caller allocates."""

    @staticmethod
    def of_plan(compiled: CompiledPlan) -> CudaTables: ...
    @staticmethod
    def of_lists(
        tokens: int, lists: Sequence[_TileList], tasks: Sequence[Sequence[Sequence[_Task | tuple[str, int, str]]]]
    ) -> CudaTables: ...
    def image(self) -> npt.NDArray[np.int32]: ...
    def layer(self, stack: int, layer: int) -> int: ...
    def variant(self, segment: int, expert: int) -> int: ...
    def set_variant(self, image: int, variant: int, stream: int) -> None: ...
    def workspace_bytes(self, image: int, layer: int, q: _Tensor, scale: float) -> int: ...
    def run(
        self,
        image: int,
        layer: int,
        q: _Tensor,
        k: _Tensor,
        v: _Tensor,
        out: _Tensor,
        scale: float,
        workspace: int,
        workspace_bytes: int,
        stream: int,
        lse: int = 0,
        variant: int = -1,
        kernel: str = "",
    ) -> None: ...
    def head_errors(
        self,
        image: int,
        q: _Tensor,
        k: _Tensor,
        v: _Tensor,
        scale: float,
        candidates: Sequence[_Task],
        rows: npt.NDArray[np.int32],
        device_rows: int,
        error: int,
        norm: int,
        workspace: int,
        workspace_bytes: int,
        stream: int,
    ) -> int: ...

class Profile:
    def __init__(self, file: _Path) -> None: ...
    def write(self, file: _Path) -> None: ...
    @property
    def candidate_count(self) -> int: ...
    @property
    def head_dim(self) -> int: ...
    @property
    def t(self) -> list[float]: ...
    @property
    def prompts(self) -> list[str]: ...
    @property
    def layout(self) -> tuple[int, int, int, int, int]:
        """(frames, rows, cols, prefix, suffix)."""
    @property
    def costs(self) -> tuple[str, str, list[float]]:
        """(device, kernel, milliseconds [candidates], empty when nothing was timed)."""
    @property
    def run(self) -> RunTuple | None: ...
    @property
    def maps(self) -> npt.NDArray[np.uint8] | None: ...
    def plan_of_candidate(self, index: int) -> Plan: ...
    def set_costs(self, device: str, kernel: str, milliseconds: Sequence[float]) -> None: ...
    def __copy__(self) -> Profile: ...
    def __deepcopy__(self, memo: dict[int, Any], /) -> Profile: ...

class Profiler:
    def __init__(
        self,
        family: str,
        experts: Sequence[str],
        stacks: Sequence[tuple[str, int, int]],
        head_dim: int,
        layout: _Layout,
        candidates: int,
        t: Sequence[float],
        prompts: Sequence[str],
        seeds: Sequence[int],
        rows: int,
        map_size: int,
        folder: _Path,
        threads: int,
        provenance: dict[str, str],
        stripe_maps: npt.NDArray[np.float32] | None = None,
        run: RunTuple | None = None,
        expert_boundary: float | None = None,
    ) -> None: ...
    def observe(
        self,
        t_index: int,
        prompt: int,
        expert: int,
        stack: int,
        layer: int,
        branch: int,
        q: _Tensor,
        k: _Tensor,
        v: _Tensor,
        scale: float,
        gain: Sequence[float],
    ) -> None: ...
    def observe_measures(
        self,
        t_index: int,
        prompt: int,
        expert: int,
        stack: int,
        layer: int,
        branch: int,
        error: npt.NDArray[np.float64],
        norm: npt.NDArray[np.float64],
        map: npt.NDArray[np.float32],
        gain: Sequence[float],
    ) -> None: ...
    def candidates(self) -> tuple[list[_Task], list[_TileList]]: ...
    def rows(self, t_index: int, prompt: int) -> list[int]: ...
    @property
    def query_stride(self) -> int: ...
    def finish_unit(self, t_index: int, prompt: int) -> None: ...
    def done(self, t_index: int, prompt: int) -> bool: ...
    @property
    def t(self) -> list[float]: ...
    @property
    def map_size(self) -> int: ...
    @property
    def tokens(self) -> int: ...
    @property
    def head_dim(self) -> int: ...
    def mean_maps(self) -> npt.NDArray[np.float32]: ...
    def finish(self) -> Profile: ...

class Solver:
    def __init__(
        self,
        profile: Profile,
        t: Sequence[float],
        expert_at: Sequence[int] | None,
        budget_kind: str,
        max_segments: int,
        dense_first_steps: int | None,
        dense_last_steps: int | None,
        name: str,
        attach_profile: bool,
        grid: tuple[int, int, int] | None,
        sampler: str | None,
        shift: float | None,
        scheduler: str | None,
    ) -> None: ...
    def least_budget(self) -> float: ...
    def solve(self, budget: float) -> tuple[Plan, float, float, float]:
        """(plan, density, share of dense attention's time, predicted error)."""
    def pareto_front(self, points: int) -> list[tuple[float, float]]: ...

class AdaptiveRun:
    def __init__(
        self,
        profile: Profile,
        t: Sequence[float],
        expert_at: Sequence[int] | None,
        density: float,
        max_segments: int,
        name: str,
        layout: _Layout,
        threads: int,
    ) -> None: ...
    @property
    def step(self) -> int: ...
    @property
    def measuring(self) -> bool: ...
    @property
    def density(self) -> float: ...
    def plan(self) -> Plan: ...
    def observe(
        self, expert: int, stack: int, layer: int, branch: int, q: _Tensor, k: _Tensor, v: _Tensor, scale: float
    ) -> None: ...
    def observe_measures(
        self,
        expert: int,
        stack: int,
        layer: int,
        branch: int,
        error: npt.NDArray[np.float64],
        norm: npt.NDArray[np.float64],
    ) -> None: ...
    def candidates(self) -> tuple[list[_Task], list[_TileList]]: ...
    def rows(self) -> list[int]: ...
    def finish_step(self) -> bool: ...

class BudgetFinder:
    def __init__(self, wish: str, value: float, least_budget: float, most_tries: int) -> None: ...
    def next(self) -> float | None: ...
    def tell(self, measured: float) -> bool: ...
    @property
    def wanted(self) -> float: ...
    @property
    def best(self) -> int | None: ...
    @property
    def tries(self) -> list[tuple[float, float, bool]]:
        """(budget, measured, holds) of each."""

class SearchRun:
    def __init__(
        self,
        family: str,
        experts: Sequence[str],
        stacks: Sequence[tuple[str, int, int]],
        head_dim: int,
        layout: _Layout | None,
        run: RunTuple,
        maps_run: RunTuple | None,
        expert_boundary: float | None,
        prompts: Sequence[str],
        seeds: Sequence[int],
        points: int,
        map_size: int | None,
        whole_clips: bool,
        policy: str,
        budget: str,
        share: float,
        max_segments: int,
        dense_first_steps: int | None,
        dense_last_steps: int | None,
        dense_first_layers: int,
        grid: tuple[int, int, int] | None,
        name: str,
        target: tuple[str, float, int] | None,
        probes: int,
        sparse_trajectory: bool,
        provenance: dict[str, str],
        clip_key: str,
        device: str,
        work: _Path,
        threads: int,
    ) -> None: ...
    def next(self) -> tuple[Any, ...] | None:
        """(kind, and the fields of that work in their order)."""
    def profiler(self, layout: _Layout) -> Profiler: ...
    def finish_unit(self, t_index: int, seconds: float) -> None: ...
    def clip_made(self) -> None: ...
    def costs_measured(self, device: str, kernel: str, milliseconds: Sequence[float]) -> None: ...
    def quality_measured(self, psnr_db: float) -> None: ...
    def seconds_measured(self, seconds: float) -> None: ...
    @property
    def tries(self) -> list[tuple[float, float, float, bool]]:
        """(budget, density, measured, holds) of each."""
    @property
    def wanted(self) -> float: ...
    def take_best(self) -> bool: ...
    @property
    def seconds(self) -> float: ...
    @property
    def seconds_elsewhere(self) -> float: ...
    def result(self, told: dict[str, str]) -> tuple[Plan, float, float, float]:
        """(plan, density, share of dense attention's time, predicted error)."""

def map_steps(steps: int) -> int: ...
