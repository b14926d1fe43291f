# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A plan in device memory, as one block of words: what the binary module's CudaTables makes, byte for byte, in numpy.

The words are those of twill/kernels/cuda_words.h.
"""

import itertools
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from twill_vdit.errors import require
from twill_vdit.tile_lists import KEY_TILE, QUERY_TILE, ListArrays, compile_pattern, needs_list, tile_count

if TYPE_CHECKING:
    from twill_vdit.compiled_plan import CompiledPlan
    from twill_vdit.patterns import Pattern

Task = tuple[str, int] | tuple[str, int, str]  # (mode, list), or with the precision
Head = tuple[str, int, str]
Words = npt.NDArray[np.int32]

# HeadMode of twill/kernels/tiles.h.
MODES = {"dense": 0, "sparse": 1, "skip": 2, "mean": 3}
# Precision there; a layer has a part of each.
PRECISIONS = {"bf16": 0, "int8": 1}
HEADER_WORDS = 4
PART_WORDS = 4
LAYER_WORDS = PART_WORDS * len(PRECISIONS)
HEAD_WORDS = 8
_ALIGNED = 4  # words: tables begin at multiples of 16 bytes
_MOST_WORDS = (1 << 31) - 1


@dataclass(frozen=True)
class LayerFacts:
    """What a launch of a layer needs to know; most in any variant, but for `heads`.

    Attributes:
        heads: of the layer.
        gathered: heads with a token order in the first part.
        quantised: heads of the second part, those in INT8.
        in_elements: heads of the first.
        means: mean heads.
    """

    heads: int = 0
    gathered: int = 0
    quantised: int = 0
    in_elements: int = 0
    means: int = 0

    def with_variant(self, other: "LayerFacts") -> "LayerFacts":
        """Of the variants so far and another one."""
        return LayerFacts(*(max(pair) for pair in zip(astuple(self), astuple(other), strict=True)))


class _Image:
    def __init__(self, tokens: int, lists: Sequence[ListArrays]) -> None:
        self._parts: list[Words] = []
        self._words = 0
        self._query_tiles = tile_count(tokens, QUERY_TILE)
        self._key_tiles = tile_count(tokens, KEY_TILE)
        self._dense_cost = self._query_tiles * self._key_tiles
        self._positions: list[tuple[Words, int]] = []
        self._totals: list[int] = []
        self._heavy: list[int] = []
        self._ordered = [positions is not None and len(positions) > 0 for _, _, positions in lists]
        self.add(np.zeros(HEADER_WORDS, dtype=np.int32))
        self.lists = self.add(np.array([self._add_list(*arrays) for arrays in lists], dtype=np.int32))

    def add(self, values: npt.NDArray[np.int32]) -> int:
        at, words = self._words, values.reshape(-1)
        self._parts += [words, np.zeros(-len(words) % _ALIGNED, dtype=np.int32)]
        self._words += len(words) + len(self._parts[-1])
        return at

    def whole(self) -> Words:
        return np.concatenate(self._parts, dtype=np.int32)

    def _add_list(self, runs: Words, run_begin: Words, positions: Words | None) -> list[int]:
        at = [self.add(np.asarray(runs, dtype=np.int32)), self.add(np.asarray(run_begin, dtype=np.int32))]
        tiles = np.zeros(self._query_tiles, dtype=np.int64)
        is_whole = len(run_begin) == self._query_tiles + 1
        if is_whole:
            before = np.concatenate([[0], np.cumsum(np.asarray(runs)[:, 1], dtype=np.int64)])
            tiles = np.diff(before[np.asarray(run_begin)])
        total = int(tiles.sum())
        at.append(self.add(tiles.astype(np.int32)))
        is_heavy = tiles > 2 * (total // self._query_tiles) + 1
        others = np.flatnonzero(~is_heavy)
        if is_whole and not self._neighbours_share(np.asarray(runs), np.asarray(run_begin)):
            others = others[np.argsort(-tiles[others], kind="stable")]
        order = np.concatenate([np.flatnonzero(is_heavy), others])
        at.append(self.add(order.astype(np.int32)))
        self._totals.append(total)
        self._heavy.append(int(is_heavy.sum()))
        return [*at, self._add_positions(positions), self._heavy[-1], 0, 0]

    def _neighbours_share(self, runs: Words, run_begin: Words) -> bool:
        """Whether query tiles have half of their key tiles in common with the next one."""
        if len(runs) == 0:
            return True
        # All query tiles' keys one behind the other: those of the next tile lie `width` further on.
        width = self._key_tiles
        tile = np.repeat(np.arange(self._query_tiles, dtype=np.int64), np.diff(run_begin))
        first, count = tile * width + runs[:, 0], runs[:, 1].astype(np.int64)
        before = np.cumsum(count) - count

        def kept_before(place: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
            run = np.maximum(np.searchsorted(first, place, side="right") - 1, 0)
            kept: npt.NDArray[np.int64] = before[run] + np.clip(place - first[run], 0, count[run])
            return kept

        has_next = tile < self._query_tiles - 1
        begin, kept = first[has_next] + width, count[has_next]
        shared = kept_before(begin + kept) - kept_before(begin)
        return bool(2 * shared.sum() >= kept.sum())

    def _add_positions(self, positions: Words | None) -> int:
        """Lists of one order share its table."""
        if positions is None or len(positions) == 0:
            return 0
        for known, at in self._positions:
            if known is positions or np.array_equal(known, positions):
                return at
        self._positions.append((positions, self.add(np.asarray(positions, dtype=np.int32))))
        return self._positions[-1][1]

    def _cost(self, head: Head) -> int:
        mode, index, _ = head
        return self._dense_cost if mode == "dense" else 1 + self._totals[index] if mode == "sparse" else 0

    def layer_record(self, heads: tuple[Head, ...], most_heads: int) -> tuple[Words, LayerFacts]:
        """The layer's record with room for most_heads: both parts, then the heads of each, the dearest first."""
        dearest = sorted(range(len(heads)), key=lambda head: -self._cost(heads[head]))
        parts: list[list[int]] = []
        records: list[list[int]] = []
        gathered: list[int] = []
        for precision in PRECISIONS:
            of_part = [(number, *heads[number]) for number in dearest if heads[number][2] == precision]
            first = len(records)
            heavy, others, copied = self._add_heads(records, of_part)
            parts.append([heavy, others, len(of_part), first])
            gathered.append(copied)
        words = np.zeros(LAYER_WORDS + HEAD_WORDS * most_heads, dtype=np.int32)
        made = np.array([*itertools.chain(*parts, *records)], dtype=np.int32)
        words[: len(made)] = made
        means = sum(mode == "mean" for mode, *_ in heads)
        return words, LayerFacts(len(heads), gathered[0], gathered[1], parts[0][2], means)

    def _add_heads(self, records: list[list[int]], heads: Sequence[tuple[int, str, int, str]]) -> tuple[int, int, int]:
        """(heavy items, other items, heads that are copied before the launch) of a part."""
        heavy = others = copied = 0
        for head, mode, index, precision in heads:
            is_list = mode == "sparse"
            of_head = self._heavy[index] if is_list else 0
            is_copied = precision == "int8" or (is_list and self._ordered[index])
            place = copied if is_copied else -1
            listed = index if is_list else -1
            records.append([head, MODES[mode], listed, place, heavy, others, of_head, PRECISIONS[precision]])
            copied += is_copied
            heavy += of_head
            others += self._query_tiles - of_head
        return heavy, others, copied


def _head_of(task: Task) -> Head:
    """Heads without keys have no precision: they are in the first part."""
    mode, index, *precision = task
    return (mode, index, precision[0] if precision and mode in ("dense", "sparse") else "bf16")


def _heads_of(
    compiled: "CompiledPlan", place: tuple[int, int, int, int], list_of: dict[int, int], takes_int8: bool
) -> list[Head]:
    """Of a layer at (segment, expert, stack, layer)."""
    pairs = zip(compiled.tasks(*place), compiled.precisions(*place), strict=True)
    return [(mode, list_of.get(index, -1), precision if takes_int8 else "bf16") for (mode, index), precision in pairs]


class CudaWords:
    """The tables of a plan for a CUDA device, on the host.

    Attributes:
        tokens: of a call.
        variants: states of the plan, a segment of an expert each.
        image: int32 words, to be copied to the device; the first says which variant holds.
        layers_at: word of the first layer's record; [variants, layers] of layer_words each.
        lists_at: word of the first list's record.
        layer_words: of a layer's record.
        layers: what a launch of each layer needs.
    """

    def __init__(
        self,
        tokens: int,
        lists: Sequence[ListArrays],
        tasks: Sequence[Sequence[Sequence[Task]]],
        first_layer: Sequence[int] = (),
        experts: int = 1,
    ) -> None:
        """tasks[variant][layer][head], by lists' numbers; first_layer: of each stack, and their end."""
        _check(tokens, lists, tasks)
        self.tokens = tokens
        self.variants = len(tasks)
        self._first_layer = tuple(first_layer) or (0, len(tasks[0]))
        self._experts = experts
        image = _Image(tokens, lists)
        self.lists_at = image.lists
        most_heads = max(len(heads) for layers in tasks for heads in layers)
        self.layer_words = LAYER_WORDS + HEAD_WORDS * most_heads
        self.layers = [LayerFacts()] * len(tasks[0])
        made: dict[tuple[Head, ...], tuple[Words, LayerFacts]] = {}
        records = []
        for layers in tasks:
            for layer, of_layer in enumerate(layers):
                heads = tuple(map(_head_of, of_layer))
                if heads not in made:
                    made[heads] = image.layer_record(heads, most_heads)
                words, facts = made[heads]
                records.append(words)
                self.layers[layer] = self.layers[layer].with_variant(facts)
        self.layers_at = image.add(np.concatenate(records))
        self.image = image.whole()

    @classmethod
    def of_plan(cls, compiled: "CompiledPlan", takes_int8: bool = True) -> "CudaWords":
        """Of a plan that was compiled by the binary module or without it.

        Args:
            compiled: the plan at a layout.
            takes_int8: else heads in INT8 become bf16.
        """
        plan, layout = compiled.plan, compiled.layout
        list_of, lists = _shared_lists(compiled) if compiled.native is None else _native_lists(compiled)
        first_layer = [0]
        for shape in plan.model.stacks:
            first_layer.append(first_layer[-1] + shape.layers)
        experts = len(plan.model.experts)
        tasks = [
            [
                _heads_of(compiled, (segment, expert, stack, layer), list_of, takes_int8)
                for stack, shape in enumerate(plan.model.stacks)
                for layer in range(shape.layers)
            ]
            for segment in range(len(plan.segments))
            for expert in range(experts)
        ]
        return cls(layout.tokens, lists, tasks, first_layer, experts)

    def layer(self, stack: int, layer: int) -> int:
        """The layer's number among those of all stacks.

        Raises:
            Error: the model has no such stack or layer.
        """
        stacks = len(self._first_layer) - 1
        require(0 <= stack < stacks, f"stack {stack} is not one of the model's {stacks}", "model")
        first, end = self._first_layer[stack : stack + 2]
        text = f"layer {layer} is not one of the {end - first} of stack {stack}"
        require(0 <= layer < end - first, text, "model")
        return first + layer

    def variant(self, segment: int, expert: int) -> int:
        """The number of a segment's tables for an expert.

        Raises:
            Error: the plan has no such segment or expert.
        """
        segments = self.variants // self._experts
        require(0 <= segment < segments, f"segment {segment} is not one of 0..{segments - 1}")
        require(0 <= expert < self._experts, f"expert {expert} is not one of 0..{self._experts - 1}", "model")
        return segment * self._experts + expert


def _native_lists(compiled: "CompiledPlan") -> tuple[dict[int, int], list[ListArrays]]:
    """The lists that the binary module made, under its own numbers."""
    stacks = [(stack, layer) for stack, shape in enumerate(compiled.plan.model.stacks) for layer in range(shape.layers)]
    segments, experts = range(len(compiled.plan.segments)), range(len(compiled.plan.model.experts))
    numbers = [
        index
        for segment in segments
        for expert in experts
        for place in stacks
        for _, index, *_ in compiled.tasks(segment, expert, *place)
    ]
    made = [compiled.tile_list(index) for index in range(max(numbers) + 1)]
    lists: list[ListArrays] = [(tiles.runs, tiles.run_begin, tiles.position_to_token) for tiles in made]
    return {index: index for index in range(len(made))}, lists


def _shared_lists(compiled: "CompiledPlan") -> tuple[dict[int, int], list[ListArrays]]:
    """(list of each pattern that a head uses, the lists); the same parts in the same order share one."""
    plan = compiled.plan
    used = {index for segment in plan.segments for heads in segment.heads for index in heads}
    list_of: dict[int, int] = {}
    of_pattern: dict[Pattern, int] = {}
    of_resolved: dict[Pattern, int] = {}
    lists: list[ListArrays] = []
    for index, pattern in enumerate(plan.patterns):
        if index not in used or not needs_list(pattern):
            continue
        if pattern not in of_pattern:
            order, tiles = compile_pattern(pattern, compiled.layout)
            resolved = replace(pattern, order=order)
            if resolved not in of_resolved:
                of_resolved[resolved] = len(lists)
                lists.append((tiles.runs, tiles.run_begin, tiles.position_to_token))
            of_pattern[pattern] = of_resolved[resolved]
        list_of[index] = of_pattern[pattern]
    return list_of, lists


def _check(tokens: int, lists: Sequence[ListArrays], tasks: Sequence[Sequence[Sequence[Task]]]) -> None:
    """The refusals of make_cuda_plan, by its sentences."""

    def refuse_unless(condition: bool, text: str) -> None:
        require(condition, text, "unsupported")

    variants, layers = len(tasks), len(tasks[0]) if tasks else 0
    for each in tasks:
        require(len(each) == layers, f"tasks: variants have {len(each)} and {layers} layers")
    refuse_unless(
        min(tokens, variants, layers) >= 1,
        f"tokens {tokens}, variants {variants}, layers {layers}: each must be at least 1",
    )
    words = sum(
        runs.size + 4 * run_begin.size + (0 if positions is None else positions.size) + 64
        for runs, run_begin, positions in lists
    )
    refuse_unless(words <= _MOST_WORDS, f"the lists take {words} words, more than 32-bit offsets reach")
    named: dict[int, None] = {}
    for each in tasks:
        for layer, heads in enumerate(each):
            most = len(tasks[0][layer])
            text = f"layer {layer}: {len(heads)} tasks in one variant, {most} in another"
            refuse_unless(len(heads) == most and most > 0, text)
            for mode, index, *precision in heads:
                require(mode in MODES, f"mode {mode} is not one of {', '.join(MODES)}")
                for name in precision:
                    require(name in PRECISIONS, f"precision {name} is not one of {', '.join(PRECISIONS)}")
                if mode == "sparse":
                    named[index] = None
    for index in named:
        refuse_unless(0 <= index < len(lists), f"a task names list {index} of {len(lists)}")
        refuse_unless(not (why_not := why_not_list(index, lists[index], tokens)), why_not)


def why_not_list(index: int, arrays: ListArrays, tokens: int) -> str:
    """Empty when a list's tables are whole: sorted runs inside the token range, positions that are tokens."""
    runs, run_begin, positions = arrays
    query_tiles, key_tiles = tile_count(tokens, QUERY_TILE), tile_count(tokens, KEY_TILE)
    if len(run_begin) != query_tiles + 1:
        needed = f"{query_tiles + 1} are needed for {tokens} tokens"
        return f"list {index}: run_begin has {len(run_begin)} entries, {needed}"
    if run_begin[0] != 0 or run_begin[-1] != len(runs):
        return f"list {index}: run_begin does not span its {len(runs)} runs"
    falls = np.flatnonzero(np.diff(run_begin) < 0)
    if len(falls) > 0:
        tile = int(falls[0]) + 1
        return f"list {index}: run_begin falls to {run_begin[tile]} at query tile {tile}"
    first, count = (runs[:, i].astype(np.int64) for i in (0, 1))
    before = np.concatenate([[-1], (first + count)[:-1]])[: len(first)]
    before[run_begin[:-1][run_begin[:-1] < len(first)]] = -1  # runs that touch are one run
    bad = np.flatnonzero((first <= before) | (count < 1) | (count > key_tiles - first))
    if len(bad) > 0:
        run = int(bad[0])
        text = f"run {run} ({first[run]}, {count[run]}) is out of order or outside the {key_tiles} key tiles"
        return f"list {index}: {text}"
    if positions is None or len(positions) == 0:
        return ""
    if len(positions) != tokens:
        return f"list {index}: {len(positions)} positions for {tokens} tokens"
    outside = np.flatnonzero((positions < 0) | (positions >= tokens))
    if len(outside) > 0:
        return f"list {index}: position names token {positions[int(outside[0])]} of {tokens}"
    return ""
