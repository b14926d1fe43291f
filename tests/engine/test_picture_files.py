# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Picture files as Pillow reads them, and what is refused."""

import subprocess
from pathlib import Path

import pytest

from tests.engine import probe
from tests.engine.probe import safetensors, torch
from tests.engine.test_parity_clip_vision import as_tensor, drawn

Image = pytest.importorskip("PIL.Image")
ImageOps = pytest.importorskip("PIL.ImageOps")

NOTHING = {"x": torch.zeros(1)}


@pytest.fixture(autouse=True)
def _needs_libav(tmp_path):
    drawn(4, 4).save(tmp_path / "small.png")
    if "made without libav" in refusal(tmp_path, tmp_path / "small.png", fails=False):
        pytest.skip("this build has no libav")


def refusal(folder: Path, file: Path, fails: bool = True) -> str:
    safetensors.save_file(NOTHING, folder / "inputs.safetensors")
    command = [probe.probe_program(), "read_picture", file, folder / "inputs.safetensors", folder / "out.safetensors"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode != 0) or not fails
    return result.stderr.strip()


def read(folder: Path, file: Path) -> torch.Tensor:
    safetensors.save_file(NOTHING, folder / "inputs.safetensors")
    probe.call_probe("read_picture", file, folder / "inputs.safetensors", folder / "out.safetensors")
    return safetensors.load_file(folder / "out.safetensors")["out"]


MADE = {
    "rgb.png": lambda image: (image, {}),
    "grey.png": lambda image: (image.convert("L"), {}),
    "palette.png": lambda image: (image.quantize(16), {}),
    "see_through.png": lambda image: (with_alpha(image), {}),
    "lossless.webp": lambda image: (image, {"lossless": True}),
    "no_ending": lambda image: (image, {"format": "PNG"}),
    "named_otherwise.jpg": lambda image: (image, {"format": "PNG"}),
}


def with_alpha(image: Image.Image) -> Image.Image:
    clear = image.copy()
    clear.putalpha(Image.linear_gradient("L").resize(image.size))
    return clear


@pytest.mark.parametrize("name", MADE)
def test_lossless_pictures_have_pillows_values(name, tmp_path):
    made, options = MADE[name](drawn(37, 22))
    made.save(tmp_path / name, **options)
    assert torch.equal(read(tmp_path, tmp_path / name), as_tensor(made.convert("RGB")))


@pytest.mark.parametrize(("subsampling", "worst", "mean"), [(0, 3, 1.0), (2, 48, 2.5)], ids=["444", "420"])
def test_jpegs_are_near_pillows(subsampling, worst, mean, tmp_path):
    """Decoders round as they like; of colours at half the size they also fill in the rest as they like."""
    file = tmp_path / "p.jpg"
    drawn(64, 48).save(file, quality=95, subsampling=subsampling)
    away = (read(tmp_path, file).int() - as_tensor(Image.open(file).convert("RGB")).int()).abs()
    print(f"{subsampling}: worst {away.max()}, mean {away.float().mean():.3f}")
    assert away.max() <= worst
    assert away.float().mean() < mean


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_is_turned_as_exif_says(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = tmp_path / "p.jpg"
    drawn(40, 24).save(file, quality=100, subsampling=0, exif=exif)
    theirs = as_tensor(ImageOps.exif_transpose(Image.open(file)).convert("RGB"))
    ours = read(tmp_path, file)
    assert ours.shape == theirs.shape
    assert (ours.int() - theirs.int()).abs().max() <= 3


def test_other_files_are_refused(tmp_path):
    drawn(16, 16).save(tmp_path / "p.gif")
    assert refusal(tmp_path, tmp_path / "p.gif") == f"{tmp_path / 'p.gif'}: is no PNG, JPEG or WebP picture"
    (tmp_path / "empty.png").write_bytes(b"")
    assert refusal(tmp_path, tmp_path / "empty.png").endswith("empty.png: is no PNG, JPEG or WebP picture")
    assert refusal(tmp_path, tmp_path / "none.png") == f"{tmp_path / 'none.png'}: no such file"
    assert refusal(tmp_path, tmp_path) == f"{tmp_path}: no such file"


@pytest.mark.parametrize("name", ["p.png", "p.jpg", "p.webp"])
def test_half_a_file_is_refused(name, tmp_path):
    file = tmp_path / name
    drawn(200, 120).save(file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert refusal(tmp_path, file).startswith(f"{file}: ")


def test_a_header_that_promises_too_many_pixels_is_refused(tmp_path):
    """Before memory for them is asked for: the sizes stand in the first bytes of a PNG."""
    file = tmp_path / "p.png"
    drawn(20, 20).save(file)
    data = bytearray(file.read_bytes())
    data[16:24] = (20_000).to_bytes(4, "big") + (6_000).to_bytes(4, "big")
    file.write_bytes(data)
    assert refusal(tmp_path, file).startswith(f"{file}: ")
