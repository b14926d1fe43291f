# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# Texts here are in several scripts.
"""A tokenizer.json, as transformers 5 writes it, cuts prompts into the pieces that transformers cuts them into."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.engine.small_tokenizer import SENTENCES, train_tokenizer
from tests.engine.test_prompt_text import run_text

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")
pytest.importorskip("google.protobuf", reason="transformers reads SentencePiece models with protobuf")

TEXTS = [
    *SENTENCES,
    "", "a", "ﬁne dogs", "Ünïcode naïve", "一只猫 in 海边", "🐈 zeppelin", "<0x41> < 0x41 >", "a▁b", "x" * 300,
    "camera: (slow:1.2), 35 mm & f/1.4!", "don't", "ǅ ½ ℡ ﷺ",
]  # fmt: skip
KINDS = {
    "as_umt5": {},
    "without_bytes": {"byte_fallback": False},
    "without_rules": {"normalization_rule_name": "identity"},
    "folds_case": {"normalization_rule_name": "nmt_nfkc_cf"},
}


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS)
def written(request, tmp_path_factory):
    """(transformers' tokenizer, its tokenizer.json)."""
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(folder, **request.param)
    tokenizer = transformers.T5Tokenizer.from_pretrained(folder, extra_ids=0)
    tokenizer.save_pretrained(folder / "saved")
    return tokenizer, folder / "saved" / "tokenizer.json"


def test_pieces_are_those_of_transformers(written, tmp_path):
    tokenizer, file = written
    theirs = [tokenizer(text)["input_ids"] for text in TEXTS]
    assert all(ids[-1] == 1 for ids in theirs)
    assert len({len(ids) for ids in theirs}) > 10
    assert run_text(tmp_path, f"ids={file}", TEXTS) == [ids[:-1] for ids in theirs]


def test_extra_tokens_stay_text(tmp_path):
    """T5's 100 stand behind the pieces that were trained; transformers finds them in a prompt."""
    train_tokenizer(tmp_path)
    tokenizer = transformers.T5Tokenizer.from_pretrained(tmp_path, extra_ids=100)
    tokenizer.save_pretrained(tmp_path / "saved")
    file = tmp_path / "saved" / "tokenizer.json"
    special = tokenizer.convert_tokens_to_ids(["<extra_id_0>", "</s>"])
    ids = run_text(tmp_path, f"ids={file}", ["a <extra_id_0> b</s>", "a red ball"])
    assert not set(ids[0]) & set(special)
    assert ids[1] == tokenizer("a red ball")["input_ids"][:-1]


SEVERAL_SPACES = tokenizers.normalizers.Replace(tokenizers.Regex(" {2,}"), " ")


@pytest.mark.parametrize("normalizer", [
    SEVERAL_SPACES,
    tokenizers.normalizers.Sequence([tokenizers.normalizers.Strip(), SEVERAL_SPACES]),
    None,
], ids=["replace", "sequence", "none"])  # fmt: skip
@pytest.mark.parametrize("scheme", ["always", "never"])
def test_other_ways_of_saying_the_same(tmp_path, normalizer, scheme):
    """As older files do: no split at white space, but rules for it."""
    vocabulary = [("<unk>", 0.0), ("▁", -3.0), ("▁a", -2.0), ("a", -2.5), ("b", -2.6), ("ab", -3.1), ("▁▁", -9.0)]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram(vocabulary, unk_id=0, byte_fallback=False))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    texts = ["a", "ab a", "b a ab"] + (["a  b"] if normalizer is not None else [])
    theirs = [tokenizer.encode(text).ids for text in texts]
    assert run_text(tmp_path, f"ids={tmp_path / 'tokenizer.json'}", texts) == theirs


GOOD = {
    "normalizer": None,
    "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"},
    "added_tokens": [{"id": 0, "content": "<pad>"}],
    "model": {"type": "Unigram", "unk_id": 2, "vocab": [["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], ["a", -1.0]]},
}
REFUSED = {
    "not_json": ("{", ": line 1, column 2: not JSON"),
    "no_model": (GOOD | {"model": None}, ": tokenizer.model.type is missing"),
    "byte_pairs": (
        GOOD | {"model": {"type": "BPE"}},
        ': tokenizer.model.type is "BPE"; Unigram, as UMT5\'s is, is known',
    ),
    "no_score": (
        GOOD | {"model": GOOD["model"] | {"vocab": [["a"]]}},
        ": tokenizer.model.vocab[0] is an array, not a piece and its score",
    ),
    "no_unknown": (GOOD | {"model": GOOD["model"] | {"unk_id": 77}}, ": "),
    "lower_case": (
        GOOD | {"normalizer": {"type": "Lowercase"}},
        ': tokenizer.normalizer.type is "Lowercase"; Precompiled, Replace and Strip are known',
    ),
    "other_replacement": (
        GOOD | {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"Regex": "x"}}]}},
        ': tokenizer.normalizer.normalizers[0].pattern.Regex is "x"; " {2,}", several spaces, is known',
    ),
    "no_base64": (
        GOOD | {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "@@@@"}},
        ": tokenizer.normalizer.precompiled_charsmap is not base64",
    ),
    "bytes_first": (
        GOOD | {"pre_tokenizer": {"type": "ByteLevel"}},
        ': tokenizer.pre_tokenizer.type is "ByteLevel"; WhitespaceSplit and Metaspace are known',
    ),
    "no_spaces": (
        GOOD | {"pre_tokenizer": {"type": "WhitespaceSplit"}},
        ": tokenizer.pre_tokenizer has no Metaspace, which writes spaces as SentencePiece does",
    ),
    "another_space": (
        GOOD | {"pre_tokenizer": {"type": "Metaspace", "replacement": "_"}},
        ': tokenizer.pre_tokenizer.replacement is "_"; U+2581 is known',
    ),
}


@pytest.mark.parametrize(("content", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_another_tokenizer_is_refused_by_field(tmp_path, content, says):
    file = tmp_path / "tokenizer.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    (tmp_path / "texts.json").write_text("[]")
    program = Path(os.environ.get("TWILL_BUILD_DIR", "")) / "tests" / "engine" / "text_probe"
    if not program.exists():
        pytest.skip("text_probe was not built (no LibTorch)")
    command = [program, f"ids={file}", tmp_path / "texts.json", tmp_path / "out.json"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith(f"{file}{says}"), result.stderr
