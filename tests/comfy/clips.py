# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Small random Wan models as ComfyUI's users have them in files, and clips of them by ComfyUI and by `twill`'s jobs."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tests.comfy.comfyui import make_environment
from tests.engine import parity, probe, small_wan22
from tests.engine.parity import diffusers
from tests.engine.small_tokenizer import train_tokenizer
from tests.engine.test_parity_clip_vision import Case as Encoder
from tests.engine.test_parity_clip_vision import drawn, make_encoder, of_comfyui
from tests.engine.test_parity_dit import original_name as original_dit_name
from tests.engine.test_parity_umt5 import Case as TextCase
from tests.engine.test_parity_umt5 import make_model as make_text
from tests.engine.test_parity_umt5 import tensors_of
from tests.engine.test_parity_vae import original_name as original_vae_name

HERE = Path(__file__).parent
HEADS, HEAD_DIM, TEXT_DIM = 2, 64, 16
TEXT = TextCase("small", dim=TEXT_DIM, heads=2, head_dim=8, ffn=24)
# ComfyUI's Wan has embeddings of 1280 numbers from its encoder, whatever the file says.
ENCODER = Encoder("small", width=1280, heads=16, layers=2, ffn=64, image_size=56)

FILES = {"vae": "wan_2.1_vae.safetensors", "text": "umt5_xxl_fp16.safetensors"}
VAE22 = "wan2.2_vae.safetensors"
IMAGE_ENCODER = "clip_vision_h.safetensors"


@dataclass(frozen=True)
class Lora:
    file: str
    strength: float = 1.0
    which: int | None = None  # of two experts; None: both


@dataclass(frozen=True)
class Order:
    """A clip, by names of files in the folder of an Orders."""

    networks: tuple[str, ...] = ("t2v.safetensors",)
    exact_networks: tuple[str, ...] = ()  # of the same numbers in fp32, where ComfyUI in double cannot read them
    sampler: str = "euler"
    steps: int = 4
    shift: float = 8.0
    cfg: float = 6.0
    second_cfg: float | None = None  # of the second expert; None: the same
    seed: int = 7
    loras: tuple[Lora, ...] = ()
    pictures: tuple[str, ...] = ()
    image_encoder: str = ""
    vae: str = FILES["vae"]
    text: str = FILES["text"]
    tokenizer: str = ""  # where it is not inside
    latent: tuple[int, int] = (16, 8)  # channels, pixels of a cell
    size: tuple[int, int, int] = (64, 48, 5)
    first_steps: int = 0  # of the first expert
    decoded: bool = False  # ComfyUI makes frames too, which takes it as long as all the rest
    prompt: str = "a red ball rolls left by day"
    negative: str = "two dogs"


def save(folder: Path, name: str, tensors: dict, **metadata: object) -> str:
    kept = {key: x.contiguous().clone() for key, x in tensors.items()}
    safetensors.torch.save_file(kept, folder / name, {key: json.dumps(x) for key, x in metadata.items()})
    return name


def make_network(
    seed: int, channels: int = 16, *, heads: int = HEADS, sees: bool = False, pictures: bool = False, positions: int = 0
) -> dict[str, torch.Tensor]:
    model = diffusers.WanTransformer3DModel(
        in_channels=36 if pictures else channels,
        out_channels=channels,
        num_attention_heads=heads,
        attention_head_dim=HEADS * HEAD_DIM // heads,
        text_dim=TEXT_DIM,
        ffn_dim=96,
        num_layers=2,
        image_dim=ENCODER.width if sees else None,
        added_kv_proj_dim=HEADS * HEAD_DIM if sees else None,
        pos_embed_seq_len=positions or None,
    )
    parity.randomise(model, seed)
    return {original_dit_name(name): x for name, x in model.state_dict().items()}


def save_network(folder: Path, name: str, tensors: dict, heads: int = HEADS, **metadata: object) -> str:
    config = {"transformer": {"num_heads": heads, "text_dim": TEXT_DIM}}
    return save(folder, name, tensors, config=config, **metadata)


def write_models(folder: Path) -> None:
    vae = diffusers.AutoencoderKLWan(base_dim=8)
    parity.randomise(vae, 3)
    save(folder, FILES["vae"], {original_vae_name(name): x for name, x in vae.state_dict().items()})
    later = {small_wan22.original_name(name): x for name, x in small_wan22.make_vae(3).state_dict().items()}
    save(folder, VAE22, later)
    spiece = torch.frombuffer(bytearray(train_tokenizer(folder).read_bytes()), dtype=torch.uint8)
    # ComfyUI holds text and image encoders in fp16 whatever their file has.
    whole = tensors_of(make_text(TEXT, 5))
    text = {name: x.half() for name, x in whole.items()}
    save(folder, FILES["text"], text | {"spiece_model": spiece})
    save(folder, "umt5_fp32.safetensors", whole | {"spiece_model": spiece})
    encoder = of_comfyui({name: x.half() for name, x in make_encoder(ENCODER, 21).state_dict().items()})
    save(folder, IMAGE_ENCODER, encoder)
    networks = {
        "t2v": make_network(1),
        "i2v": make_network(2, sees=True, pictures=True),
        "flf2v": make_network(3, sees=True, pictures=True, positions=2 * 17),
        "t2v_high_noise": make_network(4),
        "t2v_low_noise": make_network(5),
        "i2v_high_noise": make_network(6, pictures=True),
        "i2v_low_noise": make_network(7, pictures=True),
        "ti2v": make_network(8, small_wan22.CHANNELS),
    }
    for name, tensors in networks.items():
        save_network(folder, f"{name}.safetensors", tensors)
    # Of as many heads as the real ones have at their width: ComfyUI saves no `config`.
    for name, seed in (("of_real_heads", 9), ("of_real_heads_changed", 10)):
        save_network(folder, f"{name}.safetensors", make_network(seed, heads=1), heads=1)
    # As large as CLIP takes them and smaller than the clip: neither program shrinks one, which they do differently.
    drawn(56, 56).save(folder / "start.png")
    drawn(56, 56).rotate(180).save(folder / "end.png")


def in_blocks(name: str, x: torch.Tensor) -> bool:
    """What fp8 files have in 8 bits."""
    return name.startswith("blocks.") and name.endswith(".weight") and x.dim() == 2


def write_formats(folder: Path) -> None:
    """The numbers of t2v in other forms, each also as they stand for in double: NAME.exact.safetensors."""
    whole = safetensors.torch.load_file(folder / "t2v.safetensors")
    for name, dtype in {"fp16": torch.float16, "bf16": torch.bfloat16}.items():
        save_network(folder, f"{name}.safetensors", {key: x.to(dtype) for key, x in whole.items()})
    for name, dtype in {"e4m3": torch.float8_e4m3fn, "e5m2": torch.float8_e5m2}.items():
        stored = {key: x.to(dtype if in_blocks(key, x) else torch.float16) for key, x in whole.items()}
        save_network(folder, f"{name}.safetensors", stored)
    rest = {key: x.half() for key, x in whole.items() if not in_blocks(key, x)}
    for name, dtype, most in (("e4m3", torch.float8_e4m3fn, 448.0), ("e5m2", torch.float8_e5m2, 57344.0)):
        scales = {key: x.abs().max() / most for key, x in whole.items() if in_blocks(key, x)}
        scaled = {key: (whole[key] / scale).to(dtype) for key, scale in scales.items()}
        exact = {key: x.double() for key, x in rest.items()}
        exact |= {key: x.double() * scales[key].double() for key, x in scaled.items()}
        save_network(folder, f"scaled_{name}.exact.safetensors", exact)
        layers = {key.removesuffix(".weight"): {"format": f"float8_{name}{'fn' * (name == 'e4m3')}"} for key in scales}
        by_layer = {f"{key.removesuffix('.weight')}.weight_scale": x for key, x in scales.items()}
        words = {
            f"{layer}.comfy_quant": torch.frombuffer(bytearray(json.dumps(told).encode()), dtype=torch.uint8)
            for layer, told in layers.items()
        }
        save_network(folder, f"scaled_{name}.safetensors", rest | scaled | by_layer | words)
        save_network(
            folder,
            f"scaled_{name}_in_header.safetensors",
            rest | scaled | by_layer,
            _quantization_metadata={"layers": layers},
        )
        if name == "e4m3":  # the older form knows no other
            older = {f"{key.removesuffix('.weight')}.scale_weight": x for key, x in scales.items()}
            inputs = {f"{key.removesuffix('.weight')}.scale_input": torch.tensor(0.5) for key in scales}
            marker = {"scaled_fp8": torch.ones(2).to(dtype)}
            save_network(folder, "scaled_older.safetensors", rest | scaled | older | inputs | marker)


def write_lora(
    folder: Path, file: str, seed: int, name, down: str, up: str, alpha=None, more=None, rank: int = 4
) -> str:
    """Of every product in the blocks of t2v, by its name; `more`: what else stands in the file."""
    generator = torch.Generator().manual_seed(seed)
    tensors = dict(more or {})
    for key, weight in safetensors.torch.load_file(folder / "t2v.safetensors").items():
        if key.startswith("blocks.") and key.endswith(".weight") and weight.dim() == 2:
            module = name(key.removesuffix(".weight"))
            tensors[module + down] = torch.randn(rank, weight.shape[1], generator=generator) / weight.shape[1] ** 0.5
            tensors[module + up] = torch.randn(weight.shape[0], rank, generator=generator) / rank**0.5
            if alpha is not None:
                tensors[module + ".alpha"] = torch.tensor(float(alpha))
    return save(folder, file, tensors)


def for_comfyui(order: Order) -> dict:
    width, height, frames = order.size
    told = {
        **{
            name: getattr(order, name)
            for name in ("sampler", "steps", "shift", "cfg", "second_cfg", "seed", "vae", "prompt", "negative")
        },
        **{"width": width, "height": height, "frames": frames, "latent": order.latent, "text": order.text},
        "networks": order.networks,
        "exact_networks": order.exact_networks,
        "first_steps": order.first_steps,
        "decoded": order.decoded,
        "loras": [{k: v for k, v in vars(lora).items() if v is not None} for lora in order.loras],
        "text_config": {
            "d_model": TEXT.dim,
            "d_kv": TEXT.head_dim,
            "d_ff": TEXT.ffn,
            "num_heads": TEXT.heads,
            "num_layers": TEXT.layers,
            "vocab_size": TEXT.vocabulary,
        },
        **dict(zip(["picture", "end_picture"], order.pictures, strict=False)),
    }
    if order.image_encoder:
        config = {"hidden_size": ENCODER.width, "num_attention_heads": ENCODER.heads, "image_size": ENCODER.image_size}
        config |= {"num_hidden_layers": ENCODER.layers, "intermediate_size": ENCODER.ffn, "patch_size": ENCODER.patch}
        config |= {"num_channels": 3, "hidden_act": "gelu", "model_type": "clip_vision_model", "projection_dim": 3}
        told |= {"image_encoder": order.image_encoder, "image_config": config}
    return told


def for_twill(order: Order, folder: Path) -> dict:
    width, height, frames = order.size
    experts = ["high_noise=", "low_noise="]
    loras = [
        f"{'' if lora.which is None else experts[lora.which]}{folder / lora.file}:{lora.strength}"
        for lora in order.loras
    ]
    told = {name: getattr(order, name) for name in ("sampler", "steps", "shift", "cfg", "seed", "prompt", "negative")}
    told |= {"width": width, "height": height, "frames": frames, "loras": loras, "dtype": "float32"}
    told |= {} if order.second_cfg is None else {"cfg_second": order.second_cfg}
    files = {"model": order.networks[0], "vae": order.vae, "text_encoder": order.text}
    files |= {"low_noise": order.networks[1]} if len(order.networks) > 1 else {}
    files |= {"tokenizer": order.tokenizer} if order.tokenizer else {}
    files |= {"image_encoder": order.image_encoder} if order.image_encoder else {}
    files |= dict(zip(["image", "end_image"], order.pictures, strict=False))
    return told | {name: str(folder / file) for name, file in files.items() if file}


def ask_comfyui(folder: Path, orders: dict[str, Order]) -> str:
    """Answers lie in folder/answers afterwards; gives what ComfyUI logged."""
    environment = make_environment()
    (folder / "orders.json").write_text(json.dumps({name: for_comfyui(order) for name, order in orders.items()}))
    command = [environment / "bin" / "python", HERE / "clip_worker.py", environment / "ComfyUI", folder]
    result = subprocess.run(
        [str(part) for part in command], env=probe.patient_threads(), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-6000:]
    return result.stderr + result.stdout


def ask_twill(folder: Path, orders: dict[str, Order]) -> str:
    """Clips lie in folder/ours afterwards; gives what jobs noted."""
    build = os.environ.get("TWILL_BUILD_DIR")
    program = Path(build or "") / "tests" / "jobs" / "clip_probe"
    if not build or not program.exists():
        pytest.skip("TWILL_BUILD_DIR names no build with clip_probe")
    (folder / "ours").mkdir()
    files = []
    for name, order in orders.items():
        files.append(folder / "ours" / f"{name}.json")
        told = for_twill(order, folder) | {"out": str(folder / "ours" / f"{name}.safetensors")}
        files[-1].write_text(json.dumps(told))
    environment = {**probe.patient_threads(), "XDG_CACHE_HOME": str(folder / "cache")}
    result = subprocess.run([str(part) for part in (program, *files)], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout
