# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Whatever the program offers it also does: each dtype, sampler, ending and verb, as the program itself lists them."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.programs import built

pytestmark = pytest.mark.slow  # all of it together

CLIP = ("--prompt", "a red ball", "--size", "32x32", "--frames", 5, "--steps", 2)


def refusal(*arguments: object) -> str:
    result = subprocess.run(
        [built("core/cli/twill"), *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 2, result.stderr
    return result.stderr


def offered(option: str) -> list[str]:
    """What `option` may be, from the refusal of what it may not."""
    said = refusal("generate", "--prompt", "a", "--out", "x.mp4", option, "?")
    return re.search(r'"\?" is not one of (.*)', said)[1].split(", ")


def endings() -> list[str]:
    said = refusal("generate", "--prompt", "a", "--out", "x.none")
    return re.findall(r"\.\w+", said.split("is not one of", 1)[1])


def verbs(*above: str) -> list[tuple[str, ...]]:
    text = subprocess.run(
        [built("core/cli/twill"), *above, "--help"], capture_output=True, text=True, check=True
    ).stdout
    found = []
    for name in re.findall(r"^  ([a-z]+) ", text.split("Subcommands:", 1)[1] if "Subcommands:" in text else "", re.M):
        found += verbs(*above, name) or [(*above, name)]
    return found


def each(list_of):
    """The program's own list as parameters; one that skips where nothing was built."""
    try:
        return list_of()
    except pytest.skip.Exception as why:
        return [pytest.param(None, marks=pytest.mark.skip(reason=str(why)))]


DTYPES = each(lambda: offered("--dtype"))
SAMPLERS = each(lambda: offered("--sampler"))
ENDINGS = each(endings)
VERBS = each(verbs)


def test_the_lists_are_read():
    assert len(DTYPES) >= 3 and len(SAMPLERS) >= 2 and len(ENDINGS) >= 4 and len(VERBS) >= 9


def has_products_of(dtype: str, result: subprocess.CompletedProcess) -> bool:
    """Whether the device has them; where it has not, that was said, and nothing else."""
    if dtype != "float8" or result.returncode == 0:
        return True
    assert result.returncode == 2, result.stderr
    assert "products in fp8 need an NVIDIA GPU of compute capability 8.9 or more (RTX 40 and newer)" in result.stderr
    return False


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_each_dtype_and_sampler_makes_a_clip(twill, tiny_model, plan, tmp_path, dtype, sampler):
    out = tmp_path / "clip"
    more = ("--dtype", dtype, "--sampler", sampler, "--plan", plan, "--compare", "--cfg", 2)
    result = twill("generate", "--json", "--model", tiny_model, *CLIP, *more, "--out", out)
    if not has_products_of(dtype, result):
        assert not out.exists()
        return
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["dtype"] == dtype
    assert answer["clips"][0]["attention_calls"]["fallbacks"] == {}
    assert len(list(out.iterdir())) == len(list((tmp_path / "clip-dense").iterdir())) == 5


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_ending_holds_a_clip(twill, tiny_model, tmp_path, ending):
    out = tmp_path / f"clip{ending}"
    result = twill("generate", "--model", tiny_model, *CLIP, "--out", out)
    assert result.returncode == 0, result.stderr
    assert out.stat().st_size > 100


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb and "-".join(verb))
def test_each_verb_does_its_work_in_each_dtype(twill, tiny_model, plan, tmp_path, monkeypatch, verb, dtype):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TWILL_PRESETS", str(tiny_model.parent))
    (tmp_path / "prompts.txt").write_text("a red ball\n")
    out, common = tmp_path / "out.json", ("--model", tiny_model, *CLIP, "--dtype", dtype)
    page = tmp_path / "page.html"
    command, made = {
        ("generate",): ((*common, "--out", tmp_path / "clip.mp4"), tmp_path / "clip.mp4"),
        ("search",): ((*common, "--points", 2, "--map-size", 0, "--out", out), out),
        ("evaluate",): ((*common, "--plan", plan, "--out", out), out),
        ("plan", "show"): ((plan,), None),
        ("plan", "check"): ((plan, "--model", tiny_model), None),
        ("plan", "solve"): ((plan, "--density", 0.5, "--out", out), out),
        ("plan", "diff"): ((plan, plan), None),
        ("report",): ((plan, "--out", page), page),
        ("bench", "policies"): (
            (
                *common,
                "--profile",
                plan,
                "--tuning-prompts",
                tmp_path / "prompts.txt",
                "--settings",
                1,
                "--rows",
                "svg",
                "--out",
                out,
            ),
            out,
        ),
        ("bench", "prediction"): ((*common, "--profile", plan, "--out", out), out),
        ("doctor",): ((), None),
    }[verb]
    uses_dtype = command[: len(common)] == common
    if not uses_dtype and dtype != DTYPES[0]:
        pytest.skip(f"{' '.join(verb)} runs no network: one dtype says all")
    result = twill(*verb, *command, timeout=600)  # policies make many clips
    if not has_products_of(dtype, result):
        assert made is None or not Path(made).exists()
        return
    if verb != ("doctor",):  # which may find something wrong with this machine, and says so in its answer
        assert result.returncode == 0, result.stderr
    assert result.stdout
    assert made is None or Path(made).stat().st_size > 0
