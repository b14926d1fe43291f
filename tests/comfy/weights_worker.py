# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Reads prompts as ComfyUI reads them for Wan; started by test_comfy_weights.py in ComfyUI's own environment.

    weights_worker.py COMFYUI FOLDER

Reads prompts.json, config.json, umt5.safetensors and spiece.model in FOLDER. Writes answers.json: of "parsed" the parts
with their weights, of "encoded" the tokens with theirs; and rows.safetensors: of "encoded" the rows in fp32, as
ComfyUI computes them on a CPU, and by the same code in double.
"""

import json
import sys
from pathlib import Path

import safetensors.torch
import torch
from start_comfyui import start_comfyui

COMFYUI, FOLDER = (Path(argument).resolve() for argument in sys.argv[1:])
start_comfyui(COMFYUI, "--cpu", "--use-pytorch-cross-attention")

import comfy.sd1_clip  # noqa: E402
import comfy.text_encoders.wan  # noqa: E402
import comfyui_version  # noqa: E402
from in_double import everything_in_double  # noqa: E402


def parsed(text: str) -> list[tuple[str, float]]:
    parts = comfy.sd1_clip.token_weights(comfy.sd1_clip.escape_important(text), 1.0)
    return [(comfy.sd1_clip.unescape_important(part), weight) for part, weight in parts]


def make_model() -> torch.nn.Module:
    config = json.loads((FOLDER / "config.json").read_text())
    # The class that ComfyUI has for Wan, made smaller by the option that it has for that.
    model = comfy.text_encoders.wan.te()(dtype=torch.float32, model_options={"umt5xxl_model_config": config})
    missing, unexpected = model.load_sd(safetensors.torch.load_file(FOLDER / "umt5.safetensors"))
    assert (missing, unexpected) == ([], []), (missing, unexpected)
    return model


def main() -> None:
    prompts = json.loads((FOLDER / "prompts.json").read_text())
    tokenizer = comfy.text_encoders.wan.WanT5Tokenizer(
        embedding_directory=[str(FOLDER / "embeddings")],
        tokenizer_data={
            "spiece_model": torch.frombuffer(bytearray((FOLDER / "spiece.model").read_bytes()), dtype=torch.uint8)
        },
    )
    model = make_model()
    tokens = [tokenizer.tokenize_with_weights(text) for text in prompts["encoded"]]
    with torch.inference_mode():
        rows = {str(i): model.encode_token_weights(each)[0] for i, each in enumerate(tokens)}
        model.double()
        with everything_in_double():
            rows |= {f"{i}/exact": model.encode_token_weights(each)[0] for i, each in enumerate(tokens)}
    answers = {
        "comfyui": comfyui_version.__version__,
        "parsed": [parsed(text) for text in prompts["parsed"]],
        "encoded": [each["umt5xxl"] for each in tokens],
    }
    (FOLDER / "answers.json").write_text(json.dumps(answers))
    safetensors.torch.save_file({name: x.contiguous() for name, x in rows.items()}, FOLDER / "rows.safetensors")


main()
