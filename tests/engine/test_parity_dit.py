# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The Wan transformer against diffusers' WanTransformer3DModel."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine import parity
from tests.engine.parity import diffusers, save_file, torch

TEXT_DIM = 24


@dataclass(frozen=True)
class Case:
    why: str
    heads: int = 2
    head_dim: int = 64
    layers: int = 2
    ffn: int = 192
    batch: int = 1
    latent: tuple[int, int, int] = (3, 8, 8)
    text_len: int = 9
    channels: int = 16
    times: str = "batch"  # what has one of its own: "batch", "frames" or "tokens"
    # Of the image encoder's tokens: diffusers takes the last 512 of what it is given for text.
    image_dim: int = 0
    image_tokens: int = 5
    image_positions: bool = False


CASES = [
    Case("one_frame", latent=(1, 8, 8)),
    Case("two_frames_wide", latent=(2, 6, 10)),
    Case("five_frames_tall", latent=(5, 10, 4)),
    Case("smallest_grid", latent=(1, 2, 2)),
    Case("batch_of_two", batch=2),
    Case("head_dim_128", heads=2, head_dim=128),
    Case("three_heads_odd_ffn", heads=3, ffn=100),
    Case("many_layers", layers=6, ffn=64),
    Case("one_text_token", text_len=1),
    Case("channels_of_wan_2_2", channels=48),
    Case("a_time_for_each_token", latent=(2, 4, 6), channels=48, times="tokens"),
    Case("a_time_for_each_frame", latent=(3, 4, 6), channels=48, times="frames"),
    Case("times_of_tokens_in_a_batch", latent=(2, 4, 4), batch=2, times="tokens"),
    Case("times_of_frames_in_a_batch", latent=(3, 4, 4), batch=2, times="frames"),
    Case("image", image_dim=20, text_len=512),
    Case("image_of_one_token_in_a_batch", image_dim=12, image_tokens=1, text_len=512, batch=2),
    Case("first_and_last_image", image_dim=20, image_tokens=10, image_positions=True, text_len=512),
]

RENAMED = [
    ("time_embedding.0.", "condition_embedder.time_embedder.linear_1."),
    ("time_embedding.2.", "condition_embedder.time_embedder.linear_2."),
    ("text_embedding.0.", "condition_embedder.text_embedder.linear_1."),
    ("text_embedding.2.", "condition_embedder.text_embedder.linear_2."),
    ("time_projection.1.", "condition_embedder.time_proj."),
    ("img_emb.proj.0.", "condition_embedder.image_embedder.norm1."),
    ("img_emb.proj.1.", "condition_embedder.image_embedder.ff.net.0.proj."),
    ("img_emb.proj.3.", "condition_embedder.image_embedder.ff.net.2."),
    ("img_emb.proj.4.", "condition_embedder.image_embedder.norm2."),
    ("img_emb.emb_pos", "condition_embedder.image_embedder.pos_embed"),
    ("head.head.", "proj_out."),
    (".cross_attn.norm_k_img.", ".attn2.norm_added_k."),
    (".cross_attn.k_img.", ".attn2.add_k_proj."),
    (".cross_attn.v_img.", ".attn2.add_v_proj."),
    (".self_attn.o.", ".attn1.to_out.0."),
    (".cross_attn.o.", ".attn2.to_out.0."),
    (".self_attn.norm", ".attn1.norm"),
    (".cross_attn.norm", ".attn2.norm"),
    (".self_attn.", ".attn1.to_"),
    (".cross_attn.", ".attn2.to_"),
    (".ffn.0.", ".ffn.net.0.proj."),
    (".ffn.2.", ".ffn.net.2."),
    # Only the norm before cross-attention has weights; upstream counts it third.
    (".norm3.", ".norm2."),
    (".modulation", ".scale_shift_table"),
]


def original_name(name: str) -> str:
    if name == "scale_shift_table":
        return "head.modulation"
    for original, theirs in RENAMED:
        if theirs in name:
            return name.replace(theirs, original)
    return name


class DoubleWaves(torch.nn.Module):
    """The sinusoidal time embedding in double; diffusers' own is exact to fp32 angles of up to 1000 radians only."""

    def forward(self, timestep: torch.Tensor) -> torch.Tensor:
        frequency = 10000.0 ** (-torch.arange(128, dtype=torch.float64) / 128)
        angle = timestep.double()[:, None] * frequency
        return torch.cat([angle.cos(), angle.sin()], 1)


def make_model(case: Case, seed: int) -> torch.nn.Module:
    model = diffusers.WanTransformer3DModel(
        in_channels=36 if case.image_dim else case.channels,
        out_channels=case.channels,
        num_attention_heads=case.heads,
        attention_head_dim=case.head_dim,
        text_dim=TEXT_DIM,
        ffn_dim=case.ffn,
        num_layers=case.layers,
        image_dim=case.image_dim or None,
        added_kv_proj_dim=case.heads * case.head_dim if case.image_dim else None,
        pos_embed_seq_len=case.image_tokens if case.image_positions else None,
    )
    parity.randomise(model, seed)
    model.condition_embedder.timesteps_proj = DoubleWaves()
    return model.eval()


def save_original(model: torch.nn.Module, case: Case, file: Path) -> None:
    tensors = {original_name(name): x.contiguous() for name, x in model.state_dict().items()}
    config = {"transformer": {"num_heads": case.heads, "text_dim": TEXT_DIM}}
    save_file(tensors, file, metadata={"config": json.dumps(config)})


def make_inputs(case: Case, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(case.batch, 36 if case.image_dim else case.channels, *case.latent, generator=generator)
    context = torch.randn(case.batch, case.text_len, TEXT_DIM, generator=generator)
    context[:, case.text_len // 2 + 1 :] = 0
    timestep = torch.tensor([937.5, 3.25][: case.batch])
    if case.times != "batch":
        frames, rows, cols = case.latent
        each = frames if case.times == "frames" else frames * rows * cols // 4
        timestep = 1000 * torch.rand(case.batch, each, generator=generator)
        timestep[:, 0] = 0  # as of a first frame that is given
    inputs = {"x": x, "timestep": timestep, "context": context}
    if case.image_dim:
        inputs["image"] = torch.randn(case.batch, case.image_tokens, case.image_dim, generator=generator)
    return inputs


@torch.inference_mode()
def run_theirs(model: torch.nn.Module, inputs: dict[str, torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
    model = model.to(dtype)
    frames, rows, cols = inputs["x"].shape[2:]
    timestep = inputs["timestep"]
    if timestep.shape[1:] == (frames,):
        timestep = timestep.repeat_interleave(rows * cols // 4, dim=1)  # theirs has times of tokens
    arguments = [x.to(dtype) for x in (inputs["x"], timestep, inputs["context"])]
    image = inputs["image"].to(dtype) if "image" in inputs else None
    if image is not None and model.condition_embedder.image_embedder.pos_embed is not None:
        image = torch.cat(image.chunk(2, dim=1))  # a row for each picture, which diffusers joins
    with parity.double_stays_double():
        return model(*arguments, encoder_hidden_states_image=image, return_dict=False)[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_dit_matches_diffusers(case, tmp_path):
    seed = 100 + CASES.index(case)
    model = make_model(case, seed)
    save_original(model, case, tmp_path / "dit.safetensors")
    inputs = make_inputs(case, seed)
    theirs = run_theirs(model, inputs, torch.float32)
    exact = run_theirs(model, inputs, torch.float64)
    assert exact.dtype == torch.float64
    out = parity.run_probe(tmp_path, "dit", tmp_path / "dit.safetensors", inputs)
    parity.assert_as_exact_as(case.why, out, exact, theirs)


def test_a_file_as_comfyui_saves_it_needs_no_header(tmp_path):
    """Names with a prefix; heads follow from the width."""
    case = Case("two_heads_of_128", head_dim=128)
    model = make_model(case, 7)
    tensors = {"model.diffusion_model." + original_name(name): x.contiguous() for name, x in model.state_dict().items()}
    save_file(tensors, tmp_path / "dit.safetensors")
    inputs = make_inputs(case, 7)
    theirs = run_theirs(model, inputs, torch.float32)
    out = parity.run_probe(tmp_path, "dit", tmp_path / "dit.safetensors", inputs)
    parity.assert_as_exact_as(case.why, out, run_theirs(model, inputs, torch.float64), theirs)
