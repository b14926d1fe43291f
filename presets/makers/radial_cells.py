# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The cells that Radial Attention's mask keeps as published, to set beside those of our presets.

The rule (arXiv 2506.19852) keeps, of a frame at distance d, the keys within
decay * 2^bits(tokens of a frame) / 2^bits(d) tokens of the query's place, and 128 where that is less. The own frame is
whole, the first frame too (of Wan), and of the frame at distance 1 half is kept (Wan) or all (HunyuanVideo). Where
2^bits(tokens) / 2^bits(d) is below 128, only every second, fourth ... frame is kept. The authors' program
(mit-han-lab/radial-attention as of a5c638b, attn_mask.py) computes blocks of 128 x 128: of what a pair of frames keeps
in a block, more than 60 % of the columns that hold anything must hold more than a third of it. Text is dense both ways.
"""

import functools

import numpy as np

import twill_vdit

BLOCK = 128
COLUMN_SHARE = 1 / 3
COLUMNS_SHARE = 0.6


def reach_of(distance: int, frame_tokens: int, decay: float, near: float) -> int | None:
    """How many tokens to either side are kept of a frame at this distance; None: nothing of it."""
    if distance == 0 or (distance == 1 and near >= 1.0):
        return frame_tokens
    if distance == 1:
        return int(near * frame_tokens)
    spread = 2 ** frame_tokens.bit_length() / 2 ** distance.bit_length()
    if spread < BLOCK and distance % int(BLOCK / spread):
        return None
    return int(max(decay * spread, BLOCK))


def kept_pairs(reach: int, size: int) -> int:
    """Pairs of places of two frames of `size` tokens that are at most `reach` apart."""
    reach = min(reach, size - 1)
    return size * (2 * reach + 1) - reach * (reach + 1)


def has_sink(near: float) -> bool:
    """The authors keep the first frame for Wan and not for HunyuanVideo, where near is 1; an earlier version of their
    program (09c88be) kept it for both.
    """
    return near < 1.0


def with_text(video: float, layout: twill_vdit.TokenLayout) -> float:
    """Of all cells, from the share of those among video tokens."""
    tokens = layout.frames * layout.frame_tokens
    return 1.0 - (1.0 - video) * (tokens / layout.tokens) ** 2


@functools.cache
def by_token(layout: twill_vdit.TokenLayout, decay: float, near: float) -> float:
    """Share of the cells by the rule itself, token by token."""
    size, kept = layout.frame_tokens, 0
    for key_frame in range(layout.frames):
        for frame in range(layout.frames):
            whole = key_frame == 0 and has_sink(near)
            reach = size if whole else reach_of(abs(frame - key_frame), size, decay, near)
            kept += 0 if reach is None else kept_pairs(reach, size)
    return with_text(kept / (layout.frames * size) ** 2, layout)


@functools.cache
def blocks_of_frames(size: int, row_offset: int, column_offset: int, reach: int) -> np.ndarray:
    """Blocks that the authors' program takes for one pair of frames, [rows, columns], by where the frames begin in a
    block.
    """
    count = -(-size // BLOCK)
    first = np.maximum(np.arange((row_offset // BLOCK + count) + 1)[:-1] * BLOCK - row_offset, 0)
    end = np.clip((np.arange(len(first)) + 1) * BLOCK - row_offset, 0, size)
    column = np.arange(size)
    low = np.maximum(first[:, None], column - reach)
    high = np.minimum(end[:, None] - 1, column + reach)
    share = np.zeros((len(first), column_offset + count * BLOCK))
    share[:, column_offset : column_offset + size] = np.maximum(high - low + 1, 0) / BLOCK
    by_block = share[:, : share.shape[1] // BLOCK * BLOCK].reshape(len(first), -1, BLOCK)
    held = (by_block > 0).sum(axis=2)
    return (by_block > COLUMN_SHARE).sum(axis=2) > COLUMNS_SHARE * (held + 1e-9)


@functools.cache
def by_block(layout: twill_vdit.TokenLayout, decay: float, near: float) -> float:
    """Share of the cells that the authors' program computes, in blocks of 128 x 128."""
    size, video = layout.frame_tokens, layout.frames * layout.frame_tokens
    blocks = -(-video // BLOCK)
    mask = np.zeros((blocks + 2, blocks + 2), dtype=bool)
    for frame in range(layout.frames):
        for key_frame in range(layout.frames):
            whole = key_frame == 0 and has_sink(near)
            reach = size if whole else reach_of(abs(frame - key_frame), size, decay, near)
            if reach is None:
                continue
            row, row_offset = divmod(frame * size, BLOCK)
            column, column_offset = divmod(key_frame * size, BLOCK)
            of_pair = blocks_of_frames(size, row_offset, column_offset, reach)
            rows, columns = (slice(at, at + n) for at, n in zip((row, column), of_pair.shape, strict=True))
            mask[rows, columns] |= of_pair[: mask.shape[0] - row, : mask.shape[1] - column]
    return with_text(mask[:blocks, :blocks].mean(), layout)
