# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A name for what a model's weights are: every byte of every tensor, and what patches (LoRAs) make of them."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch

CHUNK_BYTES = 64 << 20  # at a time from a device
PREFIX = "diffusion_model."


def weights_hash(model) -> str:
    """16 digits. model: a MODEL of ComfyUI; the same whether its patches are applied to its weights now or not."""
    keys = sorted(model.get_key_patches(PREFIX).items())
    # hashlib lets other threads run while it reads.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        digests = threads.map(lambda key: _digest(key[0], key[1]), keys)
        found = hashlib.blake2b(digest_size=8)
        for digest in digests:
            found.update(digest)
    return found.hexdigest()


def _digest(name: str, entries: list) -> bytes:
    """entries: (weight, conversion), then the weight's patches."""
    found = hashlib.blake2b(name.encode())
    for part in _parts(entries[0][0]):
        found.update(part)
    for patch in entries[1:]:
        for part in _parts(patch):
            found.update(part)
    return found.digest()


def _parts(value) -> Iterator:
    """Bytes of anything that a patch may hold: tensors, numbers, adapters with their weights, lists of them."""
    yield f"{type(value).__name__} ".encode()
    if isinstance(value, torch.Tensor):
        yield from _tensor_parts(value)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _parts(each)
    elif isinstance(value, dict):
        for name in sorted(value, key=str):
            yield f"{name} ".encode()
            yield from _parts(value[name])
    elif value is None or isinstance(value, bool | int | float | str):
        yield f"{value!r} ".encode()
    elif hasattr(value, "weights"):  # a LoRA of one of ComfyUI's kinds
        yield from _parts(value.weights)
    else:
        yield f"{getattr(value, '__qualname__', '')} ".encode()


def _tensor_parts(tensor: torch.Tensor) -> Iterator:
    yield f"{tensor.dtype} {tuple(tensor.shape)} ".encode()
    if hasattr(tensor, "__tensor_flatten__"):  # quantised: its bytes are in tensors of its own
        for name in tensor.__tensor_flatten__()[0]:
            yield from _parts(getattr(tensor, name))
        return
    flat = tensor.detach().as_subclass(torch.Tensor).contiguous().reshape(-1).view(torch.uint8)
    for chunk in flat.split(CHUNK_BYTES):
        yield chunk.cpu().numpy().data
