# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Writes comfy_nodes/example_workflows, as the page saves them.

    make_workflows.py http://127.0.0.1:8188

A running ComfyUI with the pack says what inputs each node has. A workflow is a table: node -> (class, column, row,
inputs), where an input is a value or the pair (node, output).
"""

import json
import sys
import urllib.request
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "comfy_nodes" / "example_workflows"
COLUMN, ROW = 400, 340
TEXT_HEIGHT = 220  # room for what a node tells
WITH_TEXT = {"TwillLoadSparsePlan", "TwillSparseSampler", "TwillSparseReport", "TwillSearchPlan"}
PROMPT = "a red ball rolls left over a striped floor, camera pans right"

LOAD = {
    "network": ("UNETLoader", 0, 0, {"unet_name": "twill_demo.safetensors", "weight_dtype": "default"}),
    "shifted": ("ModelSamplingSD3", 1, 0, {"model": ("network", 0), "shift": 3.0}),
    "vae": ("VAELoader", 0, 0.5, {"vae_name": "twill_demo_vae.safetensors"}),
    "prompt": ("TwillDemoPrompt", 0, 1, {"text": PROMPT}),
    "negative": ("TwillDemoPrompt", 0, 1.7, {"text": ""}),
    "empty": ("EmptyHunyuanLatentVideo", 0, 2.4, {"width": 256, "height": 256, "length": 49, "batch_size": 1}),
}
SCHEDULE = {
    "seed": 1,
    "steps": 20,
    "cfg": 1.0,
    "sampler_name": "euler",
    "scheduler": "simple",
    "positive": ("prompt", 0),
    "negative": ("negative", 0),
    "latent_image": ("empty", 0),
}


def sampled(model: tuple[str, int]) -> dict:
    return {"model": model, **SCHEDULE, "denoise": 1.0}


def saved(prefix: str, latent: tuple[str, int], column: float, row: float, name: str) -> dict:
    return {
        f"{prefix}frames": ("VAEDecode", column, row, {"samples": latent, "vae": ("vae", 0)}),
        f"{prefix}saved": (
            "SaveAnimatedWEBP",
            column + 1,
            row,
            {"images": (f"{prefix}frames", 0), "filename_prefix": f"twill/{name}", "fps": 16.0, "lossless": False},
        ),
    }


WORKFLOWS = {
    "1 Sparse clip": {
        **LOAD,
        "sampler": ("TwillSparseSampler", 2, 0, {**sampled(("shifted", 0)), "plan": "Auto (match model)"}),
        **saved("", ("sampler", 0), 3, 0, "sparse"),
    },
    "2 Sparse beside dense": {
        **LOAD,
        "applied": ("TwillApplySparsePlan", 1, 0.5, {"model": ("shifted", 0), "plan": "Auto (match model)"}),
        "sparse": ("KSampler", 2, 0, sampled(("applied", 0))),
        "dense": ("KSampler", 2, 1.5, sampled(("shifted", 0))),
        "report": ("TwillSparseReport", 3, 0, {"latent": ("sparse", 0), "model": ("applied", 0)}),
        **saved("sparse_", ("report", 0), 4, 0, "sparse"),
        **saved("dense_", ("dense", 0), 4, 1.5, "dense"),
        "compared": ("TwillCompareVideos", 5, 0.8, {"a": ("dense_frames", 0), "b": ("sparse_frames", 0), "gain": 5.0}),
        "difference": ("PreviewImage", 6, 0.8, {"images": ("compared", 2)}),
    },
    "3 Search a plan": {
        **LOAD,
        "search": (
            "TwillSearchPlan",
            2,
            0,
            {
                "model": ("shifted", 0),
                **{key: value for key, value in SCHEDULE.items() if key != "seed"},
                "clip_seed": SCHEDULE["seed"],
                "target": "balanced (density 0.40)",
                "name": "demo search",
            },
        ),
        "applied": (
            "TwillApplySparsePlan",
            3,
            1,
            {"model": ("shifted", 0), "plan": "None (dense)", "sparse_plan": ("search", 0)},
        ),
        "sparse": ("KSampler", 4, 0, sampled(("applied", 0))),
        "report": ("TwillSparseReport", 5, 1, {"latent": ("sparse", 0), "model": ("applied", 0)}),
        **saved("", ("report", 0), 5, 0, "searched"),
    },
    "4 Look at a plan": {
        "loaded": ("TwillLoadSparsePlan", 0, 0, {"plan": "preset: demo/plan"}),
        "preview": (
            "TwillSparsePlanPreview",
            1,
            0,
            {"sparse_plan": ("loaded", 0), "segment": 1, "layer": 4, "head": 2},
        ),
        "head": ("PreviewImage", 2, 0.2, {"images": ("preview", 1)}),
        "saved": ("TwillSaveSparsePlan", 2, 1.4, {"sparse_plan": ("loaded", 0), "name": "my copy", "overwrite": True}),
    },
}
WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}


def is_widget(spec: list) -> bool:
    return isinstance(spec[0], list) or spec[0] in WIDGETS


def all_inputs(about: dict) -> dict[str, list]:
    return {**about["input"].get("required", {}), **about["input"].get("optional", {})}


def usual(spec: list):
    more = spec[1] if len(spec) > 1 else {}
    if "default" in more:
        return more["default"]
    choices = spec[0] if isinstance(spec[0], list) else more.get("options", [])
    return choices[0] if choices else ""


def page_form(table: dict, about: dict[str, dict]) -> dict:
    numbers = {name: number for number, name in enumerate(table, start=1)}
    nodes, links = [], []
    for name, (kind, column, row, given) in table.items():
        sockets, values = [], []
        for key, spec in all_inputs(about[kind]).items():
            if isinstance(given.get(key), tuple):
                origin, output = given[key]
                links.append([len(links) + 1, numbers[origin], output, numbers[name], len(sockets), spec[0]])
                sockets.append({"name": key, "type": spec[0], "link": len(links)})
            elif is_widget(spec):
                values.append(given.get(key, usual(spec)))
                if len(spec) > 1 and spec[1].get("control_after_generate"):
                    values.append("fixed")
            else:
                sockets.append({"name": key, "type": spec[0], "link": None})
        nodes.append(
            {
                "id": numbers[name],
                "type": kind,
                "pos": [int(column * COLUMN), int(row * ROW)],
                "size": [340, 60 + 26 * (len(values) + len(sockets)) + TEXT_HEIGHT * (kind in WITH_TEXT)],
                "flags": {},
                "order": len(nodes),
                "mode": 0,
                "inputs": sockets,
                "outputs": outputs(about[kind], numbers[name]),
                "properties": {"Node name for S&R": kind},
                "widgets_values": values,
            }
        )
    for link in links:
        origin = next(node for node in nodes if node["id"] == link[1])
        origin["outputs"][link[2]]["links"].append(link[0])
    return {
        "last_node_id": len(nodes),
        "last_link_id": len(links),
        "nodes": nodes,
        "links": links,
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    }


def outputs(about: dict, number: int) -> list[dict]:
    return [
        {"name": name, "type": kind, "links": []}
        for name, kind in zip(about["output_name"], about["output"], strict=True)
    ]


def main() -> None:
    with urllib.request.urlopen(f"{sys.argv[1]}/object_info") as answer:
        about = json.load(answer)
    FOLDER.mkdir(exist_ok=True)
    for name, table in WORKFLOWS.items():
        text = json.dumps(page_form(table, about), indent=1)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
