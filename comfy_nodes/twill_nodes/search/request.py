# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What a search is asked for, what it shows and what it gives."""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from .. import plan_store


class Wish(Enum):
    """value: how it reads in a message."""

    DENSITY = "density"
    ATTENTION_SHARE = "share of dense attention's time"
    PSNR = "PSNR in dB, at least"
    SPEEDUP = "speed-up of sampling, at least"


@dataclass(frozen=True)
class Target:
    wish: Wish
    value: float

    def __str__(self) -> str:
        return f"{self.wish.value} {self.value:g}"


class SearchStoppedError(RuntimeError):
    """The time limit came first; what was measured is kept."""


@dataclass(frozen=True)
class SearchRequest:
    """low_noise: the second expert's model, or None. boundary: t below which it runs.

    positives: one conditioning per prompt; the clip of each has the next seed. vae: for a wish for PSNR.
    int8: heads may compute in INT8, where the model's device does.
    """

    model: object
    low_noise: object | None
    boundary: float
    positives: tuple
    negative: object
    latent: dict
    seed: int
    steps: int
    cfg: float
    sampler_name: str
    scheduler: str
    target: Target
    points: int
    minutes: float  # 0: no limit
    name: str
    stripes: bool = True
    int8: bool = True
    vae: object | None = None


@dataclass
class Progress:
    """What the node shows while it works. maps: [heads, size, size] as measured so far, or None."""

    stage: str
    done: int
    total: int
    seconds: float
    eta_seconds: float
    maps: object
    shape: list[tuple[int, int]]


@dataclass(frozen=True)
class Try:
    """One plan of a search for a wish that clips are made for."""

    density: float
    measured: float
    holds: bool


@dataclass
class SearchResult:
    loaded: plan_store.LoadedPlan
    latent: dict
    file: Path
    seconds: float
    density: float
    tries: list[Try] = field(default_factory=list)
    note: str = ""
