# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""These tests run inside ComfyUI's environment; tests/comfy/test_comfy_pack.py starts them there."""

import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
COMFYUI = Path(os.environ["TWILL_COMFYUI"])
sys.path[:0] = [str(ROOT / "tests" / "comfy"), str(Path(os.environ["TWILL_BUILD_DIR"]) / "core" / "python")]

from start_comfyui import start_comfyui  # noqa: E402

start_comfyui(COMFYUI, "--cpu", "--use-pytorch-cross-attention")


def load_pack() -> None:
    """comfy_nodes as the package `twill_pack`."""
    folder = ROOT / "comfy_nodes"
    spec = importlib.util.spec_from_file_location(
        "twill_pack", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["twill_pack"] = module
    spec.loader.exec_module(module)


load_pack()

from twill_pack.twill_nodes import plan_store  # noqa: E402

plan_store.register_folder()
