# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Every shipped plan reads, fits its model, compiles for its sizes, has the density it states, and is what its maker
writes."""

import gzip
import itertools
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PRESETS = ROOT / "presets"
twill_vdit = pytest.importorskip("twill_vdit")
if twill_vdit.native.binary is None:
    pytest.skip("_twill is not built", allow_module_level=True)

import make_presets  # noqa: E402

from makers import digest, measured, points, schedules, table  # noqa: E402
from makers.models import MODELS  # noqa: E402
from makers.patterns import density, radial, sta_window  # noqa: E402
from twill_vdit.patterns import keeps  # noqa: E402

SHIPPED = {
    f"{model.folder}/{model.prefix}{point}.json": (model, point) for model in MODELS for point in points.names_of(model)
}


def plan_of(path):
    return twill_vdit.read_plan(PRESETS / path)


def test_every_plan_file_is_of_a_model_here():
    found = {
        str(file.relative_to(PRESETS))
        for file in PRESETS.glob("*/*.json")
        if file.parent.name != "demo" and '"segments"' in file.read_text(encoding="utf-8")
    }
    assert found == set(SHIPPED)


def test_files_are_small():
    assert {path for path in SHIPPED if (PRESETS / path).stat().st_size > 300_000} == set()


@pytest.fixture(scope="module")
def made():
    return make_presets.make_all(measured.read_results())


@pytest.mark.parametrize("path", [*SHIPPED, "README.md"])
def test_the_maker_writes_it_again(made, path):
    assert (PRESETS / path).read_text(encoding="utf-8") == made[path]


@pytest.mark.parametrize("path", SHIPPED)
def test_it_fits_its_model_and_compiles_for_its_sizes(path):
    model, _ = SHIPPED[path]
    plan = plan_of(path)
    assert plan.model.family == model.folder
    assert [(stack.name, stack.layers, stack.heads) for stack in plan.model.stacks] == list(model.stacks)
    assert len(model.other_layouts) == 3
    for layout in (model.layout, *model.other_layouts):
        compiled = twill_vdit.compile_plan(plan, layout)
        densities = [
            compiled.density(segment, expert)
            for segment in range(len(plan.segments))
            for expert in range(len(model.experts))
        ]
        assert max(densities) == 1.0 and min(densities) < 1.0, layout


@pytest.mark.parametrize("path", SHIPPED)
def test_it_has_the_density_that_it_states(path):
    model, _ = SHIPPED[path]
    plan = plan_of(path)
    compiled = twill_vdit.compile_plan(plan, model.layout)
    by_hand = sum(compiled.density(plan.segment_at(t), model.expert_at(t)) for t in model.times) / len(model.times)
    stated = float(re.match(r"(0\.\d{4}) ", plan.provenance["density"]).group(1))
    assert abs(by_hand - stated) <= 0.5e-4 + 1e-9
    assert f"| {by_hand:.3f} |" in table_row(path)


def table_row(path):
    """Of the table of all plans, whose rows begin with the model."""
    lines = (PRESETS / "README.md").read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if f"`{path}`" in line and not line.startswith(f"| `{path}`")]
    return row


def test_interpolated_layers_are_told():
    """In the table and in the plan's provenance."""
    results = measured.read_results()["presets"]
    interpolated = {name for name, timed in results.items() if timed["kinds_timed"] < timed["kinds_of_layers"]}
    assert len(interpolated) == 7
    for name, timed in results.items():
        told = f"{timed['kinds_timed']} of {timed['kinds_of_layers']} kinds"
        in_plan = told in plan_of(f"{name}.json").provenance["measured"]
        in_row = f"| {told} |" in table_row(f"{name}.json")
        assert (in_plan, in_row) == (name in interpolated, name in interpolated), name


@pytest.mark.parametrize("path", SHIPPED)
def test_it_says_where_each_choice_comes_from(path):
    provenance = plan_of(path).provenance
    for field in ("patterns", "heads", "dense_layers", "dense_steps"):
        assert provenance[f"source.{field}"]
    assert "not at hand" in provenance["not_measured"]
    assert "twill search" in provenance["replace"]
    assert provenance["measured"] and provenance["setting"]


@pytest.mark.parametrize("path", SHIPPED)
def test_the_first_steps_are_dense(path):
    """As many as the provenance says, on the default schedule."""
    model, _ = SHIPPED[path]
    plan = plan_of(path)
    dense = [plan.segments[plan.segment_at(t)].dense for t in model.times]
    stated = int(re.search(r"the first (\d+) of (\d+)", plan.provenance["source.dense_steps"]).group(1))
    assert dense == [True] * stated + [False] * (len(dense) - stated)


def test_points_are_ordered_by_density():
    for model in MODELS:
        stated = [
            float(plan_of(f"{model.folder}/{model.prefix}{point}.json").provenance["density"].split()[0])
            for point in points.names_of(model)
        ]
        assert stated == sorted(stated, reverse=True), model.label


def test_a_timing_of_another_plan_is_not_shown():
    path = "hunyuanvideo/balanced"
    text = (PRESETS / f"{path}.json").read_text(encoding="utf-8")
    timed = {"heads": measured.heads_digest(text), "dense_step_ms": 200.0, "plan_step_ms": 100.0, "speedup": 2.0,
             "best_dense": "cudnn", "kinds_of_layers": 9, "kinds_timed": 4}  # fmt: skip
    results = {"run": {"device": "a card", "command": "a command"}, "presets": {path: timed}}
    assert measured.result_of(results, path, timed["heads"]) is timed
    assert "2.00x" in measured.sentence(results, timed) and "a card" in measured.sentence(results, timed)
    assert "4 of 9 kinds of layers were timed" in measured.sentence(results, timed)
    changed = json.loads(text)
    changed["segments"][0]["heads"]["default"]["double_blocks"][3][4] = 1
    assert measured.result_of(results, path, measured.heads_digest(json.dumps(changed))) is None
    assert "not measured" in measured.sentence(results, None)


def test_the_step_estimate_is_amdahls():
    assert table.step_estimate(0.5, 2.0) == pytest.approx(1 / 0.75)


def test_schedules_end_where_they_should():
    euler = schedules.flow(4, 3.0)
    assert euler == pytest.approx([1.0, 0.9, 0.75, 0.5])
    mochi = schedules.linear_quadratic(64, 0.025)
    assert mochi[0] == 1.0 and mochi[32] == pytest.approx(0.975)
    assert all(a > b for a, b in itertools.pairwise(mochi)) and 0.0 < mochi[-1] < 0.1
    # The slope does not break where the parabola begins.
    assert mochi[31] - mochi[32] == pytest.approx(mochi[32] - mochi[33], rel=0.5, abs=0.004)
    assert schedules.trailing(50)[:2] == [0.999, 0.979]


def test_schedules_are_those_of_diffusers():
    pytest.importorskip("diffusers", reason="the schedules are compared with its")
    from diffusers import CogVideoXDDIMScheduler
    from diffusers.pipelines.mochi.pipeline_mochi import linear_quadratic_schedule

    assert schedules.linear_quadratic(64, 0.025) == pytest.approx(linear_quadratic_schedule(64, 0.025), abs=1e-12)
    ddim = CogVideoXDDIMScheduler(timestep_spacing="trailing")
    ddim.set_timesteps(50)
    assert schedules.trailing(50) == pytest.approx((ddim.timesteps / 1000).tolist(), abs=1e-6)


def keeps_by_radials_rule(frame, row_major, key_frame, key_place, frame_tokens, decay):
    """The authors' rule by token, without their thinning of far frames and their blocks."""
    distance = abs(frame - key_frame)
    if key_frame == 0 or distance == 0:
        return True
    width = decay * 2 ** frame_tokens.bit_length() / 2 ** distance.bit_length()
    if distance == 1:
        width = max(width, frame_tokens / 2)
    return abs(row_major - key_place) <= max(width, frame_tokens * 128 / 3600)


def test_radials_mask_holds_what_the_rule_keeps():
    layout = twill_vdit.TokenLayout(frames=11, rows=6, cols=10)
    pattern = radial(layout, 0.2, 0.5)
    text = json.dumps({"schema_version": "1.0", "name": "r", "patterns": [pattern],
                       "model": {"family": "x", "experts": ["default"], "head_dim": 64,
                                 "stacks": [{"name": "b", "layers": 1, "heads": 1}]},
                       "segments": [{"t_begin": 0, "t_end": 1, "heads": {"default": {"b": [[0]]}}}]})  # fmt: skip
    tokens = np.arange(layout.tokens)
    kept = keeps(twill_vdit.parse_plan(text).patterns[0], layout, tokens, tokens)
    frame_tokens = layout.frame_tokens
    missing = [
        (query, key)
        for query in range(layout.tokens)
        for key in range(layout.tokens)
        if keeps_by_radials_rule(
            query // frame_tokens, query % frame_tokens, key // frame_tokens, key % frame_tokens, frame_tokens, 0.2
        )
        and not kept[query, key]
    ]
    assert missing == []
    assert kept.mean() < 0.75


@pytest.mark.parametrize(
    ("tiles", "across"), [((1, 6, 10), (7, 48, 80)), ((5, 3, 3), (30, 25, 25)), ((3, 3, 5), (19, 25, 41))]
)
def test_a_window_of_sta_is_as_wide(tiles, across):
    """In the middle of STA's clip, to within the one token that a window has around its centre."""
    window = sta_window(tiles)
    sizes = (30, 48, 80)
    frames = min(2 * window["frames"] + 1, sizes[0])
    rows, cols = (min(2 * -(-window[a] * n // 1) + 1, n) for a, n in (("rows", sizes[1]), ("cols", sizes[2])))
    assert (frames, rows, cols) == across
    assert density(window, MODELS[0].layout) < 1.0


def test_figures_come_from_the_authors_files():
    folder = os.environ.get("TWILL_PRESET_SOURCES")
    if not folder:
        pytest.skip("TWILL_PRESET_SOURCES names no folder with the authors' files")
    for name, text in digest.make(Path(folder)).items():
        assert (PRESETS / "sources" / name).read_text(encoding="utf-8") == text


def test_digest_pools_steps(tmp_path):
    """On a made-up file: means by range of steps, most frequent windows, bits of all windows."""
    plan = {f"{s}_{layer}_{h}": [5, 3, 3] for s in range(50) for layer in range(60) for h in range(24)}
    plan |= {f"{s}_1_2": [1, 6, 10] for s in range(20, 24)}
    (tmp_path / "sta.gz").write_bytes(gzip.compress(json.dumps(plan).encode()))
    figures = digest.sta_windows(tmp_path / "sta.gz")
    assert figures["windows"] == [[1, 6, 10], [5, 3, 3]]
    assert figures["most_frequent"]["20-29"][1][2] == 1 and figures["all_seen"]["20-29"][1][2] == 0b11
    assert figures["all_seen"]["30-39"][1][2] == 0b10
    rows = ["Step,Layer,Head,Sparsity"] + [f"{s},0,{h},{0.1 * s * (h + 1)}" for s in (1, 2, 3, 4) for h in (0, 1)]
    (tmp_path / "svoo.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    assert digest.svoo_mass(tmp_path / "svoo.gz", ((0, 2), (2, 4)))["percent"] == {"0-1": [[15, 30]], "2-3": [[35, 70]]}
