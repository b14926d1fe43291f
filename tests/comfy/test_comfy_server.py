# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A ComfyUI server with the pack, asked over HTTP as the page asks it.

TWILL_COMFY_INSTALLED names an environment as a user has it, with wheel and pack (installer/test_comfy.sh).
"""

import csv
import json
import os
import re
import subprocess
import time
from pathlib import Path

import PIL.Image
import pytest

from tests.comfy.comfyui import make_environment
from tests.comfy.prompts import log_of, outputs_of, put_plan, search_run, small_run, texts
from tests.comfy.server import PACK, Server, api_form, failure

pytestmark = pytest.mark.slow

NODES = {
    "TwillApplySparsePlan",
    "TwillCompareVideos",
    "TwillDemoPrompt",
    "TwillLoadSparsePlan",
    "TwillSaveSparsePlan",
    "TwillSearchPlan",
    "TwillSparsePlanPreview",
    "TwillSparseReport",
    "TwillSparseSampler",
    "TwillSparseSamplerAdvanced",
}
WORKFLOWS = sorted((PACK / "example_workflows").glob("*.json"))
STEPS = 4  # of the workflows here; their own 20 take too long for three of them
HELP = {".md": "en", "/zh.md": "zh"}


INSTALLED = os.environ.get("TWILL_COMFY_INSTALLED")


def package() -> Path:
    if INSTALLED:
        (found,) = Path(INSTALLED).glob("lib/python3*/site-packages/twill_vdit")
        return found.parent
    build = os.environ.get("TWILL_BUILD_DIR")
    if not build:
        pytest.skip("TWILL_BUILD_DIR names no build")
    return Path(build).resolve() / "core" / "python"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if INSTALLED:
        server = Server(Path(INSTALLED), Path(INSTALLED) / "ComfyUI", package=None, pack=None)
    else:
        server = Server(make_environment(), tmp_path_factory.mktemp("comfyui"), package=package())
    try:
        server.wait_until_up()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def about(server):
    return server.ask("/object_info")


def test_every_node_is_there_and_explains_itself(about):
    assert {name for name in about if name.startswith("Twill")} == NODES
    for name in NODES:
        node = about[name]
        assert node["description"] and node["search_aliases"], name
        assert all(node["output_tooltips"]), name
        for group in ("required", "optional"):
            for field, spec in node["input"].get(group, {}).items():
                assert len(spec) > 1 and spec[1].get("tooltip"), f"{name}.{field} has no tooltip"


def test_the_samplers_have_ksamplers_inputs_in_its_order(about):
    for ours, core in (("TwillSparseSampler", "KSampler"), ("TwillSparseSamplerAdvanced", "KSamplerAdvanced")):
        theirs = about[core]["input"]["required"]
        mine = about[ours]["input"]["required"]
        assert list(mine)[: len(theirs)] == list(theirs)
        for name, spec in theirs.items():
            for key in ("default", "min", "max", "step"):
                if len(spec) > 1 and key in spec[1]:
                    assert mine[name][1][key] == spec[1][key], f"{ours}.{name}.{key}"


def test_translations_help_and_templates_are_served(server):
    translations = server.ask("/api/i18n")
    for language in ("en", "zh"):
        assert set(translations[language]["nodeDefs"]) >= NODES
    assert set(server.ask("/api/workflow_templates")["twill"]) == {file.stem for file in WORKFLOWS}
    for node in NODES:
        # Where the page looks: the help of its language, else the node's own.
        texts_of_help = {name: server.page(f"/extensions/twill/docs/{node}{name}") for name in (".md", "/zh.md")}
        for name, text in texts_of_help.items():
            assert f"\n# {translations[HELP[name]]['nodeDefs'][node]['display_name']}\n" in text, f"{node}{name}"
        # Every input that one language's help names, the other's names too.
        named = {name: set(re.findall(r"\*\*(\w+)\*\*", text)) for name, text in texts_of_help.items()}
        assert named[".md"] == named["/zh.md"], node
    for file in WORKFLOWS:
        assert file.with_suffix(".jpg").is_file(), f"{file.name} has no thumbnail"


def in_steps(prompt: dict, steps: int) -> None:
    for node in prompt.values():
        if "steps" in node["inputs"]:
            node["inputs"]["steps"] = steps


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_an_example_workflow_runs(file, server, about):
    prompt = api_form(json.loads(file.read_text(encoding="utf-8")), about)
    kinds = {node["class_type"] for node in prompt.values()}
    in_steps(prompt, STEPS)
    entry = server.run(prompt, seconds=1200)
    assert failure(entry) == "", log_of(server)[-3000:]
    clips = [image for image in outputs_of(entry, "images") if image["filename"].endswith(".webp")]
    assert len(clips) == sum(node["class_type"] == "SaveAnimatedWEBP" for node in prompt.values())
    for clip in clips:
        with PIL.Image.open(server.folder / "output" / clip["subfolder"] / clip["filename"]) as image:
            assert (image.n_frames, image.size) == (49, (256, 256))
    if kinds & {"TwillSparseSampler", "TwillSparseReport"}:
        assert "nothing fell back to dense" in texts(entry)
        assert f"in {STEPS} forwards" in texts(entry)
    if "TwillCompareVideos" in kinds:
        decibels = float(texts(entry).split("PSNR ")[1].split()[0])
        assert 20 < decibels < 60, "the sparse clip is near the dense one, and not the same"
    if "TwillSearchPlan" in kinds:
        plan = json.loads((server.folder / "models" / "sparse_plans" / "demo search.json").read_text())
        assert plan["profile"]["maps"] and plan["model"]["family"] == "wan2.1-t2v"
        assert plan["budget"]["density"] <= 0.4
    if "TwillSparsePlanPreview" in kinds:
        assert (server.folder / "models" / "sparse_plans" / "my copy.json").is_file()


def latent_bytes(entry: dict, server: Server) -> bytes:
    (saved,) = outputs_of(entry, "latents")
    return (server.folder / "output" / saved["subfolder"] / saved["filename"]).read_bytes()


def test_a_small_run_is_sparse(server):
    entry = server.run(small_run())
    assert failure(entry) == "" and "nothing fell back to dense" in texts(entry)


def test_a_bypassed_or_absent_plan_gives_ksamplers_latent(server):
    without = small_run(sampler={"model": ["network", 0]}, report={"model": ["network", 0]})
    without.pop("applied")
    none = small_run(applied={"plan": "None (dense)"})
    entries = [server.run(prompt) for prompt in (without, none)]
    assert [failure(entry) for entry in entries] == ["", ""]
    tensors = [latent_bytes(entry, server).split(b"}", 1)[1][-4096:] for entry in entries]
    assert tensors[0] == tensors[1]


def test_a_damaged_plan_stops_its_loader_and_leaves_apply_dense(server):
    put_plan(server, "damaged.json", '{"schema_version": "1.0", "name": "x"')
    loader = {"a": {"class_type": "TwillLoadSparsePlan", "inputs": {"plan": "damaged.json"}}}
    loader["b"] = {"class_type": "TwillSparsePlanPreview", "inputs": {"sparse_plan": ["a", 0]}}
    loader["b"]["inputs"] |= {"segment": 0, "layer": 0, "head": 0}
    assert "damaged.json" in failure(server.run(loader))
    entry = server.run(small_run(applied={"plan": "damaged.json"}, empty={"length": 13}))
    assert failure(entry) == "" and "no plan" in texts(entry)
    assert "the model stays dense" in log_of(server) and "damaged.json" in log_of(server)


def test_a_changed_plan_file_is_read_again(server):
    text = (package() / "twill_vdit" / "presets" / "demo" / "plan.json").read_text()
    loader = {"a": {"class_type": "TwillLoadSparsePlan", "inputs": {"plan": "changing.json"}}}
    loader["b"] = {"class_type": "TwillSaveSparsePlan", "inputs": {"sparse_plan": ["a", 0], "name": "out"}}
    loader["b"]["inputs"]["overwrite"] = True
    names = []
    for name in ("first", "second"):
        put_plan(server, "changing.json", json.dumps({**json.loads(text), "name": name}))
        assert failure(server.run(loader)) == ""
        names.append(json.loads((server.folder / "models/sparse_plans/out.json").read_text())["name"])
    assert names == ["first", "second"]


def test_a_plan_of_another_model_leaves_the_model_dense(server):
    plan = json.loads((package() / "twill_vdit" / "presets" / "demo" / "plan.json").read_text())
    plan.pop("profile", None)
    plan["model"]["family"] = "mochi-1"
    put_plan(server, "other.json", json.dumps(plan))
    entry = server.run(small_run(applied={"plan": "other.json"}))
    assert failure(entry) == "" and "no plan" in texts(entry)
    assert "is for mochi-1, not for Wan" in log_of(server)


def test_a_plan_is_put_over_http_and_at_once_offered(server, about):
    """As Twill Studio does with the plan that is open."""
    text = (package() / "twill_vdit" / "presets" / "demo" / "plan.json").read_text()
    folder = server.folder / "models" / "sparse_plans"
    for name in ("put first", "put second"):
        answer = server.put("/twill/plans/from%20studio", json.dumps({**json.loads(text), "name": name}).encode())
        assert answer == {"name": "from studio.json"}
        assert json.loads((folder / "from studio.json").read_text())["name"] == name
    offered = json.dumps(server.ask("/object_info/TwillLoadSparsePlan"))
    assert "from studio.json" in offered and "from studio.json" not in json.dumps(about["TwillLoadSparsePlan"])
    before = sorted(folder.iterdir())
    wrong_name = server.put("/twill/plans/..%2Fevil", text.encode())
    assert wrong_name["status"] == 400 and "is not one for a plan" in wrong_name["error"]
    no_plan = server.put("/twill/plans/fine", b'{"schema_version": "1.0"')
    assert no_plan["status"] == 400 and no_plan["error"].startswith("fine")
    deep = server.put("/twill/plans/fine", b'{"schema_version": ' + b"[" * 100_000)
    assert deep["status"] == 400 and deep["error"].startswith("fine: ") and "nested deeper than 16" in deep["error"]
    no_text = server.put("/twill/plans/fine", b"\xff\xfe")
    assert no_text["error"] == "the plan fine is not UTF-8 text"
    assert sorted(folder.iterdir()) == before and not (server.folder / "models" / "evil.json").exists()


def test_an_unknown_word_is_refused_with_the_vocabulary(server):
    entry = server.run(small_run(text={"text": "a red dragon"}))
    assert 'does not know the word "dragon"; it knows: ' in failure(entry)


def test_a_wrong_name_is_refused_before_anything_runs(server):
    answer = server.ask("/prompt", {"prompt": search_run("../../evil", 4)})
    assert "is not one for a plan" in json.dumps(answer)


def units_of(server: Server) -> dict[Path, int]:
    """The measured steps that are kept, and when each was written."""
    files = (server.folder / "user").glob("**/twill/search/*/profile-*/*")
    return {file: file.stat().st_mtime_ns for file in files if file.is_file()}


def test_a_search_for_a_psnr_needs_the_vae_and_says_so(server):
    assert "connect the model's VAE" in failure(server.run(search_run("good", 4, target="PSNR at least")))


def test_a_search_for_a_psnr_tries_plans_by_clips(server):
    prompt = search_run("good", 4, target="PSNR at least", psnr_db=24.0)
    prompt["vae"] = {"class_type": "VAELoader", "inputs": {"vae_name": "twill_demo_vae.safetensors"}}
    prompt["search"]["inputs"]["vae"] = ["vae", 0]
    entry = server.run(prompt, seconds=1200)
    assert failure(entry) == "" and "tried density" in texts(entry)


def test_a_search_is_interrupted_and_goes_on(server):
    """Interrupted after the first measured steps: a clean stop, no plan; queued again it goes on with what was kept."""
    before = len(units_of(server))
    prompt = search_run("interrupted", 120)
    number = server.queue(prompt)
    end = time.monotonic() + 300
    while len(units_of(server)) < before + 2 and time.monotonic() < end:
        time.sleep(0.1)
    server.ask("/interrupt", {})
    assert failure(server.result(number)) == "interrupted"
    plan = server.folder / "models" / "sparse_plans" / "interrupted.json"
    assert not plan.exists() and not list(plan.parent.glob("*.part*"))
    kept = units_of(server)
    assert failure(server.run(prompt, seconds=900)) == ""
    assert plan.is_file()
    now = units_of(server)
    assert sum(now.get(file) == stamp for file, stamp in kept.items()) >= 2


def test_studio_opens_the_searched_plan_with_its_profile(server, tmp_path):
    studio = Path(os.environ.get("TWILL_BUILD_DIR", "")).resolve() / "gui" / "twill-studio"
    if not studio.is_file():
        pytest.skip(f"{studio} was not built")
    plan = server.folder / "models" / "sparse_plans" / "interrupted.json"
    table = tmp_path / "heads.csv"
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}
    subprocess.run([studio, "--export", table, plan], env=environment, check=True)
    rows = list(csv.DictReader(table.open()))
    heads = sum(stack["layers"] * stack["heads"] for stack in json.loads(plan.read_text())["model"]["stacks"])
    segments = {(row["t_begin"], row["t_end"]) for row in rows}
    assert len(rows) == heads * len(segments)
    # Only a profile knows these.
    assert all(float(row["head_error"]) >= 0.0 and float(row["gain"]) > 0.0 for row in rows)
    assert any(float(row["head_error"]) > 0.0 for row in rows)


def test_a_search_stops_at_its_time_limit(server):
    assert "is kept: queue again" in failure(server.run(search_run("limited", 60, time_limit=0.001, clip_seed=99)))


def test_the_server_has_survived(server):
    entry = server.run(small_run(sampler={"seed": 8}))
    assert failure(entry) == "" and server.process.poll() is None


@pytest.mark.skipif(
    INSTALLED is not None, reason="the package is installed in this environment, and the case is that it is not"
)
def test_without_the_package_everything_is_dense_or_says_what_to_do(tmp_path):
    package()
    server = Server(make_environment(), tmp_path, package=None)
    try:
        server.wait_until_up()
        about = server.ask("/object_info")
        assert {name for name in about if name.startswith("Twill")} == NODES
        prompt = {"text": {"class_type": "TwillDemoPrompt", "inputs": {"text": "a"}}}
        prompt["shown"] = {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["text", 0]}}
        prompt["saved"] = {"class_type": "PreviewAny", "inputs": {"source": ["shown", 0]}}
        assert "pip install twill-vdit" in failure(server.run(prompt))
        assert server.log.read_text().count("twill-vdit is missing") >= 1
    finally:
        server.stop()
