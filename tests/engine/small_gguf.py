# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""GGUF files as people have them, written by the package of ggml's authors: quantised tensors, and UMT5's tokenizer.

Tokenizers are written as llama.cpp's convert_hf_to_gguf.py (T5EncoderModel.set_vocab) writes them.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.engine.small_tokenizer import sentencepiece

gguf = pytest.importorskip("gguf")

Kind = gguf.GGMLQuantizationType
# Where the fp16 factors of a block stand; the package cannot quantise to these.
FACTORS = {Kind.Q2_K: (80, 82), Kind.Q3_K: (108,), Kind.Q4_K: (0, 2), Kind.Q5_K: (0, 2), Kind.Q6_K: (208,)}
UNUSED_SCORE = -10000.0


def random_blocks(kind: Kind, shape: tuple[int, ...], random: np.random.Generator, size: float) -> np.ndarray:
    """Blocks of any bytes but for their factors, which are normally distributed with that size."""
    elements, count = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (int(np.prod(shape)) // elements, count), np.uint8)
    for place in FACTORS[kind]:
        factors = (size * random.standard_normal((len(blocks), 1))).astype(np.float16)
        blocks[:, place : place + 2] = factors.view(np.uint8)
    return blocks.reshape(*shape[:-1], -1)


def quantised(values: np.ndarray, kind: Kind, random: np.random.Generator) -> np.ndarray:
    """Bytes of the type whose numbers are near the values, or as large as they are."""
    if kind in FACTORS:
        largest = {Kind.Q2_K: 45, Kind.Q3_K: 128, Kind.Q4_K: 945, Kind.Q5_K: 1953, Kind.Q6_K: 4096}[kind]
        return random_blocks(kind, values.shape, random, float(values.std()) / largest * 3)
    return gguf.quants.quantize(values, kind)


def fits(shape: tuple[int, ...], kind: Kind) -> bool:
    return shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0


def read_back(stored: np.ndarray, kind: Kind) -> np.ndarray:
    return stored if kind == Kind.F32 else gguf.quants.dequantize(stored, kind)


def write(writer: "gguf.GGUFWriter") -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of the fields of a message of protocol buffers."""
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(message):
        tag = varint()
        value: int | bytes
        if tag & 7 == 0:
            value = varint()
        else:
            count = {1: 8, 5: 4}[tag & 7] if tag & 7 != 2 else varint()
            value = message[place : place + count]
            place += count
        yield tag >> 3, value


def add_tokenizer(writer: "gguf.GGUFWriter", model: Path, vocabulary: int) -> None:
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(model))
    tokens = [f"[PAD{i}]".encode() for i in range(vocabulary)]
    scores = [UNUSED_SCORE] * vocabulary
    types = [gguf.TokenType.UNUSED] * vocabulary
    for i in range(tokenizer.vocab_size()):
        tokens[i] = tokenizer.id_to_piece(i).encode()
        scores[i] = tokenizer.get_score(i)
        if tokenizer.is_unknown(i):
            types[i] = gguf.TokenType.UNKNOWN
        elif tokenizer.is_control(i):
            types[i] = gguf.TokenType.CONTROL
        elif tokenizer.is_byte(i):
            types[i] = gguf.TokenType.BYTE
        elif not tokenizer.is_unused(i):
            types[i] = gguf.TokenType.NORMAL
    normalizer = dict(fields(dict(fields(model.read_bytes()))[3]))
    writer.add_tokenizer_model("t5")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_add_space_prefix(bool(normalizer.get(3, 1)))
    writer.add_remove_extra_whitespaces(bool(normalizer.get(4, 1)))
    if normalizer.get(2):
        writer.add_precompiled_charsmap(normalizer[2])
    writer.add_eos_token_id(1)
