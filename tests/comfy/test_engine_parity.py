# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The same clips from an unmodified ComfyUI and from `twill`'s jobs, from the same files, prompt, seed and settings."""

from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tests.comfy import clips
from tests.comfy.clips import Lora, Order
from tests.engine import probe
from tests.engine.test_parity_lora import their_name

pytestmark = pytest.mark.slow

T2V = Order()
EXPERTS = Order(networks=("t2v_high_noise.safetensors", "t2v_low_noise.safetensors"), steps=6, cfg=3.5, first_steps=4)
SEEING = Order(
    networks=("i2v.safetensors",), pictures=("start.png",), image_encoder=clips.IMAGE_ENCODER, size=(64, 64, 5)
)

ORDERS = {
    "t2v": T2V,
    "without_guidance": replace(T2V, cfg=1.0),
    "steps_that_do_not_divide_1000": replace(T2V, steps=7, shift=3.0, seed=2**64 - 1),
    "uni_pc": replace(T2V, sampler="uni_pc", steps=6),
    "uni_pc_of_order_two": replace(T2V, sampler="uni_pc", steps=3),
    "uni_pc_of_order_one": replace(T2V, sampler="uni_pc", steps=2),
    "uni_pc_bh2": replace(T2V, sampler="uni_pc_bh2", steps=12, shift=5.0),
    "from_a_picture": replace(SEEING, sampler="uni_pc", steps=4),
    "from_two_pictures": replace(SEEING, networks=("flf2v.safetensors",), pictures=("start.png", "end.png")),
    "experts": EXPERTS,
    "a_guidance_of_each_expert": replace(EXPERTS, cfg=4.0, second_cfg=3.0),
    "guidance_of_the_first_expert_alone": replace(EXPERTS, second_cfg=1.0),
    "experts_from_a_picture": replace(
        EXPERTS,
        networks=("i2v_high_noise.safetensors", "i2v_low_noise.safetensors"),
        pictures=("start.png",),
        size=(64, 64, 5),
        first_steps=3,
    ),
    "lora_of_lightx2v": replace(T2V, loras=(Lora("lightx2v.safetensors"),)),
    "lora_of_ai_toolkit": replace(T2V, loras=(Lora("ai_toolkit.safetensors", -0.6),)),
    "lora_of_musubi": replace(T2V, loras=(Lora("musubi.safetensors", 0.7),), sampler="uni_pc"),
    "lora_of_wan_fun": replace(T2V, loras=(Lora("wan_fun.safetensors", 0.7),)),
    "two_loras": replace(T2V, loras=(Lora("lightx2v.safetensors", 0.8), Lora("musubi.safetensors", -0.5))),
    "a_lora_of_each_expert": replace(
        EXPERTS, loras=(Lora("lightx2v.safetensors", 0.5, 0), Lora("musubi.safetensors", 0.9, 1))
    ),
    "a_lora_of_both_experts": replace(EXPERTS, loras=(Lora("ai_toolkit.safetensors", 0.4),)),
    "ti2v": Order(
        networks=("ti2v.safetensors",),
        vae=clips.VAE22,
        latent=(48, 16),
        size=(96, 64, 5),
        sampler="uni_pc",
        steps=5,
    ),
}
FORMATS = {
    "fp16": (),
    "bf16": (),
    "e4m3": (),
    "e5m2": (),
    "scaled_e4m3": ("scaled_e4m3.exact",),
    "scaled_e5m2": ("scaled_e5m2.exact",),
    "scaled_e4m3_in_header": ("scaled_e4m3.exact",),
    "scaled_e5m2_in_header": ("scaled_e5m2.exact",),
    "scaled_older": ("scaled_e4m3.exact",),
}
ORDERS |= {
    f"weights_in_{name}": replace(
        T2V, networks=(f"{name}.safetensors",), exact_networks=tuple(f"{file}.safetensors" for file in exact), steps=2
    )
    for name, exact in FORMATS.items()
}
ORDERS["a_lora_on_fp16"] = replace(T2V, networks=("fp16.safetensors",), loras=(Lora("lightx2v.safetensors"),), steps=2)
SAVED = Order(
    networks=("saved/model_00001_.safetensors",),
    vae="saved/vae_00001_.safetensors",
    text="saved/text_umt5xxl_00001_.safetensors",
    tokenizer="saved/text_00001_.safetensors",
)
OF_REAL_HEADS = Order(networks=("of_real_heads.safetensors",))
ORDERS |= {
    f"a_lora_that_comfyui_extracted_{kind}": replace(
        OF_REAL_HEADS, loras=(Lora(f"saved/lora_{kind}_00001_.safetensors"),)
    )
    for kind in ("standard", "full_diff")
}
SAVE = replace(OF_REAL_HEADS, networks=(*OF_REAL_HEADS.networks, "of_real_heads_changed.safetensors"))

# What is looked at by itself: mostly what comes out differently in the two.
WEIGHTED = "a (red ball:1.3) rolls left"
OTHERS = {
    "weighted": replace(T2V, prompt=WEIGHTED),
    "escaped": replace(T2V, prompt=WEIGHTED.replace("(", "\\(").replace(")", "\\)")),
    "uncleaned": replace(T2V, prompt="a red ball &amp; two dogs"),
    "cleaned": replace(T2V, prompt="a red ball & two dogs"),
    "text_in_fp32": replace(T2V, text="umt5_fp32.safetensors"),
    "lora_of_diffusers": replace(T2V, loras=(Lora("diffusers.safetensors"),)),
    "lora_with_diff_m": replace(T2V, loras=(Lora("diff_m.safetensors"),)),
    "lora_without_diff_m": replace(T2V, loras=(Lora("no_diff_m.safetensors"),)),
    "lora_with_both": replace(T2V, loras=(Lora("both.safetensors"),)),
    "lora_with_diff": replace(T2V, loras=(Lora("diff.safetensors"),)),
    "lora_on_fp8": replace(
        T2V,
        networks=("scaled_e4m3.safetensors",),
        exact_networks=("scaled_e4m3.exact.safetensors",),
        loras=(Lora("ai_toolkit.safetensors"),),
    ),
    "uni_pc_of_one_step": replace(T2V, sampler="uni_pc", steps=1),
    "saved": SAVED,
    # By itself in its folder, so that nothing is found beside it.
    "saved_in_one": Order(networks=("in_one/checkpoint_00001_.safetensors",), vae="", text=""),
    "of_real_heads": OF_REAL_HEADS,
}


DECODED = ["t2v", "uni_pc", "from_a_picture", "experts", "lora_of_lightx2v", "ti2v"]
ORDERS |= {name: replace(ORDERS[name], decoded=True) for name in DECODED}


def of_module(module: str) -> str:
    return "diffusion_model." + module


def underscored(module: str) -> str:
    return "lora_unet_" + module.replace(".", "_")


def of_wan_fun(module: str) -> str:
    return "lora_unet__" + module.replace(".", "_")


def of_diffusers(module: str) -> str:
    return "transformer." + their_name(module)


PAIRS = (".lora_down.weight", ".lora_up.weight")


def write_loras(folder: Path) -> None:
    generator = torch.Generator().manual_seed(40)

    def small(*shape: int) -> torch.Tensor:
        return 0.2 * torch.randn(*shape, generator=generator)

    more = {  # as lightx2v's files have them
        "diffusion_model.blocks.0.self_attn.q.diff_b": small(128),
        "diffusion_model.blocks.1.norm3.diff": small(128),
        "diffusion_model.blocks.1.norm3.diff_b": small(128),
        "diffusion_model.blocks.0.self_attn.norm_q.diff": small(128),
        "diffusion_model.head.head.diff": small(64, 128),
        "diffusion_model.head.head.diff_b": small(64),
        "diffusion_model.patch_embedding.diff_b": small(128),
        "diffusion_model.time_embedding.0.diff_b": small(128),
        "diffusion_model.text_embedding.2.set_weight": small(128, 128),
    }
    clips.write_lora(folder, "lightx2v.safetensors", 41, of_module, *PAIRS, more=more)
    clips.write_lora(folder, "ai_toolkit.safetensors", 42, of_module, ".lora_A.weight", ".lora_B.weight")
    clips.write_lora(folder, "musubi.safetensors", 43, underscored, *PAIRS, alpha=2)
    clips.write_lora(folder, "diffusers.safetensors", 45, of_diffusers, ".lora_A.weight", ".lora_B.weight")
    modulation = {"diffusion_model.blocks.0.diff_m": small(1, 6, 128)}
    clips.write_lora(folder, "no_diff_m.safetensors", 46, of_module, *PAIRS)
    clips.write_lora(folder, "diff_m.safetensors", 46, of_module, *PAIRS, more=modulation)
    pair = {
        f"diffusion_model.blocks.0.ffn.0{end}": small(*size)
        for end, size in zip(PAIRS, [(4, 128), (96, 4)], strict=True)
    }
    difference = {"diffusion_model.blocks.0.ffn.0.diff": small(96, 128)}
    clips.save(folder, "diff.safetensors", difference)
    clips.save(folder, "both.safetensors", difference | pair)
    clips.write_lora(folder, "wan_fun.safetensors", 44, of_wan_fun, *PAIRS, alpha=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    clips.write_models(folder)
    clips.write_formats(folder)
    write_loras(folder)
    orders = ORDERS | OTHERS
    of_comfyui = {name: order for name, order in orders.items() if order.tokenizer == "" and order.vae}
    (folder / "log").write_text(clips.ask_comfyui(folder, {"save": SAVE, **of_comfyui}))
    (in_one,) = OTHERS["saved_in_one"].networks
    (folder / in_one).parent.mkdir()
    (folder / "saved" / Path(in_one).name).rename(folder / in_one)
    clips.ask_twill(folder, orders)
    return folder


def ours(folder: Path, name: str) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / "ours" / f"{name}.safetensors")


def theirs(folder: Path, name: str) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / "answers" / f"{name}.safetensors")


@pytest.mark.parametrize("name", ORDERS)
def test_latents(name, folder):
    """ComfyUI's `exact` is its own code in double, so what is allowed is what its fp32 costs it."""
    made, given = ours(folder, name), theirs(folder, name)
    assert given["latents/exact"].dtype == torch.float64
    probe.assert_as_exact_as(name, made["latents"], given["latents/exact"], given["latents"])


@pytest.mark.parametrize("name", DECODED)
def test_frames(name, folder):
    made, given = ours(folder, name), theirs(folder, name)
    exact = 255 * given["frames/exact"].double()
    assert made["frames"].shape == exact.shape
    assert exact.std() > 5, "a flat picture would compare nothing"
    # Each value is rounded once, and both programs' latents differ by roundings of fp32.
    rounding = 255 * 2 * (given["frames"].double() - given["frames/exact"].double()).abs().max()
    assert (made["frames"].double() - exact).abs().max() <= 0.5 + rounding


@pytest.mark.parametrize("saved", ["saved", "saved_in_one"])
def test_files_that_comfyui_saved_make_the_same_clip(saved, folder):
    for name, x in ours(folder, "of_real_heads").items():
        assert torch.equal(ours(folder, saved)[name], x), name


def same(folder: Path, name: str, other: str) -> bool:
    """Whether our clip of one is theirs of the other."""
    made, given = ours(folder, name)["latents"], theirs(folder, other)
    own = (given["latents"] - given["latents/exact"]).abs().max()
    away = (made - given["latents/exact"]).abs().max()
    print(f"{name} against {other}: {away:.2e}, theirs {own:.2e}")
    assert away <= 4 * own or away > 8 * own, "neither the same nor another"
    return bool(away <= 4 * own)


def test_weights_of_words_are_those_of_comfyui(folder):
    assert same(folder, "weighted", "weighted")
    assert not same(folder, "weighted", "escaped")


def test_prompts_are_cleaned(folder):
    assert not same(folder, "uncleaned", "uncleaned")
    assert same(folder, "uncleaned", "cleaned")


def test_comfyui_rounds_text_encoders_to_fp16(folder):
    given = theirs(folder, "text_in_fp32")
    assert torch.equal(given["latents"], theirs(folder, "t2v")["latents"])
    assert not same(folder, "text_in_fp32", "text_in_fp32")


def test_comfyui_drops_loras_of_diffusers(folder):
    assert torch.equal(theirs(folder, "lora_of_diffusers")["latents"], theirs(folder, "t2v")["latents"])
    assert not same(folder, "lora_of_diffusers", "t2v")


def test_comfyui_drops_diff_m(folder):
    assert same(folder, "lora_without_diff_m", "lora_with_diff_m")
    assert not same(folder, "lora_with_diff_m", "lora_with_diff_m")


def test_a_difference_takes_the_place_of_factors_in_comfyui(folder):
    assert same(folder, "lora_with_diff", "lora_with_both")
    assert not same(folder, "lora_with_both", "lora_with_both")


def test_comfyui_rounds_what_a_lora_makes_of_fp8_to_fp8_again(folder):
    given = theirs(folder, "lora_on_fp8")
    away = (ours(folder, "lora_on_fp8")["latents"] - given["latents/exact"]).abs().max()
    # As exact as on weights of another form.
    assert away <= 4 * (theirs(folder, "t2v")["latents"] - theirs(folder, "t2v")["latents/exact"]).abs().max()
    assert (given["latents"] - given["latents/exact"]).abs().max() > 1000 * away


def test_one_step_of_uni_pc_is_noise_in_comfyui(folder):
    noise = ours(folder, "uni_pc_of_one_step")["latents"] * 0 + torch.randn(
        1, 16, 2, 6, 8, generator=torch.Generator().manual_seed(T2V.seed)
    )
    given = theirs(folder, "uni_pc_of_one_step")["latents"]
    assert (given / noise).std() < 1e-3
    assert (ours(folder, "uni_pc_of_one_step")["latents"] / noise).std() > 0.1
