# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The demo model in an unmodified ComfyUI and in the engine, both in fp32, from the same files."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from tests.comfy.comfyui import DEMO, Answer, Call, ask, make_environment
from tests.engine import probe

pytestmark = pytest.mark.slow

MODEL = json.loads((DEMO / "model.json").read_text())
DIT, VAE, TEXT = (DEMO / MODEL["files"][name] for name in ("dit", "vae", "text"))
SHIFT = MODEL["default"]["shift"]
PROMPT = (DEMO / "prompts_test.txt").read_text().splitlines()[0]


@dataclass(frozen=True)
class ClipSize:
    frames: int
    height: int
    width: int

    def latent_shape(self, batch: int) -> tuple[int, ...]:
        return batch, 16, (self.frames - 1) // 4 + 1, self.height // 8, self.width // 8


# All of them are binary fractions, so that 1000 * sigma is exact in fp32 too.
SIGMAS = {"noise_alone": [1.0], "early": [0.75], "late": [0.3125], "near_the_end": [1 / 64], "batch": [0.75, 0.3125]}
# ComfyUI decodes one latent frame, then two at a time, and encodes one frame, then two at a time.
DECODED_FRAMES = {"one_frame": 1, "one_and_a_pair": 3, "one_pair_and_a_half": 4}
ENCODED_FRAMES = {"one_frame": 1, "two_pairs": 5, "four_pairs": 9}
# Batch, size of the clip, steps.
# Rounding errors grow from step to step, more in one clip than in another, so several clips are pooled.
SAMPLED = {
    "17_frames_of_128x128": (3, ClipSize(17, 128, 128), 5),
    "20_steps_of_9_wide_frames": (3, ClipSize(9, 64, 112), 20),
    "default_clip": (1, ClipSize(**{key: MODEL["default"][key] for key in ("frames", "height", "width")}), 2),
}
# The smallest has fewer than 16 values, which torch draws by another algorithm.
NOISES = {"clip": ([1, 16, 5, 16, 16], 7), "tiny": ([1, 3, 1, 2, 2], 0), "largest_seed": ([2, 16, 3, 4, 6], 2**64 - 1)}


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> torch.Tensor:
    return probe.encode_prompt(tmp_path_factory.mktemp("text"), TEXT, PROMPT)


def all_calls(context: torch.Tensor) -> dict[str, Call]:
    calls = {}
    for why, sigma in SIGMAS.items():
        tensors = {"x": normal(1, len(sigma), 16, 4, 12, 20), "context": context.repeat(len(sigma), 1, 1)}
        calls[f"velocity_{why}"] = Call("velocity", {**tensors, "sigma": torch.tensor(sigma)})
    for why, frames in DECODED_FRAMES.items():
        calls[f"decode_{why}"] = Call("decode", {"latents": normal(2, 1, 16, frames, 10, 6)})
    for why, frames in ENCODED_FRAMES.items():
        pixels = torch.rand(frames, 96, 80, 3, generator=torch.Generator().manual_seed(3))
        calls[f"encode_{why}"] = Call("encode", {"pixels": pixels})
    for why, (batch, size, steps) in SAMPLED.items():
        tensors = {"noise": normal(4, *size.latent_shape(batch)), "context": context}
        calls[f"sample_{why}"] = Call("sample", tensors, {"steps": steps, "shift": SHIFT})
    for why, (shape, seed) in NOISES.items():
        calls[f"noise_{why}"] = Call("noise", options={"shape": shape, "seed": seed})
    return calls


class Answers:
    """All calls, answered by one process: ComfyUI takes long to start."""

    def __init__(self, environment: Path, folder: Path, context: torch.Tensor) -> None:
        self.calls = all_calls(context)
        self.loaded, self.answers = ask(environment, folder, self.calls)

    def __getitem__(self, name: str) -> tuple[dict[str, torch.Tensor], Answer]:
        return self.calls[name].tensors, self.answers[name]


@pytest.fixture(scope="module")
def comfyui(context, tmp_path_factory) -> Answers:
    return Answers(make_environment(), tmp_path_factory.mktemp("comfyui"), context)


def test_comfyui_knows_the_files_by_themselves(comfyui):
    assert comfyui.loaded == {
        "comfyui": "0.30.0",
        "model": "WAN21",
        "transformer": "WanModel",
        "heads": 4,
        "layers": 12,
        "text_dim": 64,
        "latent_format": "Wan21",
        "vae": "WanVAE",
        "vae_width": 8,
        "dtypes": ["torch.float32"],
    }


@pytest.mark.parametrize("why", SIGMAS)
def test_velocity(why, comfyui, tmp_path):
    given, answer = comfyui[f"velocity_{why}"]
    inputs = {"x": given["x"], "timestep": 1000 * given["sigma"], "context": given["context"]}
    out = probe.run_probe(tmp_path, "dit", DIT, inputs)
    probe.assert_as_exact_as(why, out, answer.exact, answer.fp32)


@pytest.mark.parametrize("why", DECODED_FRAMES)
def test_decode(why, comfyui, tmp_path):
    given, answer = comfyui[f"decode_{why}"]
    assert (answer.exact.abs() < 1).double().mean() > 0.5, "the clamp would hide what is compared"
    out = probe.run_probe(tmp_path, "vae_decode", VAE, given)
    probe.assert_as_exact_as(why, out, answer.exact, answer.fp32)


@pytest.mark.parametrize("why", ENCODED_FRAMES)
def test_encode(why, comfyui, tmp_path):
    given, answer = comfyui[f"encode_{why}"]
    out = probe.run_probe(tmp_path, "vae_encode", VAE, {"video": given["pixels"].movedim(-1, 0)[None] * 2 - 1})
    probe.assert_as_exact_as(why, out, answer.exact, answer.fp32)


@pytest.mark.parametrize("why", SAMPLED)
def test_sampling(why, comfyui, tmp_path):
    given, answer = comfyui[f"sample_{why}"]
    steps, shift = torch.tensor(SAMPLED[why][-1]), torch.tensor(SHIFT, dtype=torch.float64)
    inputs = {"x": given["noise"], "context": given["context"], "steps": steps, "shift": shift}
    out = probe.run_probe(tmp_path, "denoise", DIT, inputs)
    probe.assert_as_exact_as(why, out, answer.exact, answer.fp32)


@pytest.mark.parametrize("why", NOISES)
def test_the_same_seed_gives_the_same_noise(why, comfyui, tmp_path):
    shape, seed = NOISES[why]
    _, answer = comfyui[f"noise_{why}"]
    out = probe.run_probe(tmp_path, "noise", str(seed), {"shape": torch.tensor(shape)})
    assert torch.equal(out, answer.fp32)
