# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A plan: per segment of t, expert, stack, layer and head an index into one table of patterns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from twill_vdit.errors import require
from twill_vdit.patterns import Pattern


@dataclass(frozen=True)
class StackShape:
    name: str
    layers: int
    heads: int


@dataclass(frozen=True)
class ModelShape:
    """What a plan must know of its model; a plan runs only on a model with the same shape."""

    family: str
    experts: tuple[str, ...]
    stacks: tuple[StackShape, ...]
    head_dim: int

    @property
    def heads_total(self) -> int:
        return sum(stack.layers * stack.heads for stack in self.stacks)

    def head_index(self, stack: int, layer: int) -> int:
        """Flat index of a layer's first head: stacks in order, layer-major."""
        require(0 <= stack < len(self.stacks), f"stack {stack} is not one of the model's {len(self.stacks)}", "model")
        shape = self.stacks[stack]
        require(0 <= layer < shape.layers, f"layer {layer} is not one of the {shape.layers} of {shape.name}", "model")
        return sum(s.layers * s.heads for s in self.stacks[:stack]) + layer * shape.heads


@dataclass(frozen=True)
class Segment:
    """t in (t_begin, t_end]; t = 1 is noise, 0 clean. heads: [expert][head_index], indices into the plan's patterns."""

    t_begin: float
    t_end: float
    dense: bool
    heads: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Plan:
    name: str
    model: ModelShape
    patterns: tuple[Pattern, ...]
    segments: tuple[Segment, ...]
    provenance: Mapping[str, str]
    text: str = field(repr=False)  # the JSON that a file holds
    native: object = field(default=None, repr=False, compare=False)

    def segment_at(self, t: float) -> int:
        """Index of the segment that owns t; t outside 0..1 is clamped, and the lowest segment also owns 0."""
        for index, segment in enumerate(self.segments):
            if t <= segment.t_end:
                return index
        return len(self.segments) - 1
