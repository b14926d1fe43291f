# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The cells that Radial Attention's mask keeps as published, against masks that are made token by token."""

from pathlib import Path

import numpy as np
import pytest

twill_vdit = pytest.importorskip("twill_vdit")
if twill_vdit.native.binary is None:
    pytest.skip("_twill is not built", allow_module_level=True)

from makers import points, radial_cells, radial_table  # noqa: E402
from makers.models import MODELS  # noqa: E402
from makers.patterns import density, radial  # noqa: E402

README = (Path(__file__).resolve().parents[2] / "presets" / "README.md").read_text(encoding="utf-8")
LAYOUTS = [
    pytest.param(twill_vdit.TokenLayout(frames=5, rows=13, cols=20), id="frames_that_end_within_blocks"),
    pytest.param(twill_vdit.TokenLayout(frames=4, rows=16, cols=16), id="frames_of_whole_blocks"),
    pytest.param(twill_vdit.TokenLayout(frames=9, rows=8, cols=9, suffix=30), id="thinned_frames_and_text"),
]
SETTINGS = [pytest.param(0.2, 0.5, id="wan"), pytest.param(0.95, 1.0, id="hunyuan")]


def pair_mask(frame, key_frame, size, decay, near):
    """[queries, keys] of a pair of frames, by the rule."""
    distance = abs(frame - key_frame)
    if distance == 0 or (key_frame == 0 and near < 1.0) or (distance == 1 and near >= 1.0):
        return np.ones((size, size), dtype=bool)
    spread = 2.0 ** (size.bit_length() - distance.bit_length())
    if distance == 1:
        width = size // 2
    elif spread < 128 and distance % int(128 / spread) != 0:
        return np.zeros((size, size), dtype=bool)
    else:
        width = max(128.0, decay * spread)
    places = np.arange(size)
    return abs(places[:, None] - places) <= width


def dense_text(video, layout):
    tokens = layout.frames * layout.frame_tokens
    return (video * tokens**2 + layout.tokens**2 - tokens**2) / layout.tokens**2


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("decay", "near"), SETTINGS)
def test_cells_by_token(layout, decay, near):
    size, frames = layout.frame_tokens, range(layout.frames)
    shares = [pair_mask(i, j, size, decay, near).mean() for i in frames for j in frames]
    assert radial_cells.by_token(layout, decay, near) == pytest.approx(dense_text(np.mean(shares), layout))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("decay", "near"), SETTINGS)
def test_cells_by_block(layout, decay, near):
    """A pair of frames lies in the blocks from the one that it begins in; as many as the frame fills are looked at."""
    size, video = layout.frame_tokens, layout.frames * layout.frame_tokens
    count, blocks = -(-size // 128), -(-video // 128)
    kept = np.zeros((blocks + 2, blocks + 2), dtype=bool)
    for i in range(layout.frames):
        for j in range(layout.frames):
            held = np.zeros(((count + 1) * 128, (count + 1) * 128), dtype=bool)
            row, column = i * size % 128, j * size % 128
            held[row : row + size, column : column + size] = pair_mask(i, j, size, decay, near)
            for a in range(count):
                for b in range(count):
                    by_column = held[128 * a : 128 * a + 128, 128 * b : 128 * b + 128].mean(axis=0)
                    if (by_column > 1 / 3).sum() > 0.6 * (by_column > 0).sum() + 1e-9:
                        kept[i * size // 128 + a, j * size // 128 + b] = True
    expected = dense_text(kept[:blocks, :blocks].mean(), layout)
    assert radial_cells.by_block(layout, decay, near) == pytest.approx(expected)


def by_radial():
    for model in MODELS:
        for point in points.names_of(model):
            if setting := points.radial_setting(model, point):
                yield pytest.param(model, point, setting, id=f"{model.folder}/{model.prefix}{point}")


@pytest.mark.parametrize(("model", "point", "setting"), list(by_radial()))
def test_the_page_tells_both(model, point, setting):
    """And which presets are by Radial's mask is what their provenance says."""
    file = f"{model.folder}/{model.prefix}{point}.json"
    plan = twill_vdit.read_plan(Path(__file__).resolve().parents[2] / "presets" / file)
    assert plan.provenance["source.patterns"].startswith(f"published rule: {points.RADIAL}, decay {setting[0]:g}")
    published = radial_table.published_run_density(model, point, setting)
    ours = float(plan.provenance["density"].split()[0])
    assert published < ours
    assert f"{ours:.4f}" in plan.provenance["source.cells"] and f"{published:.4f}" in plan.provenance["source.cells"]
    (row,) = [line for line in README.splitlines() if line.startswith(f"| `{file}` | {setting[0]:g} |")]
    pattern = radial(model.layout, *setting[:2])
    shares = [radial_cells.by_token(model.layout, *setting[:2]), density(pattern, model.layout), published]
    assert [share for share in shares if f" {share:.3f} " not in row] == []


def test_no_preset_by_radials_mask_is_left_out():
    found = set()
    for model in MODELS:
        for point in points.names_of(model):
            _, sources = points.build(model, point)
            if points.RADIAL in sources["source.patterns"]:
                found.add((model.label, point))
    assert found == {(model.values[0].label, model.values[1]) for model in by_radial()}
