# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A plan: per segment of t, expert, stack, layer and head an index into one table of patterns."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from twill_vdit.errors import Error, require
from twill_vdit.patterns import Pattern
from twill_vdit.run_facts import Budget, Facts, RunFacts

if TYPE_CHECKING:
    from twill_vdit import _twill

PRECISIONS = "bf16", "int8"  # of the two products of a head
EXPERT_BOUNDARY = "expert_boundary"  # field of a plan or profile, and key of the provenance of those without facts


def check_t(t: float) -> None:
    """Refuse a t that is not within 0..1, as pipelines hand around theirs of 0..1000, and one that is no number.

    A schedule's rounding may pass the ends by 1e-6.

    Raises:
        Error: t is outside.
    """
    if not -1e-6 <= t <= 1.000001:
        require(False, f"t {float(t):g} is not within 0..1 (a model's timestep divided by its training range)")


@dataclass(frozen=True)
class StackShape:
    """One list of blocks of a model: its name in plans, its layers, and the heads of each."""

    name: str
    layers: int
    heads: int


@dataclass(frozen=True)
class ModelShape:
    """What a plan must know of its model; a plan runs only on a model with the same shape.

    Attributes:
        family: the model's name, as plans have it.
        experts: names of the networks that share a run; one of most models.
        stacks: its lists of blocks, in order.
        head_dim: of every head.
    """

    family: str
    experts: tuple[str, ...]
    stacks: tuple[StackShape, ...]
    head_dim: int

    @property
    def heads_total(self) -> int:
        """Heads of all layers of all stacks."""
        return sum(stack.layers * stack.heads for stack in self.stacks)

    def head_index(self, stack: int, layer: int) -> int:
        """Flat index of a layer's first head: stacks in order, layer-major.

        Raises:
            Error: the model has no such stack or layer.
        """
        require(0 <= stack < len(self.stacks), f"stack {stack} is not one of the model's {len(self.stacks)}", "model")
        shape = self.stacks[stack]
        require(0 <= layer < shape.layers, f"layer {layer} is not one of the {shape.layers} of {shape.name}", "model")
        return sum(s.layers * s.heads for s in self.stacks[:stack]) + layer * shape.heads


@dataclass(frozen=True)
class Segment:
    """What heads do for a part of the run.

    Attributes:
        t_begin: the segment holds for t in (t_begin, t_end]; t = 1 is noise, 0 clean.
        t_end: see t_begin.
        dense: all heads are dense, and `heads` is empty.
        heads: [expert][head_index], indices into the plan's patterns.
        precisions: [expert][head_index], of PRECISIONS; empty where all are bf16.
    """

    t_begin: float
    t_end: float
    dense: bool
    heads: tuple[tuple[int, ...], ...]
    precisions: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Plan:
    """Which keys each head keeps, by expert, layer and part of the run.

    Attributes:
        name: of the plan, for messages.
        model: the shape that a network must have.
        patterns: the table that the heads of the segments point into.
        segments: ascending, from t = 0 to 1 without gaps.
        provenance: where the plan is from, free text by key. Code reads it only of a plan without typed facts.
        text: the JSON that a file holds.
        native: the same plan in the binary module; None without it.
        profile_provenance: of the profile in the plan, if it has one.
        facts: typed, since version 1.1 of the format; None where the plan has none.
        profile_facts: of the profile in the plan.
    """

    name: str
    model: ModelShape
    patterns: tuple[Pattern, ...]
    segments: tuple[Segment, ...]
    provenance: Mapping[str, str]
    text: str = field(repr=False)  # the JSON that a file holds
    native: "_twill.Plan | None" = field(default=None, repr=False, compare=False)
    profile_provenance: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    facts: Facts | None = field(default=None, repr=False)
    profile_facts: Facts | None = field(default=None, repr=False, compare=False)

    def __copy__(self) -> "Plan":
        return replace(self)

    @property
    def solved_for(self) -> RunFacts | None:
        """The run that the plan was solved for; None where it does not say, or says it in provenance only."""
        return None if self.facts is None else self.facts.run

    @property
    def budget(self) -> Budget | None:
        """What the plan was asked to be; None where it does not say, or says it in provenance only."""
        return None if self.facts is None else self.facts.budget

    def precision_counts(self) -> tuple[int, int]:
        """(heads in INT8, heads with keys), over all segments that are not dense."""
        int8 = with_keys = 0
        for segment in self.segments:
            for expert, heads in enumerate(segment.heads):
                has_keys = [self.patterns[index].kind not in ("skip", "mean") for index in heads]
                with_keys += sum(has_keys)
                if segment.precisions:
                    pairs = zip(has_keys, segment.precisions[expert], strict=True)
                    int8 += sum(keys and precision == "int8" for keys, precision in pairs)
        return int8, with_keys

    def shown_facts(self) -> dict[str, str]:
        """Provenance and the typed facts, for people; a fact comes before what provenance says under its key."""
        return {**self.provenance, **({} if self.facts is None else self.facts.shown())}

    def segment_at(self, t: float) -> int:
        """Index of the segment that owns t; the lowest one also owns 0.

        Raises:
            Error: t is outside 0..1.
        """
        check_t(t)
        for index, segment in enumerate(self.segments):
            if t <= segment.t_end:
                return index
        return len(self.segments) - 1

    def expert_boundary(self) -> float | None:
        """The t below which the second of two experts runs (Wan 2.2); None where the plan does not say.

        From the plan, or from the profile in it; of one without typed facts from its provenance["expert_boundary"].

        Raises:
            Error: that is no number within 0..1.
        """
        for whose, facts, provenance in (
            ("plan", self.facts, self.provenance),
            ("profile", self.profile_facts, self.profile_provenance),
        ):
            if facts is not None:
                if facts.expert_boundary is not None:
                    return facts.expert_boundary
            elif EXPERT_BOUNDARY in provenance:
                return _boundary(str(provenance[EXPERT_BOUNDARY]), whose)
        return None

    def experts_at(self, t: Sequence[float]) -> list[int]:
        """The expert of a forward at each t.

        Raises:
            Error: the model has several and the plan does not say which of them runs when.
        """
        experts = len(self.model.experts)
        if experts == 1:
            return [0] * len(t)
        require(experts == 2, f"a model with {experts} experts: no more than two are known to share a run")
        boundary = self.expert_boundary()
        if boundary is None:
            raise Error(
                "the plan is of a model with two experts and does not say below which t the second one runs "
                f"({EXPERT_BOUNDARY})"
            )
        return [int(time < boundary) for time in t]

    def experts_within(self, segment: int) -> list[int]:
        """The experts that forwards inside a segment run, ascending; all of them where the plan does not say which."""
        boundary = self.expert_boundary() if len(self.model.experts) == 2 else None
        if boundary is None:
            return list(range(len(self.model.experts)))
        begin, end = self.segments[segment].t_begin, self.segments[segment].t_end
        return [expert for expert, runs in enumerate((end > boundary, begin < boundary)) if runs]


def _boundary(text: str, whose: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    require(0.0 <= value <= 1.0, f'the {whose}\'s {EXPERT_BOUNDARY} "{text}" is not a number within 0..1', "file")
    return value
