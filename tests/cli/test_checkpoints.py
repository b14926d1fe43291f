# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints as ComfyUI's users keep them, given to `twill` by path or by name: the clips of a model folder."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.engine.small_tokenizer import train_tokenizer
from tests.engine.test_parity_umt5 import Case, make_model, tensors_of

pytestmark = pytest.mark.slow  # all of it together

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")
safe_open = pytest.importorskip("safetensors").safe_open

NETWORK, VAE, TEXT = "wan_tiny.safetensors", "wan_2.1_vae.safetensors", "umt5_xxl_fp16.safetensors"
SETTINGS = ("--prompt", "a red ball", "--seed", 3, "--size", "64x48", "--frames", 5, "--steps", 2, "--cfg", 1)


@pytest.fixture(scope="module")
def umt5_model(tiny_model, tmp_path_factory):
    """The tiny model with a UMT5 whose tokenizer is inside, as ComfyUI's files have it."""
    folder = tmp_path_factory.mktemp("umt5") / "model"
    shutil.copytree(tiny_model, folder)
    table = safetensors.load_file(folder / "text.safetensors")["word_embedding.weight"]
    text = make_model(Case("of_the_tiny_model", dim=table.shape[1], heads=2, head_dim=4, ffn=16), 1)
    spiece = train_tokenizer(folder)
    inside = {"spiece_model": torch.frombuffer(bytearray(spiece.read_bytes()), dtype=torch.uint8)}
    spiece.unlink()
    safetensors.save_file(tensors_of(text) | inside, folder / "text.safetensors")
    return folder


@pytest.fixture
def comfyui(umt5_model, tmp_path):
    """A folder of ComfyUI with that model's files."""
    models = tmp_path / "ComfyUI" / "models"
    for kind, name, own in (
        ("diffusion_models", NETWORK, "dit"),
        ("vae", VAE, "vae"),
        ("text_encoders", TEXT, "text"),
    ):
        (models / kind).mkdir(parents=True)
        shutil.copy(umt5_model / f"{own}.safetensors", models / kind / name)
    return models.parent


def frames_of(twill, model, out, *more, env=None):
    result = twill("generate", "--model", model, *SETTINGS, "--sampler", "euler", "--out", out, *more, env=env)
    assert result.returncode == 0, result.stderr
    return [path.read_bytes() for path in sorted(out.glob("*.png"))]


@pytest.fixture(scope="module")
def wanted(twill, umt5_model, tmp_path_factory):
    frames = frames_of(twill, umt5_model, tmp_path_factory.mktemp("wanted") / "clip", "--shift", 5)
    assert len(frames) == 5
    return frames


def without_comfyui(**more):
    """No folder of ComfyUI that this machine may have."""
    return {**{name: x for name, x in os.environ.items() if name != "TWILL_COMFYUI"}, "HOME": "/nowhere", **more}


def refusal(twill, *arguments, code=1):
    result = twill("generate", *SETTINGS, *arguments, env=without_comfyui())
    assert result.returncode == code, result.stderr
    return result.stderr.splitlines()[-1].removeprefix("twill: ")


def test_a_path_in_comfyui(twill, comfyui, wanted, tmp_path):
    """The shift is the one of Wan's own weights."""
    assert frames_of(twill, comfyui / "models/diffusion_models" / NETWORK, tmp_path / "clip") == wanted


def test_a_path_in_a_folder_inside_and_of_the_older_names(twill, comfyui, wanted, tmp_path):
    models = comfyui / "models"
    (models / "unet/wan").mkdir(parents=True)
    (models / "diffusion_models" / NETWORK).rename(models / "unet/wan" / NETWORK)
    (models / "text_encoders").rename(models / "clip")
    assert frames_of(twill, models / "unet/wan" / NETWORK, tmp_path / "clip") == wanted


@pytest.mark.parametrize("name", [NETWORK, NETWORK.removesuffix(".safetensors")], ids=["name", "without_ending"])
@pytest.mark.parametrize("told", ["option", "variable", "home"])
def test_a_name(twill, comfyui, wanted, tmp_path, name, told):
    options = ("--comfyui", comfyui) if told == "option" else ()
    more = {"variable": {"TWILL_COMFYUI": f"{comfyui}:"}, "home": {"HOME": str(comfyui.parent)}, "option": {}}[told]
    assert frames_of(twill, name, tmp_path / "clip", *options, env=without_comfyui(**more)) == wanted


def test_places_of_a_list(twill, comfyui, wanted, tmp_path):
    """As people with several disks have them."""
    for kind in ("vae", "text_encoders"):
        (comfyui / "models" / kind).rename(tmp_path / kind)
    (comfyui / "extra_model_paths.yaml").write_text(f"disk:\n  vae: {tmp_path}/vae\n  clip: {tmp_path}/text_encoders\n")
    network = comfyui / "models/diffusion_models" / NETWORK
    assert f"{network}: needs the VAE of Wan 2.1" in refusal(twill, "--model", network, "--out", tmp_path / "no")
    for number, place in enumerate((comfyui, comfyui / "extra_model_paths.yaml")):
        out = tmp_path / str(number)
        assert frames_of(twill, network, out, "--comfyui", place, env=without_comfyui()) == wanted


def test_all_in_one_folder(twill, comfyui, wanted, tmp_path):
    together = tmp_path / "together"
    together.mkdir()
    for file in comfyui.rglob("*.safetensors"):
        file.rename(together / file.name)
    assert frames_of(twill, together / NETWORK, tmp_path / "clip") == wanted


def write_whole(folder, model, vae="vae."):
    """The three files of a model in one, named as ComfyUI's node CheckpointSave names them."""
    text = safetensors.load_file(model / "text.safetensors")
    spiece = text.pop("spiece_model")
    parts = {
        "model.diffusion_model.": safetensors.load_file(model / "dit.safetensors"),
        vae: safetensors.load_file(model / "vae.safetensors"),
        "text_encoders.umt5xxl.transformer.": text,
        "text_encoders.": {"spiece_model": spiece},
    }
    whole = {prefix + name: x for prefix, part in parts.items() for name, x in part.items()}
    with safe_open(model / "dit.safetensors", "pt") as header:
        metadata = header.metadata()
    folder.mkdir()
    safetensors.save_file(whole, folder / "whole.safetensors", metadata)
    return folder / "whole.safetensors", whole, metadata


@pytest.mark.parametrize("vae", ["vae.", "first_stage_model."])
def test_all_in_one_file(twill, umt5_model, wanted, tmp_path, vae):
    whole, _, _ = write_whole(tmp_path / "checkpoints", umt5_model, vae)
    assert frames_of(twill, whole, tmp_path / "clip", env=without_comfyui()) == wanted
    # Also as the VAE and text encoder of a network in a file of its own.
    named = ("--vae", whole, "--text-encoder", whole)
    assert frames_of(twill, umt5_model / "dit.safetensors", tmp_path / "named", *named) == wanted


def test_parts_of_one_file_may_stand_elsewhere(twill, umt5_model, wanted, tmp_path):
    """Named ones go before those inside, and a VAE inside that does not fit is passed by."""
    whole, tensors, metadata = write_whole(tmp_path / "checkpoints", umt5_model)
    broken = {name: x * 0 if name.startswith("vae.") else x for name, x in tensors.items()}
    safetensors.save_file(broken, whole, metadata)
    assert frames_of(twill, whole, tmp_path / "zeros") != wanted
    assert frames_of(twill, whole, tmp_path / "named", "--vae", umt5_model / "vae.safetensors") == wanted
    broken["vae.conv2.weight"] = torch.zeros(12, 12, 1, 1, 1)
    safetensors.save_file(broken, whole, metadata)
    said = refusal(twill, "--model", whole, "--out", tmp_path / "no")
    assert said.startswith(f"{whole}: needs the VAE of Wan 2.1 (16 channels), which is in none of {whole.parent}")
    shutil.copy(umt5_model / "vae.safetensors", whole.parent / VAE)
    assert frames_of(twill, whole, tmp_path / "beside", env=without_comfyui()) == wanted


def test_no_tensor_of_one_file_is_lost(twill, umt5_model, tmp_path):
    whole, tensors, metadata = write_whole(tmp_path / "checkpoints", umt5_model)
    for name, what in (
        ("vae.decoder.gate", "tensor decoder.gate is not known: a Wan 2.1 VAE does not have it"),
        ("text_encoders.umt5xxl.transformer.gate", "tensor gate is not known"),
        ("model.diffusion_model.gate", "tensor model.diffusion_model.gate is not known"),
    ):
        safetensors.save_file(tensors | {name: torch.ones(3)}, whole, metadata)
        assert f"{whole}: {what}" in refusal(twill, "--model", whole, "--out", tmp_path / "no")


def test_other_files_are_passed_by(twill, comfyui, wanted, tmp_path):
    """A text encoder and a VAE of other models, a file that is none, and a copy of another width by another name."""
    models = comfyui / "models"
    safetensors.save_file(
        {"text_model.embeddings.token_embedding.weight": torch.zeros(3, 4)}, models / "text_encoders/a.safetensors"
    )
    table = make_model(Case("of_another_width", dim=24, heads=2, head_dim=4, ffn=16), 1)
    safetensors.save_file(tensors_of(table), models / "text_encoders/b.safetensors")
    (models / "vae/a.safetensors").write_text("no weights")
    vae = safetensors.load_file(models / "vae" / VAE)
    safetensors.save_file({name: x * 0 for name, x in vae.items()}, models / "vae/b.safetensors")
    network = models / "diffusion_models" / NETWORK
    assert frames_of(twill, network, tmp_path / "usual_name") == wanted
    (models / "vae" / VAE).unlink()
    assert frames_of(twill, network, tmp_path / "first_that_fits") != wanted
    (models / "vae/b.safetensors").unlink()
    shutil.copy(models / "text_encoders" / TEXT, models / "vae" / VAE)
    said = refusal(twill, "--model", network, "--out", tmp_path / "no")
    assert said == (
        f"{network}: needs the VAE of Wan 2.1 (16 channels), which is in none of {models}/diffusion_models, "
        f"{models}/vae; ComfyUI's file of it is wan_2.1_vae.safetensors"
    )


def test_parts_may_be_named(twill, comfyui, umt5_model, wanted, tmp_path):
    models = comfyui / "models"
    vae = models / "vae" / VAE
    vae.rename(tmp_path / "mine.safetensors")
    network = models / "diffusion_models" / NETWORK
    assert frames_of(twill, network, tmp_path / "a", "--vae", tmp_path / "mine.safetensors") == wanted
    # Also of a model folder.
    text = make_model(Case("another", dim=16, heads=2, head_dim=4, ffn=16), 2)
    inside = safetensors.load_file(models / "text_encoders" / TEXT)["spiece_model"]
    safetensors.save_file(tensors_of(text) | {"spiece_model": inside}, tmp_path / "other.safetensors")
    other = ("--text-encoder", tmp_path / "other.safetensors", "--shift", 5)
    assert frames_of(twill, umt5_model, tmp_path / "b", *other) != wanted


def test_a_tokenizer_beside_the_encoder(twill, comfyui, wanted, tmp_path):
    encoder = comfyui / "models/text_encoders" / TEXT
    tensors = safetensors.load_file(encoder)
    spiece = bytes(tensors.pop("spiece_model").tolist())
    safetensors.save_file(tensors, encoder)
    network = comfyui / "models/diffusion_models" / NETWORK
    said = refusal(twill, "--model", network, "--out", tmp_path / "no")
    assert said == (
        f"{encoder}: has no tokenizer inside (tensor spiece_model), and none is named or lies beside it "
        "(spiece.model or tokenizer.json)"
    )
    (tmp_path / "mine.model").write_bytes(spiece)
    assert frames_of(twill, network, tmp_path / "named", "--tokenizer", tmp_path / "mine.model") == wanted
    (encoder.parent / "spiece.model").write_bytes(spiece)
    assert frames_of(twill, network, tmp_path / "beside") == wanted


def make_experts(comfyui, high: Path, low: Path):
    network = comfyui / "models/diffusion_models" / NETWORK
    with safetensors.safe_open(network, "pt") as file:
        metadata = file.metadata()
    for file in (high, low):
        file.parent.mkdir(parents=True, exist_ok=True)
    tensors = safetensors.load_file(network)
    network.rename(high)
    safetensors.save_file({name: x * 0.9 for name, x in tensors.items()}, low, metadata)


@pytest.mark.parametrize(
    ("high", "low"),
    [
        ("wan2.2_t2v_high_noise_14B.safetensors", "wan2.2_t2v_low_noise_14B.safetensors"),
        ("HighNoise/Wan-HighNoise-Q8.safetensors", "LowNoise/Wan-LowNoise-Q8.safetensors"),
    ],
    ids=["comfyui", "in_folders"],
)
def test_two_experts_are_found_by_either(twill, comfyui, umt5_model, tmp_path, high, low):
    folder = comfyui / "models/diffusion_models"
    high, low = folder / high, folder / low
    make_experts(comfyui, high, low)
    described = json.loads((umt5_model / "model.json").read_text())
    two = tmp_path / "two"
    shutil.copytree(umt5_model, two)
    shutil.copy(high, two / "high.safetensors")
    shutil.copy(low, two / "low.safetensors")
    del described["files"]["dit"]
    described["files"] |= {"dit_high_noise": "high.safetensors", "dit_low_noise": "low.safetensors"}
    described["family"] = "wan2.2-t2v"
    (two / "model.json").write_text(json.dumps(described))
    shift = ("--shift", 3)
    expected = frames_of(twill, two, tmp_path / "wanted", *shift)
    assert frames_of(twill, high, tmp_path / "a", *shift) == expected
    assert frames_of(twill, low, tmp_path / "b", *shift) == expected
    low.rename(tmp_path / "other.safetensors")
    said = refusal(twill, "--model", high, "--out", tmp_path / "no")
    assert said == f"{high}: is one of two experts by its name, but {low.name} is not beside it"
    named = ("--low-noise", tmp_path / "other.safetensors")
    assert frames_of(twill, high, tmp_path / "c", *shift, *named) == expected


def test_a_plan_is_searched_and_used(twill, comfyui, tmp_path):
    network = comfyui / "models/diffusion_models" / NETWORK
    plan = tmp_path / "plan.json"
    small = ("--size", "64x48", "--frames", 5, "--steps", 2, "--cfg", 1)
    searched = twill(
        "search", "--model", network, "--prompt", "a", "--density", 0.7, "--out", plan, "--points", 1, *small
    )
    assert searched.returncode == 0, searched.stderr
    assert twill("plan", "check", plan, "--model", NETWORK, "--comfyui", comfyui).returncode == 0
    result = twill("--json", "generate", "--model", network, *SETTINGS, "--plan", plan, "--out", tmp_path / "clip.mp4")
    assert result.returncode == 0, result.stderr
    assert NETWORK.removesuffix(".safetensors").encode() in (tmp_path / "clip.mp4").read_bytes()


REFUSED = {
    "no_such_name": (
        ("--model", "none.safetensors"),
        "no such model folder or file, and no folder of ComfyUI is known",
    ),
    "no_network": (("--model", "{models}/vae/" + VAE), ": no Wan transformer: tensor head.modulation is missing"),
    "no_such_place": (("--model", "x", "--comfyui", "{models}/vae"), "/vae: is neither a folder of ComfyUI ("),
    "experts_of_a_folder": (
        ("--model", "{folder}", "--low-noise", "low.safetensors"),
        ": is a model folder, which names its experts itself; low.safetensors is of no use beside it",
    ),
}


@pytest.mark.parametrize(("arguments", "text"), REFUSED.values(), ids=REFUSED)
def test_refusals(twill, comfyui, umt5_model, tmp_path, arguments, text):
    places = {"models": comfyui / "models", "folder": umt5_model}
    filled = [argument.format(**places) for argument in arguments]
    code = 2 if "--low-noise" in arguments else 1
    assert text in refusal(twill, *filled, "--out", tmp_path / "no", code=code)
    assert not (tmp_path / "no").exists()


def test_a_folder_of_comfyui_that_is_none_matters_where_it_is_needed(twill, umt5_model, tmp_path):
    environment = without_comfyui(TWILL_COMFYUI=str(tmp_path / "nothing"))
    frames_of(twill, umt5_model, tmp_path / "clip", env=environment)
    result = twill("generate", *SETTINGS, "--model", "wan", "--out", tmp_path / "no", env=environment)
    assert result.returncode == 1
    assert f"{tmp_path}/nothing: is neither a folder of ComfyUI (" in result.stderr


def test_a_name_that_no_place_has(twill, comfyui, tmp_path):
    said = refusal(twill, "--model", "none", "--comfyui", comfyui, "--out", tmp_path / "no")
    assert said == f"none: no such model folder or file, nor one of that name in {comfyui}/models/diffusion_models"
