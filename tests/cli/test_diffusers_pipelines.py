# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Pipelines as diffusers saves them, given to `twill` as they are: the clips of diffusers and of a model folder."""

import json
import shutil
from pathlib import Path

import pytest

from tests.engine import parity
from tests.engine.parity import diffusers, save_file, torch
from tests.engine.small_tokenizer import sentencepiece, train_tokenizer
from tests.engine.test_parity_dit import original_name as original_dit_name
from tests.engine.test_parity_vae import original_name as original_vae_name

pytestmark = pytest.mark.slow  # all of it together

transformers = pytest.importorskip("transformers")
Image = pytest.importorskip("PIL.Image")

TEXT_DIM, VOCABULARY = 16, 512
HEADS, HEAD_DIM = 2, 64
PROMPT = "a red ball rolls left by day"
SIZE = ("--size", "64x48", "--frames", 5)


def make_transformer(seed: int, channels: int = 16) -> torch.nn.Module:
    model = diffusers.WanTransformer3DModel(
        in_channels=channels,
        out_channels=channels,
        num_attention_heads=HEADS,
        attention_head_dim=HEAD_DIM,
        text_dim=TEXT_DIM,
        ffn_dim=96,
        num_layers=2,
    )
    parity.randomise(model, seed)
    return model.eval()


def make_text_encoder() -> torch.nn.Module:
    config = transformers.UMT5Config(
        vocab_size=VOCABULARY, d_model=TEXT_DIM, d_kv=8, d_ff=24, num_layers=2, num_heads=2, dropout_rate=0.0
    )
    torch.manual_seed(5)
    return transformers.UMT5EncoderModel(config).eval()


def make_vae() -> torch.nn.Module:
    vae = diffusers.AutoencoderKLWan(base_dim=8)
    parity.randomise(vae, 3)
    return vae.eval()


def make_parts(folder: Path, vae: torch.nn.Module):
    """(pipeline's parts, the SentencePiece model)."""
    train_tokenizer(folder)
    made = {
        "vae": vae,
        "text_encoder": make_text_encoder(),
        "scheduler": diffusers.UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
        # For its place in the pipeline: transformers 5.24 reads no SentencePiece model without tiktoken.
        "tokenizer": transformers.T5Tokenizer(extra_ids=0),
    }
    return made, folder / "spiece.model"


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    return make_parts(tmp_path_factory.mktemp("tokenizer"), make_vae())


def save_pipeline(folder: Path, parts, transformers_of, expand_timesteps=False, **options) -> Path:
    made, spiece = parts
    told = {"boundary_ratio": 0.875} if "transformer_2" in transformers_of else {}
    told["expand_timesteps"] = expand_timesteps
    diffusers.WanPipeline(**made, **transformers_of, **told).save_pretrained(folder, **options)
    # The published pipelines have it; transformers 5 writes tokenizer.json alone.
    shutil.copy(spiece, folder / "tokenizer" / "spiece.model")
    return folder


def contiguous(tensors):
    return {name: x.contiguous().clone() for name, x in tensors.items()}


def save_model_folder(folder: Path, parts, networks, family: str, vae_name=original_vae_name) -> Path:
    """The same weights by upstream's names, beside a model.json."""
    made, spiece = parts
    folder.mkdir()
    metadata = {"config": json.dumps({"transformer": {"num_heads": HEADS}})}
    for name, model in networks.items():
        tensors = {original_dit_name(key): x for key, x in model.state_dict().items()}
        save_file(contiguous(tensors), folder / f"{name}.safetensors", metadata)
    vae = {vae_name(key): x for key, x in made["vae"].state_dict().items()}
    save_file(contiguous(vae), folder / "vae.safetensors")
    text = {key: x for key, x in made["text_encoder"].state_dict().items() if key != "encoder.embed_tokens.weight"}
    save_file(contiguous(text), folder / "text.safetensors")
    shutil.copy(spiece, folder / "spiece.model")
    files = {name: f"{name}.safetensors" for name in (*networks, "vae", "text")} | {"tokenizer": "spiece.model"}
    described = {
        "family": family,
        "files": files,
        "default": {"width": 64, "height": 48, "frames": 5, "fps": 16, "steps": 3, "shift": 3.0, "cfg": 1.0},
    }
    described["default"]["sampler"] = "unipc"
    (folder / "model.json").write_text(json.dumps(described))
    return folder


def frames_of(twill, model: Path, out: Path, size=SIZE) -> list[bytes]:
    result = twill(
        "generate", "--model", model, "--prompt", PROMPT, "--seed", 7, "--steps", 3, "--cfg", 1, "--dtype", "float32",
        *size, "--out", out,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return [path.read_bytes() for path in sorted(out.glob("*.png"))]


@pytest.fixture(scope="module")
def pipeline(parts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipeline") / "wan"
    return save_pipeline(folder, parts, {"transformer": make_transformer(1)})


@pytest.mark.parametrize(
    "options",
    [{}, {"max_shard_size": "100KB"}, {"variant": "fp16"}],
    ids=["whole", "in_shards", "named_fp16"],
)
def test_a_pipeline_makes_the_clip_of_a_model_folder(twill, parts, tmp_path, options):
    transformer = make_transformer(1)
    saved = save_pipeline(tmp_path / "pipeline", parts, {"transformer": transformer}, **options)
    folder = save_model_folder(tmp_path / "folder", parts, {"dit": transformer}, "wan2.1-t2v")
    by_pipeline = frames_of(twill, saved, tmp_path / "a")
    assert len(by_pipeline) == 5
    assert by_pipeline == frames_of(twill, folder, tmp_path / "b")


def test_two_experts_take_turns(twill, parts, tmp_path):
    high, low = make_transformer(1), make_transformer(2)
    saved = save_pipeline(tmp_path / "pipeline", parts, {"transformer": high, "transformer_2": low})
    networks = {"dit_high_noise": high, "dit_low_noise": low}
    folder = save_model_folder(tmp_path / "folder", parts, networks, "wan2.2-t2v")
    assert frames_of(twill, saved, tmp_path / "a") == frames_of(twill, folder, tmp_path / "b")


@torch.inference_mode()
def theirs(parts, transformer: torch.nn.Module, latent: tuple[int, ...], size: tuple[int, int], **options) -> list:
    """Not read back: from_pretrained of a Wan transformer wants accelerate."""
    pipeline = diffusers.WanPipeline(**parts[0], transformer=transformer, **options)
    scheduler = pipeline.scheduler
    own = scheduler.set_timesteps

    def set_timesteps(*arguments, **options):
        """Theirs cuts the times that the network sees to whole numbers."""
        own(*arguments, **options)
        scheduler.timesteps = 1000 * scheduler.sigmas[:-1]

    scheduler.set_timesteps = set_timesteps
    pipeline.set_progress_bar_config(disable=True)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(parts[1])).encode(PROMPT)
    ids = torch.tensor([[*pieces, 1]])
    text = torch.zeros(1, 512, TEXT_DIM)
    text[:, : ids.shape[1]] = parts[0]["text_encoder"](ids).last_hidden_state
    return pipeline(
        prompt_embeds=text,
        latents=torch.randn(1, *latent, generator=torch.Generator().manual_seed(7)),
        width=size[0],
        height=size[1],
        num_frames=5,
        num_inference_steps=3,
        guidance_scale=1.0,
        output_type="pil",
    ).frames[0]


def assert_same_clip(folder: Path, wanted: list) -> None:
    ours = [Image.open(path).convert("RGB") for path in sorted(folder.glob("*.png"))]
    assert len(ours) == len(wanted) == 5
    for mine, their in zip(ours, wanted, strict=True):
        values = [torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).int() for image in (mine, their)]
        assert values[1].float().std() > 5, "a flat picture would compare nothing"
        away = (values[0] - values[1]).abs()
        # Rounding of two programs to 8 bits.
        assert away.max() <= 1 and away.float().mean() < 0.02


def test_the_clip_is_diffusers_own(twill, parts, pipeline, tmp_path):
    """From pieces of the prompt and a seed to frames: text, network, schedule and VAE, in fp32 on both sides."""
    frames_of(twill, pipeline, tmp_path / "ours")
    assert_same_clip(tmp_path / "ours", theirs(parts, make_transformer(1), (16, 2, 6, 8), (64, 48)))


@pytest.mark.parametrize(
    ("scheduler", "shift", "told_shift", "sampler"),
    [
        ("UniPCMultistepScheduler", {"flow_shift": 2.5}, "2.5", "unipc"),
        ("FlowMatchEulerDiscreteScheduler", {"shift": 7}, "7.0", "euler"),
        ("DPMSolverMultistepScheduler", {"flow_shift": 2.5}, "5.0", "unipc"),  # not the engine's: the weights' own
    ],
)
def test_defaults_are_those_of_the_weights_and_the_schedule(
    twill, settings_in, pipeline, tmp_path, scheduler, shift, told_shift, sampler
):
    """Size, steps and guidance of the family's first weights, where none have so many heads; the scheduler's shift."""
    folder = tmp_path / "pipeline"
    shutil.copytree(pipeline, folder)
    change_json(folder / "scheduler/scheduler_config.json", **shift)
    change_json(folder / "model_index.json", scheduler=["diffusers", scheduler])
    clip = tmp_path / "clip.webm"
    result = twill("generate", "--model", folder, "--prompt", "a", "--steps", 1, *SIZE, "--out", clip)
    assert result.returncode == 0, result.stderr
    told = settings_in(clip)
    assert {"shift": told_shift, "sampler": sampler, "cfg": "5.0", "fps": "16.0"}.items() <= told.items(), told


def change_json(file: Path, **fields: object) -> None:
    told = json.loads(file.read_text())
    file.write_text(json.dumps(told | fields))


@pytest.mark.parametrize(
    ("file", "fields", "says"),
    [
        ("model_index.json", {"_class_name": "WanVACEPipeline"}, 'is "WanVACEPipeline"; WanPipeline and '),
        ("model_index.json", {"_class_name": "HunyuanVideoPipeline"}, 'is "HunyuanVideoPipeline"; WanPipeline and '),
        ("model_index.json", {"_class_name": 3}, "._class_name is 3, not text"),
        ("model_index.json", {"vae": ["diffusers", "AutoencoderKL"]}, 'is of class "AutoencoderKL"; AutoencoderKLWan'),
        ("model_index.json", {"text_encoder": [None, None]}, ": the pipeline was saved without text_encoder;"),
        ("model_index.json", {"tokenizer": [None, None]}, ": the pipeline was saved without tokenizer"),
        ("model_index.json", {"vae": "AutoencoderKLWan"}, '.vae is "AutoencoderKLWan", not a library and a class'),
        ("transformer/config.json", {"image_dim": 1280}, ".image_dim is 1280: it takes an encoded picture, but"),
        ("transformer/config.json", {"qk_norm": "rms_norm"}, '.qk_norm is "rms_norm"; the engine\'s network has'),
        ("transformer/config.json", {"num_attention_heads": 4}, ": its width is 128, but the config.json"),
        ("transformer/config.json", {"num_attention_heads": 0}, ".num_attention_heads is 0, not a whole number from 1"),
        ("vae/config.json", {"is_residual": True}, ": is Wan 2.2's VAE of 48 channels (is_residual), but the pipeline"),
        ("vae/config.json", {"patch_size": 2}, ".patch_size is 2; the engine's network has null"),
        ("vae/config.json", {"latents_std": [1.0] * 16}, ".latents_std is not that of Wan's VAE of 16 channels"),
        ("scheduler/scheduler_config.json", {"flow_shift": "three"}, '.flow_shift is "three", not a number from 0.01'),
    ],
)  # fmt: skip
def test_what_the_engine_does_not_run_is_refused_by_field(twill, pipeline, tmp_path, file, fields, says):
    folder = tmp_path / "changed"
    shutil.copytree(pipeline, folder)
    change_json(folder / file, **fields)
    line = twill.refuses(1, "generate", "--model", folder, "--prompt", "a", *SIZE, "--out", tmp_path / "clip")
    place = folder / file if not says.startswith(": its width") else folder / "transformer"
    assert line.startswith(str(place)), line
    assert says in line
    assert not (tmp_path / "clip").exists()


@pytest.mark.parametrize(
    ("gone", "left", "says"),
    [
        ("transformer/diffusion_pytorch_model.safetensors", None, ": no such file, nor an index of shards beside it"),
        (
            "transformer/diffusion_pytorch_model.safetensors",
            "transformer/diffusion_pytorch_model.bin",
            ": is a pickle of torch, which can run code; save the pipeline with safe_serialization=True",
        ),
        ("vae/config.json", None, ": "),
    ],
)
def test_a_missing_part_is_named(twill, pipeline, tmp_path, gone, left, says):
    folder = tmp_path / "changed"
    shutil.copytree(pipeline, folder)
    (folder / gone).unlink()
    if left:
        (folder / left).write_bytes(b"\x80\x02")
    line = twill.refuses(1, "generate", "--model", folder, "--prompt", "a", *SIZE, "--out", tmp_path / "clip")
    assert line.startswith(f"{folder / (left or gone)}{says}"), line


def test_tokenizer_json_alone_serves(twill, parts, pipeline, tmp_path):
    folder = tmp_path / "changed"
    shutil.copytree(pipeline, folder)
    shutil.rmtree(folder / "tokenizer")
    shutil.copy(parts[1], tmp_path / "spiece.model")
    pytest.importorskip("google.protobuf", reason="transformers reads SentencePiece models with protobuf")
    transformers.T5Tokenizer.from_pretrained(tmp_path, extra_ids=0).save_pretrained(folder / "tokenizer")
    assert not (folder / "tokenizer" / "spiece.model").exists()
    assert frames_of(twill, folder, tmp_path / "a") == frames_of(twill, pipeline, tmp_path / "b")


def test_a_stand_in_for_the_tokenizer_is_refused(twill, pipeline, tmp_path):
    """transformers writes it, without a word, where it found no tokenizer."""
    folder = tmp_path / "changed"
    shutil.copytree(pipeline, folder)
    (folder / "tokenizer" / "spiece.model").unlink()
    transformers.T5Tokenizer().save_pretrained(folder / "tokenizer")
    weights = folder / "text_encoder" / "model.safetensors"
    tensors = parity.safetensors.load_file(weights)
    for name in ("shared.weight", "encoder.embed_tokens.weight"):
        if name in tensors:  # as many rows as tell it from a tokenizer that leaves some of them out
            tensors[name] = torch.zeros(4096, TEXT_DIM)
    save_file(tensors, weights)
    line = twill.refuses(1, "generate", "--model", folder, "--prompt", "a", *SIZE, "--out", tmp_path / "clip")
    file = folder / "tokenizer" / "tokenizer.json"
    assert line.startswith(f"{file}: has 104 pieces, but {folder / 'text_encoder'}"), line
    (file).unlink()
    line = twill.refuses(1, "generate", "--model", folder, "--prompt", "a", *SIZE, "--out", tmp_path / "clip")
    assert line == f"{file}: no such file, and no spiece.model beside it"


def test_another_boundary_is_refused(twill, parts, tmp_path):
    networks = {"transformer": make_transformer(1), "transformer_2": make_transformer(2)}
    folder = save_pipeline(tmp_path / "pipeline", parts, networks)
    change_json(folder / "model_index.json", boundary_ratio=0.9)
    line = twill.refuses(1, "generate", "--model", folder, "--prompt", "a", *SIZE, "--out", tmp_path / "clip")
    assert line == f"{folder / 'model_index.json'}.boundary_ratio is 0.9; the experts of wan2.2-t2v change at 0.875"


def test_a_plan_is_found_for_it_and_fits(twill, pipeline, tmp_path):
    plan = tmp_path / "plan.json"
    result = twill(
        "search", "--model", pipeline, "--prompt", PROMPT, "--steps", 2, "--points", 2, "--density", 0.8,
        *SIZE, "--out", plan,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert twill("plan", "check", plan, "--model", pipeline).returncode == 0


def test_a_name_that_no_network_has_is_told_as_it_is_stored(twill, parts, tmp_path):
    folder = save_pipeline(tmp_path / "pipeline", parts, {"transformer": make_transformer(1)})
    file = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    tensors = parity.safetensors.load_file(file)
    save_file(tensors | {"blocks.0.attn1.to_extra.weight": torch.zeros(2)}, file)
    line = twill.refuses(1, "generate", "--model", folder, "--prompt", "a", *SIZE, "--out", tmp_path / "clip")
    assert line.startswith(f"{file}: tensor blocks.0.attn1.to_extra.weight is not known")
