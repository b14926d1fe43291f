# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The image encoder and what it is given, against transformers' CLIPVisionModel and CLIPImageProcessor."""

import json
from dataclasses import dataclass

import pytest

from tests.engine import parity
from tests.engine.parity import save_file, torch

transformers = pytest.importorskip("transformers")
Image = pytest.importorskip("PIL.Image")


@dataclass(frozen=True)
class Case:
    why: str
    width: int = 32
    heads: int = 4
    layers: int = 3
    ffn: int = 48
    image_size: int = 28
    patch: int = 14


CASES = [
    Case("small"),
    Case("one_layer_whose_result_is_not_used", layers=1),
    Case("heads_of_80", width=160, heads=2),
    Case("many_patches", image_size=40, patch=4, layers=5),
]


def make_encoder(case: Case, seed: int) -> torch.nn.Module:
    config = transformers.CLIPVisionConfig(
        hidden_size=case.width,
        intermediate_size=case.ffn,
        num_hidden_layers=case.layers,
        num_attention_heads=case.heads,
        image_size=case.image_size,
        patch_size=case.patch,
        hidden_act="gelu",
    )
    model = transformers.CLIPVisionModel(config)
    parity.randomise(model, seed)
    return model.eval()


def of_comfyui(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The names of clip_vision_h.safetensors, with what that file has beside them."""
    named = {f"vision_model.{name}": x for name, x in tensors.items()}
    positions = tensors["embeddings.position_embedding.weight"].shape[0]
    named["vision_model.embeddings.position_ids"] = torch.arange(positions)[None]
    named["visual_projection.weight"] = torch.ones(3, tensors["pre_layrnorm.weight"].shape[0])
    return named


@pytest.mark.parametrize("names", ["transformers", "comfyui"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_tokens_are_those_before_the_last_layer(case, names, tmp_path):
    seed = 300 + CASES.index(case)
    model = make_encoder(case, seed)
    tensors = {name: x.contiguous() for name, x in model.state_dict().items()}
    save_file(tensors if names == "transformers" else of_comfyui(tensors), tmp_path / "clip.safetensors")
    pixels = torch.randn(1, 3, case.image_size, case.image_size, generator=torch.Generator().manual_seed(seed))
    with torch.inference_mode():
        theirs = model(pixels, output_hidden_states=True).hidden_states[-2]
        exact = model.double()(pixels.double(), output_hidden_states=True).hidden_states[-2]
    out = parity.run_probe(tmp_path, f"clip_vision={case.heads}", tmp_path / "clip.safetensors", {"pixels": pixels})
    parity.assert_as_exact_as(case.why, out, exact, theirs)


def test_heads_may_stand_in_the_header(tmp_path):
    model = make_encoder(CASES[0], 1)
    tensors = {name: x.contiguous() for name, x in model.state_dict().items()}
    metadata = {"config": json.dumps({"vision": {"num_heads": CASES[0].heads}})}
    save_file(tensors, tmp_path / "clip.safetensors", metadata)
    pixels = torch.ones(1, 3, 28, 28)
    by_header = parity.run_probe(tmp_path, "clip_vision=0", tmp_path / "clip.safetensors", {"pixels": pixels})
    told = parity.run_probe(tmp_path, "clip_vision=4", tmp_path / "clip.safetensors", {"pixels": pixels})
    other = parity.run_probe(tmp_path, "clip_vision=2", tmp_path / "clip.safetensors", {"pixels": pixels})
    assert torch.equal(by_header, told)
    assert not torch.equal(by_header, other)


def drawn(width: int, height: int) -> Image.Image:
    """Soft waves, and hard edges, which overshoot in a bicubic resize."""
    y = torch.arange(height)[:, None, None].double()
    x = torch.arange(width)[None, :, None].double()
    waves = 127.5 + 120 * torch.sin(x / 9 + torch.arange(3)) * torch.cos(y / 7)
    checks = torch.where(((x // 13 + y // 11) % 2 == 0) & (x > width / 2), 255.0, waves)
    return Image.fromarray(checks.round().to(torch.uint8).numpy())


def as_tensor(image: Image.Image) -> torch.Tensor:
    values = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return values.reshape(image.height, image.width, 3)


# Pillow 13 resizes the columns of some tall pictures first, and cuts off other overshoots at hard edges.
SIZES = {
    (640, 360): (1.01, 0.01),
    (360, 640): (1.01, 0.01),
    (300, 900): (20, 0.2),
    (224, 224): (0.01, 0.01),
    (100, 60): (1.01, 0.01),
    (1023, 517): (1.01, 0.01),
    (225, 224): (1.01, 0.01),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_pixels_are_those_of_clip_image_processor(size, tmp_path):
    """Mostly within an 8-bit level, and nearly all equal: Pillow's weights are whole numbers, ours are fp32."""
    image = drawn(*size)
    theirs = transformers.CLIPImageProcessor()(images=image, return_tensors="pt")["pixel_values"]
    ours = parity.run_probe(tmp_path, "picture", "224", {"picture": as_tensor(image)})
    deviation = torch.tensor(transformers.CLIPImageProcessor().image_std).view(1, 3, 1, 1)
    levels = 255 * deviation * (ours - theirs).abs()
    assert theirs.std() > 0.3, "a flat picture would compare nothing"
    print(f"{size}: worst {levels.max():.3f} levels, mean {levels.mean():.4f}")
    worst, mean = SIZES[size]
    assert levels.max() <= worst
    assert levels.mean() < mean


@pytest.mark.parametrize(
    ("size", "wanted", "box"),
    [
        ((640, 360), (64, 64), (140, 0, 500, 360)),  # the middle of a wide one
        ((300, 900), (64, 32), (0, 375, 300, 525)),  # and of a tall one
        ((64, 48), (128, 96), (0, 0, 64, 48)),
        ((64, 48), (64, 48), (0, 0, 64, 48)),
    ],
)
def test_a_clip_has_the_middle_of_a_picture(size, wanted, box, tmp_path):
    """Pillow's bilinear resize of that box; it rounds to 8 bits after each of its two passes, we do not."""
    image = drawn(*size)
    theirs = as_tensor(image.crop(box).resize(wanted, Image.Resampling.BILINEAR))
    ours = parity.run_probe(tmp_path, "picture", f"{wanted[0]}x{wanted[1]}", {"picture": as_tensor(image)})
    levels = ((ours[0].permute(1, 2, 0) + 1) * 127.5 - theirs).abs()
    assert levels.max() <= (1.01 if size != wanted else 1e-4), levels.max()
