# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Wan 2.2 TI2V 5B in small, from a picture: clips of diffusers' WanImageToVideoPipeline, plans, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.test_diffusers_pipelines import (
    PROMPT,
    TEXT_DIM,
    assert_same_clip,
    change_json,
    make_parts,
    make_transformer,
    save_model_folder,
    save_pipeline,
)
from tests.engine import small_wan22
from tests.engine.parity import diffusers, torch
from tests.engine.small_tokenizer import sentencepiece
from tests.engine.test_parity_clip_vision import drawn as drawn_picture

pytestmark = pytest.mark.slow  # all of it together

Image = pytest.importorskip("PIL.Image")

SIZE = ("--size", "96x64", "--frames", 5)
LATENT = (small_wan22.CHANNELS, 2, 4, 6)
NEGATIVE = "a"


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    return make_parts(tmp_path_factory.mktemp("tokenizer"), small_wan22.make_vae(3))


@pytest.fixture(scope="module")
def transformer():
    return make_transformer(1, small_wan22.CHANNELS)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Of the clip's size: diffusers squeezes others to it, where we cut out the middle."""
    folder = tmp_path_factory.mktemp("pictures")
    drawn_picture(96, 64).save(folder / "start.png")
    drawn_picture(96, 64).rotate(180).save(folder / "other.png")
    return folder


@pytest.fixture(scope="module")
def pipeline(parts, transformer, tmp_path_factory):
    """As the published one: its index names the pipeline that makes clips from text."""
    folder = tmp_path_factory.mktemp("pipeline") / "ti2v"
    return save_pipeline(folder, parts, {"transformer": transformer}, expand_timesteps=True)


def run(twill, model: Path, out: Path, *more: object, seed: int = 7):
    return twill(
        "generate", "--model", model, "--prompt", PROMPT, "--seed", seed, "--steps", 3, "--dtype", "float32", *SIZE,
        "--out", out, *more,
    )  # fmt: skip


def frames_of(twill, model: Path, out: Path, *more: object, seed: int = 7) -> list[bytes]:
    result = run(twill, model, out, "--cfg", 1, *more, seed=seed)
    assert result.returncode == 0, result.stderr
    return [path.read_bytes() for path in sorted(out.glob("*.png"))]


@torch.inference_mode()
def theirs(parts, transformer: torch.nn.Module, picture: Path, guidance: float) -> list:
    made, spiece = parts
    pipeline = diffusers.WanImageToVideoPipeline(**made, transformer=transformer, expand_timesteps=True)
    scheduler = pipeline.scheduler
    own = type(scheduler).set_timesteps.__get__(scheduler)

    def set_timesteps(*arguments, **options):
        """Theirs cuts the times that the network sees to whole numbers."""
        own(*arguments, **options)
        scheduler.timesteps = 1000 * scheduler.sigmas[:-1]

    scheduler.set_timesteps = set_timesteps
    pipeline.set_progress_bar_config(disable=True)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(spiece))

    def encoded(text: str) -> torch.Tensor:
        ids = torch.tensor([[*processor.encode(text), 1]])
        padded = torch.zeros(1, 512, TEXT_DIM)
        padded[:, : ids.shape[1]] = made["text_encoder"](ids).last_hidden_state
        return padded

    return pipeline(
        image=Image.open(picture),
        prompt_embeds=encoded(PROMPT),
        negative_prompt_embeds=encoded(NEGATIVE),
        latents=torch.randn(1, *LATENT, generator=torch.Generator().manual_seed(7)),
        width=96,
        height=64,
        num_frames=5,
        num_inference_steps=3,
        guidance_scale=guidance,
        output_type="pil",
    ).frames[0]


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_the_clip_is_diffusers_own(twill, parts, transformer, pipeline, pictures, tmp_path, guidance):
    """From a picture, pieces of the prompts and a seed to frames, in fp32 on both sides."""
    more = ["--image", pictures / "start.png", "--cfg", guidance]
    more += ["--negative", NEGATIVE] if guidance > 1 else []
    result = run(twill, pipeline, tmp_path / "ours", *more)
    assert result.returncode == 0, result.stderr
    assert_same_clip(tmp_path / "ours", theirs(parts, transformer, pictures / "start.png", guidance))


def test_the_first_frame_is_the_picture_through_the_vae(twill, pipeline, pictures, tmp_path):
    start = frames_of(twill, pipeline, tmp_path / "start", "--image", pictures / "start.png")
    other = frames_of(twill, pipeline, tmp_path / "other", "--image", pictures / "other.png")
    again = frames_of(twill, pipeline, tmp_path / "again", "--image", pictures / "start.png", seed=8)
    assert again[0] == start[0] != other[0], "it has no noise in it"
    assert again[1:] != start[1:]
    from_text = frames_of(twill, pipeline, tmp_path / "text")
    assert from_text[1:] != start[1:]


def test_every_form_of_the_model_makes_the_same_clip(twill, parts, transformer, pipeline, pictures, tmp_path):
    """The pipeline of either class, a model folder, and the checkpoint in it."""
    image = ("--image", pictures / "start.png", "--shift", 3)
    wanted = frames_of(twill, pipeline, tmp_path / "wanted", *image)
    made, spiece = parts
    from_images = tmp_path / "from_images"
    saved = diffusers.WanImageToVideoPipeline(**made, transformer=transformer, expand_timesteps=True)
    saved.save_pretrained(from_images)
    shutil.copy(spiece, from_images / "tokenizer" / "spiece.model")
    networks = {"dit": transformer}
    folder = save_model_folder(tmp_path / "folder", parts, networks, "wan2.2-ti2v", small_wan22.original_name)
    for name, model in (("a", from_images), ("b", folder), ("c", folder / "dit.safetensors")):
        assert frames_of(twill, model, tmp_path / name, *image) == wanted, model
    text = ("--shift", 3)
    assert frames_of(twill, from_images, tmp_path / "d", *text) == frames_of(twill, pipeline, tmp_path / "e", *text)


def test_a_clip_names_its_picture(twill, settings_in, pipeline, pictures, tmp_path):
    clip = tmp_path / "clip.mp4"
    result = run(twill, pipeline, clip, "--image", pictures / "start.png")
    assert result.returncode == 0, result.stderr
    tags = settings_in(clip)
    name, fingerprint = tags["image"].split(" ")
    assert name == "start.png" and len(fingerprint) == 16
    assert "end_image" not in tags


def test_a_plan_is_found_for_it_and_runs(twill, pipeline, pictures, tmp_path):
    plan, report = tmp_path / "plan.json", tmp_path / "report.json"
    image = ("--image", pictures / "start.png")
    make = ("--model", pipeline, "--prompt", PROMPT, "--steps", 2, *SIZE, *image)
    result = twill("search", *make, "--points", 2, "--density", 0.8, "--out", plan)
    assert result.returncode == 0, result.stderr
    found = json.loads(plan.read_text())
    assert found["model"]["family"] == "wan2.2-ti2v"
    assert found["profile"]["provenance"]["image"] == "start.png"
    result = run(twill, pipeline, tmp_path / "pair", *image, "--plan", plan, "--compare")
    assert result.returncode == 0, result.stderr
    sparse, dense = (sorted((tmp_path / name).glob("*.png")) for name in ("pair", "pair-dense"))
    assert len(sparse) == len(dense) == 5
    assert sparse[0].read_bytes() == dense[0].read_bytes(), "the picture's frame is the same in both"
    frames_of(twill, pipeline, tmp_path / "adapted", *image, "--plan", plan, "--adapt")
    result = twill("evaluate", *make, "--plan", plan, "--out", report)
    assert result.returncode == 0, result.stderr
    assert json.loads(report.read_text())["image"] == "start.png"


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (
            ["--image", "start.png", "--end-image", "other.png"],
            2,
            "a model of wan2.2-ti2v makes a clip from a start picture or from text alone and takes no end picture, "
            'but --end-image "{folder}/other.png" was given',
        ),
        (
            ["--image", "start.png", "--frames", "1"],
            2,
            "a model of wan2.2-ti2v makes the start picture the clip's first frame, so a clip of one frame would be "
            "that picture: give more frames",
        ),
        (["--image", "none.png"], 1, "{folder}/none.png: no such file"),
    ],
    ids=["end_picture", "one_frame", "no_file"],
)
def test_what_does_not_fit_is_refused(twill, pipeline, pictures, tmp_path, options, code, says):
    given = [pictures / word if word.endswith(".png") else word for word in options]
    size = () if "--frames" in options else ("--frames", 5)
    line = twill.refuses(
        code, "generate", "--model", pipeline, "--prompt", PROMPT, "--size", "96x64", *size, *given, "--out",
        tmp_path / "clip",
    )  # fmt: skip
    assert line == says.format(folder=pictures)
    assert not (tmp_path / "clip").exists()


def test_two_experts_with_times_of_tokens_are_refused(twill, pipeline, pictures, tmp_path):
    folder = tmp_path / "changed"
    shutil.copytree(pipeline, folder)
    second = {"transformer_2": ["diffusers", "WanTransformer3DModel"], "_class_name": "WanImageToVideoPipeline"}
    change_json(folder / "model_index.json", **second)
    line = twill.refuses(
        1, "generate", "--model", folder, "--prompt", "a", *SIZE, "--image", pictures / "start.png", "--out",
        tmp_path / "clip",
    )  # fmt: skip
    assert ": has times of its own for each token (expand_timesteps), as Wan 2.2 TI2V 5B, and a transformer_2" in line
