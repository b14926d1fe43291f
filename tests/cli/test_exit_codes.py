# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Every verb with every kind of bad input: the exit code, and one JSON object that says it."""

import json
import os
import subprocess

import pytest

LATIN_1 = os.fsdecode(b"caf\xe9")  # no UTF-8
PROMPT = ("--prompt", "a red ball")
# What each verb needs; {model}, {plan}, {profile}, {prompts} and {out} are filled in.
VERBS = {
    "generate": ("generate", "--model", "{model}", *PROMPT, "--out", "{out}.mp4"),
    "search": ("search", "--model", "{model}", *PROMPT, "--out", "{out}.json"),
    "evaluate": ("evaluate", "--model", "{model}", *PROMPT, "--plan", "{plan}", "--out", "{out}.json"),
    "plan show": ("plan", "show", "{plan}"),
    "plan check": ("plan", "check", "{plan}"),
    "plan solve": ("plan", "solve", "{plan}", "--out", "{out}.json"),
    "plan diff": ("plan", "diff", "{plan}", "{plan}"),
    "report": ("report", "{plan}", "--out", "{out}.html"),
    "bench policies": (
        "bench", "policies", "--model", "{model}", *PROMPT, "--tuning-prompts", "{prompts}", "--profile", "{plan}",
        "--out", "{out}.json",
    ),
    "bench prediction": (
        "bench", "prediction", "--model", "{model}", *PROMPT, "--profile", "{plan}", "--out", "{out}.json",
    ),
    "doctor": ("doctor",),
}  # fmt: skip
WITH_MODEL = [verb for verb, words in VERBS.items() if "--model" in words]
WITH_PLAN = [verb for verb, words in VERBS.items() if "{plan}" in words]
WITH_OUT = [verb for verb, words in VERBS.items() if any(word.startswith("{out}") for word in words)]


@pytest.fixture
def words(tiny_model, plan, tmp_path):
    """The words of a verb, some of them replaced."""
    (tmp_path / "prompts.txt").write_text("a red ball\n")
    (tmp_path / "out").mkdir()

    def of(verb, **replaced):
        filled = {
            "model": tiny_model, "plan": plan, "prompts": tmp_path / "prompts.txt", "out": tmp_path / "out/made",
            **replaced,
        }  # fmt: skip
        return [word.format(**filled) for word in VERBS[verb]]

    yield of
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("verb", VERBS)
def test_an_option_that_there_is_not(twill, words, verb):
    assert "--dance" in twill.refuses_json(2, *words(verb), "--dance")


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "report"])  # which takes any number of files
def test_a_word_too_many_that_is_no_utf8(twill, words, verb):
    assert r"caf\xe9" in twill.refuses_json(2, *words(verb), LATIN_1)


@pytest.mark.parametrize("verb", [verb for verb in VERBS if len(VERBS[verb]) > 2])
def test_what_is_needed_is_missing(twill, words, verb):
    name = 2 if verb.startswith(("plan", "bench")) else 1
    twill.refuses_json(2, *words(verb)[:name])


@pytest.mark.parametrize("verb", [*WITH_MODEL, "plan solve", "report", "plan diff"])
def test_a_number_that_is_none(twill, words, verb):
    assert "many" in twill.refuses_json(2, *words(verb), "--steps", "many")


@pytest.mark.parametrize("verb", WITH_MODEL)
def test_an_option_without_its_value(twill, words, verb):
    assert "--steps" in twill.refuses_json(2, *words(verb), "--steps")


@pytest.mark.parametrize("seed", ["-1", "18446744073709551616", "1e3", "seven"])
@pytest.mark.parametrize("verb", WITH_MODEL)
def test_a_seed_that_is_none(twill, words, verb, seed):
    said = twill.refuses_json(2, *words(verb), f"--seed={seed}")
    assert said == f'seed "{seed}" is not a whole number in 0..18446744073709551615'


@pytest.mark.parametrize("verb", WITH_MODEL)
def test_a_prompt_that_is_no_utf8(twill, words, verb):
    assert r"caf\xe9" in twill.refuses_json(2, *words(verb), "--prompt", LATIN_1)


@pytest.mark.parametrize("verb", WITH_MODEL)
def test_a_negative_prompt_that_is_no_utf8(twill, words, verb):
    said = twill.refuses_json(2, *words(verb), "--negative", LATIN_1)
    assert said == r'negative prompt "caf\xe9" is not UTF-8'


@pytest.mark.parametrize("verb", WITH_MODEL)
def test_a_model_that_is_not_there(twill, words, verb, tmp_path):
    said = twill.refuses_json(1, *words(verb, model=tmp_path / LATIN_1))
    assert said == rf"{tmp_path}/caf\xe9: no such model folder or file"


@pytest.mark.parametrize("verb", WITH_PLAN)
def test_a_plan_that_is_not_there(twill, words, verb, tmp_path):
    said = twill.refuses_json(1, *words(verb, plan=tmp_path / f"{LATIN_1}.json"))
    assert said == rf"{tmp_path}/caf\xe9.json: cannot be read: No such file or directory"


SPOILED = {
    "empty": b"",
    "binary": bytes(range(256)),
    "no_utf8": b'{"name": "caf\xe9"}',
    "utf16": "{}".encode("utf-16"),
    "an_array": b"[]",
}


@pytest.mark.parametrize("spoiled", SPOILED)
@pytest.mark.parametrize("verb", WITH_PLAN)
def test_a_plan_that_is_none(twill, words, verb, spoiled, tmp_path):
    file = tmp_path / "spoiled\nname.json"
    file.write_bytes(SPOILED[spoiled])
    said = twill.refuses_json(1, *words(verb, plan=file))
    assert said.startswith(rf"{tmp_path}/spoiled\nname.json: ")
    if spoiled == "utf16":
        assert "is a text in UTF-16, as some editors on Windows write it; save it as UTF-8" in said


@pytest.mark.parametrize("verb", WITH_PLAN)
def test_a_folder_for_a_plan(twill, words, verb, tmp_path):
    said = twill.refuses_json(1, *words(verb, plan=tmp_path))
    assert said == f"{tmp_path}: is not a regular file"


@pytest.mark.parametrize("verb", WITH_OUT)
def test_an_output_that_cannot_be_made(twill, words, verb, tmp_path):
    (tmp_path / "file").write_text("x")
    said = twill.refuses_json(1, *words(verb, out=tmp_path / "file/folder/made"))
    assert "Not a directory" in said


@pytest.mark.parametrize("verb", ["evaluate", "bench policies", "bench prediction"])
def test_a_plan_of_another_model(twill, words, verb, deeper_model, plan):
    assert twill.refuses_json(1, *words(verb, model=deeper_model)).startswith(f"{plan}: ")


def test_plans_of_two_models_are_named_by_their_files(twill, plan, tmp_path):
    other = json.loads(plan.read_text())
    other.pop("profile")
    other["model"]["family"] = "mochi-1"
    (tmp_path / "other.json").write_text(json.dumps(other))
    said = twill.refuses_json(1, "plan", "diff", plan, tmp_path / "other.json")
    assert said.startswith(f"{tmp_path}/other.json is no plan for the model of {plan}: ")
    assert "mochi-1" in said


def test_a_wish_that_nothing_fulfils_is_no_wrong_usage(twill, words):
    # One of the two layers is half of all.
    said = twill.refuses_json(1, *words("plan solve"), "--dense-layers", "1", "--density", "0.1")
    assert said == "density 0.1 is below 0.5, the least that the request allows"


def test_a_file_of_prompts_that_is_none(twill, tiny_model, tmp_path):
    file = tmp_path / "prompts.txt"
    command = ("generate", "--model", tiny_model, "--prompts", file, "--out", tmp_path / "a.mp4")
    assert twill.refuses_json(1, *command) == f"{file}: cannot be read: No such file or directory"
    for content, said in (
        (b"# nothing\n", "holds no prompt"),
        (b"a red ball\ncaf\xe9\n", r"line 2 is not UTF-8 (byte \xe9 at its place 4); save the file as UTF-8"),
        (
            "a red ball".encode("utf-16-le"),
            "is a text in UTF-16, as some editors on Windows write it; save it as UTF-8",
        ),
    ):
        file.write_bytes(content)
        assert twill.refuses_json(1, *command) == f"{file}: {said}"
    assert "--count" in twill.refuses_json(2, *command, "--count", "0")


@pytest.mark.parametrize("arguments", [(), ("dance",), (LATIN_1,), ("plan",), ("bench",), ("plan", "dance")])
def test_no_verb_and_unknown_verbs(twill, arguments):
    twill.refuses_json(2, *arguments)


def test_a_clip_with_a_name_that_is_no_utf8_is_written_and_told(twill, tiny_model, tmp_path):
    out = tmp_path / f"{LATIN_1}.mp4"
    for form in ((), ("--json",)):
        result = twill(*form, "--quiet", "generate", "--model", tiny_model, *PROMPT, "--out", out)
        assert result.returncode == 0, result.stderr
        assert out.is_file()
    assert json.loads(result.stdout)["clips"][0]["file"] == rf"{tmp_path}/caf\xe9.mp4"


def test_a_model_with_a_name_that_is_no_utf8_gives_a_plan(twill, tiny_model, tmp_path):
    model = tmp_path / LATIN_1
    model.symlink_to(tiny_model)
    out = tmp_path / "plan.json"
    result = twill("--json", "search", "--model", model, *PROMPT, "--points", "1", "--out", out)
    assert result.returncode == 0, result.stderr
    assert json.loads(out.read_text())["provenance"]["model"].startswith(r"caf\xe9 ")


def test_long_names_of_tensors_are_cut_between_characters(twill, tiny_model, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    for file in tiny_model.iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    for before in range(4):  # the cut falls at each byte of a character
        name = "x" * before + "\U0001f9f5" * 30
        header = json.dumps({name: {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}, ensure_ascii=False).encode()
        (model / "dit.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
        said = twill.refuses_json(1, "generate", "--model", model, *PROMPT, "--out", tmp_path / "a.mp4")
        assert "x" * before + "\U0001f9f5" * 19 in said
        assert "\ufffd" not in said


def test_results_that_cannot_be_written_are_a_failure(twill):
    with open("/dev/full", "w") as full:
        result = subprocess.run([twill.program, "--json", "doctor"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "twill: the results cannot be written to stdout"
