# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The small demo model that comes with the package: its folders for ComfyUI's loaders, and its words."""

import functools
import json
import os
import re
import shutil
from pathlib import Path

from . import wheel

# Folder of ComfyUI -> the file's part in model.json, and the name in the drop-downs.
FILES = {"diffusion_models": ("dit", "twill_demo.safetensors"), "vae": ("vae", "twill_demo_vae.safetensors")}


def files() -> dict[str, Path]:
    """Part (dit, vae, text) -> file; empty when the package has no demo model."""
    if wheel.why_missing():
        return {}
    try:
        folder = wheel.package("shipped").demo_model_folder()
        names = json.loads((folder / "model.json").read_text(encoding="utf-8"))["files"]
    except (wheel.package().Error, OSError, ValueError, KeyError):
        return {}
    return {part: folder / name for part, name in names.items()}


def register_folders() -> None:
    """Loaders list whole folders, so each file is linked under its own name into a folder that holds nothing else."""
    import folder_paths

    found = files()
    for folder_name, (part, name) in FILES.items() if found else ():
        folder = Path(folder_paths.get_user_directory()) / "twill" / "demo" / folder_name
        folder.mkdir(parents=True, exist_ok=True)
        _link(found[part], folder / name)
        folder_paths.add_model_folder_path(folder_name, str(folder))


def _link(file: Path, link: Path) -> None:
    """A copy where links are not allowed, as on Windows. Done in one step: a temporary name, then renamed."""
    if link.exists() and link.stat().st_size == file.stat().st_size and link.stat().st_mtime == file.stat().st_mtime:
        return
    temporary = link.with_name(f"{link.name}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)
    try:
        temporary.symlink_to(file)
    except OSError:
        shutil.copy2(file, temporary)
    temporary.replace(link)


def split_prompt(prompt: str) -> list[str]:
    """Words in lower case; commas are words."""
    return re.findall(r",|[^\s,]+", prompt.lower())


@functools.cache
def _table(file: str):
    """(word -> row, word rows, position rows), fp32."""
    import safetensors

    with safetensors.safe_open(file, framework="pt") as opened:
        words = json.loads(opened.metadata()["vocabulary"])
        rows = opened.get_tensor("word_embedding.weight").float()
        positions = opened.get_tensor("position_embedding.weight").float()
    return {word: row for row, word in enumerate(words)}, rows, positions


def encode(prompt: str, file: Path):
    """[1, positions, dim] in fp32, rows behind the prompt zero. Raises ValueError that lists the words."""
    import torch

    known, rows, positions = _table(str(file))
    words = split_prompt(prompt)
    if len(words) > len(positions):
        raise ValueError(f"the prompt has {len(words)} words (commas count), more than {len(positions)}")
    out = torch.zeros(1, *positions.shape)
    for place, word in enumerate(words):
        if word not in known:
            raise ValueError(f'the demo model does not know the word "{word}"; it knows: {" ".join(known)}')
        out[0, place] = rows[known[word]] + positions[place]
    return out
