# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Two experts in one run, against diffusers' WanPipeline with transformer and transformer_2."""

import json
import shutil

from tests.engine import parity
from tests.engine.parity import diffusers, save_file, torch
from tests.engine.test_parity_demo import DEMO, weight_file
from tests.engine.test_parity_dit import DoubleWaves, original_name

PROMPT = "a red ball"
BOUNDARY = 0.875
# One step stands on the boundary itself.
TIMES = [1.0, 0.9375, 0.875, 0.75, 0.25]


def make_expert(text_dim: int, seed: int) -> torch.nn.Module:
    model = diffusers.WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=64, text_dim=text_dim, ffn_dim=96, num_layers=2
    )
    parity.randomise(model, seed)
    model.condition_embedder.timesteps_proj = DoubleWaves()
    return model.eval()


def write_folder(folder, experts) -> None:
    folder.mkdir()
    description = json.loads((DEMO / "model.json").read_text())
    files = {"vae": weight_file("vae"), "text": weight_file("text")}
    for name, file in files.items():
        shutil.copy(file, folder / f"{name}.safetensors")
    for name, model in experts.items():
        tensors = {original_name(key): x.contiguous() for key, x in model.state_dict().items()}
        save_file(tensors, folder / f"dit_{name}.safetensors", {"config": '{"transformer": {"num_heads": 2}}'})
    parts = [*files, *(f"dit_{name}" for name in experts)]
    description |= {"family": "wan2.2-t2v", "files": {part: f"{part}.safetensors" for part in parts}}
    (folder / "model.json").write_text(json.dumps(description))


def run_pipeline(experts, x, context):
    """Their loop and their choice between the two, through our times."""
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=1.0)
    own = scheduler.set_timesteps
    scheduler.set_timesteps = lambda steps, device: own(sigmas=TIMES, device=device)
    pipeline = diffusers.WanPipeline(
        tokenizer=None,
        text_encoder=None,
        vae=None,
        scheduler=scheduler,
        transformer=experts["high_noise"],
        transformer_2=experts["low_noise"],
        boundary_ratio=BOUNDARY,
    )
    pipeline.set_progress_bar_config(disable=True)
    frames, height, width = x.shape[2:]
    return pipeline(
        prompt_embeds=context,
        latents=x,
        num_frames=4 * (frames - 1) + 1,
        height=8 * height,
        width=8 * width,
        num_inference_steps=len(TIMES),
        guidance_scale=1.0,
        output_type="latent",
        return_dict=False,
    )[0]


@torch.inference_mode()
def by_definition(experts, x, context):
    """In double: the first expert down to the boundary, itself included, then the second."""
    x, context = x.double(), context.double()
    for t, after in zip(TIMES, [*TIMES[1:], 0.0], strict=True):
        model = experts["high_noise" if t >= BOUNDARY else "low_noise"].double()
        with parity.double_stays_double():
            velocity = model(x, torch.tensor([1000.0 * t], dtype=torch.float64), context, return_dict=False)[0]
        x = x + (after - t) * velocity
    return x


def test_experts_take_turns_as_in_diffusers(tmp_path):
    context = parity.encode_prompt(tmp_path, weight_file("text"), PROMPT)
    experts = {name: make_expert(context.shape[-1], seed) for name, seed in (("high_noise", 1), ("low_noise", 2))}
    write_folder(tmp_path / "model", experts)
    x = torch.randn(1, 16, 2, 4, 6, generator=torch.Generator().manual_seed(3))
    theirs = run_pipeline(experts, x, context)
    exact = by_definition(experts, x, context)
    assert (theirs - exact).abs().max() < 1e-3 * exact.abs().max(), "they chose other experts"
    inputs = {"x": x, "t": torch.tensor(TIMES, dtype=torch.float64)}
    out = parity.run_probe(tmp_path, f"model={PROMPT}", tmp_path / "model", inputs)
    parity.assert_as_exact_as("experts", out, exact, theirs)
