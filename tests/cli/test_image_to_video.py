# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Clips from pictures: those of diffusers' WanImageToVideoPipeline on small random weights, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli import test_diffusers_pipelines as text_to_video
from tests.cli.test_diffusers_pipelines import HEAD_DIM, HEADS, PROMPT, SIZE, TEXT_DIM, change_json, parts
from tests.engine import parity
from tests.engine.parity import diffusers, save_file, torch
from tests.engine.small_tokenizer import sentencepiece
from tests.engine.test_parity_clip_vision import Case, make_encoder, of_comfyui
from tests.engine.test_parity_clip_vision import drawn as drawn_picture

pytestmark = pytest.mark.slow  # all of it together

transformers = pytest.importorskip("transformers")
Image = pytest.importorskip("PIL.Image")

__all__ = ["parts"]  # the fixture

ENCODER = Case("small", width=32, heads=4, layers=3, ffn=48, image_size=28, patch=14)
KINDS = ["seeing", "of_two_experts", "first_and_last"]


def make_transformer(kind: str, seed: int) -> torch.nn.Module:
    sees = kind != "of_two_experts"
    model = diffusers.WanTransformer3DModel(
        num_attention_heads=HEADS,
        attention_head_dim=HEAD_DIM,
        text_dim=TEXT_DIM,
        ffn_dim=96,
        num_layers=2,
        in_channels=36,
        image_dim=ENCODER.width if sees else None,
        added_kv_proj_dim=HEADS * HEAD_DIM if sees else None,
        pos_embed_seq_len=10 if kind == "first_and_last" else None,
    )
    parity.randomise(model, seed)
    return model.eval()


def make_networks(kind: str) -> dict[str, torch.nn.Module]:
    names = ["transformer", "transformer_2"] if kind == "of_two_experts" else ["transformer"]
    return {name: make_transformer(kind, 11 + i) for i, name in enumerate(names)}


def make_pipeline(made, kind: str):
    options = {"boundary_ratio": 0.9}
    if kind != "of_two_experts":
        options = {
            "image_encoder": make_encoder(ENCODER, 21),
            "image_processor": transformers.CLIPImageProcessor(size={"shortest_edge": 28}, crop_size=28),
        }
    return diffusers.WanImageToVideoPipeline(**made, **make_networks(kind), **options)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Of the clip's size: diffusers squeezes others to it, where we cut out the middle."""
    folder = tmp_path_factory.mktemp("pictures")
    drawn_picture(64, 48).save(folder / "start.png")
    drawn_picture(64, 48).rotate(180).save(folder / "end.png")
    return folder


def arguments_for(kind: str, pictures: Path) -> list[object]:
    end = ["--end-image", pictures / "end.png"] if kind == "first_and_last" else []
    return ["--image", pictures / "start.png", *end]


@pytest.fixture(scope="module")
def pipelines(parts, tmp_path_factory):
    made, spiece = parts
    folders = {}
    for kind in KINDS:
        folders[kind] = tmp_path_factory.mktemp("pipelines") / kind
        make_pipeline(made, kind).save_pretrained(folders[kind])
        shutil.copy(spiece, folders[kind] / "tokenizer" / "spiece.model")
    return folders


def run(twill, model: Path, out: Path, *more: object):
    return twill(
        "generate", "--model", model, "--prompt", PROMPT, "--seed", 7, "--steps", 3, "--cfg", 1, "--dtype", "float32",
        *SIZE, "--out", out, *more,
    )  # fmt: skip


def frames_of(twill, model: Path, out: Path, *more: object) -> list[bytes]:
    result = run(twill, model, out, *more)
    assert result.returncode == 0, result.stderr
    return [path.read_bytes() for path in sorted(out.glob("*.png"))]


@torch.inference_mode()
def theirs(parts, kind: str, pictures: Path) -> list:
    made, spiece = parts
    pipeline = make_pipeline(made, kind)
    scheduler = pipeline.scheduler
    own = type(scheduler).set_timesteps.__get__(scheduler)

    def set_timesteps(*arguments, **options):
        """Theirs cuts the times that the network sees to whole numbers."""
        own(*arguments, **options)
        scheduler.timesteps = 1000 * scheduler.sigmas[:-1]

    scheduler.set_timesteps = set_timesteps
    pipeline.set_progress_bar_config(disable=True)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(spiece)).encode(PROMPT)
    ids = torch.tensor([[*pieces, 1]])
    text = torch.zeros(1, 512, TEXT_DIM)
    text[:, : ids.shape[1]] = made["text_encoder"](ids).last_hidden_state
    last = {"last_image": Image.open(pictures / "end.png")} if kind == "first_and_last" else {}
    return pipeline(
        image=Image.open(pictures / "start.png"),
        prompt_embeds=text,
        latents=torch.randn(1, 16, 2, 6, 8, generator=torch.Generator().manual_seed(7)),
        width=64,
        height=48,
        num_frames=5,
        num_inference_steps=3,
        guidance_scale=1.0,
        output_type="pil",
        **last,
    ).frames[0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_clip_is_diffusers_own(twill, parts, pipelines, pictures, tmp_path, kind):
    """From pictures, pieces of the prompt and a seed to frames, in fp32 on both sides."""
    frames_of(twill, pipelines[kind], tmp_path / "ours", *arguments_for(kind, pictures))
    ours = [Image.open(path).convert("RGB") for path in sorted((tmp_path / "ours").glob("*.png"))]
    wanted = theirs(parts, kind, pictures)
    assert len(ours) == len(wanted) == 5
    for mine, their in zip(ours, wanted, strict=True):
        values = [torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).int() for image in (mine, their)]
        assert values[1].float().std() > 5, "a flat picture would compare nothing"
        away = (values[0] - values[1]).abs()
        # Rounding of two programs to 8 bits.
        assert away.max() <= 1 and away.float().mean() < 0.02


def test_the_picture_decides_the_clip(twill, pipelines, pictures, tmp_path):
    first = frames_of(twill, pipelines["seeing"], tmp_path / "a", "--image", pictures / "start.png")
    second = frames_of(twill, pipelines["seeing"], tmp_path / "b", "--image", pictures / "end.png")
    assert first != second


def test_a_model_folder_makes_the_clip_of_its_pipeline(twill, parts, pipelines, pictures, tmp_path):
    networks = {"dit": make_networks("seeing")["transformer"]}
    folder = text_to_video.save_model_folder(tmp_path / "folder", parts, networks, "wan2.1-i2v")
    encoder = {name: x.contiguous() for name, x in make_encoder(ENCODER, 21).state_dict().items()}
    metadata = {"config": json.dumps({"vision": {"num_heads": ENCODER.heads}})}
    save_file(of_comfyui(encoder), folder / "clip.safetensors", metadata)
    told = json.loads((folder / "model.json").read_text())
    told["files"]["image_encoder"] = "clip.safetensors"
    (folder / "model.json").write_text(json.dumps(told))
    image = arguments_for("seeing", pictures)
    by_folder = frames_of(twill, folder, tmp_path / "a", *image)
    assert by_folder == frames_of(twill, pipelines["seeing"], tmp_path / "b", *image)


def test_a_clip_names_its_pictures(twill, settings_in, pipelines, pictures, tmp_path):
    clip = tmp_path / "clip.mp4"
    result = run(twill, pipelines["first_and_last"], clip, *arguments_for("first_and_last", pictures))
    assert result.returncode == 0, result.stderr
    tags = settings_in(clip)
    for key in ("image", "end_image"):
        name, fingerprint = tags[key].split(" ")
        assert name == {"image": "start.png", "end_image": "end.png"}[key]
        assert len(fingerprint) == 16
    assert tags["image"].split()[1] != tags["end_image"].split()[1]


def test_a_plan_is_found_for_it_and_runs(twill, pipelines, pictures, tmp_path):
    plan = tmp_path / "plan.json"
    image = arguments_for("seeing", pictures)
    result = twill(
        "search", "--model", pipelines["seeing"], "--prompt", PROMPT, "--steps", 2, "--points", 2, "--density", 0.8,
        *SIZE, *image, "--out", plan,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    found = json.loads(plan.read_text())
    assert found["model"]["family"] == "wan2.1-i2v"
    assert found["profile"]["provenance"]["image"] == "start.png"
    frames_of(twill, pipelines["seeing"], tmp_path / "sparse", *image, "--plan", plan)
    report = tmp_path / "report.json"
    result = twill(
        "evaluate", "--model", pipelines["seeing"], "--prompt", PROMPT, "--steps", 2, *SIZE, *image, "--plan", plan,
        "--out", report,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert json.loads(report.read_text())["image"] == "start.png"


@pytest.mark.parametrize(
    ("kind", "given", "code", "says"),
    [
        ("seeing", [], 2, "a model of wan2.1-i2v makes a clip from a picture, and none was named: give --image FILE"),
        ("of_two_experts", [], 2, "a model of wan2.2-i2v makes a clip from a picture, and none was named: give"),
        ("seeing", ["start", "end"], 2, "makes a clip from a start picture alone, but an end picture was given"),
        ("first_and_last", ["start"], 2, "makes a clip from a start and an end picture, and no end picture was given"),
        ("seeing", ["none"], 1, "none.png: no such file"),
        ("seeing", ["text"], 1, "text.png: is no PNG, JPEG or WebP picture"),
        (None, ["start"], 2, "a model of wan2.1-t2v makes a clip from text alone and takes no picture, but --image "),
    ],
)  # fmt: skip
def test_pictures_that_do_not_fit_are_refused(twill, pipelines, pictures, tmp_path, kind, given, code, says):
    (pictures / "text.png").write_text("not a picture")
    options = [word for name, file in zip(("--image", "--end-image"), given, strict=False)
               for word in (name, pictures / f"{file}.png")]  # fmt: skip
    model = ["--model", pipelines[kind]] if kind else []
    prompt = PROMPT if kind else "a red ball"
    line = twill.refuses(code, "generate", *model, "--prompt", prompt, *SIZE, *options, "--out", tmp_path / "clip")
    assert says in line
    assert not (tmp_path / "clip").exists()


@pytest.mark.parametrize(
    ("file", "fields", "says"),
    [
        ("model_index.json", {"image_encoder": [None, None]}, ": the pipeline was saved without image_encoder;"),
        ("model_index.json", {"image_encoder": ["transformers", "SiglipVisionModel"]}, "; CLIPVisionModel is"),
        ("image_encoder/config.json", {"hidden_act": "quick_gelu"}, '.hidden_act is "quick_gelu"; the engine\'s'),
        ("image_encoder/config.json", {"num_attention_heads": 5}, ": 5 heads do not divide a width of 32"),
        ("image_processor/preprocessor_config.json", {"resample": 2}, ".resample is 2; the engine's network has 3"),
        ("image_processor/preprocessor_config.json", {"do_center_crop": False}, ".do_center_crop is false; the"),
        ("image_processor/preprocessor_config.json", {"size": {"shortest_edge": 224}}, '.size is an object; the'),
        ("image_processor/preprocessor_config.json", {"image_mean": [0.5, 0.5, 0.5]}, ".image_mean is an array; the"),
    ],
)  # fmt: skip
def test_what_the_engine_does_not_run_is_refused_by_field(twill, pipelines, pictures, tmp_path, file, fields, says):
    folder = tmp_path / "changed"
    shutil.copytree(pipelines["seeing"], folder)
    change_json(folder / file, **fields)
    line = twill.refuses(
        1, "generate", "--model", folder, "--prompt", "a", *SIZE, *arguments_for("seeing", pictures), "--out",
        tmp_path / "clip",
    )  # fmt: skip
    place = folder / file if "heads do not divide" not in says else folder / "image_encoder"
    assert line.startswith(str(place)), line
    assert says in line


def test_an_encoded_picture_without_an_encoder_is_refused(twill, parts, pictures, tmp_path):
    """A pipeline of two experts has none."""
    made, spiece = parts
    networks = {"transformer": make_transformer("seeing", 1), "transformer_2": make_transformer("seeing", 2)}
    folder = tmp_path / "pipeline"
    diffusers.WanImageToVideoPipeline(**made, **networks, boundary_ratio=0.9).save_pretrained(folder)
    shutil.copy(spiece, folder / "tokenizer" / "spiece.model")
    line = twill.refuses(
        1, "generate", "--model", folder, "--prompt", "a", *SIZE, "--image", pictures / "start.png", "--out",
        tmp_path / "clip",
    )  # fmt: skip
    assert line == (
        f"{folder / 'transformer' / 'config.json'}.image_dim is 32: it takes an encoded picture, but the pipeline has "
        "no image_encoder"
    )


def test_a_checkpoint_finds_its_image_encoder(twill, parts, pipelines, pictures, tmp_path):
    """As ComfyUI's users keep the files."""
    pipeline, models = pipelines["seeing"], tmp_path / "models"
    for kind, name, source, config in (
        (
            "diffusion_models",
            "wan2.1_i2v",
            "transformer/diffusion_pytorch_model",
            {"transformer": {"num_heads": HEADS}},
        ),
        ("clip_vision", "clip_vision_h", "image_encoder/model", {"vision": {"num_heads": ENCODER.heads}}),
        ("vae", "any_name", "vae/diffusion_pytorch_model", {}),
        ("text_encoders", "any_name", "text_encoder/model", {}),
    ):
        (models / kind).mkdir(parents=True)
        tensors = parity.safetensors.load_file(pipeline / f"{source}.safetensors")
        save_file(tensors, models / kind / f"{name}.safetensors", {"config": json.dumps(config)})
    shutil.copy(parts[1], models / "text_encoders" / "spiece.model")
    more = (*arguments_for("seeing", pictures), "--shift", 3)
    network = models / "diffusion_models" / "wan2.1_i2v.safetensors"
    assert frames_of(twill, network, tmp_path / "a", *more) == frames_of(twill, pipeline, tmp_path / "b", *more)
    encoder = models / "clip_vision" / "clip_vision_h.safetensors"
    encoder.rename(tmp_path / "mine.safetensors")
    result = run(twill, network, tmp_path / "no", *more)
    assert result.returncode == 1
    assert f"{network}: needs a CLIP vision encoder of width {ENCODER.width}, which is in none of" in result.stderr
    assert result.stderr.strip().endswith("; ComfyUI's file of it is clip_vision_h.safetensors")
    named = ("--image-encoder", tmp_path / "mine.safetensors")
    assert frames_of(twill, network, tmp_path / "c", *more, *named) == frames_of(twill, pipeline, tmp_path / "d", *more)
