# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What the command line takes and says: seeds, files of prompts, defaults, and what a run was."""

import json
import math
import os
import subprocess

import pytest

PROMPT = ("--prompt", "a red ball")
MOST_SEED = 2**64 - 1


@pytest.fixture(scope="module")
def generate(twill, tiny_model, tmp_path_factory):
    """Runs generate into a new folder of frames; (result, folder)."""

    def run(*arguments, prompt=PROMPT):
        out = tmp_path_factory.mktemp("frames") / "clip"
        result = twill("generate", "--model", tiny_model, *prompt, "--out", out, *arguments)
        assert result.returncode == 0, result.stderr
        return result, out

    return run


def first_frame(folder):
    return (folder / "frame-000.png").read_bytes()


@pytest.mark.parametrize("seed", [2**63 - 1, 2**63, MOST_SEED])
def test_seeds_of_comfyui_are_taken_as_they_are(generate, seed):
    result, out = generate("--json", "--seed", seed)
    assert json.loads(result.stdout)["clips"][0]["seed"] == seed
    # torch's CPU generator uses the low 32 bits; this seed differs in them.
    assert first_frame(out) != first_frame(generate("--seed", (seed + 1) % 2**64)[1])
    assert first_frame(out) == first_frame(generate("--seed", seed % 2**32)[1])


def test_the_prompt_after_the_last_seed_has_seed_0(twill, tiny_model, plan, tmp_path):
    out = tmp_path / "report.json"
    prompts = (*PROMPT, *PROMPT)
    command = ("evaluate", "--model", tiny_model, *prompts, "--plan", plan, "--seed", MOST_SEED, "--out", out)
    assert twill(*command).returncode == 0
    report = json.loads(out.read_text())
    assert report["seeds"] == [MOST_SEED, 0]
    assert [row["seed"] for row in report["rows"]] == [MOST_SEED, 0]
    page = tmp_path / "report.html"
    result = twill("--json", "report", plan, out, "--out", page)
    assert result.returncode == 0, result.stderr
    assert f"--seed {MOST_SEED}" in page.read_text()


def test_a_searched_plan_keeps_its_seeds(twill, tiny_model, tmp_path):
    out = tmp_path / "plan.json"
    command = ("search", "--model", tiny_model, *PROMPT, *PROMPT, "--seed", MOST_SEED, "--points", 1, "--out", out)
    assert twill(*command).returncode == 0
    assert json.loads(out.read_text())["profile"]["seeds"] == [MOST_SEED, 0]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xef\xbb\xbfa red ball\r\na blue ball\r\n", id="notepad"),
        pytest.param(b"\xef\xbb\xbf# heading\r\na red ball\r\n\r\na blue ball", id="comment_behind_the_mark"),
        pytest.param(b"a red ball\ra blue ball\r", id="old_mac"),
    ],
)
def test_files_of_prompts_of_any_editor(twill, tiny_model, tmp_path, content):
    (tmp_path / "prompts.txt").write_bytes(content)
    command = ("--json", "generate", "--model", tiny_model, "--prompts", tmp_path / "prompts.txt")
    result = twill(*command, "--out", tmp_path / "clip.mp4")
    assert result.returncode == 0, result.stderr
    assert [clip["prompt"] for clip in json.loads(result.stdout)["clips"]] == ["a red ball", "a blue ball"]


def test_prompts_from_a_pipe(twill, tiny_model, tmp_path):
    reading, writing = os.pipe()
    os.write(writing, b"a red ball\n")
    os.close(writing)
    command = [twill.program, "--json", "generate", "--model", tiny_model, "--out", tmp_path / "clip.mp4"]
    result = subprocess.run(
        [*command, "--prompts", f"/dev/fd/{reading}"], pass_fds=[reading], capture_output=True, text=True, timeout=120
    )
    os.close(reading)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["clips"][0]["prompt"] == "a red ball"


def test_a_negative_prompt_without_guidance_is_told_to_do_nothing(generate):
    told = 'the negative prompt "a blue ball" has no effect without guidance (cfg 1)'
    assert told in generate("--cfg", 1, "--negative", "a blue ball")[0].stderr.splitlines()
    assert "no effect" not in generate("--cfg", 2, "--negative", "a blue ball")[0].stderr


@pytest.mark.parametrize("written", ["{}/", "{}//", "{}/."])
def test_a_model_keeps_its_name_however_its_path_is_written(twill, tiny_model, plan, tmp_path, written):
    (tmp_path / "mine").symlink_to(tiny_model)
    out = tmp_path / "report.json"
    model = f"{tmp_path}/{written.format('mine')}"
    result = twill("evaluate", "--model", model, *PROMPT, "--plan", plan, "--out", out)
    assert result.returncode == 0, result.stderr
    assert json.loads(out.read_text())["model"].startswith("mine ")
    assert "load mine " in result.stderr


def test_a_fault_of_the_models_defaults_is_the_files(twill, tiny_model, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    for file in tiny_model.iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    description = json.loads((model / "model.json").read_text())
    description["default"]["width"] = 100
    description["default"]["sampler"] = "heun"
    (model / "model.json").write_text(json.dumps(description))
    command = ("generate", "--model", model, *PROMPT, "--out", tmp_path / "clip.mp4")
    said = twill.refuses(1, *command)
    assert said == f"{model}/model.json: default: width 100 is not a multiple of 16 in 16..4096"
    said = twill.refuses(1, *command, "--size", "128x128")
    assert said == f'{model}/model.json: default: sampler "heun" is not one of euler, unipc, uni_pc, uni_pc_bh2'
    assert twill(*command, "--size", "128x128", "--sampler", "euler").returncode == 0


@pytest.mark.parametrize(
    "clip",
    [("16x16", 1), ("16x16", 5), ("32x16", 1), ("64x64", 9), ("48x32", 5)],
    ids=lambda clip: f"{clip[0]}_{clip[1]}",
)
def test_the_defaults_of_search_fit_every_size(twill, tiny_model, tmp_path, clip):
    out = tmp_path / "plan.json"
    size = ("--size", clip[0], "--frames", clip[1])
    result = twill("search", "--model", tiny_model, *PROMPT, *size, "--out", out)
    assert result.returncode == 0, result.stderr
    width, height = map(int, clip[0].split("x"))
    tokens = (width // 16) * (height // 16) * ((clip[1] - 1) // 4 + 1)
    assert json.loads(out.read_text())["profile"]["maps"]["shape"][2:] == [min(52, tokens)] * 2


def test_a_map_size_that_was_given_is_refused_by_its_name(twill, tiny_model, tmp_path):
    command = ("search", "--model", tiny_model, *PROMPT, "--size", "64x64", "--frames", 9, "--map-size", 52)
    said = twill.refuses(2, *command, "--out", tmp_path / "plan.json")
    assert said == "map size 52 is more than the 48 tokens of the clip"
    assert list(tmp_path.iterdir()) == []


def test_dense_steps_above_the_density_are_refused_before_any_clip(twill, tiny_model, tmp_path):
    command = ("search", "--model", tiny_model, *PROMPT, "--steps", 4, "--dense-first", 3)
    said = twill.refuses(2, *command, "--out", tmp_path / "plan.json")
    assert said == "3 dense steps of 4 are a density of 0.75 by themselves, more than 0.4"
    assert list(tmp_path.iterdir()) == []


def test_a_wish_that_is_not_reached_has_failed(twill, tiny_model, tmp_path):
    command = ("--json", "search", "--model", tiny_model, *PROMPT, "--points", 1, "--min-speedup", 900, "--tries", 1)
    result = twill(*command, "--out", tmp_path / "plan.json")
    assert result.returncode == 1
    assert json.loads(result.stdout)["error"].startswith("a speed-up of 900 was not reached in 1 tries; the nearest ")


def dense_above(plan, t, tmp_path):
    """The plan with all above t dense."""
    document = json.loads(plan.read_text())
    del document["profile"]
    first = next(segment for segment in document["segments"] if not segment.get("dense"))
    document["segments"] = [{**first, "t_begin": 0, "t_end": t}, {"t_begin": t, "t_end": 1, "dense": True}]
    file = tmp_path / "late.json"
    file.write_text(json.dumps(document))
    return file


# t of the last of 4 steps at shift 8: 8 u / (1 + 7 u) at u = 1/4.
WHY = "the plan took no part: its sparse segments end at t 0.3, and the run's last step is at t 0.7273"


def test_a_run_in_which_nothing_was_sparse_claims_nothing(twill, tiny_model, plan, tmp_path):
    late = dense_above(plan, 0.3, tmp_path)
    run = ("--model", tiny_model, *PROMPT, "--steps", 4, "--shift", 8, "--plan", late)
    generate = ("generate", *run, "--compare", "--out", tmp_path / "clip.mp4")
    result = twill(*generate)
    assert result.returncode == 0
    assert WHY in result.stderr.splitlines()
    assert WHY in [line.strip() for line in result.stdout.splitlines()]
    assert "speed-up" not in result.stdout and "sparse:" not in result.stdout
    clip = json.loads(twill("--json", *generate).stdout)["clips"][0]
    assert (clip["plan_took_part"], clip["why_plan_took_no_part"], clip["speedup"]) == (False, WHY, None)

    report = tmp_path / "report.json"
    result = twill("evaluate", *run, "--out", report)
    assert result.returncode == 0
    assert WHY in result.stderr.splitlines() and WHY in result.stdout.splitlines()
    assert "speed-up" not in result.stdout and "sparse" not in result.stdout.splitlines()[0]
    told = json.loads(report.read_text())
    assert (told["plan_took_part"], told["why_plan_took_no_part"]) == (False, WHY)
    assert told["speedup"] is told["attention_speedup"] is told["rows"][0]["speedup"] is None
    assert told["dense_seconds"] > 0


def test_a_run_with_a_sparse_step_claims_its_speed_up(twill, tiny_model, plan, tmp_path):
    late = dense_above(plan, 0.8, tmp_path)
    run = ("--model", tiny_model, *PROMPT, "--steps", 4, "--shift", 8, "--plan", late)
    clip = json.loads(twill("--json", "generate", *run, "--compare", "--out", tmp_path / "a.mp4").stdout)["clips"][0]
    assert (clip["plan_took_part"], clip["why_plan_took_no_part"]) == (True, None)
    assert clip["speedup"] == pytest.approx(
        clip["dense_times"]["denoise_seconds"] / clip["times"]["denoise_seconds"], rel=1e-12
    )


def test_the_report_of_a_plan_that_took_no_part_says_so(twill, tiny_model, plan, tmp_path):
    document = json.loads(plan.read_text())
    sparse = next(segment for segment in document["segments"] if not segment.get("dense"))
    document["segments"] = [{**sparse, "t_begin": 0, "t_end": 0.3}, {"t_begin": 0.3, "t_end": 1, "dense": True}]
    late = tmp_path / "late.json"
    late.write_text(json.dumps(document))
    run = ("--model", tiny_model, *PROMPT, "--steps", 4, "--shift", 8, "--plan", late)
    assert twill("evaluate", *run, "--out", tmp_path / "report.json").returncode == 0
    page = tmp_path / "page.html"
    result = twill("--json", "report", late, tmp_path / "report.json", "--out", page)
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["measured"][0]["speedup"], told["measured"][0]["plan_took_part"]) == (None, False)
    assert f"no speed-up of late.json: {WHY}" in told["missing"]
    assert WHY.replace("'", "&#39;") in page.read_text()


RUNS = {
    "steps_and_shift": (("--steps", "4", "--shift", "8"), {"steps": "4", "shift": "8"}),
    "grid": (("--grid", "3x10x12"), {"grid": "3x10x12"}),
    "sampler": (("--sampler", "unipc", "--steps", "6"), {"sampler": "unipc", "steps": "6"}),
}


@pytest.mark.parametrize("run", RUNS)
def test_a_plan_says_what_it_was_solved_for_and_is_counted_so(twill, plan, tmp_path, run):
    options, said = RUNS[run]
    out = tmp_path / "solved.json"
    solved = json.loads(twill("--json", "plan", "solve", plan, "--density", "0.7", *options, "--out", out).stdout)
    document = json.loads(out.read_text())
    run = document["solved_for"]
    assert {"t", "steps", "shift", "sampler", "grid"} == run.keys()
    assert not {"t", "steps", "shift", "sampler", "grid", "budget"} & document["provenance"].keys()
    assert document["budget"]["goal"] == "density" and document["budget"]["value"] == 0.7
    shown = twill("plan", "show", out).stdout
    assert all(f"{key}: {value}" in shown.splitlines() for key, value in said.items())
    assert "at {frames}x{rows}x{cols} tokens".format(**run["grid"]) in shown

    report = json.loads(twill("--json", "report", out, "--out", tmp_path / "page.html").stdout)
    assert math.isclose(report["density"], solved["density"], rel_tol=1e-9)
    assert len(report["forwards"]) == run["steps"]
    assert [forward["t"] for forward in report["forwards"]] == run["t"]
    change = json.loads(twill("--json", "plan", "diff", out, out).stdout)["change"]
    assert math.isclose(change["density"][0], solved["density"], rel_tol=1e-9)
    # Solved again, it is for the same run.
    again = tmp_path / "again.json"
    assert twill("plan", "solve", out, "--density", "0.7", "--out", again).returncode == 0
    assert again.read_bytes() == out.read_bytes()


def test_a_searched_plan_says_its_run(plan):
    document = json.loads(plan.read_text())
    layout = document["profile"]["layout"]
    for run in (document["solved_for"], document["profile"]["run"]):
        assert run["grid"] == {axis: layout[axis] for axis in ("frames", "rows", "cols")}
        assert run["sampler"] == "euler" and len(run["t"]) == run["steps"]
    assert document["schema_version"] == "1.1"


def run_of_theirs(plan, file, **run):
    """The plan as a profile of its own that was measured in another program's run."""
    profile = json.loads(plan.read_text())["profile"]
    profile["run"] = {"t": [1, 0.97, 0.6, 0.1], "grid": profile["run"]["grid"], "steps": 4, **run}
    # Words of the other program.
    profile["provenance"] |= {"steps": "a few", "shift": "", "sampler": "theirs", "t": "?"}
    file.write_text(json.dumps({"schema_version": "1.1", **profile}))
    return file


THEIRS = {
    "a_sampler_that_is_not_ours": {"sampler": "dpmpp_2m", "scheduler": "simple", "shift": 8},
    "no_shift": {"sampler": "res_multistep", "scheduler": "normal"},
    "another_scheduler_of_euler": {"sampler": "euler", "scheduler": "beta", "shift": 3},
    "no_names_at_all": {},
}


@pytest.mark.parametrize("run", THEIRS.values(), ids=THEIRS)
def test_the_run_of_another_program_is_taken_as_it_was(twill, plan, tmp_path, run):
    file = run_of_theirs(plan, tmp_path / "theirs.json", **run)
    out = tmp_path / "solved.json"
    assert twill("plan", "solve", file, "--density", "0.7", "--out", out).returncode == 0
    solved = json.loads(out.read_text())["solved_for"]
    assert solved["t"] == [1, 0.97, 0.6, 0.1]
    assert {key: solved.get(key) for key in run} == run
    report = json.loads(twill("--json", "report", out, "--out", tmp_path / "page.html").stdout)
    assert [forward["t"] for forward in report["forwards"]] == [1, 0.97, 0.6, 0.1]


def test_other_steps_of_another_programs_schedule_are_refused(twill, plan, tmp_path):
    file = run_of_theirs(plan, tmp_path / "theirs.json", sampler="uni_pc", scheduler="beta", shift=8)
    said = twill.refuses(2, "plan", "solve", file, "--steps", "8", "--out", tmp_path / "out.json")
    assert said == (
        f'{file}: was measured in 4 steps of the sampler "uni_pc" with the scheduler "beta", whose times for 8 steps '
        "are not known here; leave --steps out, or name one of our samplers by --sampler"
    )
    ours = ("--sampler", "unipc", "--steps", "8", "--out", tmp_path / "out.json")
    assert twill("plan", "solve", file, "--density", "0.7", *ours).returncode == 0


def as_version_1_0(document, **words):
    """The file as it was before facts were typed."""
    for part, facts in (
        (document, ("solved_for", "budget", "dense_first_layers")),
        (document["profile"], ("run", "time_weight")),
    ):
        for fact in facts:
            part.pop(fact, None)
        part["provenance"] |= words
    document["schema_version"] = "1.0"
    return document


def test_a_profile_of_a_sampler_that_is_not_ours_names_what_to_give(twill, plan, tmp_path):
    document = as_version_1_0(json.loads(plan.read_text()), steps="4", shift="8.0", sampler="res_multistep")
    file = tmp_path / "theirs.json"
    file.write_text(json.dumps(document))
    said = twill.refuses(2, "plan", "solve", file, "--out", tmp_path / "out.json")
    assert (
        said == f'{file}: was measured with the sampler "res_multistep", which is none of ours; name one by --sampler'
    )
    assert twill("plan", "solve", file, "--sampler", "euler", "--out", tmp_path / "out.json").returncode == 0
    # The times of the steps are as good.
    document["provenance"]["t"] = "1 0.9 0.6 0.2"
    file.write_text(json.dumps(document))
    report = json.loads(twill("--json", "report", file, "--out", tmp_path / "page.html").stdout)
    assert [forward["t"] for forward in report["forwards"]] == [1, 0.9, 0.6, 0.2]


def test_doctor_names_a_temporary_folder_that_is_not_there(twill, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    report = json.loads(twill("--json", "doctor").stdout)
    assert {"folder": "/nonexistent", "why_not": "/nonexistent: is no folder"} in report["write_access"]
    assert "/nonexistent: is no folder" in report["missing"]
    assert all(entry["folder"] for entry in report["write_access"])


def test_a_limit_of_gpu_memory_is_told_to_hold_nowhere_on_the_cpu(twill, generate):
    device = json.loads(twill("--json", "doctor").stdout)["facts"]["device"]
    if "threads" not in device:
        pytest.skip(f"this build runs models on {device}, where the limit holds")
    result, out = generate("--vram", "0.001", "--ram", "0.001")
    plain, same = generate()
    for option in ("--vram", "--ram"):
        assert f"{option} has no effect: there is no GPU" in result.stderr
        assert option not in plain.stderr
    assert first_frame(out) == first_frame(same)


@pytest.mark.parametrize(("option", "most"), [("vram", 4096), ("ram", 65536)])
@pytest.mark.parametrize("wrong", ["0", "-1", "70000", "nan"])
def test_a_limit_of_memory_is_a_number_of_gib(twill, tiny_model, tmp_path, option, most, wrong):
    result = twill("generate", "--model", tiny_model, *PROMPT, "--out", tmp_path / "clip", f"--{option}", wrong)
    assert result.returncode == 2
    assert f"{option} {float(wrong):g} is not in (0, {most}] GiB" in result.stderr
