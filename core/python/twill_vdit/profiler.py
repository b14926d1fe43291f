# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What a search measures of attention calls, and what comes of it; `twill_vdit.search` offers these names."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from twill_vdit import native
from twill_vdit.call_measures import Measures, ObservedCall, measured, why_no_kernels
from twill_vdit.cost_table import CostTable
from twill_vdit.errors import Error, require
from twill_vdit.layout import TokenLayout
from twill_vdit.plan import ModelShape, Plan
from twill_vdit.run_facts import RunFacts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from twill_vdit import _twill
    from twill_vdit.call_measures import Errors


def need_binary() -> None:
    """Raise Error where there is no binary module."""
    if native.binary is None:
        raise Error(f"searching needs the binary module of twill_vdit: {native.why_not}", "unsupported")


class UnderWay:
    """What others show their tensors to, call by call."""

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} cannot be copied or pickled: it is a run under way")


class Profiler(UnderWay):
    """Head errors of all candidates against dense attention, from sampled queries.

    A unit of work is one forward of one prompt at one t. With a folder finished units are kept there, and a profiler
    with the same arguments goes on with them.
    """

    def __init__(
        self,
        model: ModelShape,
        layout: TokenLayout,
        *,
        t: Sequence[float],
        prompts: Sequence[str],
        seeds: Sequence[int] | None = None,
        candidates: int = 120,
        rows: int = 0,
        map_size: int = 0,
        folder: str | os.PathLike[str] = "",
        threads: int = 0,
        provenance: Mapping[str, str] | None = None,
        stripe_maps: "npt.NDArray[np.float32] | None" = None,
        run: RunFacts | None = None,
        expert_boundary: float | None = None,
        int8: bool = False,
    ) -> None:
        """A profiler of one model at one layout.

        Args:
            model: its shape.
            layout: of every call.
            t: descending, in 0..1.
            prompts: names of what the clips are of.
            seeds: 0 to 2^64 - 1, of each prompt.
            candidates: patterns in all, at most; 0: dense alone, for a run's maps.
            rows: sampled query tokens of a unit; 0: 64, more where t are few.
            map_size: blocks a side of the attention maps, as many as tokens at most.
            folder: where finished units are kept.
            threads: 0 for as many as the process may use.
            provenance: whatever else decides the numbers, for people; kept with the units and compared on going on.
            stripe_maps: float32 [heads, size, size] of a run of maps, for vertical stripes where its heads look.
            run: all forwards of the clips, of which `t` are profiled; as provenance, kept with the units. The profile
                and its plans say it, and are predicted over it.
            expert_boundary: the t below which the second of two experts runs.
            int8: measure too what heads lose in INT8, so that plans may have some of them so; where no kernel of the
                device computes so, the CPU measures it.

        Raises:
            Error: there is no binary module, or an argument is not what it should be.
        """
        need_binary()
        made = native.binary.Profiler(
            family=model.family,
            experts=list(model.experts),
            stacks=[(stack.name, stack.layers, stack.heads) for stack in model.stacks],
            head_dim=model.head_dim,
            layout=layout.as_tuple(),
            candidates=candidates,
            t=list(t),
            prompts=list(prompts),
            seeds=list(range(len(prompts)) if seeds is None else seeds),
            rows=rows,
            map_size=map_size,
            folder=os.fspath(folder),
            threads=threads,
            provenance=dict(provenance or {}),
            stripe_maps=stripe_maps,
            run=None if run is None else run.as_tuple(),
            expert_boundary=expert_boundary,
            int8=int8,
        )
        self._take(made)

    @classmethod
    def of_native(cls, made: "_twill.Profiler") -> "Profiler":
        """Around one that the binary module made."""
        profiler = cls.__new__(cls)
        profiler._take(made)
        return profiler

    def _take(self, made: "_twill.Profiler") -> None:
        self._native = made
        self._map_size = made.map_size
        self.t = made.t
        self._measures = Measures(made, made.tokens, made.head_dim)

    def observe(
        self,
        q: "torch.Tensor",
        k: "torch.Tensor",
        v: "torch.Tensor",
        gain: Sequence[float],
        *,
        t_index: int,
        layer: int,
        prompt: int = 0,
        expert: int = 0,
        stack: int = 0,
        branch: int = 0,
        scale: float | None = None,
    ) -> None:
        """Measure one call, on the device where it is.

        Args:
            q: [batch, heads, tokens, head_dim].
            k: as q.
            v: as q.
            gain: [heads], the mean squared norm of the head's gated share of the output projection over that of the
                residual stream.
            t_index: of the profiler's t.
            layer: of the stack.
            prompt: of the profiler's prompts.
            expert: of the model.
            stack: of the model.
            branch: of the guidance, 0 conditional, 1 unconditional.
            scale: of q k^T, 1/sqrt(head_dim) if not given.
        """
        call, gain = ObservedCall(q, k, v, scale), [float(x) for x in gain]
        place = t_index, prompt, expert, stack, layer, branch

        def measures() -> "tuple[npt.NDArray[np.float64], Errors, npt.NDArray[np.float32]]":
            return self._int8_errors(call, t_index, prompt), self._errors(call, t_index, prompt), self._map(call)

        found = measured(call, measures)
        if found is not None:
            int8_errors, errors, drawn = found
            self._native.observe_measures(*place, *errors, drawn, gain, int8_errors)
            return
        on_cpu = call.on_cpu()
        self._native.observe(*place, *on_cpu.arguments(), on_cpu.scale, gain)

    def _errors(self, call: ObservedCall, t_index: int, prompt: int) -> "Errors":
        return self._measures.errors(call, self._native.rows(t_index, prompt))

    def _int8_errors(self, call: ObservedCall, t_index: int, prompt: int) -> "npt.NDArray[np.float64]":
        import numpy as np

        if not self._native.int8:
            return np.empty(0)
        return self._measures.int8_errors(call, self._native.rows(t_index, prompt))

    def _map(self, call: ObservedCall) -> "npt.NDArray[np.float32]":
        import numpy as np

        if self._map_size == 0:
            return np.empty(0, dtype=np.float32)
        shape = call.scale, self._map_size, self._native.query_stride
        if why_no_kernels(call) or self._map_size > call.q.shape[2]:
            from twill_vdit.measuring import attention_map

            return attention_map(call.q, call.k, *shape).cpu().numpy()
        from twill_vdit import cuda

        q, k, _ = call.in_whole_rows()
        return cuda.attention_map(q, k, *shape).mean(0).cpu().numpy()

    def finish_unit(self, t_index: int, prompt: int = 0) -> None:
        """All layers of a unit were shown: it is kept."""
        self._native.finish_unit(t_index, prompt)

    def done(self, t_index: int, prompt: int = 0) -> bool:
        """Whether a unit is finished."""
        return self._native.done(t_index, prompt)

    def mean_maps(self) -> "npt.NDArray[np.float32]":
        """Attention maps so far, float32 [experts * heads, map_size, map_size], rows sum to 1; finished units only."""
        require(self._map_size > 0, "mean_maps: the profiler was made with map_size 0")
        return self._native.mean_maps()

    def finish(self) -> "Profile":
        """What was measured.

        Raises:
            Error: a unit is missing.
        """
        return Profile(self._native.finish())


class Profile:
    """What a search measured: enough to solve for any density again without the model."""

    def __init__(self, native_profile: "_twill.Profile") -> None:
        self.native = native_profile

    @classmethod
    def read(cls, file: str | os.PathLike[str]) -> "Profile":
        """A profile from its file."""
        need_binary()
        return cls(native.binary.Profile(os.fspath(file)))

    def write(self, file: str | os.PathLike[str]) -> None:
        """Write it; a file of another kind is not replaced."""
        self.native.write(os.fspath(file))

    @property
    def candidate_count(self) -> int:
        """Patterns that every head was measured with, dense among them."""
        return self.native.candidate_count

    @property
    def run(self) -> RunFacts | None:
        """The run that it was measured in; None where it does not say."""
        found = self.native.run
        if found is None:
            return None
        t, expert, weight, sampler, scheduler, shift, grid, steps = found
        return RunFacts(tuple(t), steps, sampler, scheduler, shift, grid, tuple(expert), tuple(weight))

    @property
    def maps(self) -> "npt.NDArray[np.uint8] | None":
        """uint8 [experts * heads, map_size, map_size], each row scaled to its maximum; None without maps."""
        return self.native.maps

    @property
    def int8_error(self) -> "npt.NDArray[np.float32] | None":
        """Head errors of dense attention in INT8, [t * experts * heads]; None where they were not measured."""
        found = self.native.int8_error
        return found if found.size else None

    @property
    def costs(self) -> CostTable | None:
        """What each candidate costs; None when nothing was timed."""
        device, kernel, milliseconds = self.native.costs
        return CostTable(device, kernel, milliseconds) if milliseconds else None

    @costs.setter
    def costs(self, table: CostTable) -> None:
        self.native.set_costs(table.device, table.kernel, table.milliseconds)

    def measure_costs(
        self, device: "torch.device | str", dtype: "torch.dtype", check_stop: Callable[[], None] = lambda: None
    ) -> None:
        """Time every candidate on random q, k and v, all heads of a layer at once; a share of time needs it.

        Args:
            device: where.
            dtype: of the tensors.
            check_stop: is called between candidates and may raise.
        """
        from twill_vdit.candidate_costs import measure

        self.costs = measure(self.native, device, dtype, check_stop)


@dataclass(frozen=True)
class Solution:
    """What a solver gives.

    Attributes:
        plan: with the least predicted error at its budget.
        density: over the forwards that it was solved for.
        attention_share: of dense attention's time; equal to density without costs.
        predicted_error: comparable between plans of one profile.
    """

    plan: Plan
    density: float  # over the forwards that it was solved for
    attention_share: float  # of dense attention's time; equal to density without costs
    predicted_error: float  # comparable between plans of one profile
