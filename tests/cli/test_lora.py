# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""`--lora`: merged into the model that makes clips, told in what is written, and part of what kept results are for."""

import json
import os
import pickle
import shutil

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")

PROMPT = ("--prompt", "a red ball")
SMALL = ("--size", "64x64", "--frames", "5", "--steps", "2", "--dtype", "float32")
RANK = 4


def make_lora(model, file, seed, more=()):
    """A random LoRA of the products of self-attention; `more`: names of tensors that fit nothing."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, weight in safetensors.load_file(model / "dit.safetensors").items():
        if ".self_attn." in name and weight.dim() == 2 and name.endswith(".weight"):
            module = "diffusion_model." + name.removesuffix(".weight")
            out, width = weight.shape
            tensors[module + ".lora_up.weight"] = torch.randn(out, RANK, generator=generator) / RANK
            tensors[module + ".lora_down.weight"] = torch.randn(RANK, width, generator=generator) / width**0.5
    assert tensors
    tensors |= {name: torch.ones(1) for name in more}
    safetensors.save_file(tensors, file)
    return file


@pytest.fixture(scope="module")
def loras(tiny_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("loras")
    return [make_lora(tiny_model, folder / f"{name}.safetensors", seed) for name, seed in (("a", 1), ("b", 2))]


@pytest.fixture(scope="module")
def generate(twill, tiny_model, tmp_path_factory):
    """Runs generate into a new folder of frames; (result, frames)."""

    def run(*arguments):
        out = tmp_path_factory.mktemp("frames") / "clip"
        result = twill("--json", "generate", "--model", tiny_model, *PROMPT, *SMALL, "--out", out, *arguments)
        assert result.returncode == 0, result.stderr
        frames = [np.asarray(Image.open(file)).astype(int) for file in sorted(out.glob("*.png"))]
        return result, np.stack(frames)

    return run


def test_a_strength_of_0_changes_nothing_and_another_does(generate, loras):
    plain, frames = generate()
    assert "loras" not in json.loads(plain.stdout)["clips"][0]
    assert (generate("--lora", f"{loras[0]}:0")[1] == frames).all()
    strong = generate("--lora", loras[0])[1]
    assert np.abs(strong - frames).max() > 8
    assert np.abs(generate("--lora", f"{loras[0]}:0.5")[1] - strong).max() > 2


@pytest.mark.parametrize("name", ["wan/a.safetensors", "wan/a", "wan/a:1"])
def test_a_lora_has_the_name_that_comfyui_shows(generate, loras, tmp_path, name):
    folder = tmp_path / "ComfyUI/models/loras/wan"
    folder.mkdir(parents=True)
    shutil.copy(loras[0], folder)
    comfyui = ("--comfyui", tmp_path / "ComfyUI")
    assert (generate("--lora", name, *comfyui)[1] == generate("--lora", loras[0])[1]).all()


def test_a_lora_that_is_nowhere_is_told_with_where_it_was_looked_for(twill, tiny_model, tmp_path):
    folder = tmp_path / "ComfyUI/models/loras"
    folder.mkdir(parents=True)
    command = ("generate", "--model", tiny_model, *PROMPT, *SMALL, "--out", tmp_path / "clip", "--lora", "wan/a:0.5")
    result = twill(*command, "--comfyui", tmp_path / "ComfyUI")
    assert result.returncode == 1
    assert result.stderr.strip() == f"twill: LoRA wan/a: no such file, nor one of that name in {folder}"
    environment = {**os.environ, "TWILL_COMFYUI": "", "HOME": str(tmp_path / "home")}
    result = twill(*command, env=environment)
    assert result.stderr.strip().endswith("no such file, and no folder of ComfyUI is known (TWILL_COMFYUI names one)")


def test_two_loras_add_up(generate, loras, tmp_path):
    """As one of both ranks, but for the order of two sums."""
    first, second = (safetensors.load_file(file) for file in loras)
    both = {
        name: torch.cat([first[name], second[name]], dim=1 if name.endswith("lora_up.weight") else 0) for name in first
    }
    safetensors.save_file(both, tmp_path / "both.safetensors")
    result, frames = generate("--lora", loras[0], "--lora", f"{loras[1]}:1")
    assert np.abs(frames - generate("--lora", tmp_path / "both.safetensors")[1]).max() <= 1
    assert np.abs(frames - generate("--lora", loras[0])[1]).max() > 8
    assert json.loads(result.stdout)["clips"][0]["loras"] == ["a.safetensors:1", "b.safetensors:1"]


def test_a_video_names_them(twill, settings_in, tiny_model, loras, tmp_path):
    def settings(*arguments):
        clip = tmp_path / "clip.mp4"
        result = twill("generate", "--model", tiny_model, *PROMPT, *SMALL, "--out", clip, *arguments)
        assert result.returncode == 0, result.stderr
        return settings_in(clip)

    plain = settings()
    with_lora = settings("--lora", f"{loras[0]}:-0.5")
    assert "loras" not in plain
    (lora,) = json.loads(with_lora["loras"])
    assert lora["lora"] == "a.safetensors:-0.5"
    assert len(lora["fingerprint"]) == 16
    # The model is the same one.
    assert with_lora["model"] == plain["model"]


def test_kept_dense_clips_are_of_one_strength(twill, tiny_model, plan, loras, tmp_path):
    """Evaluations in one folder: an untimed prompt takes the kept clip of its own weights only."""
    command = ("evaluate", "--model", tiny_model, *PROMPT, "--plan", plan, "--timed", 0, "--work", tmp_path / "work")

    def report(*arguments):
        out = tmp_path / "report.json"
        out.unlink(missing_ok=True)
        result = twill(*command, "--out", out, *arguments)
        assert result.returncode == 0, result.stderr
        return json.loads(out.read_text()), len(list((tmp_path / "work").glob("dense-*")))

    plain, kept = report()
    assert (kept, "loras" in plain) == (1, False)
    models = {plain["model"]}
    for count, strength in enumerate(("1", "0.5", "0.5"), 2):
        told, kept = report("--lora", f"{loras[0]}:{strength}")
        models.add(told["model"])
        assert kept == min(count, 3)
        assert told["loras"] == [f"{loras[0]}:{strength}"]
    assert len(models) == 3
    page = tmp_path / "page.html"
    assert twill("report", plan, tmp_path / "report.json", "--out", page).returncode == 0
    # Among the facts of the evaluation, and in the command that repeats it.
    assert page.read_text().count(f"{loras[0]}:0.5") == 2
    assert "--lora" in page.read_text()


def test_a_search_says_which(twill, tiny_model, loras, tmp_path):
    out = tmp_path / "plan.json"
    command = ("search", "--model", tiny_model, *PROMPT, "--points", 1, "--density", 0.6, "--out", out)
    result = twill(*command, "--lora", f"{loras[0]}:0.5")
    assert result.returncode == 0, result.stderr
    assert json.loads(out.read_text())["provenance"]["lora_1"] == f"{loras[0]}:0.5"


def test_what_fits_nothing_is_told_once(twill, tiny_model, tmp_path):
    file = make_lora(tiny_model, tmp_path / "c.safetensors", 3, more=["blocks.0.cross_attn.k_img.lora_up.weight"])
    result = twill("generate", "--model", tiny_model, *PROMPT, *SMALL, "--out", tmp_path / "clip", "--lora", file)
    assert result.returncode == 0, result.stderr
    assert (
        result.stderr.count(
            f"{file}: 1 of 17 tensors fits nothing in this network and is left out, the first is "
            "blocks.0.cross_attn.k_img.lora_up.weight"
        )
        == 1
    ), result.stderr


def test_refusals(twill, tiny_model, loras, tmp_path):
    def why(code, lora):
        return twill.refuses(
            code, "generate", "--model", tiny_model, *PROMPT, *SMALL, "--out", tmp_path / "clip", "--lora", lora
        )

    dit = tiny_model / "dit.safetensors"
    assert why(1, dit).startswith(f"{dit}: is a model, not a LoRA: it has tensor ")
    (tmp_path / "a.pt").write_bytes(pickle.dumps({"a": 1}))
    assert why(1, tmp_path / "a.pt").startswith(f"{tmp_path / 'a.pt'}: is a pickle of torch.save")
    assert why(1, tmp_path / "none") == f"{tmp_path / 'none'}: No such file or directory"
    assert why(2, f"low_noise={loras[0]}") == (
        f"LoRA {loras[0]}: is for the expert low_noise, but a model of wan2.1-t2v has one network"
    )
    assert why(2, f"{loras[0]}:1000").endswith("strength 1000 is not in -100..100")
    assert why(2, f"noise={loras[0]}").endswith(
        "\"noise\" is no expert; experts are high_noise and low_noise, and a file with '=' in its name is written as "
        "./NAME"
    )
    other = tmp_path / "other.safetensors"
    safetensors.save_file({"double_blocks.0.img_attn.proj.lora_A.weight": torch.ones(2, 2)}, other)
    assert why(1, other) == (
        f"{other}: none of its 1 tensors fits anything in this network, the first is "
        "double_blocks.0.img_attn.proj.lora_A.weight; is it of another model?"
    )
