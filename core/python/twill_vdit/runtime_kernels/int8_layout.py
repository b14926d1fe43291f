# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""How much memory the quantised heads of a layer take: the sums of int8/layout.h, which the compiler compares."""

import ctypes
from dataclasses import dataclass

from twill_vdit.runtime_kernels.structs import RowScale, TileScales
from twill_vdit.tile_lists import KEY_TILE, QUERY_TILE, tile_count


@dataclass(frozen=True)
class Int8Layout:
    """Bytes of one head of one batch row."""

    tokens: int
    head_dim: int

    @property
    def query_bytes(self) -> int:
        """Of its queries."""
        return tile_count(self.tokens, QUERY_TILE) * QUERY_TILE * self.head_dim

    @property
    def row_bytes(self) -> int:
        """Of the scales of its queries."""
        return tile_count(self.tokens, QUERY_TILE) * QUERY_TILE * ctypes.sizeof(RowScale)

    @property
    def tile_bytes(self) -> int:
        """Of the keys and values of a tile: both, a row of ones, and the scales."""
        return 2 * KEY_TILE * self.head_dim + KEY_TILE + ctypes.sizeof(TileScales)

    @property
    def key_bytes(self) -> int:
        """Of its keys and values."""
        return tile_count(self.tokens, KEY_TILE) * self.tile_bytes

    @property
    def channel_bytes(self) -> int:
        """Of what is said of its channels: three numbers each."""
        return 3 * self.head_dim * 4

    def parts(self) -> tuple[int, int, int, int]:
        """In the order of the struct Quantised: queries, rows, keys, channels."""
        return self.query_bytes, self.row_bytes, self.key_bytes, self.channel_bytes


def layout_checks() -> str:
    """C++ that compiles only where the sums are those of this file."""
    lines = []
    for tokens in (1, 64, 129, 119056):
        for head_dim in (64, 96, 128):
            layout = Int8Layout(tokens, head_dim)
            theirs = f"::twill::kernels::int8::Layout{{.tokens = {tokens}, .head_dim = {head_dim}}}"
            scale = "sizeof(::twill::kernels::int8::RowScale)"
            for expression, value in (
                (f"{theirs}.query_bytes()", layout.query_bytes),
                (f"{theirs}.row_scales() * {scale}", layout.row_bytes),
                (f"{theirs}.tile_bytes()", layout.tile_bytes),
                (f"{theirs}.key_bytes()", layout.key_bytes),
                (f"{theirs}.channel_floats() * sizeof(float)", layout.channel_bytes),
            ):
                lines.append(f'static_assert({expression} == {value}, "layout of quantised heads");')
    return "\n".join(lines) + "\n"
