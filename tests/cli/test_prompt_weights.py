# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""How brackets in prompts are read: what is told, what is refused, and that clips and kept rows follow it.

That rows are ComfyUI's is shown in tests/comfy/test_comfy_weights.py.
"""

import json

import pytest

NUMBERED = "two (dogs:1.3) by day"
TOLD_TEXT = "the prompt's brackets are text; --prompt-weights comfyui makes weights of them, as ComfyUI does"
TOLD_WEIGHTS = (
    'the prompt\'s brackets are weights, as in ComfyUI, for "(dogs:1.3)" is one; --prompt-weights none makes text of '
    "them"
)


@pytest.fixture
def clip(twill, umt5_model, tmp_path):
    """Frames of a clip and what was told of its prompt."""

    def make(prompt: str, *more: object, model=umt5_model) -> tuple[list[bytes], list[str]]:
        out = tmp_path / f"clip{len(list(tmp_path.iterdir()))}"
        size = ("--steps", 2, "--frames", 5)
        result = twill("generate", "--model", model, "--prompt", prompt, *size, "--out", out, *more)
        assert result.returncode == 0, result.stderr
        frames = [path.read_bytes() for path in sorted(out.glob("*.png"))]
        assert len(frames) == 5
        return frames, [line for line in result.stderr.splitlines() if "brackets" in line]

    return make


def test_a_number_with_a_point_makes_weights(clip):
    frames, told = clip(NUMBERED)
    assert told == [TOLD_WEIGHTS]
    assert clip(NUMBERED, "--prompt-weights", "comfyui") == (frames, [])
    text, told = clip(NUMBERED, "--prompt-weights", "none")
    assert told == []
    assert text != frames
    # The rows of both are kept now, each of its own.
    assert clip(NUMBERED) == (frames, [TOLD_WEIGHTS])
    assert clip(NUMBERED, "--prompt-weights", "none") == (text, [])


def test_other_brackets_are_text(clip):
    frames, told = clip("two (dogs) by day")
    assert told == [TOLD_TEXT]
    assert clip("two (dogs) by day", "--prompt-weights", "none") == (frames, [])
    weighted, told = clip("two (dogs) by day", "--prompt-weights", "comfyui")
    assert told == []
    assert weighted != frames
    assert clip("two (dogs:1.1) by day", "--prompt-weights", "comfyui") == (weighted, [])


def test_a_prompt_without_brackets_is_the_same_in_all(clip):
    frames, told = clip("two dogs by day")
    assert told == []
    for weights in ("auto", "comfyui", "none"):
        assert clip("two dogs by day", "--prompt-weights", weights) == (frames, [])


def test_the_negative_prompt_is_read_too(clip):
    guided = ("--cfg", 3, "--negative", NUMBERED)
    frames, told = clip("a red ball", *guided)
    assert told == [TOLD_WEIGHTS]
    assert clip("a red ball", *guided, "--prompt-weights", "comfyui") == (frames, [])
    assert clip("a red ball", *guided, "--prompt-weights", "none")[0] != frames


def test_an_embedding_is_told_to_be_text(twill, umt5_model, tmp_path):
    result = twill(
        "generate", "--model", umt5_model, "--prompt", "a ball, embedding:bad-hands", "--steps", 1, "--frames", 5,
        "--out", tmp_path / "clip",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    told = '"embedding:bad-hands" in the prompt is text: embeddings are not supported, and ComfyUI has none for Wan'
    assert told in result.stderr.splitlines()


def test_words_of_a_table_have_weights_too(clip, tiny_model):
    plain, _ = clip("a red ball", model=tiny_model)
    assert clip("a (red:1.0) ball", model=tiny_model)[0] == plain
    assert clip("a (red:1.3) ball", model=tiny_model)[0] != plain


@pytest.mark.parametrize("weights", ["auto", "comfyui", "none"])
def test_a_video_says_how_its_prompt_was_read(twill, settings_in, umt5_model, tmp_path, weights):
    out = tmp_path / "clip.mp4"
    more = ("--prompt-weights", weights) if weights != "auto" else ()
    result = twill(
        "generate", "--model", umt5_model, "--prompt", NUMBERED, "--steps", 1, "--frames", 5, "--out", out, *more
    )
    assert result.returncode == 0, result.stderr
    tags = settings_in(out)
    assert tags["prompt"] == NUMBERED
    assert tags["prompt_weights"] == weights


def test_plans_and_reports_say_it_and_repeat_it(twill, tiny_model, tmp_path):
    plan, report = tmp_path / "plan.json", tmp_path / "report.json"
    common = ("--model", tiny_model, "--prompt", "a (red) ball", "--prompt-weights", "comfyui")
    result = twill("search", *common, "--points", 2, "--density", 0.6, "--out", plan)
    assert result.returncode == 0, result.stderr
    assert json.loads(plan.read_text())["profile"]["provenance"]["prompt_weights"] == "comfyui"
    result = twill("evaluate", *common, "--plan", plan, "--out", report)
    assert result.returncode == 0, result.stderr
    assert json.loads(report.read_text())["prompt_weights"] == "comfyui"
    page = tmp_path / "page.html"
    result = twill("report", plan, report, "--out", page)
    assert result.returncode == 0, result.stderr
    assert page.read_text().count("--prompt-weights comfyui") == 2


@pytest.mark.parametrize(
    ("prompt", "weights", "said"),
    [
        ("a", "a1111", 'prompt weights "a1111" is not one of auto, comfyui, none'),
        (
            "a (ball:1e9)",
            "comfyui",
            'the prompt has weight 1e+09 on "ball", which is not in -100..100; --prompt-weights none makes text of it',
        ),
    ],
    ids=["setting", "weight"],
)
@pytest.mark.parametrize("option", ["--prompt", "--negative"])
def test_what_cannot_be_taken_is_refused_before_anything_is_loaded(
    twill,
    umt5_model,
    tmp_path,
    option,
    prompt,
    weights,
    said,
):
    other = ("--prompt", "a") if option == "--negative" else ()
    result = twill(
        "generate", "--model", umt5_model, option, prompt, *other, "--prompt-weights", weights, "--out", tmp_path / "c"
    )
    assert (result.returncode, result.stderr) == (2, f"twill: {said}\n")
