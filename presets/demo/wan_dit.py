# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The Wan 2.1 text-to-video transformer in miniature, for training and checks.

Parameter names and shapes are upstream's. The residual stream, the modulation and the
normalisations stay in fp32; the products run in the autocast dtype.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

HEAD_DIM = 64
EPSILON = 1e-6
FREQUENCIES = 256
PATCH = (1, 2, 2)


def rope_table(grid: tuple[int, int, int], device: torch.device | str) -> torch.Tensor:
    """Angles of rotary positions: [2, tokens, HEAD_DIM / 2], cosines and sines.

    The head is split 24/20/20 over frames, rows and columns; adjacent elements form pairs.
    """
    rows = HEAD_DIM // 6 * 2
    parts = []
    places = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in grid), indexing="ij")
    for axis_dim, place in zip((HEAD_DIM - 2 * rows, rows, rows), places, strict=True):
        exponent = torch.arange(0, axis_dim, 2, dtype=torch.float64) / axis_dim
        parts.append(place.flatten()[:, None] / 10000.0**exponent)
    angle = torch.cat(parts, 1)
    return torch.stack([angle.cos(), angle.sin()]).float().to(device)


def _rotate(x: torch.Tensor, rope: torch.Tensor) -> torch.Tensor:
    """x: [batch, tokens, heads, HEAD_DIM]."""
    even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = rope[0][:, None], rope[1][:, None]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)


class Attention(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.q, self.k = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.v, self.o = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.norm_q = nn.RMSNorm(dim, eps=EPSILON)
        self.norm_k = nn.RMSNorm(dim, eps=EPSILON)

    def forward(self, x: torch.Tensor, context: torch.Tensor, rope: torch.Tensor | None) -> torch.Tensor:
        split = (-1, HEAD_DIM)
        q = self.norm_q(self.q(x).float()).unflatten(-1, split)
        k = self.norm_k(self.k(context).float()).unflatten(-1, split)
        v = self.v(context).unflatten(-1, split)
        if rope is not None:
            q, k = _rotate(q, rope), _rotate(k, rope)
        q, k = q.to(v.dtype), k.to(v.dtype)
        y = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return self.o(y.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, dim: int, ffn_dim: int):
        super().__init__()
        self.self_attn = Attention(dim)
        self.norm3 = nn.LayerNorm(dim, eps=EPSILON)
        self.cross_attn = Attention(dim)
        self.ffn = nn.Sequential(nn.Linear(dim, ffn_dim), nn.GELU(approximate="tanh"), nn.Linear(ffn_dim, dim))
        self.modulation = nn.Parameter(torch.randn(1, 6, dim) / dim**0.5)

    def forward(self, x: torch.Tensor, e: torch.Tensor, context: torch.Tensor, rope: torch.Tensor) -> torch.Tensor:
        """x: [batch, tokens, dim] fp32; e: [batch, 6, dim] fp32; context: [batch, words, dim]."""
        shift1, scale1, gate1, shift2, scale2, gate2 = (self.modulation + e).split(1, 1)
        y = F.layer_norm(x, x.shape[-1:], eps=EPSILON) * (1 + scale1) + shift1
        x = x + self.self_attn(y, y, rope).float() * gate1
        x = x + self.cross_attn(self.norm3(x), context, None).float()
        y = F.layer_norm(x, x.shape[-1:], eps=EPSILON) * (1 + scale2) + shift2
        return x + self.ffn(y).float() * gate2


class Head(nn.Module):
    def __init__(self, dim: int, out: int):
        super().__init__()
        self.head = nn.Linear(dim, out)
        self.modulation = nn.Parameter(torch.randn(1, 2, dim) / dim**0.5)

    def forward(self, x: torch.Tensor, e: torch.Tensor) -> torch.Tensor:
        shift, scale = (self.modulation + e[:, None]).split(1, 1)
        return self.head(F.layer_norm(x, x.shape[-1:], eps=EPSILON) * (1 + scale) + shift)


class WanDit(nn.Module):
    """Velocity (noise - clean) of normalised latents [batch, 16, frames, height, width]."""

    def __init__(
        self,
        dim: int = 256,
        layers: int = 12,
        ffn_dim: int = 960,
        text_dim: int = 64,
        channels: int = 16,
    ):
        super().__init__()
        self.patch_embedding = nn.Conv3d(channels, dim, PATCH, PATCH)
        self.text_embedding = nn.Sequential(nn.Linear(text_dim, dim), nn.GELU(approximate="tanh"), nn.Linear(dim, dim))
        self.time_embedding = nn.Sequential(nn.Linear(FREQUENCIES, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(dim, 6 * dim))
        self.blocks = nn.ModuleList([Block(dim, ffn_dim) for _ in range(layers)])
        self.head = Head(dim, channels * math.prod(PATCH))
        self._run_block = Block.forward
        self._init_weights()

    def _init_weights(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.xavier_uniform_(self.patch_embedding.weight.flatten(1))
        for embedding in (self.text_embedding, self.time_embedding):
            for layer in (embedding[0], embedding[2]):
                nn.init.normal_(layer.weight, std=0.02)
        nn.init.zeros_(self.head.head.weight)

    def compile_blocks(self) -> None:
        """Compile one block; all layers and sizes share it."""
        self._run_block = torch.compile(Block.forward, dynamic=True)

    def forward(self, x: torch.Tensor, timestep: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """timestep: [batch] in 0..1000; text: [batch, words, text_dim]."""
        batch, channels = x.shape[:2]
        grid = tuple(n // p for n, p in zip(x.shape[2:], PATCH, strict=True))
        rope = rope_table(grid, x.device)
        with torch.autocast(x.device.type, enabled=False):
            x = self.patch_embedding(x.float()).flatten(2).transpose(1, 2).contiguous()
            half = FREQUENCIES // 2
            rate = torch.arange(half, device=x.device, dtype=torch.float64) / half
            angle = timestep.double()[:, None] / 10000.0**rate
            e = self.time_embedding(torch.cat([angle.cos(), angle.sin()], 1).float())
            e0 = self.time_projection(e).unflatten(1, (6, -1))
            context = self.text_embedding(text.float())
        for block in self.blocks:
            x = self._run_block(block, x, e0, context, rope)
        with torch.autocast(x.device.type, enabled=False):
            x = self.head(x, e)
        # Per token (frame, row, column of the patch, channel).
        x = x.unflatten(1, grid).unflatten(-1, (*PATCH, channels))
        x = x.permute(0, 7, 1, 4, 2, 5, 3, 6)
        return x.reshape(batch, channels, *(n * p for n, p in zip(grid, PATCH, strict=True)))


class TextTable(nn.Module):
    """Row i of a prompt = word_embedding[word i] + position_embedding[i]; zeros after the end."""

    def __init__(self, words: int, text_len: int, dim: int = 64):
        super().__init__()
        self.word_embedding = nn.Embedding(words, dim)
        self.position_embedding = nn.Embedding(text_len, dim)
        nn.init.normal_(self.position_embedding.weight, std=0.5)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """ids: [batch, text_len], -1 after the end. Returns [batch, text_len, dim]."""
        rows = self.word_embedding(ids.clamp(min=0)) + self.position_embedding.weight
        return rows * (ids >= 0)[..., None]
