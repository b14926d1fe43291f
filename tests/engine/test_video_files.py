# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Clips and pictures that the engine wrote, read by ffprobe and by pillow."""

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from tests.engine.parity import run_probe, torch

FRAMES, HEIGHT, WIDTH = 17, 64, 96


def moving_square() -> torch.Tensor:
    """[frames, height, width, 3]: a square over a gradient."""
    clip = torch.zeros(FRAMES, HEIGHT, WIDTH, 3, dtype=torch.uint8)
    clip[..., 0] = torch.arange(WIDTH) * 2
    for i in range(FRAMES):
        clip[i, 20:40, 2 * i : 2 * i + 20] = torch.tensor([230, 60, 40], dtype=torch.uint8)
    return clip


def write(folder: Path, name: str, frames: torch.Tensor, fps: float = 16) -> Path:
    fps_tensor = torch.tensor(fps, dtype=torch.float64)
    size = run_probe(folder, "video", folder / name, {"frames": frames, "fps": fps_tensor})
    assert size.item() == (folder / name).stat().st_size
    return folder / name


def ffprobe(file: Path) -> tuple[dict, dict]:
    program = shutil.which("ffprobe")
    if not program:
        pytest.skip("ffprobe is not installed")
    words = [program, "-v", "error", "-count_frames", "-show_streams", "-show_format", "-of", "json", str(file)]
    answer = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    (stream,) = answer["streams"]
    return stream, answer["format"]


@pytest.mark.parametrize(("fps", "rate"), [(16, "16/1"), (24000 / 1001, "24000/1001"), (29.97, "2997/100")])
def test_mp4(fps, rate, tmp_path):
    file = write(tmp_path, "clip.mp4", moving_square(), fps)
    stream, container = ffprobe(file)
    assert (stream["codec_name"], stream["pix_fmt"]) == ("h264", "yuv420p")
    assert (stream["width"], stream["height"]) == (WIDTH, HEIGHT)
    assert int(stream["nb_read_frames"]) == FRAMES
    assert stream["avg_frame_rate"] == rate
    assert (stream["color_space"], stream["color_range"]) == ("bt709", "tv")
    assert float(stream["duration"]) == pytest.approx(FRAMES / Fraction(rate), rel=1e-3)
    assert (container["tags"]["prompt"], container["tags"]["seed"]) == ("a red ball", "42")
    data = file.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "the index is not in front"


def test_webm(tmp_path):
    stream, container = ffprobe(write(tmp_path, "clip.webm", moving_square()))
    assert (stream["codec_name"], stream["pix_fmt"]) == ("vp9", "yuv420p")
    assert (stream["width"], stream["height"]) == (WIDTH, HEIGHT)
    assert int(stream["nb_read_frames"]) == FRAMES
    assert Fraction(stream["avg_frame_rate"]) == 16
    assert (container["tags"]["PROMPT"], container["tags"]["SEED"]) == ("a red ball", "42")


@pytest.mark.parametrize(("name", "least_db"), [("clip.gif", 30), ("clip.webp", 30)])
def test_animations(name, least_db, tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    clip = moving_square()
    image = image_module.open(write(tmp_path, name, clip))
    assert image.n_frames == FRAMES
    assert image.info["loop"] == 0, "it does not play for ever"
    durations, squares = [], 0.0
    for i in range(FRAMES):
        image.seek(i)
        image.load()
        durations.append(image.info["duration"])
        pixels = torch.frombuffer(bytearray(image.convert("RGB").tobytes()), dtype=torch.uint8)
        squares += (pixels.view(HEIGHT, WIDTH, 3).double() - clip[i].double()).square().mean().item()
    # 62.5 ms a frame, in whole milliseconds or hundredths of a second.
    assert all(abs(duration - 62.5) < 10 for duration in durations), durations
    assert sum(durations) == pytest.approx(FRAMES * 62.5, abs=10)
    db = 10 * torch.log10(torch.tensor(255**2 * FRAMES / squares)).item()
    print(f"{name}: {db:.1f} dB")
    assert db >= least_db


def test_png(tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    frame = torch.randint(0, 256, (1, 37, 51, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    image = image_module.open(write(tmp_path, "frame.png", frame))
    assert (image.mode, image.size) == ("RGB", (51, 37))
    assert image.tobytes() == frame.numpy().tobytes()
