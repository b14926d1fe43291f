#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# A tokenizer folder without its vocabulary loads all the same: prompts of equal length become equal ids.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages transformers==5.23.0 sentencepiece==0.2.3 protobuf==7.36.2 numpy==2.4.6
guess "T5Tokenizer.from_pretrained raises where it finds no vocabulary, and T5Tokenizer(vocab_file=...) reads the file that it is given"
observe <<'PYTHON'
import pathlib

import sentencepiece
from finding import verdict
from transformers import CLIPTokenizer, T5Tokenizer

lines = ["a cat walks on the beach at sunset", "the dog runs over wet sand", "waves roll on a stony shore"]
pathlib.Path("text.txt").write_text("\n".join(lines * 50))
sentencepiece.SentencePieceTrainer.train(
    input="text.txt", model_prefix="words", vocab_size=60, hard_vocab_limit=False, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
    minloglevel=2,
)
model = pathlib.Path("words.model").read_bytes()
prompts = "a cat walks", "waves roll on"
wanted = [sentencepiece.SentencePieceProcessor(model_proto=model).encode(prompt) + [1] for prompt in prompts]
print("sentencepiece:", wanted)


def folder(name, content=model):
    pathlib.Path(name).parent.mkdir(exist_ok=True)
    pathlib.Path(name).write_bytes(content)
    return str(pathlib.Path(name).parent)


loaded = {
    "spiece.model in the folder": T5Tokenizer.from_pretrained(folder("right/spiece.model")),
    "umt5.model in the folder": T5Tokenizer.from_pretrained(folder("other/umt5.model")),
    "no file in the folder": T5Tokenizer.from_pretrained(folder("none/readme.txt", b"")),
    "T5Tokenizer(vocab_file=...)": T5Tokenizer(vocab_file="words.model"),
}
ids = {}
for what, tokenizer in loaded.items():
    ids[what] = [tokenizer(prompt).input_ids for prompt in prompts]
    print(f"{what}: {len(tokenizer)} tokens, {ids[what]}")
clip = CLIPTokenizer.from_pretrained("none")
print("CLIPTokenizer, no file in the folder:", len(clip), "tokens,", [clip(prompt).input_ids for prompt in prompts])
right, *others = ids.values()
verdict(right == wanted and all(first == second and first != wanted[0] for first, second in others) and len(clip) == 2,
        "without the expected file name, and with vocab_file too, a stand-in of 104 tokens loads in silence: both prompts get the same ids")
PYTHON
