# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Latents from a start picture that is the first latent frame, against diffusers' WanImageToVideoPipeline."""

import json
import shutil

import pytest

from tests.engine import parity, small_wan22
from tests.engine.parity import diffusers, save_file, torch
from tests.engine.test_parity_clip_vision import drawn
from tests.engine.test_parity_demo import weight_file
from tests.engine.test_parity_dit import DoubleWaves, original_name
from tests.engine.test_parity_vae import encode_theirs

pytestmark = pytest.mark.slow  # all of it together

PROMPT = "a red ball"
TIMES = [1.0, 0.9375, 0.75, 0.25]
LATENT = (3, 4, 6)
CLIP = {"num_frames": 9, "height": 64, "width": 96}


def make_transformer(text_dim: int) -> torch.nn.Module:
    model = diffusers.WanTransformer3DModel(
        in_channels=small_wan22.CHANNELS,
        out_channels=small_wan22.CHANNELS,
        num_attention_heads=2,
        attention_head_dim=64,
        text_dim=text_dim,
        ffn_dim=96,
        num_layers=2,
    )
    parity.randomise(model, 1)
    model.condition_embedder.timesteps_proj = DoubleWaves()
    return model.eval()


def write_folder(folder, transformer: torch.nn.Module, vae: torch.nn.Module) -> None:
    folder.mkdir()
    shutil.copy(weight_file("text"), folder / "text.safetensors")
    dit = {original_name(key): x.contiguous() for key, x in transformer.state_dict().items()}
    # ComfyUI reads both there, we the heads.
    heads = {"transformer": {"num_heads": 2, "text_dim": transformer.config.text_dim}}
    save_file(dit, folder / "dit.safetensors", {"config": json.dumps(heads)})
    tensors = {small_wan22.original_name(key): x.contiguous() for key, x in vae.state_dict().items()}
    save_file(tensors, folder / "vae.safetensors")
    described = {
        "family": "wan2.2-ti2v",
        "files": {part: f"{part}.safetensors" for part in ("dit", "vae", "text")},
        "default": {"width": 96, "height": 64, "frames": 9, "fps": 24, "steps": 4, "shift": 5.0, "cfg": 1.0},
    }
    described["default"]["sampler"] = "euler"
    (folder / "model.json").write_text(json.dumps(described))


def run_pipeline(transformer, vae, picture, x, context):
    """Their loop, their picture and their mask, through our times."""
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=1.0)
    own = scheduler.set_timesteps
    scheduler.set_timesteps = lambda steps, device: own(sigmas=TIMES, device=device)
    pipeline = diffusers.WanImageToVideoPipeline(
        tokenizer=None,
        text_encoder=None,
        vae=vae,
        scheduler=scheduler,
        transformer=transformer,
        expand_timesteps=True,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        image=picture,
        prompt_embeds=context,
        latents=x,
        num_inference_steps=len(TIMES),
        guidance_scale=1.0,
        output_type="latent",
        return_dict=False,
        **CLIP,
    )[0]


@torch.inference_mode()
def by_definition(transformer, vae, pixels, x, context):
    """In double: the picture's latent is the first frame before each step and after the last, its tokens at time 0."""
    clean = encode_theirs(vae, pixels, torch.float64)
    transformer, context, x = transformer.double(), context.double(), x.double()
    for t, after in zip(TIMES, [*TIMES[1:], 0.0], strict=True):
        x = torch.cat([clean, x[:, :, 1:]], 2)
        times = torch.full((1, LATENT[0], LATENT[1] * LATENT[2] // 4), 1000.0 * t, dtype=torch.float64)
        times[:, 0] = 0.0
        with parity.double_stays_double():
            velocity = transformer(x, times.flatten(1), context, return_dict=False)[0]
        x = x + (after - t) * velocity
    return torch.cat([clean, x[:, :, 1:]], 2)


def test_latents_are_those_of_diffusers(tmp_path):
    context = parity.encode_prompt(tmp_path, weight_file("text"), PROMPT)
    transformer, vae = make_transformer(context.shape[-1]), small_wan22.make_vae(3)
    write_folder(tmp_path / "model", transformer, vae)
    x = torch.randn(1, small_wan22.CHANNELS, *LATENT, generator=torch.Generator().manual_seed(3))
    picture = drawn(CLIP["width"], CLIP["height"])
    bytes_of = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(CLIP["height"], CLIP["width"], 3)
    pixels = bytes_of.double().permute(2, 0, 1)[None, :, None] / 127.5 - 1
    theirs = run_pipeline(transformer, vae, picture, x, context)
    exact = by_definition(transformer, vae, pixels, x, context)
    assert (theirs - exact).abs().max() < 1e-3 * exact.abs().max(), "they follow another definition"
    inputs = {"x": x, "start": bytes_of, "t": torch.tensor(TIMES, dtype=torch.float64)}
    out = parity.run_probe(tmp_path, f"model={PROMPT}", tmp_path / "model", inputs)
    parity.assert_as_exact_as("first frame", out, exact, theirs)
    # By itself, for it is made in another way than the rest.
    first = slice(0, 1)
    parity.assert_as_exact_as("its picture", out[:, :, first], exact[:, :, first], theirs[:, :, first])
