# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Trains the transformer and its text table by flow matching on pre-encoded clips."""

import random
import time

import captions
import torch
import torch.nn.functional as F  # noqa: N812
from data import DEFAULT_SIZE, HELD_OUT_SEED, SEED_STRIDE, ClipSize, draw_clips
from optimizers import Optimizer, learning_rate
from train_vae import encode_normalised
from wan_dit import TextTable, WanDit
from wan_vae import WanVae

TRAINING_SHIFT = 3.0
TEXT_DROP = 0.1
PARAPHRASES = 4
DEFAULT_SHARE = 0.6
# Every step sees about this many tokens, whatever the size of its clips.
TOKENS_PER_STEP = 32 * DEFAULT_SIZE.tokens


def shifted(u: torch.Tensor, shift: float) -> torch.Tensor:
    """Move times u in 0..1 towards noise (1), as Wan's samplers do."""
    return shift * u / (1 + (shift - 1) * u)


def sample_times(count: int, device: str) -> torch.Tensor:
    """[count] in 0..1: mostly logit-normal, some uniform so that both ends are covered."""
    u = torch.sigmoid(torch.randn(count, device=device))
    u = torch.where(torch.rand(count, device=device) < 0.2, torch.rand_like(u), u)
    return shifted(u, TRAINING_SHIFT)


def pad_ids(texts: list[str]) -> torch.Tensor:
    """[texts, TEXT_LEN] of word indices, -1 after the end."""
    rows = torch.full((len(texts), captions.TEXT_LEN), -1)
    for row, text in zip(rows, texts, strict=True):
        ids = captions.token_ids(text)
        row[: len(ids)] = torch.tensor(ids)
    return rows


class EncodedClips:
    """Latents and paraphrased captions of drawn clips of one size, on the device."""

    def __init__(self, size: ClipSize):
        self.size = size
        self._parts: list[tuple[torch.Tensor, torch.Tensor]] = []

    def extend(self, vae: WanVae, count: int, seed: int, device: str) -> "EncodedClips":
        """Draw and encode `count` more clips; latents in fp16."""
        rng = random.Random(seed)
        latents, ids = [], []
        batch = max(1, min(16, 16 * DEFAULT_SIZE.tokens // self.size.tokens, count))
        for scenes, clip in draw_clips(count, self.size, seed, device, batch):
            latents.append(encode_normalised(vae, clip).half())
            texts = [captions.caption(s, rng) for s in scenes for _ in range(PARAPHRASES)]
            ids.append(pad_ids(texts).view(len(scenes), PARAPHRASES, -1).to(device))
        self._parts.append((torch.cat(latents), torch.cat(ids)))
        return self

    def finish(self) -> "EncodedClips":
        """Join what was drawn: latents [clips, 16, ...], ids [clips, PARAPHRASES, TEXT_LEN]."""
        self.latents = torch.cat([latents for latents, _ in self._parts])
        self.ids = torch.cat([ids for _, ids in self._parts])
        self._parts = []
        return self

    def batch(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Random (latents [count, 16, ...] fp32, ids [count, TEXT_LEN])."""
        device = self.latents.device
        pick = torch.randint(len(self.latents), (count,), device=device)
        which = torch.randint(PARAPHRASES, (count,), device=device)
        return self.latents[pick].float(), self.ids[pick, which]


def velocity_loss(
    dit: WanDit,
    text: TextTable,
    clean: torch.Tensor,
    ids: torch.Tensor,
    times: torch.Tensor,
    noise: torch.Tensor,
) -> torch.Tensor:
    """Mean square error of the velocity noise - clean."""
    t = times.view(-1, 1, 1, 1, 1)
    noisy = (1 - t) * clean + t * noise
    kind = clean.device.type
    with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
        velocity = dit(noisy, 1000 * times, text(ids))
    return F.mse_loss(velocity.float(), noise - clean)


def held_out_loss(dit: WanDit, text: TextTable, clips: EncodedClips) -> float:
    """Loss over held-out clips at fixed times and noise: comparable between runs.

    Gradients stay on (and unused), so that a compiled model needs no second compilation.
    """
    device = clips.latents.device
    total, chunk = 0.0, 16
    for start in range(0, len(clips.latents), chunk):
        clean = clips.latents[start : start + chunk].float()
        generator = torch.Generator(device).manual_seed(start)
        noise = torch.randn(clean.shape, generator=generator, device=device)
        times = shifted((torch.arange(len(clean), device=device) + 0.5) / len(clean), 3.0)
        ids = clips.ids[start : start + chunk, 0]
        total += velocity_loss(dit, text, clean, ids, times, noise).item() * len(clean)
    return total / len(clips.latents)


def _split_parameters(dit: WanDit, text: TextTable) -> tuple[list, list]:
    """Matrices of the blocks for Muon, all else for AdamW."""
    matrices = [p for p in dit.blocks.parameters() if p.dim() == 2]
    chosen = {id(p) for p in matrices}
    others = [p for p in dit.parameters() if id(p) not in chosen]
    return matrices, others + list(text.parameters())


def encode_training_set(
    vae: WanVae,
    seconds: float,
    most: int,
    seed: int,
    device: str,
    sizes: tuple[ClipSize, ...],
    log=print,
) -> dict[ClipSize, EncodedClips]:
    """Rounds of 128 clips, half of them of DEFAULT_SIZE, until `seconds` or `most` clips."""
    started = time.perf_counter()
    sets = {size: EncodedClips(size) for size in sizes}
    rounds = 0
    while rounds == 0 or (time.perf_counter() - started < seconds and rounds * 128 < most):
        for index, size in enumerate(sizes):
            count = 64 if size == DEFAULT_SIZE else 8
            start = seed * SEED_STRIDE + 4_000_000 + index * 500_000 + rounds * 100
            sets[size].extend(vae, count, start, device)
        if device == "cuda":
            torch.cuda.synchronize()
        rounds += 1
        if rounds % 10 == 1:
            log(f"dit: encoded {rounds} rounds, {time.perf_counter() - started:.0f} s")
    return {size: clips.finish() for size, clips in sets.items()}


def train_dit(
    sets: dict[ClipSize, EncodedClips],
    seconds: float,
    seed: int,
    device: str,
    *,
    matrix_rate: float = 2e-3,
    other_rate: float = 1e-3,
    warmup: int = 200,
    tokens_per_step: int = TOKENS_PER_STEP,
    model_options: dict | None = None,
    save=None,
    log=print,
) -> tuple[WanDit, TextTable, dict]:
    """Train for `seconds`, compiling included. `save(dit, text, step)` is called now and then."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    dit = WanDit(**(model_options or {})).to(device)
    text = TextTable(len(captions.VOCABULARY), captions.TEXT_LEN).to(device)
    if device == "cuda":
        dit.compile_blocks()
    matrices, others = _split_parameters(dit, text)
    optimizer = Optimizer(matrices, others, weight_decay=0.01, average=0.9985)
    default = DEFAULT_SIZE if DEFAULT_SIZE in sets else next(iter(sets))
    rest = [size for size in sets if size != default]
    started, step, seen, marks, running = time.perf_counter(), 0, 0, [], None
    next_save = 0.3
    while (share := (time.perf_counter() - started) / seconds) < 1:
        size = default if not rest or rng.random() < DEFAULT_SHARE else rng.choice(rest)
        count = max(1, round(tokens_per_step / size.tokens))
        clean, ids = sets[size].batch(count)
        dropped = torch.rand(count, device=device) < TEXT_DROP
        ids = torch.where(dropped[:, None], -1, ids)
        noise = torch.randn_like(clean)
        loss = velocity_loss(dit, text, clean, ids, sample_times(count, device), noise)
        optimizer.clear()
        loss.backward()
        optimizer.step(
            learning_rate(share, step, matrix_rate, warmup),
            learning_rate(share, step, other_rate, warmup),
        )
        loss = loss.detach()
        running = loss.clone() if running is None else running.lerp_(loss, 0.02)
        step, seen = step + 1, seen + count
        if step % 200 == 0 or step in (5, 50, 100):
            # Also keeps the host from running far ahead of the device and past its time.
            marks.append([step, round(time.perf_counter() - started, 1), round(running.item(), 5)])
            log(f"dit: step {step}, {time.perf_counter() - started:.0f} s, loss {running.item():.5f}")
        elif step % 10 == 0:
            running.item()
        if save is not None and share > next_save:
            next_save += 0.25
            optimizer.swap_average()
            save(dit, text, step)
            optimizer.swap_average()
    optimizer.clear()
    optimizer.swap_average()
    return (
        dit,
        text,
        {
            "steps": step,
            "clips_seen": seen,
            "seconds": round(time.perf_counter() - started, 1),
            "loss": marks,
        },
    )


def held_out_clips(vae: WanVae, device: str, size: ClipSize = DEFAULT_SIZE, count: int = 64):
    """Encoded clips that were never trained on."""
    return EncodedClips(size).extend(vae, count, HELD_OUT_SEED + 500_000, device).finish()
