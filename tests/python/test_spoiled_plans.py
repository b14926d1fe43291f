# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plans spoiled by a fixed random sequence, as they arrive by HTTP: a plan, or Error with one sentence."""

import random
import time
from pathlib import Path

import pytest

import twill_vdit
from twill_vdit import Error, native, plan_json

DATA = Path(__file__).resolve().parents[1] / "data"
SEEDS = [file.read_bytes() for file in sorted((DATA / "plan").glob("*-1.*.json")) if b'"segments"' in file.read_bytes()]
# The words of the C++ target, as far as they are plain.
WORDS = [
    word[1:-1].encode().decode("unicode_escape").encode("latin-1")
    for word in (DATA / "fuzz/json.dict").read_text().splitlines()
]
NUMBERS = [b"0", b"-1", b"1e308", b"4294967296", b"0.5", b"1" * 400, b"NaN", b"1e999", b"64", b"1e-300"]
LAYOUT = twill_vdit.TokenLayout(frames=3, rows=7, cols=9, prefix=1, suffix=2)
SECONDS = 4.0


def spoiled(text: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        length = chance.randint(1, 24)
        match chance.randrange(6):
            case 0:
                text = text[:at] + text[at + length :]
            case 1:
                text = text[:at] + chance.choice(WORDS) + text[at:]
            case 2:
                text = text[:at] + bytes([chance.randrange(256)]) + text[at + 1 :]
            case 3:
                begin = chance.randrange(len(text) + 1)
                text = text[:at] + text[begin : begin + length] + text[at:]
            case 4:
                text = text[:at] + b"[" * chance.choice([1, 20, 2000]) + text[at:]
            case _:
                digit = next((i for i in range(at, len(text)) if chr(text[i]).isdigit()), None)
                if digit is not None:
                    text = text[:digit] + chance.choice(NUMBERS) + text[digit + 1 :]
    return text


def refusal_of(read, text) -> str:
    try:
        read(text, "spoiled.json")
    except Error as error:
        said = str(error)
        assert said.startswith("spoiled.json"), said
        assert "\n" not in said
        assert len(said) < 4000
        assert error.code == "file"
        return said
    return ""


@pytest.mark.slow
def test_a_spoiled_plan_is_a_plan_or_refused_with_a_sentence():
    chance = random.Random(1)
    end = time.monotonic() + SECONDS
    tried = refused = 0
    while time.monotonic() < end or tried < 50:
        tried += 1
        try:
            text = spoiled(chance.choice(SEEDS), chance).decode()
        except UnicodeDecodeError:
            continue
        said = refusal_of(plan_json.read, text)
        if native.binary is not None:
            complete = refusal_of(twill_vdit.parse_plan, text)
            # What the binary module takes, Python takes too; the other way round its checks are fewer.
            assert not said or complete, said
            said = complete
        refused += said != ""
        if not said:
            twill_vdit.compile_plan(twill_vdit.parse_plan(text, "spoiled.json"), LAYOUT)
    assert refused > 0


def test_a_long_name_is_shortened():
    """Names of experts are fields of each segment."""
    name = "e" * 5000
    plan = (DATA / "plan/small-1.0.json").read_text().replace('"default"', f'"{name}"', 1)
    deep = plan_json.Value({name: 1.5}, "spoiled.json")
    for said in (refusal_of(plan_json.read, plan), refusal_of(lambda value, _: value[name].integer(), deep)):
        assert "ee..." in said and len(said) < 400


@pytest.mark.parametrize(("raw", "whole"), [(2, 2), (2.0, 2), (-0.0, 0)])
def test_whole_numbers_are_those_of_the_binary_module(raw, whole):
    assert plan_json.Value(raw, "plan.json").integer() == whole


@pytest.mark.parametrize("raw", [1.5, 1e300, float("nan"), True, "2"])
def test_other_values_are_no_whole_numbers(raw):
    with pytest.raises(Error, match="is not a whole number"):
        plan_json.Value(raw, "plan.json").integer()


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_what_they_are_made_from_is_a_plan(seed):
    assert refusal_of(twill_vdit.parse_plan, SEEDS[seed].decode()) == ""
