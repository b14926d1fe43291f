# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Makes an unmodified ComfyUI importable where PyTorch is a CPU build.

Its companions torchvision and torchaudio have no build beside it in every package index. ComfyUI names parts of them
when it is imported and uses none of them for what is tested here: torchvision's Python parts import once the two
operators that its compiled half would bring are declared, and an empty torchaudio serves.
"""

import importlib.machinery
import sys
import types
from pathlib import Path

import torch

_operators = torch.library.Library("torchvision", "FRAGMENT")


def _declare_torchvision_operators() -> None:
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            _operators.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def _put_empty_torchaudio() -> None:
    for name in ("torchaudio", "torchaudio.functional", "torchaudio.transforms"):
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__path__ = []
        sys.modules[name] = module
    sys.modules["torchaudio"].functional = sys.modules["torchaudio.functional"]
    sys.modules["torchaudio"].transforms = sys.modules["torchaudio.transforms"]
    sys.modules["torchaudio.transforms"].MelScale = type("MelScale", (), {})


def start_comfyui(folder: Path, *arguments: str) -> None:
    """After this `import comfy.sd` gives ComfyUI's, which was told `arguments`."""
    _declare_torchvision_operators()
    _put_empty_torchaudio()
    sys.path.insert(0, str(folder))
    sys.argv = ["main.py", *arguments]
    import comfy.options

    comfy.options.enable_args_parsing()
