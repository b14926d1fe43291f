# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The language of the demo clips: scenes, their captions, the vocabulary, and the way back."""

import random
from dataclasses import dataclass
from pathlib import Path

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "white")
SHAPES = ("ball", "cube", "cone")
MOTIONS = ("left", "right", "bounces", "closer", "still")
FLOORS = ("plain", "striped", "checkered")
SKIES = ("day", "sunset", "night")
CAMERAS = ("still", "left", "right", "forward")

TEXT_LEN = 32

VOCABULARY = (
    ",", "a", "an", "and", "at", "ball", "blue", "bounces", "by", "camera", "checkered", "closer",
    "comes", "cone", "cube", "day", "down", "floor", "forward", "green", "left", "moves", "night",
    "on", "orange", "over", "pans", "plain", "purple", "red", "right", "rolls", "sky", "slides",
    "stands", "still", "striped", "sunset", "the", "to", "up", "us", "white", "with", "yellow",
)  # fmt: skip
WORD_INDEX = {word: index for index, word in enumerate(VOCABULARY)}

PROMPT_FILES = ("prompts_test.txt", "prompts_search.txt", "prompts_follow.txt")


@dataclass(frozen=True)
class Thing:
    """One object of a scene: words of COLOURS, SHAPES and MOTIONS."""

    colour: str
    shape: str
    motion: str


@dataclass(frozen=True)
class Scene:
    """What a caption fixes. `sky` None: not said, any sky may be drawn."""

    things: tuple[Thing, ...]
    floor: str
    sky: str | None
    camera: str


def sample_scene(rng: random.Random) -> Scene:
    """Draw one scene; 40 % have two objects, of different colours so that words can be bound."""
    colours = rng.sample(COLOURS, 2)
    count = 2 if rng.random() < 0.4 else 1
    things = tuple(Thing(colours[i], rng.choice(SHAPES), rng.choice(MOTIONS)) for i in range(count))
    sky = rng.choice(SKIES) if rng.random() < 0.8 else None
    camera = rng.choice(CAMERAS) if rng.random() < 0.7 else "still"
    return Scene(things, rng.choice(FLOORS), sky, camera)


def _thing_text(thing: Thing, rng: random.Random) -> str:
    verb = "rolls" if thing.shape == "ball" else "slides"
    motion = {
        "left": (f"{verb} left", f"{verb} to the left"),
        "right": (f"{verb} right", f"{verb} to the right"),
        "bounces": ("bounces", "bounces up and down"),
        "closer": ("comes closer", "comes closer to us"),
        "still": ("stands still",),
    }[thing.motion]
    article = "an" if thing.colour == "orange" else "a"
    chosen = motion[0] if rng.random() < 0.7 else rng.choice(motion)
    return f"{article} {thing.colour} {thing.shape} {chosen}"


def caption(scene: Scene, rng: random.Random) -> str:
    """One of the captions of `scene`: lower-case words and commas set apart by blanks or not."""
    text = " and ".join(_thing_text(thing, rng) for thing in scene.things)
    over = rng.choice(("over", "over", "on"))
    text += f" {over} a {scene.floor} floor"
    if scene.sky is not None:
        said = {"day": "by day", "sunset": "at sunset", "night": "at night"}[scene.sky]
        text += f" {said}" if rng.random() < 0.7 else f", {scene.sky} sky"
    camera = {
        "still": "camera still",
        "left": "camera pans left",
        "right": "camera pans right",
        "forward": "camera moves forward",
    }[scene.camera]
    if scene.camera != "still" or rng.random() < 0.6:
        text += f", {camera}"
    return text


def words_of(text: str) -> list[str]:
    """Split a prompt into vocabulary words; the comma is a word."""
    return text.lower().replace(",", " , ").split()


def token_ids(text: str) -> list[int]:
    """Indices into VOCABULARY, at most TEXT_LEN of them."""
    words = words_of(text)
    unknown = [word for word in words if word not in WORD_INDEX]
    if unknown:
        raise ValueError(f"unknown words {unknown} in {text!r}; known: {' '.join(VOCABULARY)}")
    if len(words) > TEXT_LEN:
        raise ValueError(f"{len(words)} words in {text!r}, at most {TEXT_LEN}")
    return [WORD_INDEX[word] for word in words]


def parse(text: str) -> Scene:
    """The scene that a caption of this grammar describes (the inverse of `caption`)."""
    words = words_of(text)
    camera = "still"
    if "camera" in words:
        start = words.index("camera")
        tail = words[start + 1 :]
        camera = {"still": "still", "moves": "forward", "pans": tail[-1]}[tail[0]]
        words = words[:start]
    sky = next((word for word in words if word in SKIES), None)
    floor_at = words.index("floor")
    floor = words[floor_at - 1]
    words = words[:floor_at]
    starts = [i for i, word in enumerate(words) if word in COLOURS]
    things = []
    for start, end in zip(starts, [*starts[1:], len(words)], strict=True):
        motion = next(m for m in MOTIONS if m in words[start + 2 : end])
        things.append(Thing(words[start], words[start + 1], motion))
    return Scene(tuple(things), floor, sky, camera)


def read_prompts(path: Path) -> list[str]:
    """The prompts of a file, one per line."""
    return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]


def held_out_scenes(folder: Path) -> set[Scene]:
    """Every scene that a committed prompt describes: none of them may be trained on."""
    return {parse(text) for name in PROMPT_FILES for text in read_prompts(folder / name)}


def sample_training_scenes(count: int, seed: int, held_out: set[Scene]) -> list[Scene]:
    """Draw `count` scenes, none of which a held-out prompt describes, in any paraphrase."""
    rng = random.Random(seed)
    forbidden = {(s.things, s.floor, s.camera, s.sky) for s in held_out}
    scenes: list[Scene] = []
    while len(scenes) < count:
        scene = sample_scene(rng)
        if (scene.things, scene.floor, scene.camera, scene.sky) not in forbidden:
            scenes.append(scene)
    return scenes
