# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Save Sparse Plan: SPARSE_PLAN -> a file under models/sparse_plans."""

from comfy_api.v0_0_2 import io, ui

from .. import plan_store, wheel
from .sockets import CATEGORY, SparsePlan


class SaveSparsePlan(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TwillSaveSparsePlan",
            display_name="Save Sparse Plan",
            category=CATEGORY,
            description="Writes a plan, with its profile if it has one, into models/sparse_plans.",
            search_aliases=["save plan", "export plan", "twill plan"],
            inputs=[
                SparsePlan.Input("sparse_plan", tooltip="The plan to be written."),
                io.String.Input("name", default="my plan", tooltip="Name of the file, without .json."),
                io.Boolean.Input(
                    "overwrite",
                    default=False,
                    tooltip="Replace a file of this name. Otherwise a number is added to the name.",
                ),
            ],
            outputs=[io.String.Output(display_name="file", tooltip="Where the plan was written.")],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, name: str = "") -> bool | str:
        try:
            plan_store.safe_name(name)
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def execute(cls, sparse_plan, name: str, overwrite: bool) -> io.NodeOutput:
        file = free_file(plan_store.safe_name(name), overwrite)
        wheel.package().write_plan(file, sparse_plan.plan)
        return io.NodeOutput(str(file), ui=ui.PreviewText(f"written: {file}"))


def free_file(name: str, overwrite: bool):
    folder = plan_store.own_folder()
    folder.mkdir(parents=True, exist_ok=True)
    file, number = folder / f"{name}.json", 2
    while file.exists() and not overwrite:
        file, number = folder / f"{name} {number}.json", number + 1
    return file
