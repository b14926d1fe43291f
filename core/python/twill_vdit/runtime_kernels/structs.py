# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What kernels are handed, as the C++ structs of the same names; the compiler compares every offset with its own."""

import ctypes
from collections.abc import Iterator


class Strides(ctypes.Structure):
    """In elements."""

    _fields_ = [("batch", ctypes.c_int64), ("head", ctypes.c_int64), ("token", ctypes.c_int64)]


class CudaPlanOffsets(ctypes.Structure):
    """In words."""

    _fields_ = [("layers", ctypes.c_int64), ("lists", ctypes.c_int64), ("layer_words", ctypes.c_int32)]


class LayerView(ctypes.Structure):
    """One layer of a plan in device memory."""

    _fields_ = [
        ("image", ctypes.c_uint64),
        ("offsets", CudaPlanOffsets),
        ("layer", ctypes.c_int32),
        ("layers", ctypes.c_int32),
        ("variant", ctypes.c_int32),
        ("batch", ctypes.c_int32),
        ("heads", ctypes.c_int32),
        ("tokens", ctypes.c_int32),
        ("head_dim", ctypes.c_int32),
    ]


class CallArgs(ctypes.Structure):
    """What every attention kernel is told of a call."""

    _fields_ = [
        ("layer", LayerView),
        ("mean_sums", ctypes.c_uint64),
        ("next_item", ctypes.c_uint64),
        ("out", ctypes.c_uint64),
        ("out_batch", ctypes.c_int64),
        ("out_head", ctypes.c_int64),
        ("out_token", ctypes.c_int64),
        ("lse", ctypes.c_uint64),
        ("factor", ctypes.c_float),
    ]


class Tensor(ctypes.Structure):
    """[batch, heads, tokens, head_dim]."""

    _fields_ = [("base", ctypes.c_uint64), ("strides", Strides)]


class AttentionArgs(ctypes.Structure):
    """Of the portable kernel; each tensor as given, and as gathered."""

    _fields_ = [("call", CallArgs), ("q", Tensor * 2), ("k", Tensor * 2), ("v", Tensor * 2)]


class GatherArgs(ctypes.Structure):
    """Rows of q, k and v in token orders."""

    _fields_ = [
        ("layer", LayerView),
        ("from", ctypes.c_uint64 * 3),
        ("strides", Strides * 3),
        ("to", ctypes.c_uint64 * 3),
        ("gathered", ctypes.c_int32),
    ]


class MeanArgs(ctypes.Structure):
    """Sums of the values of mean heads."""

    _fields_ = [
        ("layer", LayerView),
        ("v", ctypes.c_uint64),
        ("strides", Strides),
        ("dtype", ctypes.c_uint8),
        ("chunks", ctypes.c_int32),
        ("sums", ctypes.c_uint64),
    ]


class RowScale(ctypes.Structure):
    """Of a row of quantised queries."""

    _fields_ = [("factor", ctypes.c_float), ("offset", ctypes.c_float)]


class TileScales(ctypes.Structure):
    """Behind the quantised keys and values of a tile."""

    _fields_ = [("keys", ctypes.c_float), ("values", ctypes.c_float), ("spare", ctypes.c_float * 2)]


class Quantised(ctypes.Structure):
    """Where the quantised heads of a layer lie."""

    _fields_ = [
        ("heads", ctypes.c_int32),
        ("queries", ctypes.c_uint64),
        ("rows", ctypes.c_uint64),
        ("keys", ctypes.c_uint64),
        ("channels", ctypes.c_uint64),
    ]


class QuantiseArgs(ctypes.Structure):
    """Rows of q, k and v as 8-bit integers."""

    _fields_ = [
        ("layer", LayerView),
        ("from", ctypes.c_uint64 * 3),
        ("strides", Strides * 3),
        ("to", Quantised),
        ("factor", ctypes.c_float),
    ]


class Int8AttentionArgs(ctypes.Structure):
    """Of the INT8 kernel."""

    _fields_ = [("call", CallArgs), ("heads", Quantised)]


# Where each is declared, below twill::kernels.
CPP_NAMES: dict[type[ctypes.Structure], str] = {
    Strides: "Strides",
    CudaPlanOffsets: "CudaPlanOffsets",
    LayerView: "LayerView",
    CallArgs: "CallArgs",
    Tensor: "portable::Tensor",
    AttentionArgs: "portable::AttentionArgs",
    GatherArgs: "GatherArgs",
    MeanArgs: "MeanArgs",
    RowScale: "int8::RowScale",
    TileScales: "int8::TileScales",
    Quantised: "int8::Quantised",
    QuantiseArgs: "int8::QuantiseArgs",
    Int8AttentionArgs: "int8::AttentionArgs",
}

# What device code finds in the memory that a struct points to.
POINTED_AT: dict[type[ctypes.Structure], tuple[type[ctypes.Structure], ...]] = {Quantised: (RowScale, TileScales)}


def parts_of(struct: type[ctypes.Structure]) -> Iterator[type[ctypes.Structure]]:
    """The struct and all structs within and behind it, each perhaps more than once."""
    yield struct
    yield from POINTED_AT.get(struct, ())
    for _, kind, *_ in struct._fields_:
        element = getattr(kind, "_type_", kind)  # of an array
        if isinstance(element, type) and issubclass(element, ctypes.Structure):
            yield from parts_of(element)


# NVRTC 12.8 and 13.0 do not know __builtin_offsetof; this is what offsetof stands for in their front end.
OFFSET_OF_NVRTC = "#define TWILL_OFFSET(type, field) __INTADDR__(&(((type*)0)->field))\n"


def layout_checks(struct: type[ctypes.Structure]) -> str:
    """C++ that compiles only where sizes and offsets are those of this file; needs TWILL_OFFSET(type, field)."""
    lines = []
    for part in dict.fromkeys(parts_of(struct)):
        name = f"::twill::kernels::{CPP_NAMES[part]}"
        lines.append(f'static_assert(sizeof({name}) == {ctypes.sizeof(part)}, "size of {name}");')
        for field, *_ in part._fields_:
            offset = getattr(part, field).offset
            lines.append(f'static_assert(TWILL_OFFSET({name}, {field}) == {offset}, "{name}::{field}");')
    return "\n".join(lines) + "\n"
