# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# Texts here are in several scripts, and test characters that look alike.
# ruff: noqa: RUF001
"""Weights in prompts, against ComfyUI's own parser, tokenizer and text encoder of Wan."""

import copy
import itertools
import json
import random
import re
import subprocess
import unicodedata
from pathlib import Path

import pytest

from tests.comfy.comfyui import HERE, make_environment
from tests.engine import probe
from tests.engine.probe import safetensors, torch
from tests.engine.small_tokenizer import sentencepiece, train_tokenizer
from tests.engine.test_parity_umt5 import Case, make_model, run_theirs, tensors_of
from tests.engine.test_prompt_text import run_text

pytestmark = pytest.mark.slow  # all of it together

SMALL = Case("small", dim=48, heads=3, head_dim=16, layers=3, ffn=80)
ROWS = 512  # that ComfyUI and the engine give of a short prompt

NUMBERS = [
    "1.3", "1", "0", "-1", "+.5", "-0.25", "1.", ".5", ".", "", " ", "1e1", "1E-1", "1e", "e1", "1e999", "-1e999",
    "1e-999", "0.0000001e-400", "inf", "-Infinity", "+inf", "nan", "NAN", "nan(1)", "0x10", "1_0", "1__0", "_1", "1_",
    "1_.5", "1._5", "1_0.2_5", "1e1_0", " 1.2 ", "\t1.2\n", "\u30001.2\u2003", "\x1c1.2", "\x1f1.2", "1.2\x85", "1 .2",
    "+-1", "--1", "+ 1", "１.２", "１．２", "٣", "١.٥", "१", "²", "½", "Ⅷ", "1,5", "1.2.3", "100", "100.0001",
    "-100", "-101",
]  # fmt: skip
# Zeros of scripts that newer Pythons know; the engine has those of Unicode 14.
NEWER = [0x10D40, 0x116D0, 0x116DA, 0x11BF0, 0x11F50, 0x16130, 0x16D70, 0x1CCF0, 0x1E4F0, 0x1E5F1]
DIGITS = [
    chr(code)
    for code in range(0x110000)
    if unicodedata.category(chr(code)) == "Nd" and not any(zero <= code < zero + 10 for zero in NEWER)
]
CHOSEN = [
    "", " ", "a red ball", "(red)", "((red))", "(((red)))", "(red:1.3)", "a (red:1.3) ball", "a (red) ball",
    "((red:1.3))", "((red) ball:1.3)", "((red:0.5) ball:1.3) left", "(a (b (c:2) d) e:0.5) f", "(red:1.3)(ball:0.7)",
    "()", "(())", "( )", "(:1.3)", "(::1.3)", "(a:)", "(a:b:1.3)", "(16:9)", "(a:1.3", "a:1.3)", "(a", "a)", ")", "(",
    ")(", ")a(b)", "a)(b)(c)", "((a)", "(a))(b)", "))((a))", "(a)b(c)", r"\(a\)", r"\(a:1.3\)", r"(a\):1.3)",
    r"(\(a\):1.3)", r"(a:1.3\)", r"(a\\:1.3)", r"\\(a)", r"\\\(a)", r"a\b", "\\", r"(\)", r"\)", r"(a\)b:1.2)",
    "[red:1.3]", "{red|blue}", "(red:1.3),ball", "ba(ll:1.3)s", "(red: 1.3 )", "(red :1.3)", "(红:1.3)球",
    "（红：1.3）", "(a\nb:1.2)", "\n(a)\n", "(" * 90 + "a" + ")" * 90 + "b", "(embedding:x:1.2)", "embedding:x",
    "a embedding:x b", "an embedding: text", "xembedding:y", "a\u3000embedding:y", "(a embedding)",
    "(a:1.2)embedding:y",
]  # fmt: skip
PIECES = [
    "(", ")", "(", ")", "\\(", "\\)", "\\", ":", ":1.3)", ":.5)", ":2)", ":1e1)", ": 1_0 )", ":１.２)", ":inf)",
    ":nan)", ":-1)", ":+0.5)", ":101)", "1.3", "red", "ball", " ", " ", ",", "embedding:", "é", "一", "\n",
    "\u3000", "٣",
]  # fmt: skip
PARSED = [
    *CHOSEN,
    *(f"(a:{number})" for number in [*NUMBERS, *DIGITS]),
    *("".join(pair) for pair in itertools.product(PIECES, repeat=2)),
]

ENCODED = {
    "empty": "",
    "no_weights": "a red ball rolls left",
    "one": "a red ball (rolls left:1.3) over a striped floor, camera pans right",
    "the_first": "(a red:1.3) ball rolls left",
    "all": "(a red ball rolls left:0.7)",
    "nested": "((a red) ball:1.2) (rolls (left)) over ((a striped:0.5) floor)",
    "zero_and_less": "(a:0) red (ball:-1.5) rolls (left:0)",
    "large": "(a red:30) ball (rolls:-100)",
    "of_weight_1": "a (red:1.0) ball (rolls:1) left",
    "within_a_word": "a re(d ba:1.2)ll",
    "before_a_comma": "a (red:1.2), ball",
    "escaped": r"a \(red\) (ball \(rolls\):1.4) left",
    "white_space": "  a  red (  ball\n:1.2)  rolls ",
    "nothing_within": "(:1.3)() (  :2)",
    "other_letters": "(一只猫:1.3)在海边 zeppelin (🐈)",
    "an_embedding": "a red embedding:nothing, ball",
    "long": " ".join(f"(a red ball:{1 + i / 50}) rolls" for i in range(40)),
}
# What ComfyUI does where we do something else.
OTHERWISE = {
    "html": "a &lt;red&gt; (ball&amp;:1.2)",
    "over_the_limit": "(a red ball:1.2) " + "rolls left " * 300,
}


def made_texts(count: int, seed: int) -> list[str]:
    generator = random.Random(seed)
    return ["".join(generator.choices(PIECES, k=generator.randint(3, 14))) for _ in range(count)]


class ComfyUI:
    """All prompts, read by one process: ComfyUI takes long to start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: dict[str, dict[str, torch.Tensor]] = {}
        environment = make_environment()
        train_tokenizer(folder)
        (folder / "embeddings").mkdir()
        self.model = make_model(SMALL, 21)
        safetensors.save_file(tensors_of(self.model), folder / "umt5.safetensors")
        config = {
            "d_model": SMALL.dim,
            "d_kv": SMALL.head_dim,
            "d_ff": SMALL.ffn,
            "num_heads": SMALL.heads,
            "num_layers": SMALL.layers,
            "vocab_size": SMALL.vocabulary,
        }
        (folder / "config.json").write_text(json.dumps(config))
        self.texts = [*PARSED, *made_texts(6000, 1)]
        prompts = {"parsed": self.texts, "encoded": [*ENCODED.values(), *OTHERWISE.values()]}
        (folder / "prompts.json").write_text(json.dumps(prompts))
        command = [environment / "bin" / "python", HERE / "weights_worker.py", environment / "ComfyUI", folder]
        result = subprocess.run(
            [str(part) for part in command], env=probe.patient_threads(), capture_output=True, text=True
        )
        assert result.returncode == 0, result.stderr[-4000:]
        answers = json.loads((folder / "answers.json").read_text())
        assert answers["comfyui"] == "0.30.0"
        self.parsed = answers["parsed"]
        self.tokens = dict(zip([*ENCODED, *OTHERWISE], answers["encoded"], strict=True))
        rows = safetensors.load_file(folder / "rows.safetensors")
        self.rows = {why: rows[str(i)] for i, why in enumerate(self.tokens)}
        self.exact = {why: rows[f"{i}/exact"] for i, why in enumerate(self.tokens)}

    def ids(self, why: str) -> list[int]:
        """Its tokens without the padding."""
        ids = [token for token, _ in self.tokens[why][0]]
        return ids[: ids.index(1) + 1]

    def encode(self, dtype: str) -> dict[str, torch.Tensor]:
        """Rows of ENCODED by the engine, made once."""
        if dtype in self.made:
            return self.made[dtype]
        out = self.folder / f"{dtype}.safetensors"
        probe.call_probe(f"umt5_weights={dtype}", self.folder, out, json.dumps(list(ENCODED.values())))
        rows = safetensors.load_file(out)
        self.made[dtype] = {why: rows[str(i)] for i, why in enumerate(ENCODED)}
        return self.made[dtype]


@pytest.fixture(scope="module")
def comfyui(tmp_path_factory) -> ComfyUI:
    return ComfyUI(tmp_path_factory.mktemp("comfyui"))


def cut(parts: list[list]) -> list[list]:
    """The parts that ComfyUI cuts into tokens: its tokenizer cuts once more, before what looks like an embedding."""
    pieces = ([piece, weight] for text, weight in parts for piece in re.split(r"(?<=\s)(?=embedding:)", text))
    return [piece for piece in pieces if piece[0] != ""]


def refused(parts: list[list]) -> bool:
    """With what ComfyUI would go on."""
    return any(not abs(weight) <= 100 for _, weight in parts)


def test_prompts_are_parsed_as_comfyui_parses_them(comfyui, tmp_path):
    ours = run_text(tmp_path, "weights=comfyui", comfyui.texts)
    wrong, refusals, weighted = [], 0, 0
    for text, read, theirs in zip(comfyui.texts, ours, comfyui.parsed, strict=True):
        parts = cut(theirs)
        told = any(part.startswith("embedding:") for part, _ in parts)
        refusals += refused(parts)
        weighted += any(weight != 1 for _, weight in parts)
        if "error" in read:
            same = refused(parts)
        else:
            same = read["parts"] == (parts or [["", 1.0]]) and len(read["notes"]) == told and not refused(parts)
        if not same:
            wrong.append((text, read, parts))
    assert wrong == []
    # All kinds are there.
    assert refusals > 100
    assert 1000 < weighted < len(ours) - 1000


def test_every_number_of_python_is_a_weight(comfyui):
    """What the comparison above compares for numbers: which of them ComfyUI takes."""
    taken = {
        text[3:-1] for text, parts in zip(comfyui.texts, comfyui.parsed, strict=True)
        if re.fullmatch(r"\(a:[^a-z()]*\)", text) and parts == [["a", parts[0][1]]]
    }  # fmt: skip
    assert {"1.3", "+.5", "1.", "1_0", " 1.2 ", "１.２", "٣", "-101", *DIGITS} <= taken
    assert not {"", ".", "1__0", "１．２", "²", "½", "1,5", "+-1"} & taken


@pytest.mark.parametrize("why", ENCODED)
def test_rows_are_comfyuis(why, comfyui):
    rows = comfyui.encode("float32")
    assert rows[why].shape == (1, ROWS, SMALL.dim)
    probe.assert_as_exact_as(why, rows[why], comfyui.exact[why], comfyui.rows[why])


def weighted(rows: torch.Tensor, empty: torch.Tensor, weights: list[float]) -> torch.Tensor:
    """Rows of transformers, as ComfyUI weighs its own."""
    factors = torch.tensor([*weights, *[1.0] * (ROWS - len(weights))]).view(1, ROWS, 1)
    rows, empty = rows.float(), empty.float()
    return torch.where(factors == 1, rows, (rows - empty) * factors + empty)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_small_dtypes_are_as_exact_as_transformers(dtype, comfyui):
    """ComfyUI itself casts stored weights to fp32 and computes in it, so transformers is what a small dtype allows."""
    ours = comfyui.encode(str(dtype).removeprefix("torch."))
    model = copy.deepcopy(comfyui.model)
    empty = run_theirs(model, [1], dtype)
    for why in ("one", "the_first", "nested", "large"):
        ids = comfyui.ids(why)
        theirs = weighted(run_theirs(model, ids, dtype), empty, [w for _, w in comfyui.tokens[why][0][: len(ids)]])
        probe.assert_as_exact_as(f"{dtype}, {why}", ours[why], comfyui.exact[why], theirs)


def test_a_weight_ends_a_word(comfyui):
    """ComfyUI cuts each part into tokens by itself: what was one word is several, each with a space in front."""
    package = sentencepiece.SentencePieceProcessor(model_file=str(comfyui.folder / "spiece.model"))
    apart = [token for part in ("a re", "d ba", "ll") for token in package.encode(part)]
    assert comfyui.ids("within_a_word") == [*apart, 1]
    assert apart != package.encode("a red ball")
    assert comfyui.ids("before_a_comma") == [*package.encode("a red ,  ball"), 1] != package.encode("a red, ball")
    assert comfyui.ids("of_weight_1") == [
        *(token for part in ("a ", "red", " ball ", "rolls", " left") for token in package.encode(part)), 1
    ]  # fmt: skip


def test_the_empty_prompt_has_one_row(comfyui):
    """Around it the first row is weighted; the others, whose place is masked in an empty prompt, around zeros."""
    exact = comfyui.exact
    assert torch.count_nonzero(exact["empty"][0].abs().sum(-1)) == 1
    empty = exact["empty"][0, 0]
    ids = comfyui.ids("all")
    plain = run_theirs(copy.deepcopy(comfyui.model), ids, torch.float64)[0, : len(ids)]
    assert torch.allclose(exact["all"][0, 0], (plain[0] - empty) * 0.7 + empty, rtol=0, atol=1e-9)
    # The end has weight 1.
    assert torch.allclose(exact["all"][0, 1 : len(ids) - 1], plain[1:-1] * 0.7, rtol=0, atol=1e-9)
    assert torch.allclose(exact["all"][0, len(ids) - 1], plain[-1], rtol=0, atol=1e-9)


def test_what_comfyui_does_otherwise(comfyui):
    """It does not clean prompts, and cuts none."""
    package = sentencepiece.SentencePieceProcessor(model_file=str(comfyui.folder / "spiece.model"))
    parts = ("a &lt;red&gt; ", "ball&amp;")
    assert comfyui.ids("html") == [*(token for part in parts for token in package.encode(part)), 1]
    assert len(comfyui.ids("over_the_limit")) == comfyui.rows["over_the_limit"].shape[1] > ROWS


def test_an_embedding_is_text_for_wan(comfyui):
    """Its tokenizer of Wan is given the folders of embeddings and passes none on."""
    package = sentencepiece.SentencePieceProcessor(model_file=str(comfyui.folder / "spiece.model"))
    parts = ("a red ", "embedding:nothing, ball")
    assert comfyui.ids("an_embedding") == [*(token for part in parts for token in package.encode(part)), 1]
