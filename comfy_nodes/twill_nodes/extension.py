# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What ComfyUI loads: the list of nodes, and the folders that it is told of."""

import logging

from comfy_api.v0_0_2 import ComfyExtension, io

from . import demo_model, plan_store, routes, wheel
from .nodes.apply_sparse_plan import ApplySparsePlan
from .nodes.compare_videos import CompareVideos
from .nodes.demo_prompt import DemoPrompt
from .nodes.load_sparse_plan import LoadSparsePlan
from .nodes.save_sparse_plan import SaveSparsePlan
from .nodes.search_plan import SearchPlan
from .nodes.sparse_plan_preview import SparsePlanPreview
from .nodes.sparse_report import SparseReport
from .nodes.sparse_sampler import SparseSampler, SparseSamplerAdvanced

NODES: list[type[io.ComfyNode]] = [
    ApplySparsePlan,
    LoadSparsePlan,
    SaveSparsePlan,
    SparsePlanPreview,
    SearchPlan,
    SparseSampler,
    SparseSamplerAdvanced,
    SparseReport,
    CompareVideos,
    DemoPrompt,
]

WEB_DIRECTORY = "./web"


class TwillExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES


async def comfy_entrypoint() -> TwillExtension:
    plan_store.register_folder()
    demo_model.register_folders()
    routes.register()
    if wheel.why_missing():
        logging.getLogger("twill").warning("Twill: %s", wheel.why_missing())
    return TwillExtension()
