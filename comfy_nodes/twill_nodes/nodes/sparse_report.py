# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Sparse Report: what ran sparse in the last sampling run of a model."""

import json

from comfy_api.v0_0_2 import io, ui

from .. import wheel
from ..patch.attached import patch_of
from .sockets import CATEGORY


class SparseReport(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TwillSparseReport",
            display_name="Sparse Report",
            category=CATEGORY,
            description="Tells what ran sparse, the density, the seconds and what fell back to dense, and why. Put it "
            "between the sampler and the VAE; the latent passes through unchanged.",
            search_aliases=["stats", "sparse attention report", "twill report", "fallback"],
            inputs=[
                io.Latent.Input("latent", tooltip="The sampler's result; it makes this node run after the sampler."),
                io.Model.Input("model", tooltip="The model that the sampler was given, from Apply Sparse Plan."),
            ],
            outputs=[
                io.Latent.Output(display_name="latent", tooltip="The latent, unchanged."),
                io.String.Output(display_name="report", tooltip="The report in words."),
                io.String.Output(display_name="json", tooltip="The same numbers as JSON."),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, latent, model) -> io.NodeOutput:
        patch = patch_of(model)
        if patch is None:
            text, numbers = "This model has no plan; its attention is dense.", {}
        elif patch.report is None:
            text, numbers = "No sampler has run with this model yet.", {}
        else:
            text, numbers = patch.report.text(), patch.report.as_dict()
        found = json.dumps(numbers) if patch is None else wheel.package("texts").json_text(numbers)
        return io.NodeOutput(latent, text, found, ui=ui.PreviewText(text))
