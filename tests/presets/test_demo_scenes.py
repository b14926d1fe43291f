# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The clip maker, and the check of prompt following on clips that are right by construction."""

import ctypes
import math
import shutil
import subprocess
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="clips are drawn with torch")

import captions  # noqa: E402
import check_following  # noqa: E402
import fused  # noqa: E402
from data import ClipSize, psnr  # noqa: E402
from scenes import RAYS, render, scene_tracks  # noqa: E402

DEMO = Path(captions.__file__).parent
PROMPT = "a red ball rolls left over a striped floor by day, camera pans right"


def test_same_seed_same_clip_other_seed_other_clip() -> None:
    scene = captions.parse(PROMPT)
    clips = render([scene] * 3, [4, 4, 5], 9, 64, 64)
    assert clips.shape == (3, 9, 3, 64, 64)
    assert clips.min() >= -1 and clips.max() <= 1
    assert torch.equal(clips[0], clips[1])
    assert psnr(clips[:1], clips[2:]).item() < 20


def test_a_longer_clip_moves_no_faster() -> None:
    scene = captions.parse("a red ball rolls left over a plain floor by day")
    starts = [scene_tracks([scene], [1], frames, 64, 64) for frames in (33, 81)]
    steps = [track[:, 0, 1] - track[:, 0, 0] for track in starts]
    assert torch.allclose(steps[0], steps[1], atol=1e-5)


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_the_emitted_kernel_computes_what_torch_computes(tmp_path: Path) -> None:
    """The GPU draws with C made from `shade`; here that C runs on the CPU."""
    height, width, frames = 24, 32, 3
    prompts = captions.read_prompts(DEMO / "prompts_test.txt")[:6]
    scenes, seeds = [captions.parse(p) for p in prompts], list(range(6))
    want = render(scenes, seeds, frames, height, width)
    tracks = scene_tracks(scenes, seeds, frames, height, width).contiguous()
    source = "#include <math.h>\n#define QUALIFIER static\n" + fused.emit_shade(len(tracks))
    source += "\nvoid run(const float* t, long long s, float u, float v, float p, float* o)"
    source += " { shade(t, s, u, v, p, o); }\n"
    (tmp_path / "shade.c").write_text(source)
    library = tmp_path / "shade.so"
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", library, tmp_path / "shade.c", "-lm"]
    subprocess.run(command, check=True)
    run = ctypes.CDLL(str(library)).run
    unit, stride = 0.5 * math.sqrt(height * width), tracks[0].numel()
    colour, real = (ctypes.c_float * 3)(), ctypes.c_float
    for pixel in range(0, 6 * frames * height * width, 37):
        clip, place = divmod(pixel, height * width)
        y, x = divmod(place, width)
        total = [0.0] * 3
        for du, dv in RAYS:
            u, v = (x - 0.5 * (width - 1) + du) / unit, (y - 0.5 * (height - 1) + dv) / unit
            start = ctypes.c_void_p(tracks.data_ptr() + 4 * clip)
            run(start, ctypes.c_longlong(stride), real(u), real(v), real(1 / unit), colour)
            total = [t + c for t, c in zip(total, colour, strict=True)]
        got = torch.tensor(total) * (2 / len(RAYS)) - 1
        expected = want[clip // frames, clip % frames, :, y, x]
        assert torch.allclose(got, expected, atol=2e-3), (clip, y, x)


def test_following_is_right_about_drawn_clips_and_wrong_when_shuffled() -> None:
    """Six prompts, small pictures: near 100 % as asked, near none when prompts are exchanged."""
    prompts = captions.read_prompts(DEMO / "prompts_follow.txt")[::4]
    size = ClipSize(64, 64, 25)
    clips = torch.cat([check_following.ground_truth_clips([p], 50 + i, "cpu", size) for i, p in enumerate(prompts)])
    assert check_following.followed_share(clips, prompts) >= 0.8
    assert check_following.followed_share(clips, check_following.shuffled(prompts)) <= 0.2
