# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The kernels that are compiled where they run: a kernel is a line here. Rules and sentences are kernel_rules.cpp's.

The Hopper kernel is not among them: on a card of compute capability 9.0 it is the binary module's alone.
"""

import ctypes
import math
from dataclasses import dataclass

from twill_vdit.runtime_kernels import int8_layout, structs
from twill_vdit.tensors import DTYPES
from twill_vdit.tile_lists import KEY_TILE, tile_count

ELEMENTS = {"bfloat16": "cuda::Bf16", "float16": "cuda::F16"}  # below twill::kernels
DTYPE_NUMBERS = {name: number for number, name in enumerate(DTYPES.values())}  # Dtype of attention_tensors.h
MEAN_CHUNKS = 64  # kMeanChunks
_ANY_LATER = (1 << 31) - 1


@dataclass(frozen=True)
class Instance:
    """One kernel as it is compiled.

    Attributes:
        name: for messages.
        source: file below src/cuda.
        kernel: C++ expression, names below twill::kernels.
        arguments: what it is handed.
        facts: constants that a launch needs, as C++ expressions: threads, bytes of shared memory, others.
        checks: C++ that compiles only where the sources are what this package takes for granted, beside the arguments.
    """

    name: str
    source: str
    kernel: str
    arguments: type[ctypes.Structure]
    facts: tuple[str, ...]
    checks: str = ""


@dataclass(frozen=True)
class Entry:
    """An attention kernel: what it takes, as kernel_rules.cpp says, and where its instances are.

    Attributes:
        name: of the kernel.
        version: raised with every change of its speed.
        first_capability: of the devices, major * 10 + minor.
        last_capability: of the devices.
        shared_kib: that a block of the device may have, at least.
        head_dims: that it takes.
        source: file below src/cuda.
        shape: struct of one instance, with {element} and {head_dim}.
        kernel: template over the shape.
        arguments: what it is handed.
        most_key_tiles: that its counts hold.
        family: in the sentence on them.
        precision: of the heads that it computes, as the plan says it.
        checks: of its instances.
        bulk_head_dim: that it takes only from 9.0 on, where bulk copies are.
    """

    name: str
    version: int
    first_capability: int
    last_capability: int
    shared_kib: int
    head_dims: tuple[int, ...]
    source: str
    shape: str
    kernel: str
    arguments: type[ctypes.Structure]
    most_key_tiles: int
    family: str
    precision: str = "bf16"
    checks: str = ""
    bulk_head_dim: int = 0

    def instance(self, dtype: str, head_dim: int) -> Instance:
        """Its instance for tensors of a dtype, by name, and a head_dim."""
        shape = self.shape.format(element=ELEMENTS[dtype], head_dim=head_dim)
        facts = (f"{shape}::kThreads", f"{shape}::kSharedBytes")
        name = f"{self.name} for {dtype}, head_dim {head_dim}"
        return Instance(name, self.source, f"{self.kernel}<{shape}>", self.arguments, facts, self.checks)


_FIRST_WITH_BULK_COPIES = 90
_MOST_KEY_TILES = 0xFFFF  # kMostKeyTiles
_HEAD_DIMS = (64, 96, 128, 256)
INT8_HEAD_DIMS = (64, 96, 128)


def _portable(name: str, version: int, shared_kib: int, table: str) -> Entry:
    takes = (80, _ANY_LATER, shared_kib, _HEAD_DIMS)
    shape = f"portable::{table}<{{element}}>::Dim{{head_dim}}"
    kernel = ("portable/shapes.cuh", shape, "portable::attention_kernel", structs.AttentionArgs)
    return Entry(name, version, *takes, *kernel, _MOST_KEY_TILES, "portable")


def _int8(name: str, version: int, shared_kib: int, table: str, bulk_head_dim: int = 0) -> Entry:
    takes = (80, _ANY_LATER, shared_kib, INT8_HEAD_DIMS)
    shape = f"int8::{table}<{{element}}>::Dim{{head_dim}}"
    kernel = ("int8/shapes.cuh", shape, "int8::attention_kernel", structs.Int8AttentionArgs)
    return Entry(
        name, version, *takes, *kernel, _MOST_KEY_TILES, "INT8", "int8", int8_layout.layout_checks(), bulk_head_dim
    )


# The best of each precision first.
ENTRIES = (
    _portable("portable", 2, 163, "Roomy"),
    _portable("compact", 1, 99, "Compact"),
    _int8("int8", 2, 163, "Roomy", bulk_head_dim=64),
    _int8("int8_compact", 2, 99, "Compact"),
)

_SIDE_FACTS = ("side::kThreads", "0", "side::kRowsOfThread")
GATHER = Instance("gather", "side_kernels.cuh", "side::gather_kernel", structs.GatherArgs, _SIDE_FACTS)


def mean_instance(dtype: str) -> Instance:
    """Sums of the values of mean heads."""
    kernel = f"side::mean_kernel<{ELEMENTS[dtype]}>"
    return Instance(f"mean for {dtype}", "side_kernels.cuh", kernel, structs.MeanArgs, _SIDE_FACTS)


def channels_instance(dtype: str, head_dim: int) -> Instance:
    """Means and deviations of the channels of heads that are quantised."""
    return _quantising("channels", "kSumThreads", dtype, head_dim)


def quantise_instance(dtype: str, head_dim: int) -> Instance:
    """Rows of q, k and v as 8-bit integers."""
    return _quantising("quantise", "kQuantiseThreads", dtype, head_dim)


def _quantising(name: str, threads: str, dtype: str, head_dim: int) -> Instance:
    kernel = f"int8::{name}_kernel<{ELEMENTS[dtype]}, {head_dim}>"
    source, said = "int8/quantise_kernel.cuh", f"{name} for {dtype}, head_dim {head_dim}"
    checks = int8_layout.layout_checks()
    return Instance(said, source, kernel, structs.QuantiseArgs, (f"int8::{threads}", "0"), checks)


def every_instance() -> list[Instance]:
    """All that may be compiled."""
    attention = [
        entry.instance(dtype, head_dim) for entry in ENTRIES for dtype in ELEMENTS for head_dim in entry.head_dims
    ]
    quantising = [
        made(dtype, head_dim)
        for made in (channels_instance, quantise_instance)
        for dtype in ELEMENTS
        for head_dim in INT8_HEAD_DIMS
    ]
    return [*attention, *quantising, GATHER, *map(mean_instance, ELEMENTS)]


def _shared_kib_of(capability: int) -> int:
    """That a block may have at most."""
    if capability in (80, 87):
        return 163
    return 227 if capability in (90, 100, 103, 110) else 99


def _dotted(capability: int) -> str:
    return f"{capability // 10}.{capability % 10}"


def _listed(values: tuple[int, ...]) -> str:
    return f"{', '.join(map(str, values[:-1]))} and {values[-1]}"


def why_not_entry(entry: Entry, capability: int, head_dim: int, dtype: str, scale: float) -> str:
    """Empty when the kernel takes such calls on devices of this compute capability."""
    if dtype == "float32":
        return "dtype float32: the CUDA kernels take bfloat16 and float16"
    if head_dim not in entry.head_dims:
        return f"head_dim {head_dim}: the {entry.name} CUDA kernel takes {_listed(entry.head_dims)}"
    if not scale >= 0.0:
        return f"scale {scale:f}: the CUDA kernels take none below 0"
    if not entry.first_capability <= capability <= entry.last_capability:
        one = "" if entry.first_capability == entry.last_capability else " and newer"
        needed = f"the {entry.name} kernel is for {_dotted(entry.first_capability)}{one}"
        return f"the device has compute capability {_dotted(capability)}, {needed}"
    if head_dim == entry.bulk_head_dim and capability < _FIRST_WITH_BULK_COPIES:
        needed = f"the {entry.name} kernel is for {_dotted(_FIRST_WITH_BULK_COPIES)} and newer at head_dim {head_dim}"
        return f"the device has compute capability {_dotted(capability)}, {needed}"
    shared_kib = _shared_kib_of(capability)
    if shared_kib < entry.shared_kib:
        return (
            f"a block on a device of compute capability {_dotted(capability)} has {shared_kib} KiB of shared memory, "
            f"the {entry.name} kernel needs {entry.shared_kib}"
        )
    return ""


def choose_entry(
    name: str, capability: int, head_dim: int, dtype: str, scale: float, precision: str = "bf16"
) -> tuple[Entry | None, str]:
    """(the kernel of this name that computes heads of the precision, or the best one; why there is none).

    The best one also where the name is that of a kernel for another precision.
    """
    if name and all(name != entry.name for entry in ENTRIES):
        return None, f"kernel {name} is not one of the CUDA kernels"
    of_precision = [entry for entry in ENTRIES if entry.precision == precision]
    why_not = ""
    for entry in [entry for entry in of_precision if entry.name == name] or of_precision:
        why_not = why_not_entry(entry, capability, head_dim, dtype, scale)
        if not why_not:
            return entry, ""
    # The last kernel takes most: what it lacks, all lack.
    return None, why_not


def why_not_tokens(entry: Entry, tokens: int) -> str:
    """Empty when the kernel can count the key tiles of so many tokens."""
    if tile_count(tokens, KEY_TILE) <= entry.most_key_tiles:
        return ""
    return f"{tokens} tokens: the {entry.family} kernel takes {entry.most_key_tiles} tiles of {KEY_TILE} keys"


def base2_factor(scale: float) -> float:
    """|scale| log2(e) in fp32, what scores are multiplied with before weights are powers of 2; base2_factor.h."""
    product = ctypes.c_float(ctypes.c_float(abs(scale)).value * ctypes.c_float(math.log2(math.e)).value).value
    return max(product, 2.0**-126)
