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

from twill_vdit.cuda_words import HEAD_WORDS, LAYER_WORDS, MODES
from twill_vdit.runtime_kernels import cache, compiling, entries, launching, structs
from twill_vdit.tile_lists import KEY_TILE, QUERY_TILE

THREADS, SHARED_BYTES, BLOCKS = 128, 98432, 264
SIDE_FACTS = (256, 0, 8)


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
        self.items = self.words(at, 2).sum()
        self.records = self.words(at + LAYER_WORDS, HEAD_WORDS * self.heads).reshape(-1, HEAD_WORDS)

    def words(self, at, count):
        return memory(self._image + 4 * int(at), int(count), np.int32)

    def list_of(self, index):
        runs, begin, tiles, order, positions, *_ = self.words(self._lists + HEAD_WORDS * index, HEAD_WORDS)
        query_tiles = -(-self.tokens // QUERY_TILE)
        run_begin = self.words(begin, query_tiles + 1)
        assert sorted(self.words(order, query_tiles)) == list(range(query_tiles))
        return (
            self.words(runs, 2 * run_begin[-1]).reshape(-1, 2),
            run_begin,
            self.words(tiles, query_tiles),
            self.words(positions, self.tokens) if positions else np.arange(self.tokens),
        )


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
        run = {structs.GatherArgs: self._gather, structs.MeanArgs: self._sum_values}.get(type(given), self._attend)
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
            for number, _, index, gathered, *_ in layer.records.tolist():
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

    def _attend(self, given, grid):
        call = given.call
        layer = Layer(call.layer)
        assert grid == (BLOCKS, 1, 1)
        assert memory(call.next_item, 1, np.int32)[0] == 0
        assert layer.items == layer.heads * -(-layer.tokens // QUERY_TILE)
        shape = (layer.batch, layer.heads, layer.tokens, layer.head_dim)
        out = tensor_at(call.out, shape, (call.out_batch, call.out_head, call.out_token), self.dtype)
        count = layer.batch * layer.heads * layer.tokens
        lse = (
            torch.from_numpy(memory(call.lse, count, np.float32)).view(shape[:3])
            if call.lse
            else torch.empty(shape[:3])
        )
        scale = call.factor * math.log(2)
        for number, mode, index, gathered, *_ in layer.records.tolist():
            if mode == MODES["skip"]:
                out[:, number], lse[:, number] = 0, -math.inf
            elif mode == MODES["mean"]:
                size = layer.batch * layer.heads * entries.MEAN_CHUNKS * layer.head_dim
                sums = torch.from_numpy(memory(call.mean_sums, size, np.float32)).view(*shape[:2], -1, layer.head_dim)
                out[:, number] = (sums[:, number].sum(dim=1, keepdim=True) / layer.tokens).to(self.dtype)
                lse[:, number] = math.log(layer.tokens)
            else:
                self._attend_head(given, layer, (number, mode, index, gathered), out, lse, scale)

    def _attend_head(self, given, layer, record, out, lse, scale):
        number, mode, index, gathered = record
        which = int(gathered >= 0)
        at = gathered if which else number
        heads = at + 1
        q, k, v = (
            tensor_at(
                x[which].base,
                (layer.batch, heads, layer.tokens, layer.head_dim),
                strides_of(x[which].strides),
                self.dtype,
            )[:, at].float()
            for x in (given.q, given.k, given.v)
        )
        key_tiles = -(-layer.tokens // KEY_TILE)
        every = np.array([[0, key_tiles]]), np.arange(2), None, np.arange(layer.tokens)
        for tile in range(-(-layer.tokens // QUERY_TILE)):
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
        facts = SIDE_FACTS if len(instance.facts) == 3 else (THREADS, SHARED_BYTES)
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
