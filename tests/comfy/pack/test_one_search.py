# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The same request through the program `twill` and through Search Plan gives the same plan of the demo model."""

import base64
import json
import os
import subprocess
from pathlib import Path

import comfy.sd
import folder_paths
import pytest
import torch
from comfy_extras.nodes_model_advanced import ModelSamplingSD3
from twill_pack.twill_nodes import demo_model, plan_store
from twill_pack.twill_nodes.search import plan_search
from twill_pack.twill_nodes.search.request import SearchRequest, Target, Wish

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "presets" / "demo"
MODEL = json.loads((DEMO / "model.json").read_text())
TWILL = Path(os.environ["TWILL_BUILD_DIR"]) / "core" / "cli" / "twill"
PROMPTS = (DEMO / "prompts_test.txt").read_text().splitlines()[:2]
FRAMES, SIDE, SEED, DENSITY = 17, 128, 5, 0.4


@pytest.fixture(scope="module", params=[8, 20], ids="{}_steps".format)
def steps(request) -> int:
    return request.param


@pytest.fixture(scope="module")
def by_the_program(tmp_path_factory, steps) -> dict:
    if not TWILL.is_file():
        pytest.skip(f"{TWILL} is not built")
    out = tmp_path_factory.mktemp("program") / "plan.json"
    prompts = [word for prompt in PROMPTS for word in ("--prompt", prompt)]
    size = ["--size", f"{SIDE}x{SIDE}", "--frames", FRAMES, "--steps", steps, "--points", steps, "--seed", SEED]
    run = ["--sampler", "euler", "--shift", MODEL["default"]["shift"], "--dtype", "float32", "--density", DENSITY]
    command = [TWILL, "search", "--quiet", "--model", DEMO, *prompts, *size, *run, "--out", out]
    subprocess.run([str(each) for each in command], check=True, timeout=600)
    return json.loads(out.read_text())


@pytest.fixture(scope="module")
def by_the_node(tmp_path_factory, steps) -> dict:
    """One dense clip with all of its steps for each prompt, as the program makes them for as many points as steps."""
    model = comfy.sd.load_diffusion_model(str(DEMO / MODEL["files"]["dit"]))
    (model,) = ModelSamplingSD3().patch(model, MODEL["default"]["shift"])
    text = DEMO / MODEL["files"]["text"]
    folder = tmp_path_factory.mktemp("node")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder_paths, "get_user_directory", lambda: str(folder / "user"))
        patch.setattr(plan_store, "own_folder", lambda: folder / "plans")
        request = SearchRequest(
            model=model,
            low_noise=None,
            boundary=0.875,
            positives=tuple([[demo_model.encode(prompt, text), {}]] for prompt in PROMPTS),
            negative=[[demo_model.encode("", text), {}]],
            latent={"samples": torch.zeros(1, 16, (FRAMES - 1) // 4 + 1, SIDE // 8, SIDE // 8)},
            seed=SEED,
            steps=steps,
            cfg=1.0,
            sampler_name="euler",
            scheduler="simple",
            target=Target(Wish.DENSITY, DENSITY),
            points=steps,
            minutes=0.0,
            name="solver, density 0.4",
        )
        return json.loads(plan_search.PlanSearch(request, lambda progress: None).run().file.read_text())


def without_times(plan: dict) -> tuple[dict, list[float]]:
    """(the plan without profile, provenance and t, its t in one order); the engine's own t have no scheduler's name."""
    plan = json.loads(json.dumps(plan))
    del plan["profile"], plan["provenance"]
    times = plan["solved_for"].pop("t")
    plan["solved_for"].pop("scheduler", None)
    for segment in plan["segments"]:
        times += segment.pop("t_begin"), segment.pop("t_end")
    return plan, times


def numbers(field: dict) -> torch.Tensor:
    """float32, as a profile's file has them."""
    return torch.frombuffer(bytearray(base64.b64decode(field["float32"])), dtype=torch.float32)


def test_program_and_node_find_the_same_plan(by_the_program, by_the_node):
    (program, program_t), (node, node_t) = without_times(by_the_program), without_times(by_the_node)
    assert len(program["patterns"]) > 5 and len(program["segments"]) > 1
    assert json.dumps(node) == json.dumps(program)
    # ComfyUI's sigmas are fp32, the engine's are not.
    assert node_t == pytest.approx(program_t, abs=2e-7)


def test_their_profiles_differ_in_rounding_only(by_the_program, by_the_node):
    program, node = by_the_program["profile"], by_the_node["profile"]
    for field in ("candidates", "layout", "model", "seeds"):
        assert node[field] == program[field]
    assert node["t"] == pytest.approx(program["t"], abs=2e-7)
    for field in ("head_error", "gain"):
        # Rounding of fp32 sums grows from step to step; what a head adds or loses is no more exact than its clip.
        assert torch.allclose(numbers(node[field]), numbers(program[field]), rtol=2e-3, atol=1e-5), field
