# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# Texts here are in several scripts, and test characters that look alike.
# ruff: noqa: RUF001
"""Prompts cleaned as Python's html and the ftfy package do, and cut into pieces as the sentencepiece package does."""

import html
import importlib.util
import itertools
import json
import os
import random
import re
import subprocess
from pathlib import Path

import pytest

from tests.engine.small_tokenizer import SENTENCES, sentencepiece, train_tokenizer

ROOT = Path(__file__).parents[2]
# Every way in which a reference may end, be cut off or lead nowhere.
PIECES = [
    "&", "#", ";", "x", "X", "amp", "lt", "not", "notin", "it",
    "&amp;", "&amp", "&lt", "&#60;", "&#x3c", "&#x", "&#;", "&#0;",
    "&#128;", "&#x81;", "&#xd800;", "&#x110000;",
    "&#99999999999999999999;", "&#1;", "&#xfffe;", "&#x1ffff;", "&#xfdd0;",
    "&#13;", "&NotEqualTilde;", "&CounterClockwiseContourIntegral;",
    "&fjlig;", "&é;", "é", "一", "🐈", " ", "\t", "\n", "\r", "\f",
    "\v", "\x1c", "\x85", "\xa0", "\u1680", "\u2003", "\u2028",
    "\u202f", "\u205f", "\u3000", "\u200b", "\ufeff", "<b>", "0", "9f",
    "(word:1.2)", "((ball))", "[x:0.5]", "\\(", "word",
]  # fmt: skip


def run_text(folder: Path, what: str, texts: list[str]) -> list:
    build = os.environ.get("TWILL_BUILD_DIR")
    if not build or not (program := Path(build) / "tests" / "engine" / "text_probe").exists():
        pytest.skip("text_probe was not built (no LibTorch)")
    (folder / "texts.json").write_text(json.dumps(texts))
    command = [str(program), what, str(folder / "texts.json"), str(folder / "out.json")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads((folder / "out.json").read_text())


def made_texts(count: int, seed: int) -> list[str]:
    generator = random.Random(seed)
    return ["".join(generator.choices(PIECES, k=generator.randint(1, 12))) for _ in range(count)]


def theirs_cleaned(text: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(html.unescape(text))).strip()


def test_html_is_unescaped_as_python_does(tmp_path):
    names = [f"{before}&{name}{after}" for name in html.entities.html5 for before, after in (("", ""), ("a", "b;"))]
    numbers = [f"&#{number}" for number in (*range(0x200), 0xD7FF, 0xDFFF, 0xE000, 0xFDEF, 0xFDF0, 0x10FFFD, 0x10FFFF)]
    pairs = ["".join(pair) for pair in itertools.product(PIECES, repeat=2)]
    long = ["&" + letter * count + ";" for letter in "aé一" for count in (30, 31, 32, 33, 40)]
    texts = ["", *names, *numbers, *pairs, *long, *made_texts(5000, 1)]
    ours = run_text(tmp_path, "unescape", texts)
    assert [row for row in zip(texts, ours, map(html.unescape, texts), strict=True) if row[1] != row[2]] == []


def test_prompts_are_unescaped_twice_and_their_white_space_collapses(tmp_path):
    texts = ["", " ", "a&amp;lt;b", "&amp;amp;lt;", *SENTENCES, *made_texts(5000, 2)]
    ours = run_text(tmp_path, "clean", texts)
    # Typographer's quotes are the next test's.
    same = {"ʼ": "'", **dict.fromkeys("‘’‚‛", "'"), **dict.fromkeys("“”„‟", '"')}
    theirs = [theirs_cleaned(text).translate(str.maketrans(same)) for text in texts]
    assert [row for row in zip(texts, ours, theirs, strict=True) if row[1] != row[2]] == []


def test_quotes_are_straightened_as_ftfy_does(tmp_path):
    ftfy = pytest.importorskip("ftfy")
    texts = [
        "a “red” ball", "the dog’s ‘house’", "„Zug‟ und ‚Zug‛",
        "lʼeau", "«train» ‹x›", "5′ 6″ — a long dash…", "naïve café 🐈",
        "&ldquo;a&rdquo; &lsquo;b&rsquo;", "一只“猫”在《海边》", *SENTENCES,
    ]  # fmt: skip
    ours = run_text(tmp_path, "clean", texts)
    theirs = [theirs_cleaned(ftfy.fix_text(text)) for text in texts]
    assert [row for row in zip(texts, ours, theirs, strict=True) if row[1] != row[2]] == []


def test_the_prompt_weights_of_comfyui_stay_text(tmp_path):
    texts = ["a (red:1.2) ball", "((red)) [ball]", r"a \(red\) ball"]
    assert run_text(tmp_path, "clean", texts) == texts


def test_the_table_of_names_is_pythons():
    path = ROOT / "core/engine/src/text/make_html_entities.py"
    spec = importlib.util.spec_from_file_location("make_html_entities", path)
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert maker.FILE.read_text(encoding="utf-8").splitlines()[1:] == maker.lines()


TEXTS = [
    "", " ", "  a  red   ball ", "a red ball", "A RED BALL",
    "zeppelin", "<0x41>", "<0x41><0x0A>", "</s>", "<pad>", "<unk>", "<s>",
    "<extra_id_0>", "▁", "a▁red", "ﬁ ﬂ ½ ２", "ein alter Zug fährt",
    "e\u0301", "一只猫在奔跑", "🐈🐈🐈", "👩‍👩‍👧", "\u200b\ufeff", "a\nred\tball",
    "\x01\x02", "a" * 5000, "🐈" * 700, "ball " * 600, "\u0915\u094d\u0937", "ا ب ت", "x\u0000y",
]  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byte_fallback": False},
        {"normalization_rule_name": "identity"},
        {"user_defined_symbols": ["<cat>", "re", "red"]},
    ],
    ids=["as_umt5", "without_bytes", "without_rules", "user_defined"],
)
def test_pieces_are_those_of_the_package(options, tmp_path):
    model = train_tokenizer(tmp_path, **options)
    texts = [*TEXTS, "<cat>a red<cat>", *SENTENCES, *made_texts(2000, 3)]
    package = sentencepiece.SentencePieceProcessor(model_file=str(model))
    ours = run_text(tmp_path, f"ids={model}", texts)
    theirs = [package.encode(text) for text in texts]
    assert [row for row in zip(texts, ours, theirs, strict=True) if row[1] != row[2]] == []
