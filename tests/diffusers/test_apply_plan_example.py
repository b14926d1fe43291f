# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The example of core/python/README.md runs as it stands; only the weights are tiny ones."""

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

README = Path(__file__).resolve().parents[2] / "core/python/README.md"


@pytest.mark.slow
def test_the_example_of_the_readme_runs(monkeypatch, tmp_path, capsys):
    script = re.search(r"## In diffusers\n\n```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[1]
    pipe = pipelines.wan()
    (tmp_path / "wan2.1-t2v").mkdir()
    (tmp_path / "wan2.1-t2v/tiny.json").write_text(plans.plan_for(pipe.case).text, encoding="utf-8")
    monkeypatch.setenv("TWILL_PRESETS", str(tmp_path))
    made, written = [], []

    class TinyPipeline(diffusers.WanPipeline):
        def __call__(self, prompt, **size):
            made.append((prompt, size))
            options = {"num_inference_steps": STEPS, "output_type": "latent", "return_dict": False}
            return types.SimpleNamespace(frames=super().__call__(**pipe.given, **options)[0])

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
    exec(compile(script, str(README), "exec"), {"__name__": "__main__"})
    calls = STEPS * 2 * pipe.case.layers
    assert f"{calls} of {calls} self-attention calls ran sparse" in capsys.readouterr().out
    assert made == [("A cat walks on the grass, realistic", {"height": 480, "width": 832, "num_frames": 81})]
    assert [file for _, file in written] == ["cat.mp4"] and written[0][0].isfinite().all()
