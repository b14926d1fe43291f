# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A model folder whose text side is a UMT5 with its tokenizer takes any prompt."""

from tests.engine.small_tokenizer import SENTENCES

LINE = "prompt has"


def clip(twill, model, prompt, out, *more):
    result = twill("generate", "--model", model, "--prompt", prompt, "--steps", 2, "--frames", 5, "--out", out, *more)
    assert result.returncode == 0, result.stderr
    return result.stderr


def test_any_prompt_makes_a_clip_of_its_own(twill, umt5_model, tmp_path):
    told = clip(twill, umt5_model, "two dogs & a zeppelin: 一只猫 🐈", tmp_path / "a")
    assert LINE not in told
    clip(twill, umt5_model, "  two dogs &amp;amp; a zeppelin:\n一只猫 🐈", tmp_path / "b")
    clip(twill, umt5_model, "", tmp_path / "c")
    frames = [sorted(path.read_bytes() for path in (tmp_path / name).glob("*.png")) for name in ("a", "b", "c")]
    assert frames[0] and frames[0] == frames[1]
    assert frames[0] != frames[2]


def test_what_is_cut_of_a_long_prompt_is_told_once(twill, umt5_model, tmp_path):
    prompt = " ".join(SENTENCES)
    more = ("--cfg", 3, "--negative", prompt)
    told = clip(twill, umt5_model, prompt, tmp_path / "clip", *more)
    assert told.count(LINE) == 1
    assert "were cut: the model takes 511" in told


def test_a_missing_tokenizer_is_named(twill, umt5_model, tmp_path):
    (umt5_model / "spiece.model").rename(tmp_path / "spiece.model")
    try:
        line = twill.refuses(1, "generate", "--model", umt5_model, "--prompt", "a", "--out", tmp_path / "clip")
    finally:
        (tmp_path / "spiece.model").rename(umt5_model / "spiece.model")
    assert line.startswith(f"{umt5_model / 'spiece.model'}: ")
