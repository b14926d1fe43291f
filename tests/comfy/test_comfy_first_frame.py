# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A start picture that is the first latent frame: ComfyUI's node Wan22ImageToVideoLatent and its sampler, and ours."""

import pytest

from tests.comfy.comfyui import Call, ask, make_environment

pytest.importorskip("diffusers")

from tests.engine import parity, small_wan22
from tests.engine.parity import torch
from tests.engine.test_parity_clip_vision import drawn
from tests.engine.test_parity_demo import weight_file
from tests.engine.test_parity_first_frame import CLIP, LATENT, PROMPT, make_transformer, write_folder

pytestmark = pytest.mark.slow

# Steps divide 1000: for others "simple" rounds the times up to thousandths.
STEPS, SHIFT = 5, 5.0


def test_latents_are_those_of_comfyui(tmp_path):
    """The node's mask becomes a time for each frame, 0 in the first one, and the picture stands there at the end."""
    context = parity.encode_prompt(tmp_path, weight_file("text"), PROMPT)
    folder = tmp_path / "model"
    # In fp16, as the demo model: the worker's run in double reads no fp32 file.
    write_folder(folder, make_transformer(context.shape[-1]).half(), small_wan22.make_vae(3))
    noise = torch.randn(1, small_wan22.CHANNELS, *LATENT, generator=torch.Generator().manual_seed(3))
    picture = drawn(CLIP["width"], CLIP["height"])
    start = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(CLIP["height"], CLIP["width"], 3)
    video = start.float().permute(2, 0, 1)[None, :, None] / 127.5 - 1
    encoded = parity.run_probe(tmp_path, "vae_encode", folder / "vae.safetensors", {"video": video})

    tensors = {"noise": noise, "context": context, "picture": encoded}
    call = Call("sample_from_picture", tensors, {"steps": STEPS, "shift": SHIFT})
    loaded, answers = ask(make_environment(), tmp_path, {"clip": call}, folder)
    assert (loaded["comfyui"], loaded["model"], loaded["latent_format"]) == ("0.30.0", "WAN22", "Wan22")
    theirs = answers["clip"]

    left = torch.arange(STEPS, 0, -1, dtype=torch.float64) / STEPS
    inputs = {"x": noise, "start": start, "t": SHIFT * left / (1 + (SHIFT - 1) * left)}
    out = parity.run_probe(tmp_path, f"model={PROMPT}", folder, inputs)
    parity.assert_as_exact_as("clip", out, theirs.exact, theirs.fp32)
    away = (theirs.exact[:, :, :1] - encoded).abs().max()
    assert away < 1e-5 * encoded.abs().max(), "it went through mean and deviation of the latents and back"
