# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Every verb does its work, says how it is used, and speaks JSON when asked."""

import json
import math
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from PIL import Image

VERBS = [
    ("generate",), ("search",), ("evaluate",), ("plan",), ("plan", "show"), ("plan", "check"), ("plan", "solve"),
    ("plan", "diff"), ("report",), ("bench",), ("bench", "policies"), ("doctor",),
]  # fmt: skip


@pytest.mark.parametrize("verb", [(), *VERBS], ids=lambda verb: "-".join(verb) or "all")
def test_help(twill, verb):
    result = twill(*verb, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith(("Sparse attention plans", *([] if not verb else [""])))
    assert "--help" in result.stdout


def test_top_level_help_lists_every_verb_and_exit_code(twill):
    text = twill("--help").stdout
    for verb in ("generate", "search", "evaluate", "plan", "report", "bench", "doctor"):
        assert f"\n  {verb} " in text
    assert "0 done, 1 failed, 2 wrong usage, 130 stopped" in text


def test_version(twill):
    assert twill("--version").stdout.strip().count(".") == 2


@pytest.fixture
def presets(tiny_model, tmp_path, monkeypatch):
    """A folder of presets with the tiny model and a plan, which the program takes for its own."""
    shutil.copytree(tiny_model, tmp_path / "presets/demo")
    (tmp_path / "presets/some-model").mkdir()
    monkeypatch.setenv("TWILL_PRESETS", str(tmp_path / "presets"))
    return tmp_path / "presets"


def test_doctor_finds_kernels_models_and_plans(twill, presets, plan):
    shutil.copy(plan, presets / "some-model/quality.json")
    result = twill("doctor", "--json")
    report = json.loads(result.stdout)
    assert (result.returncode, report["problems"]) == (0, [])
    kernels = {entry["name"]: entry["why_not"] for entry in report["kernels"]}
    assert kernels["cpu portable"] == ""
    assert kernels["cuda compact"] == "" or any("CUDA kernels" in sentence for sentence in report["missing"])
    assert report["models"] == [{"folder": str(presets / "demo"), "why_not": ""}]
    assert report["presets"] == [{"file": str(presets / "some-model/quality.json"), "why_not": ""}]
    assert all(entry["why_not"] == "" for entry in report["write_access"])
    pictures = report["facts"]["pictures"]
    assert pictures == "PNG, JPEG, WebP" or any(
        pictures in each or "without libav" in each for each in report["missing"]
    )


def test_doctor_names_damaged_files_and_fails(twill, presets):
    weights = presets / "demo/dit.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    (presets / "some-model/half.json").write_text('{"schema_version": ')
    result = twill("doctor")
    assert result.returncode == 1
    wrong = [line for line in result.stdout.splitlines() if line.startswith("wrong: ")]
    assert len(wrong) == 2
    assert str(weights) in wrong[0]
    assert wrong[0].endswith("truncated?")
    assert str(presets / "some-model/half.json") in wrong[1]


def test_doctor_names_device_and_dtype(twill):
    facts = json.loads(twill("doctor", "--json").stdout)["facts"]
    assert facts["dtype"] in ("float32", "bfloat16")
    assert "threads" in facts["device"]
    assert "threads" in twill("doctor").stdout


def test_generate_writes_a_video_and_says_how_long_it_took(twill, tiny_model, tmp_path):
    out = tmp_path / "new/clip.mp4"
    result = twill("generate", "--model", tiny_model, "--prompt", "a red ball", "--seed", 5, "--out", out, "--json")
    assert result.returncode == 0, result.stderr
    clip = json.loads(result.stdout)["clips"][0]
    assert clip["file"] == str(out)
    assert clip["seed"] == 5
    assert clip["times"]["denoise_seconds"] > 0
    assert [path.name for path in out.parent.iterdir()] == ["clip.mp4"]


def test_generate_compares_with_the_dense_clip(twill, tiny_model, plan, tmp_path):
    result = twill(
        "generate", "--model", tiny_model, "--prompt", "a red ball", "--prompt", "a blue ball", "--plan", plan,
        "--compare", "--out", tmp_path / "clip.mp4", "--json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    clips = json.loads(result.stdout)["clips"]
    assert [clip["seed"] for clip in clips] == [0, 1]
    assert all(clip["density"] <= 0.6 + 1e-9 and clip["psnr_db"] != "inf" for clip in clips)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"clip-1.mp4", "clip-1-dense.mp4", "clip-2.mp4", "clip-2-dense.mp4"}


def test_same_seed_same_clip(twill, tiny_model, tmp_path):
    for name in ("a", "b"):
        run = twill("generate", "--model", tiny_model, "--prompt", "a red ball", "--out", tmp_path / name)
        assert run.returncode == 0, run.stderr
    frames = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(frames) == 33
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in frames)


def test_evaluate_writes_report_and_pictures(twill, tiny_model, plan, tmp_path):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("# two\na red ball\na blue ball rolls\n")
    out = tmp_path / "out"
    result = twill(
        "evaluate", "--model", tiny_model, "--plan", plan, "--prompts", prompts, "--out", out / "report.json",
        "--save-clips", out, "--timed", 1,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    report = json.loads((out / "report.json").read_text())
    assert report["prompts"] == ["a red ball", "a blue ball rolls"]
    assert report["timed_prompts"] == 1
    assert report["speedup"] == pytest.approx(report["dense_seconds"] / report["sparse_seconds"])
    assert report["search_seconds"] > 0
    assert report["layout"] == {"prefix": 0, "frames": 9, "rows": 8, "cols": 8, "suffix": 0}
    for row in report["rows"]:
        # A clip's MSE is the mean of its frames'.
        mses = [10 ** (-frame / 10) for frame in row["psnr_db_frames"]]
        assert len(mses) == 33
        assert -10 * math.log10(sum(mses) / 33) == pytest.approx(row["psnr_db"])
    worst = min(range(2), key=lambda i: report["rows"][i]["psnr_db"])
    assert ((out / "worst.png").read_bytes() == (out / "side_by_side.png").read_bytes()) == (worst == 0)
    for name in ("dense.mp4", "sparse.mp4", "side_by_side.png", "worst.png", "heads.png"):
        assert (out / name).stat().st_size > 100, name
    assert f"{report['psnr_db']:.2f} dB" in result.stdout


def test_the_heads_are_drawn(twill, plan, tmp_path):
    picture = tmp_path / "heads.png"
    assert twill("plan", "show", plan, "--picture", picture).returncode == 0
    with Image.open(picture) as image:
        assert image.mode == "RGB"
        # Two layers below each other, two heads side by side: dark gaps, coloured frames, maps.
        assert abs(image.width - image.height) < 4
        assert len(image.getcolors(1 << 20)) > 8
    bare = tmp_path / "bare.json"
    without = json.loads(Path(plan).read_text())
    del without["profile"]
    bare.write_text(json.dumps(without))
    assert "holds no attention maps" in twill.refuses(1, "plan", "show", bare, "--picture", tmp_path / "no.png")
    assert not (tmp_path / "no.png").exists()


def test_plan_verbs_agree(twill, tiny_model, plan, tmp_path):
    shown = json.loads(twill("plan", "show", plan, "--json").stdout)
    assert shown["has_profile"]
    assert shown["layout"] == {"frames": 9, "rows": 8, "cols": 8}
    for segment in shown["segments"]:
        assert sum(segment["heads"].values()) == 4
    assert twill("plan", "check", plan, "--model", tiny_model).returncode == 0
    assert "0 differences" in twill("plan", "diff", plan, plan).stdout
    again = tmp_path / "again.json"
    assert twill("plan", "solve", plan, "--density", 0.6, "--out", again).returncode == 0
    assert "0 differences" in twill("plan", "diff", plan, again).stdout
    sparser = tmp_path / "sparser.json"
    assert twill("plan", "solve", plan, "--density", 0.3, "--out", sparser).returncode == 0
    assert json.loads(twill("plan", "diff", plan, sparser, "--json").stdout)["differences"] != []


def test_progress_goes_to_stderr_in_plain_lines(twill, tiny_model, tmp_path):
    command = ("generate", "--model", tiny_model, "--prompt", "a red ball", "--out", tmp_path / "clip.mp4")
    result = twill(*command)
    assert "\r" not in result.stderr
    assert "denoise dense [" in result.stderr
    assert "4/4" in result.stderr
    quiet = twill(
        "generate", "--quiet", "--model", tiny_model, "--prompt", "a red ball", "--out", tmp_path / "clip.mp4"
    )
    assert quiet.stderr == ""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_cleanly(twill, tiny_model, tmp_path, sent):
    out = tmp_path / "clip.mp4"
    # More steps than can be done before the signal comes.
    command = ["generate", "--model", tiny_model, "--prompt", "a red ball", "--steps", 1000, "--out", out]
    running = subprocess.Popen(
        [twill.program, *map(str, command)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ
    )
    for line in running.stderr:
        if line.startswith("denoise"):
            break
    time.sleep(0.3)
    running.send_signal(sent)
    _, rest = running.communicate(timeout=30)
    assert running.returncode == 130
    assert rest.splitlines()[-1] == "twill: stopped"
    assert list(tmp_path.iterdir()) == []


def test_precision_is_searched_for_shown_and_solved_again(twill, tiny_model, tmp_path):
    def answer(*arguments):
        result = twill("--json", *arguments)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    plan, again = tmp_path / "plan.json", tmp_path / "again.json"
    clip = ("--model", tiny_model, "--prompt", "a red ball", "--steps", 4, "--points", 2, "--map-size", 0)
    found = answer("search", *clip, "--density", 0.6, "--int8-error-share", 1e6, "--out", plan)
    assert found["int8_heads"] == found["heads_with_keys"] > 0
    shown = answer("plan", "show", plan)
    assert (shown["int8_heads"], shown["heads_with_keys"]) == (found["int8_heads"], found["heads_with_keys"])
    assert f"int8: {shown['int8_heads']} of {shown['heads_with_keys']} heads" in twill("plan", "show", plan).stdout
    assert answer("plan", "solve", plan, "--density", 0.6, "--int8-error-share", 0, "--out", again)["int8_heads"] == 0
    differing = answer("plan", "diff", again, plan)["differences"]
    assert differing and all(each["after"] == f"{each['before']}, int8" for each in differing)
    said = twill.refuses(2, "plan", "solve", plan, "--int8-error-share", -1, "--out", again)
    assert said == "int8 error share -1 is not a finite number of at least 0"
