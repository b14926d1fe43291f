# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A small SentencePiece model with UMT5's special pieces (0 padding, 1 end, no begin), trained on our own sentences."""

import itertools
from pathlib import Path

import pytest

sentencepiece = pytest.importorskip("sentencepiece")

WHAT = [
    "a red ball",
    "the blue cube",
    "an orange cone",
    "two dogs",
    "a ship at sea",
    "ein alter Zug",
    "une maison",
    "一只猫",
]
DOES = [
    "rolls left",
    "slides right",
    "bounces",
    "stands still",
    "runs along the beach",
    "fährt langsam",
    "s'envole",
    "在奔跑",
]
WHERE = [
    "over a striped floor",
    "by day",
    "at sunset",
    "in the rain, camera pans right",
    "im Nebel",
    "sous la pluie",
    "在海边",
]
SENTENCES = [" ".join(parts) for parts in itertools.product(WHAT, DOES, WHERE)]


def train_tokenizer(folder: Path, **options: object) -> Path:
    sentencepiece.SentencePieceTrainer.train(
        **{
            "sentence_iterator": iter(SENTENCES),
            "model_prefix": str(folder / "spiece"),
            "model_type": "unigram",
            "vocab_size": 400,
            "hard_vocab_limit": False,
            "character_coverage": 1.0,
            "byte_fallback": True,
            "pad_id": 0,
            "eos_id": 1,
            "unk_id": 2,
            "bos_id": -1,
            "minloglevel": 2,
            "num_threads": 1,
            **options,
        }
    )
    return folder / "spiece.model"
