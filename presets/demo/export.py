# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Reads and writes the three weight files of the demo model, all in fp16."""

import json
import os
from pathlib import Path

import captions
import torch
from safetensors.torch import load_file, save_file
from wan_dit import TextTable, WanDit
from wan_vae import WanVae

DIT_FILE, VAE_FILE, TEXT_FILE = "dit.safetensors", "vae.safetensors", "text.safetensors"
# ComfyUI takes heads and text width from here where they differ from the big models'.
DIT_CONFIG = {"transformer": {"num_heads": 4, "text_dim": 64}}


def _half(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {k: v.detach().half().cpu().contiguous() for k, v in module.state_dict().items()}


def _save(tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write beside and rename, so that a stopped training leaves no half-written file."""
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata={"format": "pt", **metadata})
    os.replace(part, path)


def save_vae(vae: WanVae, folder: Path) -> None:
    _save(_half(vae), folder / VAE_FILE, {})


def save_dit(dit: WanDit, text: TextTable, folder: Path) -> None:
    """Write the transformer and its text table; they belong together."""
    _save(_half(dit), folder / DIT_FILE, {"config": json.dumps(DIT_CONFIG)})
    words = {
        "vocabulary": json.dumps(list(captions.VOCABULARY)),
        "text_len": str(captions.TEXT_LEN),
    }
    _save(_half(text), folder / TEXT_FILE, words)


def load_vae(folder: Path, device: str = "cpu") -> WanVae:
    """In fp32."""
    state = load_file(folder / VAE_FILE)
    vae = WanVae(state["decoder.head.0.gamma"].shape[0])
    vae.load_state_dict({k: v.float() for k, v in state.items()})
    return vae.to(device).eval()


def load_dit(folder: Path, device: str = "cpu") -> tuple[WanDit, TextTable]:
    """In fp32."""
    state = load_file(folder / DIT_FILE)
    dit = WanDit(
        dim=state["head.modulation"].shape[-1],
        layers=1 + max(int(k.split(".")[1]) for k in state if k.startswith("blocks.")),
        ffn_dim=state["blocks.0.ffn.0.weight"].shape[0],
        text_dim=state["text_embedding.0.weight"].shape[1],
        channels=state["patch_embedding.weight"].shape[1],
    )
    dit.load_state_dict({k: v.float() for k, v in state.items()})
    table = load_file(folder / TEXT_FILE)
    text = TextTable(*(table[f"{n}_embedding.weight"].shape[0] for n in ("word", "position")))
    text.load_state_dict({k: v.float() for k, v in table.items()})
    return dit.to(device).eval(), text.to(device).eval()


def load_model(folder: Path, device: str = "cpu") -> tuple[WanDit, TextTable, WanVae]:
    """Everything, in fp32."""
    return *load_dit(folder, device), load_vae(folder, device)
