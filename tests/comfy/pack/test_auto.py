# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Auto takes the preset of the very model: real sizes of every model that has one, without weights."""

import comfy.model_patcher
import comfy.supported_models as supported
import pytest
import torch
from small_models import CASES, COG, HUNYUAN, WAN
from twill_pack.twill_nodes import plan_store
from twill_pack.twill_nodes.layouts import family_of
from twill_pack.twill_nodes.nodes import choice

WAN_14B = {**WAN, "dim": 5120, "ffn_dim": 13824, "num_heads": 40, "num_layers": 40, "text_dim": 4096}
WAN_I2V = {**WAN_14B, "in_dim": 36}
HUNYUAN_10 = {**HUNYUAN, "hidden_size": 3072, "num_heads": 24, "depth": 20, "depth_single_blocks": 40}
HUNYUAN_10 |= {"axes_dim": [16, 56, 56], "context_in_dim": 4096, "vec_in_dim": 768}
# Model -> (class, configuration as ComfyUI detects it, name of the file, folder and beginning of its presets).
MODELS = {
    "wan2.1 t2v 1.3B": (
        supported.WAN21_T2V,
        {**WAN, "dim": 1536, "ffn_dim": 8960, "num_heads": 12, "num_layers": 30, "text_dim": 4096},
        "wan2.1_t2v_1.3B_fp16.safetensors",
        "wan2.1-t2v/1.3b-",
    ),
    "wan2.1 t2v 14B": (supported.WAN21_T2V, WAN_14B, "wan2.1_t2v_14B_fp16.safetensors", "wan2.1-t2v/14b-"),
    "wan t2v 14B of an unknown file": (supported.WAN21_T2V, WAN_14B, "", "wan2.1-t2v/14b-"),
    "wan2.1 i2v 14B": (
        supported.WAN21_I2V,
        {**WAN_I2V, "model_type": "i2v"},
        "wan2.1_i2v_720p_14B_fp16.safetensors",
        "wan2.1-i2v/14b-",
    ),
    "wan2.2 t2v": (
        supported.WAN21_T2V,
        WAN_14B,
        "wan2.2_t2v_high_noise_14B_fp8_scaled.safetensors",
        "wan2.2-t2v/a14b-",
    ),
    "wan2.2 i2v": (supported.WAN21_T2V, WAN_I2V, "renamed.safetensors", "wan2.2-i2v/a14b-"),
    "wan2.2 ti2v 5B": (
        supported.WAN22_T2V,
        {**WAN, "dim": 3072, "ffn_dim": 14336, "num_heads": 24, "num_layers": 30, "in_dim": 48, "out_dim": 48},
        "",
        "wan2.2-ti2v/5b-",
    ),
    "hunyuanvideo": (supported.HunyuanVideo, HUNYUAN_10, "", "hunyuanvideo/"),
    "hunyuanvideo 1.5": (
        supported.HunyuanVideo15,
        {
            **CASES["hunyuan_video_15"].unet,
            "hidden_size": 2048,
            "num_heads": 16,
            "depth": 54,
            "axes_dim": [16, 56, 56],
        },
        "",
        "hunyuanvideo-1.5/",
    ),
    "cogvideox 1.5 5B": (
        supported.CogVideoX_T2V,
        {**COG, "num_attention_heads": 48, "num_layers": 42, "patch_size_t": 2},
        "",
        "cogvideox-1.5/5b-",
    ),
    "mochi": (
        supported.GenmoMochi,
        {**CASES["mochi"].unet, "depth": 48, "num_heads": 24, "hidden_size_x": 3072, "mlp_ratio_x": 4.0},
        "",
        "mochi-1/",
    ),
    "ltxv 2B": (
        supported.LTXV,
        {**CASES["ltxv"].unet, "num_layers": 28, "attention_head_dim": 64, "num_attention_heads": 32},
        "",
        "ltx-video/2b-",
    ),
}
NONE_OF_THEIRS = {
    "cogvideox 5B": (supported.CogVideoX_T2V, {**COG, "num_attention_heads": 48, "num_layers": 42}, "cogvideox-1.5"),
    "wan vace 14B": (
        supported.WAN21_Vace,
        {**WAN_14B, "model_type": "vace", "vace_layers": 8, "vace_in_dim": 96},
        "wan2.1-t2v",
    ),
    "wan fun control": (supported.WAN21_FunControl2V, {**WAN_14B, "model_type": "i2v", "in_dim": 48}, "wan2.1-i2v"),
}


def built(config_class, unet: dict, file_name: str = ""):
    """On the meta device: sizes without memory."""
    config = config_class(dict(unet))
    config.set_inference_dtype(torch.float32, None)
    meta, cpu = torch.device("meta"), torch.device("cpu")
    patcher = comfy.model_patcher.ModelPatcher(config.get_model({}, "", device=meta), cpu, cpu)
    if file_name:
        patcher.cached_patcher_init = (None, (f"/models/{file_name}", {}))
    return patcher


def preset_name(loaded) -> str:
    return loaded.name.removeprefix(plan_store.PRESET)


@pytest.fixture(autouse=True)
def no_own_plans(monkeypatch):
    monkeypatch.setattr(plan_store, "user_files", dict)


@pytest.mark.parametrize("name", MODELS)
def test_auto_takes_the_models_own_preset(name):
    config_class, unet, file_name, expected = MODELS[name]
    loaded, why = choice.choose(built(config_class, unet, file_name), plan_store.AUTO, None)
    assert why == "" and preset_name(loaded).startswith(expected)


def test_every_preset_is_some_models_own():
    folders = {name.removeprefix(plan_store.PRESET).split("/")[0] for name in plan_store.preset_files()}
    assert folders - {"demo"} == {expected.split("/")[0] for *_, expected in MODELS.values()}


@pytest.mark.parametrize("name", NONE_OF_THEIRS)
def test_a_relative_of_equal_shape_is_offered_by_name_only(name):
    config_class, unet, relative = NONE_OF_THEIRS[name]
    loaded, why = choice.choose(built(config_class, unet), plan_store.AUTO, None)
    assert loaded is None and "for another model, are: " in why and relative in why


def test_the_dual_model_is_told_by_either_experts_file():
    wan = family_of(built(supported.WAN21_T2V, WAN_14B).model.diffusion_model)
    network = built(supported.WAN21_T2V, WAN_14B).model.diffusion_model
    for name in ("Wan2_2-T2V-A14B-LOW_fp8.safetensors", "low_noise_model.safetensors", "wan22_t2v.gguf"):
        assert wan.kinds_of(network, name)[0] == "wan2.2-t2v", name
    for name in ("Wan2_1-T2V-14B.safetensors", "wan_14b.safetensors", ""):
        assert wan.kinds_of(network, name)[0] == "wan2.1-t2v", name
