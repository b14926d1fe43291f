# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Small prompts for a server, and what their history entries say."""

from tests.comfy.server import Server

SMALL = {"width": 128, "height": 128, "length": 17, "batch_size": 1}  # 5x8x8 tokens
PLAN_PRESET = "preset: demo/plan"


def outputs_of(entry: dict, kind: str) -> list:
    return [item for output in entry["outputs"].values() for item in output.get(kind, [])]


def texts(entry: dict) -> str:
    return "\n".join(outputs_of(entry, "text"))


def log_of(server: Server) -> str:
    return server.log.read_text(encoding="utf-8", errors="replace")


def small_run(**changes) -> dict:
    """A prompt that samples 320 tokens in 3 steps with a plan; changes: node -> inputs."""
    prompt = {
        "network": ("UNETLoader", {"unet_name": "twill_demo.safetensors", "weight_dtype": "default"}),
        "text": ("TwillDemoPrompt", {"text": "a red ball rolls left"}),
        "empty": ("EmptyHunyuanLatentVideo", dict(SMALL)),
        "applied": (
            "TwillApplySparsePlan",
            {
                "model": ["network", 0],
                "plan": PLAN_PRESET,
                "speed_quality": 0.5,
                "start_percent": 0.0,
                "end_percent": 1.0,
                "dense_blocks": "",
                "min_tokens": 0,
                "expert": "auto",
            },
        ),
        "sampler": ("KSampler", {"model": ["applied", 0], **schedule(3)}),
        "report": ("TwillSparseReport", {"latent": ["sampler", 0], "model": ["applied", 0]}),
        "saved": ("SaveLatent", {"samples": ["report", 0], "filename_prefix": "small"}),
    }
    for node, inputs in changes.items():
        prompt[node][1].update(inputs)
    return {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in prompt.items()}


def schedule(steps: int) -> dict:
    return {
        "seed": 7,
        "steps": steps,
        "cfg": 1.0,
        "sampler_name": "euler",
        "scheduler": "simple",
        "positive": ["text", 0],
        "negative": ["text", 0],
        "latent_image": ["empty", 0],
        "denoise": 1.0,
    }


def search_run(name: str, steps: int, **more) -> dict:
    inputs = schedule(steps)
    inputs.pop("denoise")
    inputs["clip_seed"] = inputs.pop("seed")
    inputs |= {"model": ["network", 0], "target": "balanced (density 0.40)", "density": 0.4, "points": 8}
    inputs |= {"time_limit": 0.0, "name": name, "boundary": 0.875}
    inputs |= {"psnr_db": 30.0, "speedup": 1.3, "measure_stripes": False, **more}
    nodes = {name: node for name, node in small_run().items() if name in ("network", "text", "empty")}
    return {**nodes, "search": {"class_type": "TwillSearchPlan", "inputs": inputs}}


def put_plan(server: Server, name: str, text: str) -> None:
    folder = server.folder / "models" / "sparse_plans"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
