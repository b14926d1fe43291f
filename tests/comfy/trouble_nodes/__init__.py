# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A node of the tests' own for a real server: the package twill_vdit fails as a machine makes it fail."""

import torch
from comfy_api.v0_0_2 import ComfyExtension, io

from twill_vdit import search
from twill_vdit.running import run

ATTENTION, OBSERVE = run.sparse_attention, search.Profiler.observe
GOOD_CALLS = 5  # that come before the trouble


def failing(function):
    calls = 0

    def fails(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls > GOOD_CALLS:
            raise torch.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of"
            )
        return function(*args, **kwargs)

    return fails


def widened(model):
    """A node that comes after Apply Sparse Plan and gives it q, k and v in double."""
    model = model.clone()
    options = model.model_options["transformer_options"]
    override = options["optimized_attention_override"]

    def widen(func, q, k, v, *args, **kwargs):
        return override(func, q.double(), k.double(), v.double(), *args, **kwargs).to(q.dtype)

    options["optimized_attention_override"] = widen
    return model


class PlantTrouble(io.ComfyNode):
    """From here on sparse attention, or a search's profiler, runs out of memory after some calls; or no longer.

    "dtype": this model's attention is given a dtype that no kernel takes.
    """

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="PlantTrouble",
            category="tests",
            inputs=[
                io.Model.Input("model"),
                io.Combo.Input("where", options=["nowhere", "attention", "search", "dtype"]),
            ],
            outputs=[io.Model.Output()],
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs) -> float:
        return float("nan")  # never cached

    @classmethod
    def execute(cls, model, where) -> io.NodeOutput:
        run.sparse_attention = failing(ATTENTION) if where == "attention" else ATTENTION
        search.Profiler.observe = failing(OBSERVE) if where == "search" else OBSERVE
        return io.NodeOutput(widened(model) if where == "dtype" else model)


class Trouble(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [PlantTrouble]


async def comfy_entrypoint() -> Trouble:
    return Trouble()
