# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The examples of core/python/README.md run as they stand; only weights and clips are tiny ones."""

import re
import types
from pathlib import Path

import diffusers
import diffusers.utils
import pytest
import tiny_pipelines as pipelines
import tiny_plans as plans
import torch
from tiny_pipelines import STEPS

import twill_vdit

README = Path(__file__).resolve().parents[2] / "core/python/README.md"


@pytest.mark.slow
def test_the_examples_of_the_readme_run(monkeypatch, tmp_path, capsys):
    section = re.search(r"## In diffusers\n(.*?)\n## ", README.read_text(encoding="utf-8"), re.DOTALL)[1]
    apply, search = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    pipe = pipelines.wan()
    (tmp_path / "wan2.1-t2v").mkdir()
    (tmp_path / "wan2.1-t2v/tiny.json").write_text(plans.plan_for(pipe.case).text, encoding="utf-8")
    monkeypatch.setenv("TWILL_PRESETS", str(tmp_path))
    made, written = [], []

    class TinyPipeline(diffusers.WanPipeline):
        def __call__(self, prompt, **call):
            made.append((prompt, call))
            options = {"num_inference_steps": STEPS, "output_type": "latent", **call, **pipe.given}
            frames = super().__call__(**{**options, "return_dict": False})
            return types.SimpleNamespace(frames=frames[0]) if call.get("return_dict", True) else frames

    def from_pretrained(name, torch_dtype):
        pipe.pipeline.__class__ = TinyPipeline
        return pipe.pipeline

    monkeypatch.setattr(diffusers.WanPipeline, "from_pretrained", from_pretrained)
    monkeypatch.setattr(diffusers.utils, "export_to_video", lambda video, file, fps: written.append((video, file)))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    blocks = pipe.pipeline.transformer.compile_repeated_blocks
    monkeypatch.setattr(
        pipe.pipeline.transformer, "compile_repeated_blocks", lambda **given: blocks(**given, backend="aot_eager")
    )
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    exec(compile(apply, str(README), "exec"), names)
    calls = STEPS * 2 * pipe.case.layers
    assert f"{calls} of {calls} self-attention calls ran sparse" in capsys.readouterr().out
    assert made == [("A cat walks on the grass, realistic", {"height": 480, "width": 832, "num_frames": 81})]
    assert [file for _, file in written] == ["cat.mp4"] and written[0][0].isfinite().all()

    exec(compile(search, str(README), "exec"), names)
    assert {prompt for prompt, _ in made[1:]} == {
        "A cat walks on the grass, realistic",
        "A red ball rolls over a striped floor",
    }
    assert {call["num_inference_steps"] for _, call in made[1:]} >= {50}
    plan = twill_vdit.read_plan("plan.json")
    assert plan.profile_provenance and plan.model.family == "wan2.1-t2v"
    said = capsys.readouterr().out.splitlines()
    assert said and all(re.search(r" \d+ of \d+$", line) for line in said)
    assert list((tmp_path / "search").iterdir()), "what was measured is kept"
