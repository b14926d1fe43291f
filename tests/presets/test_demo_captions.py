# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The language of the demo model: captions, vocabulary, and prompts that training never sees."""

import random
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the demo preset's scripts need torch")

import captions

DEMO = Path(captions.__file__).parent
COUNTS = {"prompts_test.txt": 16, "prompts_search.txt": 8, "prompts_follow.txt": 24}


def all_prompts() -> list[str]:
    return [p for name in captions.PROMPT_FILES for p in captions.read_prompts(DEMO / name)]


def test_prompt_files_have_their_length() -> None:
    assert {n: len(captions.read_prompts(DEMO / n)) for n in captions.PROMPT_FILES} == COUNTS


def test_prompts_are_disjoint_and_known() -> None:
    prompts = all_prompts()
    assert len({captions.parse(p) for p in prompts}) == len(prompts) == sum(COUNTS.values())
    for prompt in prompts:
        assert len(captions.token_ids(prompt)) <= captions.TEXT_LEN


def test_follow_prompts_have_one_coloured_thing_and_a_still_camera() -> None:
    for prompt in captions.read_prompts(DEMO / "prompts_follow.txt"):
        scene = captions.parse(prompt)
        assert len(scene.things) == 1 and scene.camera == "still"
        assert scene.things[0].colour != "white"


def test_captions_round_trip_and_use_known_words() -> None:
    rng = random.Random(5)
    used = set()
    for _ in range(3000):
        scene = captions.sample_scene(rng)
        text = captions.caption(scene, rng)
        assert captions.parse(text) == scene, text
        assert len(captions.token_ids(text)) <= captions.TEXT_LEN
        used.update(captions.words_of(text))
    assert used <= set(captions.VOCABULARY)


def test_training_scenes_leave_the_prompts_out() -> None:
    held_out = captions.held_out_scenes(DEMO)
    drawn = captions.sample_training_scenes(20_000, 1, held_out)
    assert not held_out & set(drawn)
    # The rejection has something to reject: without it some prompts would be drawn.
    assert held_out & set(captions.sample_training_scenes(20_000, 1, set()))


def test_unknown_words_are_named() -> None:
    with pytest.raises(ValueError, match="zebra"):
        captions.token_ids("a zebra rolls left over a plain floor")
