# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Bad input: one line that names the thing and the value, exit code 1 or 2, no crash, nothing half-written."""

import json
import shutil
import struct

import pytest


@pytest.fixture
def out(tmp_path):
    """An output file in a folder of its own, which must stay empty."""
    folder = tmp_path / "out"
    folder.mkdir()
    yield folder / "clip.mp4"
    assert list(folder.iterdir()) == []


@pytest.fixture
def model_copy(tiny_model, tmp_path):
    return shutil.copytree(tiny_model, tmp_path / "model")


def changed(plan, tmp_path, change):
    """A copy of the plan's JSON after `change`."""
    document = json.loads(plan.read_text())
    change(document)
    file = tmp_path / "changed.json"
    file.write_text(json.dumps(document))
    return file


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(("--size", "250x256"), 2, "width 250", id="width_no_multiple_of_16"),
        pytest.param(("--size", "256x100"), 2, "height 100", id="height_no_multiple_of_16"),
        pytest.param(("--size", "large"), 2, '"large"', id="size_no_size"),
        pytest.param(("--frames", "48"), 2, "frames 48", id="frames_not_4n_plus_1"),
        pytest.param(("--steps", "-3"), 2, "steps -3", id="negative_steps"),
        pytest.param(("--steps", "many"), 2, "many", id="steps_no_number"),
        pytest.param(("--cfg", "0.2"), 2, "cfg 0.2", id="cfg_below_one"),
        pytest.param(("--cfg", "4;3"), 2, 'guidance "4;3" is neither a number nor two', id="cfg_no_number"),
        pytest.param(("--cfg", "4,3"), 2, "has one network, which takes one scale", id="cfg_of_two_experts"),
        pytest.param(("--sampler", "heun"), 2, '"heun"', id="unknown_sampler"),
        pytest.param(("--dtype", "int8"), 2, '"int8"', id="unknown_dtype"),
        pytest.param(("--prompt", "a red dragon"), 2, "dragon", id="unknown_prompt_word"),
        pytest.param(("--dance", "1"), 2, "--dance", id="unknown_option"),
        pytest.param(("--compare",), 2, "--plan", id="comparison_without_a_plan"),
        pytest.param(("--adapt",), 2, "--plan", id="nothing_to_adapt"),
    ],
)
def test_wrong_settings(twill, tiny_model, out, arguments, code, said):
    prompt = () if "--prompt" in arguments else ("--prompt", "a red ball")
    assert said in twill.refuses(code, "generate", "--model", tiny_model, "--out", out, *prompt, *arguments)


def test_unknown_prompt_word_lists_the_vocabulary(twill, tiny_model, out):
    line = twill.refuses(2, "generate", "--model", tiny_model, "--out", out, "--prompt", "a red dragon")
    assert all(word in line for word in ("dragon", "ball", "rolls", "blue"))


def test_unknown_video_ending_is_found_before_any_work(twill, tiny_model, tmp_path):
    clip = tmp_path / "clip.avi"
    said = twill.refuses(2, "generate", "--model", tiny_model, "--prompt", "a red ball", "--out", clip)
    assert "clip.avi" in said
    assert ".mp4" in said


def test_no_verb_and_unknown_verb(twill):
    twill.refuses(2)
    assert "dance" in twill.refuses(2, "dance")


def test_errors_as_json(twill, tiny_model, out):
    result = twill("generate", "--json", "--model", tiny_model, "--prompt", "a red ball", "--steps", "-3", "--out", out)
    assert result.returncode == 2
    assert json.loads(result.stdout)["error"].startswith("steps -3")


@pytest.mark.parametrize("name", ["dit", "vae", "text"])
@pytest.mark.parametrize("keep", [0, 4, 200, 0.5, -1], ids=["empty", "no_length", "in_header", "half", "one_byte_less"])
def test_truncated_weights(twill, model_copy, out, name, keep):
    file = model_copy / f"{name}.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    line = twill.refuses(1, "generate", "--model", model_copy, "--prompt", "a red ball", "--out", out)
    assert str(file) in line


@pytest.mark.parametrize("length", [2 * 2**30, 2**63, 2**64 - 1])
def test_header_length_from_hell(twill, model_copy, out, length):
    file = model_copy / "dit.safetensors"
    file.write_bytes(struct.pack("<Q", length) + file.read_bytes()[8:])
    line = twill.refuses(1, "generate", "--model", model_copy, "--prompt", "a red ball", "--out", out)
    assert str(file) in line
    assert str(length) in line


def test_missing_model(twill, tmp_path, out):
    line = twill.refuses(1, "generate", "--model", tmp_path / "nowhere", "--prompt", "a red ball", "--out", out)
    assert str(tmp_path / "nowhere") in line


def test_plan_for_another_model(twill, deeper_model, plan, out):
    line = twill.refuses(1, "generate", "--model", deeper_model, "--plan", plan, "--prompt", "a red ball", "--out", out)
    assert str(plan) in line
    assert "2" in line
    assert "3" in line
    assert str(plan) in twill.refuses(1, "plan", "check", plan, "--model", deeper_model)


def test_missing_plan(twill, tiny_model, tmp_path, out):
    missing = tmp_path / "missing.json"
    line = twill.refuses(
        1, "generate", "--model", tiny_model, "--plan", missing, "--prompt", "a red ball", "--out", out
    )
    assert str(missing) in line


def test_truncated_plan(twill, plan, tmp_path):
    file = tmp_path / "half.json"
    file.write_text(plan.read_text()[: plan.stat().st_size // 2])
    assert str(file) in twill.refuses(1, "plan", "check", file)


def first_pattern(document, kind, **fields):
    document["patterns"][0] = {"kind": kind, **fields}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda d: first_pattern(d, "zigzag"), ("patterns[0]", "zigzag"), id="unknown_pattern"),
        pytest.param(
            lambda d: first_pattern(d, "window", frames=-1, rows=0.1, cols=0.1),
            ("patterns[0]", "-1"),
            id="negative_window",
        ),
        pytest.param(lambda d: d.update(schema_version="9.0"), ("9.0",), id="version_of_the_future"),
    ],
)
def test_bad_plan(twill, tiny_model, plan, tmp_path, out, change, said):
    file = changed(plan, tmp_path, change)
    for command in (
        ("plan", "check", file),
        ("generate", "--model", tiny_model, "--plan", file, "--prompt", "a red ball", "--out", out),
    ):
        line = twill.refuses(1, *command)
        assert str(file) in line
        assert all(text in line for text in said), line


# A folder below a file cannot be made by anyone, root included.
@pytest.fixture
def unwritable(tmp_path):
    (tmp_path / "file").write_text("x")
    return tmp_path / "file" / "folder"


@pytest.mark.parametrize("verb", ["generate", "search", "evaluate", "solve"])
def test_unwritable_output_is_found_before_any_work(twill, tiny_model, plan, unwritable, verb):
    common = ("--model", tiny_model, "--prompt", "a red ball")
    command = {
        "generate": ("generate", *common, "--out", unwritable / "clip.mp4"),
        "search": ("search", *common, "--out", unwritable / "plan.json"),
        "evaluate": ("evaluate", *common, "--plan", plan, "--out", unwritable / "report.json"),
        "solve": ("plan", "solve", plan, "--out", unwritable / "plan.json"),
    }[verb]
    line = twill.refuses(1, *command)
    assert str(unwritable) in line
    assert "Not a directory" in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--density", "0"), "density 0", id="no_density"),
        pytest.param(("--density", "1.5"), "density 1.5", id="more_than_dense"),
        pytest.param(("--strategy", "magic"), '"magic"', id="unknown_strategy"),
        pytest.param(("--segments", "0"), "segments 0", id="no_segment"),
        pytest.param(("--dense-first", "-1"), "-1", id="negative_dense_steps"),
        pytest.param(("--dense-first", "99"), "99", id="more_dense_steps_than_steps"),
    ],
)
def test_wrong_search_settings(twill, tiny_model, tmp_path, arguments, said):
    out = tmp_path / "plan.json"
    line = twill.refuses(2, "search", "--model", tiny_model, "--prompt", "a red ball", "--out", out, *arguments)
    assert said in line
    assert not out.exists()


@pytest.mark.parametrize("verb", ["generate", "search"])
def test_deep_json_in_a_model_is_refused_with_a_sentence(twill, model_copy, out, verb):
    """Enough levels to end a program that recurses while it words its refusal, and far below the file's size limit."""
    description = model_copy / "model.json"
    text = json.loads(description.read_text())
    text["family"] = 1
    description.write_text(json.dumps(text).replace("1", "[" * 100_000 + "]" * 100_000, 1))
    made = out if verb == "generate" else out.with_name("plan.json")
    said = twill.refuses(1, verb, "--model", model_copy, "--prompt", "a red ball", "--out", made)
    assert said == f"{description}: nested deeper than 64"
