# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A driver that does on the CPU what the kernels compiled at run time do, from nothing but what a launch is handed.

So the arguments, the plan's words and the workspace are read as device code reads them.
"""

import contextlib
import ctypes
import math

import numpy as np
import torch

from twill_vdit.cuda_words import HEAD_WORDS, LAYER_WORDS, MODES, PART_WORDS, PRECISIONS
from twill_vdit.runtime_kernels import cache, compiling, entries, launching, structs
from twill_vdit.tile_lists import KEY_TILE, QUERY_TILE

THREADS, SHARED_BYTES, BLOCKS = 128, 98432, 264
SIDE_FACTS = (256, 0, 8)
# Values of facts; of the attention kernels those above.
FACTS = {
    "side::kThreads": 256,
    "0": 0,
    "side::kRowsOfThread": 8,
    "int8::kSumThreads": 512,
    "int8::kQuantiseThreads": 256,
}


def memory(address, count, dtype):
    size = np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_char * (count * size)).from_address(address), dtype=dtype, count=count)


def tensor_at(address, shape, strides, dtype):
    """A tensor over memory that somebody else owns; strides of batch, head and token."""
    extent = sum((size - 1) * stride for size, stride in zip(shape[:3], strides, strict=True)) + shape[3]
    return torch.from_numpy(memory(address, extent, np.int16)).view(dtype).as_strided(shape, (*strides, 1))


def strides_of(strides):
    return strides.batch, strides.head, strides.token


class Layer:
    """What WorkList and the side kernels read of a layer."""

    def __init__(self, view):
        self.batch, self.heads, self.tokens, self.head_dim = view.batch, view.heads, view.tokens, view.head_dim
        self._image, self._lists = view.image, view.offsets.lists
        variant = self.words(0, 1)[0] if view.variant < 0 else view.variant
        at = view.offsets.layers + (variant * view.layers + view.layer) * view.offsets.layer_words
        self.parts = self.words(at, LAYER_WORDS).reshape(-1, PART_WORDS)
        self.records = self.words(at + LAYER_WORDS, HEAD_WORDS * self.heads).reshape(-1, HEAD_WORDS)
        self.query_tiles, self.key_tiles = (-(-self.tokens // size) for size in (QUERY_TILE, KEY_TILE))

    def words(self, at, count):
        return memory(self._image + 4 * int(at), int(count), np.int32)

    def part(self, precision):
        """The heads of a part, whose items are all of their query tiles."""
        heavy, others, count, first = self.parts[PRECISIONS[precision]].tolist()
        assert heavy + others == count * self.query_tiles
        records = self.records[first : first + count]
        assert (records[:, 7] == PRECISIONS[precision]).all()
        return records.tolist()

    def positions_of(self, mode, index):
        return self.list_of(index)[3] if mode == MODES["sparse"] else np.arange(self.tokens)

    def list_of(self, index):
        runs, begin, tiles, order, positions, *_ = self.words(self._lists + HEAD_WORDS * index, HEAD_WORDS)
        query_tiles = self.query_tiles
        run_begin = self.words(begin, query_tiles + 1)
        assert sorted(self.words(order, query_tiles)) == list(range(query_tiles))
        return (
            self.words(runs, 2 * run_begin[-1]).reshape(-1, 2),
            run_begin,
            self.words(tiles, query_tiles),
            self.words(positions, self.tokens) if positions else np.arange(self.tokens),
        )


class Int8Heads:
    """The memory of the heads that are quantised: sizes are those of int8/layout.h, the order within a tile is not.

    queries, keys: 8-bit integers; rows: (factor, offset) of a query; tiles: (scale of the keys, of the values) of a key
    tile; values: integers; ones; channels: mean of the keys, of the values, and their unit.
    """

    def __init__(self, layer, given):
        rows, channels = layer.query_tiles * QUERY_TILE, layer.head_dim
        tile = KEY_TILE * channels
        count = layer.batch * given.heads
        sizes = (rows * channels, 8 * rows, layer.key_tiles * (2 * tile + KEY_TILE + 16), 12 * channels)
        begins = [given.queries, given.rows, given.keys, given.channels]
        for begin, size, following in zip(begins, sizes, begins[1:], strict=False):
            assert begin % 16 == 0
            assert begin + count * size <= following
        queries, scales, keys, of_channels = (
            torch.from_numpy(memory(begin, count * size, np.uint8)).view(layer.batch, given.heads, size)
            for begin, size in zip(begins, sizes, strict=True)
        )
        self.queries = queries.view(torch.int8).unflatten(2, (rows, channels))
        self.rows = scales.view(torch.float32).unflatten(2, (rows, 2))
        tiles = keys.unflatten(2, (layer.key_tiles, -1))
        self.keys, self.values = (
            tiles[..., begin : begin + tile].view(torch.int8).unflatten(3, (KEY_TILE, channels)) for begin in (0, tile)
        )
        self.ones = tiles[..., 2 * tile : 2 * tile + KEY_TILE]
        self.tiles = tiles[..., 2 * tile + KEY_TILE :]
        self.channels = of_channels.view(torch.float32).unflatten(2, (3, channels))


def in_integers(x, dims):
    """(8-bit integers, their scale) over the dimensions."""
    scale = x.abs().amax(dims, keepdim=True) / 127
    return (x / scale.clamp(min=1e-30)).round().to(torch.int8), scale


class FakeGpu:
    """launches: (kernel, grid, threads, shared bytes, stream) of each."""

    def __init__(self):
        self.launches = []
        self.loaded = []
        self.dtype = torch.bfloat16

    def capability(self, device):
        return 90

    def card(self, device):
        return "a card of the test"

    def version(self):
        return "13000"

    def stream(self, device):
        return 0x57

    def load(self, made):
        self.loaded.append(made.symbol)
        return made.symbol

    def resident_blocks(self, handle, device, threads, shared_bytes):
        assert (threads, shared_bytes) == (THREADS, SHARED_BYTES)
        return BLOCKS

    def launch(self, handle, grid, threads, shared_bytes, stream, arguments):
        self.launches.append((handle, grid, threads, shared_bytes, stream))
        given = type(arguments).from_buffer_copy(bytes(arguments))  # of what is kept when launch returns
        struct, run = {
            "side::gather_kernel": (structs.GatherArgs, self._gather),
            "side::mean_kernel": (structs.MeanArgs, self._sum_values),
            "int8::channels_kernel": (structs.QuantiseArgs, self._measure_channels),
            "int8::quantise_kernel": (structs.QuantiseArgs, self._quantise),
            "int8::attention_kernel": (structs.Int8AttentionArgs, self._attend_in_int8),
            "portable::attention_kernel": (structs.AttentionArgs, self._attend),
        }[handle.split("<")[0]]
        assert type(given) is struct
        run(given, grid)

    def _gather(self, given, grid):
        layer = Layer(given.layer)
        rows = SIDE_FACTS[0] // (layer.head_dim // 8) * SIDE_FACTS[2]
        assert grid == (-(-layer.tokens // rows), layer.heads, 3 * layer.batch)
        shape = (layer.batch, layer.heads, layer.tokens, layer.head_dim)
        packed = (layer.batch, given.gathered, layer.tokens, layer.head_dim)
        head = layer.tokens * layer.head_dim
        for i in range(3):
            source = tensor_at(getattr(given, "from")[i], shape, strides_of(given.strides[i]), torch.int16)
            to = tensor_at(given.to[i], packed, (given.gathered * head, head, layer.head_dim), torch.int16)
            for number, _, index, gathered, *_ in layer.part("bf16"):
                if gathered >= 0:
                    to[:, gathered] = source[:, number, torch.from_numpy(layer.list_of(index)[3].astype(np.int64))]

    def _sum_values(self, given, grid):
        layer = Layer(given.layer)
        assert grid == (given.chunks, layer.heads, layer.batch)
        assert given.dtype == {torch.bfloat16: 1, torch.float16: 2}[self.dtype]
        shape = (layer.batch, layer.heads, layer.tokens, layer.head_dim)
        v = tensor_at(given.v, shape, strides_of(given.strides), self.dtype).float()
        count = layer.batch * layer.heads * given.chunks * layer.head_dim
        sums = torch.from_numpy(memory(given.sums, count, np.float32)).view(*shape[:2], given.chunks, layer.head_dim)
        for number, mode, *_ in layer.records.tolist():
            for chunk in range(given.chunks if mode == MODES["mean"] else 0):
                begin, end = (layer.tokens * i // given.chunks for i in (chunk, chunk + 1))
                sums[:, number, chunk] = v[:, number, begin:end].sum(dim=1)

    def _measure_channels(self, given, grid):
        layer = Layer(given.layer)
        assert grid == (given.to.heads, layer.batch, 1)
        memory_of = Int8Heads(layer, given.to)
        for number, *_, place in self._int8_heads(layer):
            _, k, v = self._rows_of(given, layer, number)
            memory_of.channels[:, place] = torch.stack([k.mean(1), v.mean(1), v.std(1, correction=0) + 1e-3], dim=1)

    def _quantise(self, given, grid):
        layer = Layer(given.layer)
        assert grid == (layer.query_tiles * (QUERY_TILE // KEY_TILE), given.to.heads, layer.batch)
        memory_of = Int8Heads(layer, given.to)
        for number, mode, index, place in self._int8_heads(layer):
            order = torch.from_numpy(layer.positions_of(mode, index).astype(np.int64))
            q, k, v = (x[:, order] for x in self._rows_of(given, layer, number))
            mean, mean_value, unit = memory_of.channels[:, place, :, None].unbind(1)
            rows = slice(0, layer.tokens)
            memory_of.rows[:, place, rows, 1] = (q * mean).sum(2) * given.factor
            memory_of.queries[:, place, rows], scale = in_integers(q, (2,))
            memory_of.rows[:, place, rows, 0] = scale[..., 0] * given.factor
            scales = memory_of.tiles[:, place].view(torch.float32)
            behind = (0, 0, 0, layer.key_tiles * KEY_TILE - layer.tokens)
            for i, (x, to) in enumerate(((k - mean, memory_of.keys), ((v - mean_value) / unit, memory_of.values))):
                tiles = torch.nn.functional.pad(x, behind).unflatten(1, (layer.key_tiles, KEY_TILE))
                to[:, place], scale = in_integers(tiles, (2, 3))
                scales[:, :, i] = scale[..., 0, 0]
            counted = torch.arange(layer.key_tiles * KEY_TILE).view(layer.key_tiles, KEY_TILE) < layer.tokens
            memory_of.ones[:, place] = counted.to(torch.uint8)

    def _int8_heads(self, layer):
        """(head, mode, list, place) of each; the places follow each other."""
        heads = [record[:4] for record in layer.part("int8")]
        assert [place for *_, place in heads] == list(range(len(heads)))
        return heads

    def _rows_of(self, given, layer, head):
        shape = (layer.batch, layer.heads, layer.tokens, layer.head_dim)
        pairs = zip(getattr(given, "from"), given.strides, strict=True)
        return [tensor_at(base, shape, strides_of(strides), self.dtype)[:, head].float() for base, strides in pairs]

    def _attend_in_int8(self, given, grid):
        layer, out, lse = self._begin(given.call, grid)
        memory_of = Int8Heads(layer, given.heads)
        for number, mode, index, place in self._int8_heads(layer):
            rows = memory_of.rows[:, place, : layer.tokens]
            q = memory_of.queries[:, place, : layer.tokens] * rows[..., :1]
            scales = memory_of.tiles[:, place].view(torch.float32)
            k, v = (
                (x[:, place] * scales[:, :, i, None, None]).flatten(1, 2)[:, : layer.tokens]
                for i, x in enumerate((memory_of.keys, memory_of.values))
            )
            assert memory_of.ones[:, place].sum() == layer.batch * layer.tokens
            _, mean, unit = memory_of.channels[:, place, :, None].unbind(1)
            self._attend_head(layer, (number, mode, index), (q, k, v * unit + mean), out, lse, math.log(2))
            order = torch.from_numpy(layer.positions_of(mode, index).astype(np.int64))
            lse[:, number, order] += rows[..., 1] * math.log(2)

    def _begin(self, call, grid):
        """(layer, out, logarithms of the sums); takes all items, as a kernel would."""
        layer = Layer(call.layer)
        assert grid == (BLOCKS, 1, 1)
        next_item = memory(call.next_item, 1, np.int32)
        assert next_item[0] == 0
        next_item[0] = BLOCKS
        shape = (layer.batch, layer.heads, layer.tokens, layer.head_dim)
        out = tensor_at(call.out, shape, (call.out_batch, call.out_head, call.out_token), self.dtype)
        count = layer.batch * layer.heads * layer.tokens
        if not call.lse:
            return layer, out, torch.empty(shape[:3])
        return layer, out, torch.from_numpy(memory(call.lse, count, np.float32)).view(shape[:3])

    def _attend(self, given, grid):
        call = given.call
        layer, out, lse = self._begin(call, grid)
        shape = (layer.batch, layer.heads, layer.tokens, layer.head_dim)
        for number, mode, index, gathered, *_ in layer.part("bf16"):
            if mode == MODES["skip"]:
                out[:, number], lse[:, number] = 0, -math.inf
            elif mode == MODES["mean"]:
                size = layer.batch * layer.heads * entries.MEAN_CHUNKS * layer.head_dim
                sums = torch.from_numpy(memory(call.mean_sums, size, np.float32)).view(*shape[:2], -1, layer.head_dim)
                out[:, number] = (sums[:, number].sum(dim=1, keepdim=True) / layer.tokens).to(self.dtype)
                lse[:, number] = math.log(layer.tokens)
            else:
                which, at = (1, gathered) if gathered >= 0 else (0, number)
                of_heads = (layer.batch, at + 1, layer.tokens, layer.head_dim)
                tensors = [
                    tensor_at(x[which].base, of_heads, strides_of(x[which].strides), self.dtype)[:, at].float()
                    for x in (given.q, given.k, given.v)
                ]
                self._attend_head(layer, (number, mode, index), tensors, out, lse, call.factor * math.log(2))

    def _attend_head(self, layer, record, tensors, out, lse, scale):
        """tensors: q, k and v in the order of the head."""
        number, mode, index = record
        q, k, v = tensors
        every = np.array([[0, layer.key_tiles]]), np.arange(2), None, np.arange(layer.tokens)
        for tile in range(layer.query_tiles):
            runs, begin, tiles, positions = layer.list_of(index) if mode == MODES["sparse"] else every
            row = tile if mode == MODES["sparse"] else 0
            kept = runs[begin[row] : begin[row + 1]]
            assert tiles is None or tiles[tile] == kept[:, 1].sum()
            keys = np.concatenate(
                [np.arange(f * KEY_TILE, min((f + c) * KEY_TILE, layer.tokens)) for f, c in kept] or [np.arange(0)]
            )
            rows = slice(tile * QUERY_TILE, min((tile + 1) * QUERY_TILE, layer.tokens))
            scores = q[:, rows] @ k[:, keys].transpose(1, 2) * scale
            to = torch.from_numpy(positions[rows].astype(np.int64))
            weights = torch.softmax(scores, dim=2) if len(keys) else torch.zeros_like(scores)
            out[:, number, to] = (weights @ v[:, keys]).to(self.dtype)
            lse[:, number, to] = torch.logsumexp(scores, dim=2)


def install(monkeypatch, folder):
    """A FakeGpu in the driver's place, a compiler that compiles nothing, and a cache of the test's own."""
    gpu = FakeGpu()
    compiled = []

    def compile_instance(instance, capability, log=None):
        compiled.append((instance.name, capability))
        known = dict(zip(instance.facts, (THREADS, SHARED_BYTES), strict=False)) | FACTS
        facts = tuple(known[fact] for fact in instance.facts)
        return compiling.Compiled(b"machine code of " + instance.name.encode(), False, instance.kernel, facts)

    monkeypatch.setenv("TWILL_CACHE", str(folder))
    monkeypatch.setattr(launching, "driver", gpu)
    monkeypatch.setattr(launching, "_failure", "")
    monkeypatch.setattr(compiling, "nvrtc_version", lambda: (13, 0))
    monkeypatch.setattr(compiling, "why_not", lambda: "")
    monkeypatch.setattr(compiling, "compile_instance", compile_instance)
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    launching._loaded.cache_clear()
    assert cache.folder() == folder
    return gpu, compiled
