# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Names for what decides a clip, so that a search goes on only with what was measured of the same."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

CHUNK_BYTES = 64 << 20  # at a time from a device


def fingerprint(value: Any) -> str:
    """16 digits of tensors, arrays, pictures, texts, numbers, and lists and dicts of them.

    Anything else is named by its repr(): where that holds an address, another process does not go on with it.
    """
    found = hashlib.blake2b(digest_size=8)
    for part in _parts(value):
        found.update(part)
    return found.hexdigest()


def weights_fingerprint(module: torch.nn.Module) -> str:
    """16 digits of every byte of a module's weights, and of how strongly its adapters (LoRA) act."""
    weights = sorted(module.state_dict().items())
    # hashlib lets other threads run while it reads.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        digests = list(threads.map(fingerprint, weights))
    scales = [
        (name, dict(part.scaling), list(getattr(part, "active_adapters", [])))
        for name, part in module.named_modules()
        if isinstance(getattr(part, "scaling", None), dict)
    ]
    return fingerprint([digests, scales])


def _parts(value: Any) -> Iterator[Any]:
    yield f"{type(value).__name__} ".encode()
    if isinstance(value, torch.Tensor):
        yield from _tensor_parts(value)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _parts(each)
    elif isinstance(value, Mapping):
        for name in sorted(value, key=str):
            yield f"{name} ".encode()
            yield from _parts(value[name])
    elif callable(getattr(value, "tobytes", None)):  # an array or a picture
        yield f"{getattr(value, 'shape', getattr(value, 'size', ''))} {getattr(value, 'dtype', '')} ".encode()
        yield value.tobytes()
    else:
        yield f"{value!r} ".encode()


def _tensor_parts(tensor: torch.Tensor) -> Iterator[Any]:
    yield f"{tensor.dtype} {tuple(tensor.shape)} ".encode()
    if tensor.is_meta:  # offloaded: its bytes are elsewhere
        return
    if hasattr(tensor, "__tensor_flatten__"):  # quantised: its bytes are in tensors of its own
        for name in tensor.__tensor_flatten__()[0]:
            yield from _parts(getattr(tensor, name))
        return
    flat = tensor.detach().as_subclass(torch.Tensor).contiguous().reshape(-1).view(torch.uint8)
    for chunk in flat.split(CHUNK_BYTES):
        yield chunk.cpu().numpy().data
