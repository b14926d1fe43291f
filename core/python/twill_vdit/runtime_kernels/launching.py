# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A layer of a plan on torch tensors, by kernels that are compiled at their first use."""

import ctypes
import functools
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from twill_vdit import native
from twill_vdit.cuda_words import PRECISIONS, CudaWords
from twill_vdit.errors import Error, require
from twill_vdit.runtime_kernels import cache, compiling, structs
from twill_vdit.runtime_kernels.driver import CudaDriver, Driver, Grid
from twill_vdit.runtime_kernels.entries import (
    DTYPE_NUMBERS,
    ENTRIES,
    GATHER,
    MEAN_CHUNKS,
    Entry,
    Instance,
    base2_factor,
    channels_instance,
    choose_entry,
    mean_instance,
    quantise_instance,
    why_not_entry,
    why_not_tokens,
)
from twill_vdit.runtime_kernels.int8_layout import Int8Layout
from twill_vdit.tensors import DTYPES
from twill_vdit.tile_lists import KEY_TILE, QUERY_TILE, tile_count

if TYPE_CHECKING:
    from twill_vdit.compiled_plan import CompiledPlan

_ALIGNMENT = 256
_log = logging.getLogger("twill_vdit")
_failure = ""  # of the first kernel that did not compile here
driver: Driver = CudaDriver()


def why_not(device: torch.device, dtype: torch.dtype, head_dim: int, scale: float, precision: str = "bf16") -> str:
    """Empty when kernels of this precision for such tensors on the device can be compiled.

    As far as can be told without trying.
    """
    if dtype not in DTYPES:
        return f"dtype {dtype}"
    entry, reason = choose_entry("", driver.capability(device), head_dim, DTYPES[dtype], scale, precision)
    return reason if entry is None else _failure or compiling.why_not()


def kernel_of(device: torch.device, dtype: torch.dtype, head_dim: int, scale: float) -> str:
    """Name and version ("portable 2") of the kernel for such tensors on the device, empty where there is none."""
    entry, _ = choose_entry("", driver.capability(device), head_dim, DTYPES.get(dtype, "float32"), scale)
    return f"{entry.name} {entry.version}" if entry else ""


def why_not_kernels() -> list[tuple[str, str]]:
    """(name, empty when a device here runs it, else why none does) of each kernel, the best first."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    capabilities = [driver.capability(torch.device("cuda", index)) for index in devices]
    found = []
    for entry in ENTRIES:
        reason = "torch sees no CUDA device"
        for capability in capabilities:
            reason = why_not_entry(entry, capability, entry.head_dims[0], "bfloat16", 1.0)
            reason = reason or _failure or compiling.why_not()
            if not reason:
                break
        found.append((entry.name, reason))
    return found


def note_failure(error: Exception) -> None:
    """A kernel did not compile here: none is asked for again."""
    global _failure
    _failure = f"it failed here: {str(error).strip().splitlines()[0][:300] or type(error).__name__}"
    native.say_once(f"twill_vdit runs its plans without its CUDA kernels; compiling them, {_failure}")


@dataclass
class Kernel:
    """handle: of the driver; facts: threads, bytes of shared memory and others of the instance."""

    handle: Any
    facts: tuple[int, ...]
    blocks: dict[torch.device, int]

    def resident_blocks(self, device: torch.device) -> int:
        """Blocks that fill the device."""
        if device not in self.blocks:
            threads, shared_bytes, *_ = self.facts
            self.blocks[device] = driver.resident_blocks(self.handle, device, threads, shared_bytes)
        return self.blocks[device]

    def launch(self, grid: Grid, stream: int, arguments: ctypes.Structure) -> None:
        """On the current device."""
        threads, shared_bytes, *_ = self.facts
        driver.launch(self.handle, grid, threads, shared_bytes, stream, arguments)


_making = threading.RLock()


def kernel_for(instance: Instance, device: torch.device) -> Kernel:
    """Loaded at its first use in a process; compiled at the first on a machine, which takes seconds and is said.

    Raises:
        CompileError: NVRTC does not compile it.
    """
    return _kernel_for(instance, driver.capability(device), driver.card(device))


def _kernel_for(instance: Instance, capability: int, card: str) -> Kernel:
    with _making:
        return _loaded(instance, capability, card)


@functools.lru_cache(maxsize=256)
def _loaded(instance: Instance, capability: int, card: str) -> Kernel:
    made = _from_disk_or_compiled(instance, capability, card)
    return Kernel(driver.load(made), made.facts, {})


def _from_disk_or_compiled(instance: Instance, capability: int, card: str) -> compiling.Compiled:
    key = cache.key_of(
        compiling.text_of(instance),
        instance,
        sorted(compiling.LANGUAGE.items()),
        compiling.nvrtc_version(),
        driver.version(),
        capability,
    )
    made = cache.read(key)
    if made is None:
        # At the level that is shown where nobody has set one: it takes seconds.
        _log.warning("twill_vdit compiles its kernel %s on %s, once for this card and driver ...", instance.name, card)
        begin = time.perf_counter()
        made = compiling.compile_instance(instance, capability)
        _log.warning("twill_vdit compiled it in %.1f s", time.perf_counter() - begin)
        if problem := cache.write(key, made):
            native.say_once(f"twill_vdit compiles its kernels again in every process: {problem}")
    return made


@dataclass(frozen=True)
class Workspace:
    """Parts of a workspace, in bytes from its begin, where the numbers of the next items of both parts of a layer are.

    Attributes:
        mean_sums: of mean heads.
        gathered: q, k and v of the heads in elements that have a token order.
        quantised: queries, rows, keys and channels of the heads in INT8.
        size: of all.
    """

    mean_sums: int
    gathered: tuple[int, ...]
    quantised: tuple[int, ...]
    size: int


def workspace_of(tables: CudaWords, layer: int, shape: Sequence[int]) -> Workspace:
    """For tensors of two bytes an element; shape: [batch, heads, tokens, head_dim]."""
    batch, heads, tokens, head_dim = shape
    facts = tables.layers[layer]
    size = _ALIGNMENT
    begins = []
    sums = batch * heads * MEAN_CHUNKS * head_dim * 4 if facts.means else 0
    gathered = [batch * facts.gathered * tokens * head_dim * 2] * 3
    quantised = [batch * facts.quantised * part for part in Int8Layout(tokens, head_dim).parts()]
    for part in (sums, *gathered, *quantised):
        begins.append(size)
        size += -(-part // _ALIGNMENT) * _ALIGNMENT
    return Workspace(begins[0], tuple(begins[1:4]), tuple(begins[4:]), size)


def _why_not_rows(name: str, x: torch.Tensor) -> str:
    """Empty where accesses of 16 bytes reach all rows."""
    if x.data_ptr() % 16 != 0:
        return f"{name}: the address is no multiple of 16 bytes"
    bad = [
        count > 1 and (stride % 8 != 0 or not 0 <= stride < 1 << 39)
        for stride, count in zip(x.stride()[:3], x.shape[:3], strict=True)
    ]
    if not any(bad):
        return ""
    strides = ", ".join(map(str, x.stride()[:3]))
    return f"{name}: strides {strides} are not all multiples of 8 elements (16 bytes) below 2^39"


@dataclass(frozen=True)
class Attention:
    """The kernels of one part of a layer: what quantises its heads, one after the other, and what attends."""

    entry: Entry
    attend: Kernel
    quantise: tuple[Kernel, ...] = ()


class DeviceWords:
    """The tables of a plan on one device, with the word that says which variant holds; as cuda.DevicePlan."""

    def __init__(self, tables: CudaWords, device: torch.device) -> None:
        self.tables = tables
        self.device = device
        self.image = torch.from_numpy(tables.image).to(device)
        self._variant = 0
        self._capability = driver.capability(device)
        self._attention: dict[tuple[str, str, int], Attention] = {}  # by kernel, dtype and head_dim

    def set_variant(self, variant: int) -> None:
        """What launches after this on the current stream compute, replays of captured graphs too."""
        text = f"variant {variant} is not one of the plan's {self.tables.variants}"
        require(0 <= variant < self.tables.variants, text, "unsupported")
        if variant != self._variant:
            self.image[:1].fill_(variant)
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
        """As DevicePlan.run.

        Raises:
            Error: "unsupported", the sentence of the binary module's kernels.
            CompileError: NVRTC does not compile a kernel here.
        """
        dtype = DTYPES.get(q.dtype, "float32")
        reason = self._why_not_plan(q, layer, variant)
        chosen: list[Entry] = []
        for precision in self._parts(layer) if not reason else ():
            entry, why = choose_entry(kernel, self._capability, q.shape[3], dtype, scale, precision)
            reason = reason or why
            chosen += [entry] if entry is not None else []
        reason = reason or self._why_not_tensors(q, k, v, out)
        reason = reason or next(filter(None, (why_not_tokens(entry, q.shape[2]) for entry in chosen)), "")
        if reason:
            raise Error(reason, "unsupported")
        self._launch(chosen, dtype, (q, k, v), out, scale, layer, lse, variant)
        return out

    def _parts(self, layer: int) -> list[str]:
        """Precisions of the parts that have heads in any variant."""
        facts = self.tables.layers[layer]
        heads = facts.in_elements, facts.quantised
        return [precision for precision, count in zip(PRECISIONS, heads, strict=True) if count > 0]

    def _why_not_plan(self, q: torch.Tensor, layer: int, variant: int) -> str:
        _, heads, tokens, _ = q.shape
        tables = self.tables
        if tokens != tables.tokens:
            return f"{tokens} tokens, but the plan was made for {tables.tokens}"
        if not 0 <= layer < len(tables.layers):
            return f"layer {layer} is not one of the plan's {len(tables.layers)}"
        if not -1 <= variant < tables.variants:
            return f"variant {variant} is not one of the plan's {tables.variants}"
        if heads != tables.layers[layer].heads:
            return f"{heads} heads, but layer {layer} of the plan has {tables.layers[layer].heads}"
        return ""

    def _why_not_tensors(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, out: torch.Tensor) -> str:
        for name, x in (("q", q), ("k", k), ("v", v), ("out", out)):
            if x.shape != q.shape or x.dtype != q.dtype:
                return f"{name}: {list(x.shape)} of {x.dtype} is not q's {list(q.shape)} of {q.dtype}"
            if reason := _why_not_rows(name, x):
                return reason
        items = q.shape[0] * q.shape[1] * tile_count(q.shape[2], QUERY_TILE)
        return "" if items < 1 << 31 else f"batch x heads x query tiles is {items}, not below 2^31"

    def _kernels(self, entry: Entry, dtype: str, head_dim: int) -> Attention:
        which = (entry.name, dtype, head_dim)
        if which not in self._attention:
            made = (channels_instance, quantise_instance) if entry.precision == "int8" else ()
            quantise = tuple(kernel_for(instance(dtype, head_dim), self.device) for instance in made)
            attend = kernel_for(entry.instance(dtype, head_dim), self.device)
            self._attention[which] = Attention(entry, attend, quantise)
        return self._attention[which]

    def _launch(
        self,
        chosen: Sequence[Entry],
        dtype: str,
        tensors: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        out: torch.Tensor,
        scale: float,
        layer: int,
        lse: torch.Tensor | None,
        variant: int,
    ) -> None:
        q = tensors[0]
        facts = self.tables.layers[layer]
        # All that may have to be compiled comes before the first launch.
        parts = [self._kernels(entry, dtype, q.shape[3]) for entry in chosen]
        sum_values = kernel_for(mean_instance(dtype), self.device) if facts.means else None
        gather = kernel_for(GATHER, self.device) if facts.gathered else None
        places = workspace_of(self.tables, layer, q.shape)
        # Torch's memory of this call only, so streams, graphs and threads do not share it.
        workspace = torch.empty(places.size, dtype=torch.uint8, device=self.device)
        # By torch's runtime, which also makes the device's context this thread's.
        workspace[: 4 * len(PRECISIONS)].zero_()
        base = workspace.data_ptr()
        stream = driver.stream(self.device)
        call = self._call_args(q, out, scale, layer, lse, variant, base, base + places.mean_sums)
        if sum_values is not None:
            self._sum_values(sum_values, call, tensors[2], dtype, stream)
        gathered = [base + place for place in places.gathered]
        if gather is not None:
            self._gather(gather, call, tensors, gathered, facts.gathered, stream)
        for part in parts:
            call.next_item = base + 4 * PRECISIONS[part.entry.precision]
            if part.quantise:
                quantised = structs.Quantised(facts.quantised, *(base + place for place in places.quantised))
                self._quantise(part, call, tensors, quantised, stream)
                arguments = part.entry.arguments(call=call, heads=quantised)
            else:
                arguments = part.entry.arguments(call=call)
                self._hand_over(arguments, tensors, gathered, facts.gathered)
            part.attend.launch((part.attend.resident_blocks(self.device), 1, 1), stream, arguments)

    def _hand_over(
        self, arguments: ctypes.Structure, tensors: Sequence[torch.Tensor], gathered: Sequence[int], heads: int
    ) -> None:
        """q, k and v, as given and as gathered."""
        _, _, tokens, head_dim = tensors[0].shape
        head = tokens * head_dim
        packed = structs.Strides(heads * head, head, head_dim)
        for name, x, place in zip("qkv", tensors, gathered, strict=True):
            pair = getattr(arguments, name)
            pair[0] = structs.Tensor(x.data_ptr(), structs.Strides(*x.stride()[:3]))
            pair[1] = structs.Tensor(place, packed)

    def _quantise(
        self,
        part: Attention,
        call: structs.CallArgs,
        tensors: Sequence[torch.Tensor],
        to: structs.Quantised,
        stream: int,
    ) -> None:
        batch, _, tokens, _ = tensors[0].shape
        arguments = structs.QuantiseArgs(layer=call.layer, to=to, factor=call.factor)
        for i, x in enumerate(tensors):
            getattr(arguments, "from")[i] = x.data_ptr()
            arguments.strides[i] = structs.Strides(*x.stride()[:3])
        halves = tile_count(tokens, QUERY_TILE) * (QUERY_TILE // KEY_TILE)
        channels, rows = part.quantise
        channels.launch((to.heads, batch, 1), stream, arguments)
        rows.launch((halves, to.heads, batch), stream, arguments)

    def _call_args(
        self,
        q: torch.Tensor,
        out: torch.Tensor,
        scale: float,
        layer: int,
        lse: torch.Tensor | None,
        variant: int,
        next_item: int,
        mean_sums: int,
    ) -> structs.CallArgs:
        tables = self.tables
        offsets = structs.CudaPlanOffsets(tables.layers_at, tables.lists_at, tables.layer_words)
        batch, heads, tokens, head_dim = q.shape
        sizes = (layer, len(tables.layers), variant, batch, heads, tokens, head_dim)
        view = structs.LayerView(self.image.data_ptr(), offsets, *sizes)
        strides = out.stride()[:3]
        lse_address = 0 if lse is None else lse.data_ptr()
        return structs.CallArgs(view, mean_sums, next_item, out.data_ptr(), *strides, lse_address, base2_factor(scale))

    def _sum_values(self, kernel: Kernel, call: structs.CallArgs, v: torch.Tensor, dtype: str, stream: int) -> None:
        strides = structs.Strides(*v.stride()[:3])
        sums = (v.data_ptr(), strides, DTYPE_NUMBERS[dtype], MEAN_CHUNKS, call.mean_sums)
        kernel.launch((MEAN_CHUNKS, v.shape[1], v.shape[0]), stream, structs.MeanArgs(call.layer, *sums))

    def _gather(
        self,
        kernel: Kernel,
        call: structs.CallArgs,
        tensors: Sequence[torch.Tensor],
        to: Sequence[int],
        heads: int,
        stream: int,
    ) -> None:
        batch, _, tokens, head_dim = tensors[0].shape
        arguments = structs.GatherArgs(layer=call.layer, gathered=heads)
        for i, x in enumerate(tensors):
            getattr(arguments, "from")[i] = x.data_ptr()
            arguments.strides[i] = structs.Strides(*x.stride()[:3])
            arguments.to[i] = to[i]
        threads, _, rows_of_thread = kernel.facts
        rows = threads // (head_dim // 8) * rows_of_thread
        kernel.launch((-(-tokens // rows), tensors[0].shape[1], 3 * batch), stream, arguments)


def device_words_of(plan: "CompiledPlan", device: torch.device, wants_int8: bool = True) -> DeviceWords:
    """The plan's tables there, copied at the first call; heads in INT8 become bf16 unless wanted and taken so."""
    key = device, wants_int8
    if key not in plan.words_on_devices:
        takes_int8 = wants_int8 and not why_not(device, torch.bfloat16, plan.plan.model.head_dim, 1.0, "int8")
        plan.words_on_devices[key] = DeviceWords(CudaWords.of_plan(plan, takes_int8), device)
    return plan.words_on_devices[key]
