# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The small demo model that comes with the package: its folders for ComfyUI's loaders, and its words."""

import functools
import re
from pathlib import Path

from . import wheel

# Folder of ComfyUI -> the file's part in model.json, and the name in the drop-downs.
FILES = {"diffusion_models": ("dit", "twill_demo.safetensors"), "vae": ("vae", "twill_demo_vae.safetensors")}


def files() -> dict[str, Path]:
    """Part (dit, vae, text) -> file; empty when the package has no demo model."""
    if wheel.why_missing():
        return {}
    try:
        folder = wheel.package().demo_model_folder()
        description = folder / "model.json"
        names = wheel.package("json_reading").parse_json(description.read_bytes(), str(description))["files"]
        return {part: folder / name for part, name in names.items()}
    except (wheel.package().Error, OSError, KeyError, TypeError, AttributeError):
        return {}


def register_folders() -> None:
    """Loaders list whole folders, so each file is linked under its own name into a folder that holds nothing else."""
    import folder_paths

    found = files()
    for folder_name, (part, name) in FILES.items() if found else ():
        folder = Path(folder_paths.get_user_directory()) / "twill" / "demo" / folder_name
        folder.mkdir(parents=True, exist_ok=True)
        file, link = found[part], folder / name
        if not (link.exists() and _about(link) == _about(file)):
            wheel.package("written_files").put_link(file, link)
        folder_paths.add_model_folder_path(folder_name, str(folder))


def _about(file: Path) -> tuple[int, float]:
    return file.stat().st_size, file.stat().st_mtime


def split_prompt(prompt: str) -> list[str]:
    """Words in lower case; commas are words."""
    return re.findall(r",|[^\s,]+", prompt.lower())


@functools.cache
def _table(file: str):
    """(word -> row, word rows, position rows), fp32."""
    import safetensors

    with safetensors.safe_open(file, framework="pt") as opened:
        words = wheel.package("json_reading").parse_json(opened.metadata()["vocabulary"], file)
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
