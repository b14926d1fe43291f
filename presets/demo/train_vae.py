# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Trains the VAE on crops of drawn clips, then gives its latents Wan's statistics."""

import time
from dataclasses import dataclass

import torch
from data import HELD_OUT_SEED, SEED_STRIDE, SIZES, ClipSize, draw_clips, psnr
from optimizers import Optimizer, learning_rate
from wan_vae import LATENT_CHANNELS, WanVae, fold_statistics, latent_statistics

# Noise added to the latents (they are held near unit size): keeps the decoder smooth, so that
# small errors of the transformer stay small in the picture.
LATENT_NOISE = 0.04
LATENT_PENALTY = 2e-5


@dataclass(frozen=True)
class Phase:
    """A part of the training, up to the given share of the time."""

    until: float
    batch: int
    frames: int
    crop: int


PHASES = (Phase(0.2, 16, 5, 128), Phase(0.75, 8, 17, 128), Phase(1.0, 4, 17, 192))


class ClipPool:
    """Drawn clips on the device in 8 bits, and random crops of them."""

    def __init__(self, clips_per_size: dict[ClipSize, int], seed: int, device: str):
        self._clips = []
        for index, (size, count) in enumerate(clips_per_size.items()):
            start = seed * SEED_STRIDE + index * 1_000_000
            for _, clip in draw_clips(count, size, start, device):
                eight_bit = ((clip + 1) * 127.5).round().byte()
                self._clips += eight_bit.permute(0, 1, 3, 4, 2).contiguous().unbind(0)

    def crops(self, phase: Phase, generator: torch.Generator) -> torch.Tensor:
        """[batch, frames, crop, crop, 3] in -1..1."""
        out = []
        for numbers in torch.rand(phase.batch, 5, generator=generator).tolist():
            clip = self._clips[int(numbers[0] * len(self._clips))]
            t = int(numbers[1] * (clip.shape[0] - phase.frames + 1))
            y = int(numbers[2] * (clip.shape[1] - phase.crop + 1))
            x = int(numbers[3] * (clip.shape[2] - phase.crop + 1))
            crop = clip[t : t + phase.frames, y : y + phase.crop, x : x + phase.crop]
            out.append(crop.flip(2) if numbers[4] < 0.5 else crop)
        return torch.stack(out).float() / 127.5 - 1


class _Step:
    """Forward and backward on a fixed shape, replayed as one CUDA graph where there is one."""

    def __init__(self, vae: WanVae, optimizer: Optimizer, example: torch.Tensor):
        self._vae, self._graph = vae, None
        self._clip = example.clone()
        self._absolute = torch.ones((), device=example.device)
        self._loss = None
        if not example.is_cuda:
            return
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                optimizer.clear()
                self._run()
        torch.cuda.current_stream().wait_stream(side)
        optimizer.clear()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._loss = self._run()

    def _run(self) -> torch.Tensor:
        kind = self._clip.device.type
        with torch.autocast(kind, torch.bfloat16, cache_enabled=False, enabled=kind == "cuda"):
            latent = self._vae.encode_last(self._clip).float()
            out = self._vae.decode_last(latent + LATENT_NOISE * torch.randn_like(latent)).float()
        error = out - self._clip
        square = error.square().mean()
        loss = square + self._absolute * error.abs().mean()
        loss = loss + LATENT_PENALTY * latent.square().mean()
        loss.backward()
        return square.detach()

    def __call__(self, clip: torch.Tensor, absolute: float, optimizer: Optimizer) -> torch.Tensor:
        """Returns the mean square error, in units of the -1..1 range."""
        self._clip.copy_(clip)
        self._absolute.fill_(absolute)
        if self._graph is None:
            optimizer.clear()
            return self._run()
        self._graph.replay()
        return self._loss


@torch.no_grad()
def reconstruct(vae: WanVae, clip: torch.Tensor) -> torch.Tensor:
    """clip: [batch, frames, 3, height, width]; returns its round trip, the same shape."""
    kind = clip.device.type
    with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
        out = vae.decode_last(vae.encode_last(clip.permute(0, 1, 3, 4, 2)))
    return out.permute(0, 1, 4, 2, 3).float().clamp(-1, 1)


@torch.no_grad()
def held_out_psnr(vae: WanVae, device: str, counts: dict[ClipSize, int]) -> dict:
    """Round-trip PSNR (dB) of clips that were never trained on: mean, worst, mean per size."""
    per_size = {}
    for index, (size, count) in enumerate(counts.items()):
        start = HELD_OUT_SEED + index * 1000
        values = [
            psnr(reconstruct(vae, clip), clip).cpu() for _, clip in draw_clips(count, size, start, device, batch=4)
        ]
        per_size[str(size)] = torch.cat(values)
    every = torch.cat(list(per_size.values()))
    return {
        "clips": len(every),
        "psnr_db": round(every.mean().item(), 2),
        "psnr_db_worst": round(every.min().item(), 2),
        "psnr_db_by_size": {k: round(v.mean().item(), 2) for k, v in per_size.items()},
    }


@torch.no_grad()
def _measure_latents(vae: WanVae, pool: ClipPool) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation per channel, [16] each, over whole default-size clips."""
    parts = []
    for clip in pool._clips[:: max(1, len(pool._clips) // 96)]:
        with torch.autocast(clip.device.type, torch.bfloat16, enabled=clip.is_cuda):
            latent = vae.encode_last(clip[None].float() / 127.5 - 1)
        parts.append(latent.float().reshape(-1, LATENT_CHANNELS))
    every = torch.cat(parts)
    return every.mean(0), every.std(0)


def train_vae(
    seconds: float,
    seed: int,
    device: str,
    *,
    width: int = 8,
    clips: int = 1800,
    sizes: tuple[ClipSize, ...] = (SIZES[1], SIZES[4], SIZES[7]),
    phases: tuple[Phase, ...] = PHASES,
    rate: float = 2e-3,
    pool: ClipPool | None = None,
    log=print,
) -> tuple[WanVae, dict]:
    """Train for `seconds` (after drawing the clips). Returns the VAE and how it went."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    if device == "cuda":
        torch.backends.cudnn.benchmark = True
    drawn = time.perf_counter()
    if pool is None:
        first = max(1, clips // 2)
        others = max(1, (clips - first) // 2)
        counts = dict(zip(sizes, (first, others, others), strict=True))
        pool = ClipPool(counts, seed, device)
    log(f"vae: drew {clips} clips in {time.perf_counter() - drawn:.1f} s")

    vae = WanVae(width).to(device)
    optimizer = Optimizer([], list(vae.parameters()), weight_decay=0.0, average=0.998)
    started, step, marks = time.perf_counter(), 0, []
    current, run = None, None
    running = None
    while (share := (time.perf_counter() - started) / seconds) < 1:
        phase = next(p for p in phases if share < p.until)
        if phase is not current:
            if device == "cuda":
                torch.cuda.synchronize()
            current, run = phase, None  # frees the old graph's memory first
            run = _Step(vae, optimizer, pool.crops(phase, generator).to(device))
            log(f"vae: {phase}, step {step}, {time.perf_counter() - started:.0f} s")
        absolute = 0.5 * max(0.0, 1 - share / 0.7)
        square = run(pool.crops(phase, generator), absolute, optimizer)
        optimizer.step(0.0, learning_rate(share, step, rate, 100))
        running = square.clone() if running is None else running.lerp_(square, 0.02)
        step += 1
        if step % 500 == 0 or step in (50, 250):
            train_db = 10 * torch.log10(4 / running).item()
            marks.append([step, round(time.perf_counter() - started, 1), round(train_db, 2)])
            log(f"vae: step {step}, {time.perf_counter() - started:.0f} s, train {train_db:.2f} dB")
    run = None
    # Trying every algorithm pays for the training's three shapes only.
    torch.backends.cudnn.benchmark = False
    optimizer.clear()
    optimizer.swap_average()
    mean, std = _measure_latents(vae, pool)
    fold_statistics(vae, mean, std, LATENT_NOISE)
    return vae, {
        "steps": step,
        "seconds": round(time.perf_counter() - started, 1),
        "latent_std_before_folding": [round(v, 3) for v in std.tolist()],
        "train_psnr_db": marks,
    }


@torch.no_grad()
def encode_normalised(vae: WanVae, clip: torch.Tensor) -> torch.Tensor:
    """clip: [batch, frames, 3, height, width]; returns [batch, 16, n+1, h/8, w/8], normalised."""
    mean, std = latent_statistics(clip.device)
    kind = clip.device.type
    with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
        latent = vae.encode(clip.transpose(1, 2))
    return (latent.float() - mean) / std


@torch.no_grad()
def decode_normalised(vae: WanVae, latent: torch.Tensor) -> torch.Tensor:
    """The inverse of `encode_normalised`."""
    mean, std = latent_statistics(latent.device)
    kind = latent.device.type
    with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
        clip = vae.decode(latent.float() * std + mean)
    return clip.float().transpose(1, 2)
