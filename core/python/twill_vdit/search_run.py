# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A whole search for a host that makes clips when it is asked to; `twill_vdit.search` offers these names.

run = SearchRun(model, RunFacts(t, steps), prompts=["a red ball"], seeds=[0], density=0.4, work=folder, ...)
while (work := run.next()) is not None:
    match work:
        case ClipWork():     # profiler = run.profiler(layout); profiler.observe(...) in the steps of work.shown, then
            run.clip_made()  # run.finish_unit(t_index, seconds) after each
        case CostWork():
            run.costs_measured(table)
        case QualityWork():
            run.quality_measured(psnr_db)
        case SecondsWork():
            run.seconds_measured(seconds)
plan = run.result().plan
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twill_vdit import native
from twill_vdit.cost_table import CostTable
from twill_vdit.layout import TokenLayout
from twill_vdit.plan import ModelShape, Plan
from twill_vdit.plan_io import parse_plan
from twill_vdit.profiler import Profile, Profiler, Solution, UnderWay, need_binary
from twill_vdit.run_facts import RunFacts

if TYPE_CHECKING:
    from twill_vdit import _twill


@dataclass(frozen=True)
class SearchTarget:
    """A wish that clips by plans are made for until it holds; the budget to solve for is then found.

    Attributes:
        wish: "psnr", in dB of sparse clips against dense ones, or "speedup", dense seconds over sparse.
        value: at least.
        most_tries: plans that are tried.
    """

    wish: str
    value: float
    most_tries: int = 5


@dataclass(frozen=True)
class ClipWork:
    """A clip is to be made, and some of its steps are to be shown to a profiler.

    Attributes:
        purpose: "maps", "profile" or "trajectory".
        prompt: of the search's prompts.
        seed: of the clip's noise.
        t: of every step of the clip.
        shown: (step, t_index of the profiler) of the steps to show, ascending. While no layout is known all that may be
            missing are named, and Profiler.done() says which of them are there.
        plan: that the clip is made by; None: dense.
    """

    purpose: str
    prompt: int
    seed: int
    t: tuple[float, ...]
    shown: tuple[tuple[int, int], ...]
    plan: Plan | None


@dataclass(frozen=True)
class CostWork:
    """The candidates of a profile are to be timed where the model runs.

    Attributes:
        profile: whose measure_costs() times them.
    """

    profile: Profile


@dataclass(frozen=True)
class QualityWork:
    """The prompt's clip by a plan is to be compared with its dense one.

    Attributes:
        purpose: "probe" or "try".
        number: of the probe or try, from 1.
        of: how many probes there are, or tries at most.
        prompt: of the search's prompts.
        seed: of the clip's noise.
        plan: that the clip is made by.
    """

    purpose: str
    number: int
    of: int
    prompt: int
    seed: int
    plan: Plan


@dataclass(frozen=True)
class SecondsWork:
    """The denoising loop of the first prompt's clip is to be timed.

    Attributes:
        number: of the try, from 1.
        of: tries at most.
        plan: that the clip is made by; None: dense.
    """

    number: int
    of: int
    plan: Plan | None


@dataclass(frozen=True)
class SearchTry:
    """One plan of a search for a target.

    Attributes:
        budget: that it was solved for.
        density: of its run.
        measured: dB, infinite where all clips were equal; or dense seconds over sparse.
        holds: whether the target does.
    """

    budget: float
    density: float
    measured: float
    holds: bool


Work = ClipWork | CostWork | QualityWork | SecondsWork


def map_steps(steps: int) -> int:
    """Steps of the clip that only its attention maps are wanted of, for a run of so many."""
    need_binary()
    return native.binary.map_steps(steps)


class SearchRun(UnderWay):
    """A search that says what is to be done next, until it has a plan; it knows no model.

    What is measured, in which order, what is kept and what the plan says of itself is the same for every host.
    """

    def __init__(
        self,
        model: ModelShape,
        run: RunFacts,
        *,
        prompts: Sequence[str],
        seeds: Sequence[int],
        clip_key: str,
        work: str | os.PathLike[str],
        layout: TokenLayout | None = None,
        maps_run: RunFacts | None = None,
        expert_boundary: float | None = None,
        points: int = 10,
        map_size: int | None = None,
        whole_clips: bool = True,
        policy: str = "solver",
        budget: str = "density",
        share: float = 0.4,
        max_segments: int = 8,
        dense_first_steps: int | None = None,
        dense_last_steps: int | None = None,
        dense_first_layers: int = 0,
        grid: tuple[int, int, int] | None = None,
        name: str = "",
        target: SearchTarget | None = None,
        probes: int = 0,
        sparse_trajectory: bool = False,
        provenance: Mapping[str, str] | None = None,
        device: str = "",
        threads: int = 0,
        int8: bool = False,
        int8_error_share: float | None = None,
    ) -> None:
        """A search that begins, or goes on with what is kept in its folder.

        Args:
            model: its shape.
            run: t of every step of the clips, and of the plan's run.
            prompts: names of what the clips are of.
            seeds: 0 to 2^64 - 1, of each prompt.
            clip_key: all that decides a clip beside its prompt and seed: weights, size, sampler, steps, dtype.
            work: the folder where everything that was measured is kept; other searches may use it too.
            layout: of the clips, where it is known before one is made.
            maps_run: of a clip of the first prompt with map_steps(run.steps) steps, whose attention maps say which
                stripes are offered to the heads; None: no such clip, and no stripes of its heads.
            expert_boundary: the t below which the second of two experts runs.
            points: steps that are profiled, closer together where errors count more.
            map_size: blocks a side of the attention maps; None: 52, or as many as a clip has tokens; 0: none.
            whole_clips: dense clips are made with all steps of the run, each of them by every process; else only as far
                as units are missing, and by Euler steps from one profiled t to the next.
            policy: "solver", or a rule of others.
            budget: what `share` is of, "density" (executed cells) or "attention_share" (time).
            share: in (0, 1]; says nothing beside a target.
            max_segments: that are not all dense.
            dense_first_steps: steps that stay dense, as dense_last_steps; the policy's choice if not told.
            dense_last_steps: see dense_first_steps.
            dense_first_layers: layers that stay dense at all t, over all stacks.
            grid: frames, rows and columns of tokens that the budget is for; None: of the clips.
            name: of the plan; empty: its policy and budget.
            target: what clips by the plan must reach, instead of a budget.
            probes: clips that the weight of t is fitted to; 0: the default weight.
            sparse_trajectory: profile once more while the plan that was found runs, and solve again.
            provenance: whatever else decides the numbers, for people.
            device: and whatever else decides times.
            threads: that the profiler measures with on the CPU; 0: as many as the process may use.
            int8: measure what heads lose in INT8, so that the plan may have some of them so.
            int8_error_share: how much more predicted error they may bring, as a share of the patterns'; None: 0.05
                where it was measured.

        Raises:
            Error: there is no binary module, or an argument is not what it should be.
        """
        self._name = name or "plan"
        need_binary()
        self._native = native.binary.SearchRun(
            family=model.family,
            experts=list(model.experts),
            stacks=[(stack.name, stack.layers, stack.heads) for stack in model.stacks],
            head_dim=model.head_dim,
            layout=None if layout is None else layout.as_tuple(),
            run=run.as_tuple(),
            maps_run=None if maps_run is None else maps_run.as_tuple(),
            expert_boundary=expert_boundary,
            prompts=list(prompts),
            seeds=list(seeds),
            points=points,
            map_size=map_size,
            whole_clips=whole_clips,
            policy=policy,
            budget=budget,
            share=share,
            max_segments=max_segments,
            dense_first_steps=dense_first_steps,
            dense_last_steps=dense_last_steps,
            dense_first_layers=dense_first_layers,
            grid=grid,
            name=name,
            target=None if target is None else (target.wish, target.value, target.most_tries),
            probes=probes,
            sparse_trajectory=sparse_trajectory,
            provenance=dict(provenance or {}),
            clip_key=clip_key,
            device=device,
            work=os.fspath(work),
            threads=threads,
            int8=int8,
            int8_error_share=int8_error_share,
        )

    def next(self) -> Work | None:
        """What is to be done now, the same until it is answered; None: result() has the plan.

        Raises:
            Error: the target was not reached, which says how near the tries came; or what is kept was measured
                otherwise.
        """
        found = self._native.next()
        return None if found is None else self._work_of(*found)

    def _work_of(self, kind: str, *fields: Any) -> Work:
        if kind == "clip":
            purpose, prompt, seed, t, shown, plan = fields
            return ClipWork(purpose, prompt, seed, tuple(t), tuple(shown), self._plan(plan))
        if kind == "costs":
            return CostWork(Profile(*fields))
        if kind == "seconds":
            number, of, plan = fields
            return SecondsWork(number, of, self._plan(plan))
        purpose, number, of, prompt, seed, plan = fields
        return QualityWork(purpose, number, of, prompt, seed, parse_plan(plan.to_json(), self._name))

    def _plan(self, plan: "_twill.Plan | None") -> Plan | None:
        return None if plan is None else parse_plan(plan.to_json(), self._name)

    def profiler(self, layout: TokenLayout) -> Profiler:
        """What the clip that is asked for is shown to.

        Raises:
            Error: the layout is another than that of the clips before.
        """
        return Profiler.of_native(self._native.profiler(layout.as_tuple()))

    def finish_unit(self, t_index: int, seconds: float) -> None:
        """All calls of a shown step were observed: the unit is kept.

        Args:
            t_index: of the profiler's t.
            seconds: that it took, the steps since the last unit among them.

        Raises:
            Error: a layer of the unit was not observed.
        """
        self._native.finish_unit(t_index, seconds)

    def clip_made(self) -> None:
        """Answer ClipWork.

        Raises:
            Error: a step was not shown, or something else is asked for.
        """
        self._native.clip_made()

    def costs_measured(self, table: CostTable) -> None:
        """Answer CostWork.

        Raises:
            Error: a candidate has no time, or something else is asked for.
        """
        self._native.costs_measured(table.device, table.kernel, list(table.milliseconds))

    def quality_measured(self, psnr_db: float) -> None:
        """Answer QualityWork; infinity for equal clips.

        Raises:
            Error: this is no PSNR of two clips, or something else is asked for.
        """
        self._native.quality_measured(psnr_db)

    def seconds_measured(self, seconds: float) -> None:
        """Answer SecondsWork.

        Raises:
            Error: this is no time, or something else is asked for.
        """
        self._native.seconds_measured(seconds)

    @property
    def tries(self) -> list[SearchTry]:
        """Of a search for a target, so far."""
        return [SearchTry(*each) for each in self._native.tries]

    @property
    def wanted(self) -> float:
        """What must be measured: the target and a margin; 0 before the first try."""
        return self._native.wanted

    def take_best(self) -> bool:
        """End the search with the best of the tries so far; False, and nothing changes, when none holds."""
        return self._native.take_best()

    @property
    def seconds(self) -> float:
        """Those of finish_unit(), with those of other processes."""
        return self._native.seconds

    @property
    def seconds_elsewhere(self) -> float:
        """Of `seconds` what other processes spent."""
        return self._native.seconds_elsewhere

    def result(self, told: Mapping[str, str] | None = None) -> Solution:
        """The plan, which says what it is and holds its profile.

        Args:
            told: more of its provenance.

        Raises:
            Error: next() asks for something, or the budget cannot be met.
        """
        plan, density, attention_share, predicted_error = self._native.result(dict(told or {}))
        return Solution(parse_plan(plan.to_json(), self._name), density, attention_share, predicted_error)
