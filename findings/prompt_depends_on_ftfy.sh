#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# diffusers' Wan pipeline straightens curly quotes where ftfy happens to be installed: other ids for one prompt, in silence.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 diffusers==0.42.1 transformers==5.23.0 numpy==2.4.6 sentencepiece==0.2.3
guess "an optional package changes no prompt that is valid text: the same prompt, model and seed give the same clip with ftfy and without"
observe <<'PYTHON'
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import sentencepiece
from finding import verdict

if importlib.util.find_spec("ftfy"):
    sys.exit("ftfy is installed in this Python: the finding compares a Python without it")
PROMPTS = [
    "一只猫，在海边散步。",  # a full-width comma, as Chinese is written
    "a sign that says ＯＰＥＮ！",  # full-width letters
    "the dog’s “ball” rolls",  # curly quotes, as editors make them
    "ﬁlm grain",  # the ligature that PDFs are full of
    "a plain prompt, in ASCII",
]
PROGRAM = """
import json, sys, warnings
warnings.simplefilter("always")
from diffusers.pipelines.wan.pipeline_wan import prompt_clean
print(json.dumps([prompt_clean(prompt) for prompt in json.loads(sys.argv[1])]))
"""


def cleaned(path):
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", PROGRAM, json.dumps(PROMPTS)], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1]), "ftfy" in done.stderr


without, told = cleaned("")
pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", "extra", "ftfy==6.3.1"]
subprocess.run(pip, check=True, stdout=sys.stderr)
with_ftfy, _ = cleaned("extra")
for prompt, one, other in zip(PROMPTS, without, with_ftfy):
    print(f"{prompt!r}\n  without ftfy {one!r}\n  with ftfy    {other!r}")
differ = [one != other for one, other in zip(without, with_ftfy)]
print("ftfy is named in what the pipeline's module prints:", told)
# SentencePiece models of this kind (UMT5's too) map letters by NFKC before they look words up; quotes have no such mapping.
pathlib.Path("text.txt").write_text("\n".join([*without, *with_ftfy] * 40))
sentencepiece.SentencePieceTrainer.train(
    input="text.txt", model_prefix="words", vocab_size=90, hard_vocab_limit=False, normalization_rule_name="nmt_nfkc",
    minloglevel=2,
)
words = sentencepiece.SentencePieceProcessor(model_file="words.model")
other_ids = [words.encode(one) != words.encode(other) for one, other in zip(without, with_ftfy)]
print("other letters:", differ, "other ids with a model that normalises by nmt_nfkc:", other_ids)
verdict(differ == [True, True, True, True, False] and other_ids == [False, False, True, False, False] and not told,
        "once ftfy is installed four of five prompts reach the tokenizer in other letters; the curly quotes also get other ids")
PYTHON
