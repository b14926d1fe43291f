# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Every measured number of a README stands in a result file, and is printed as it stands there."""

import json
import re
import subprocess
import sys

import make_tables
import page_numbers
import pytest
import result_index
import result_paths
import run_facts

import tree

PAGES = (
    "README.md",
    "comfy_nodes/README.md",
    "kernels/README.md",
    "presets/README.md",
    "presets/demo/README.md",
    "tests/bench/README.md",
)


@pytest.mark.parametrize("page", PAGES)
def test_each_number_is_what_its_result_says(page):
    """tests/bench/page_numbers.py says how a number names its result."""
    assert page_numbers.problems(tree.text_of(page)) == []


@pytest.mark.parametrize("page", make_tables.PAGES)
def test_tables_are_what_the_results_give(page):
    """`python tests/bench/make_tables.py` writes them."""
    text = tree.text_of(page)
    assert page_numbers.WRITTEN.search(text)
    assert make_tables.with_tables(text) == text


def test_the_table_of_presets_is_of_their_results():
    """make_presets.py writes it, which needs the binary module; this does not."""
    timed = result_paths.read("presets")["presets"]
    table = page_numbers.WRITTEN.search(tree.text_of("presets/README.md")).group()
    shown = {}
    for line in table.splitlines():
        if row := re.search(
            r"\| `([\w./-]+)\.json` \| ([\d.]+) \| ([\d.]+)x \(([\d.]+)/density\) \| ([\w ]+) \|", line
        ):
            shown[row[1]] = row.groups()[1:]
    assert sorted(shown) == sorted(timed)
    for name, (density, faster, of_saving, layers) in shown.items():
        result = timed[name]
        assert page_numbers.Printed(density, False).is_of(result["density"]), name
        assert page_numbers.Printed(faster, False).is_of(result["speedup"]), name
        assert page_numbers.Printed(of_saving, False).is_of(result["speedup_times_density"]), name
        run, kinds = result["kinds_timed"], result["kinds_of_layers"]
        assert layers == ("all" if run == kinds else f"{run} of {kinds} kinds"), name


def with_another_digit(text: str) -> str:
    return text[:-1] + str((int(text[-1]) + 3) % 10)


def sourced(block: page_numbers.Block) -> list[int]:
    """Which of its numbers have a result."""
    kinds: list[bool] = []
    for source in block.sources:
        marked = source in ("given", "none")
        kinds += [not marked] * (1 if marked else len(result_paths.numbers_of(source)))
    return [i for i, has_result in enumerate(kinds) if has_result]


@pytest.mark.parametrize("page", PAGES)
def test_another_digit_of_any_number_is_found(page):
    unnoticed, tried = [], 0
    for block in page_numbers.blocks(tree.text_of(page)):
        places = list(page_numbers.NUMBER.finditer(block.text))
        for i in sourced(block):
            at, digits = places[i].span(), places[i].group()
            text = block.text[: at[0]] + with_another_digit(digits) + block.text[at[1] :]
            changed = page_numbers.Block(block.line, text, block.plain, block.before, block.sources)
            tried += 1
            if not page_numbers.problems_of(changed):
                unnoticed.append((block.line, digits))
    assert unnoticed == []
    assert tried > 0 or page == "presets/README.md"  # whose table make_presets.py writes


@pytest.mark.parametrize("page", make_tables.PAGES)
def test_another_digit_of_a_written_table_is_found(page):
    text = tree.text_of(page)
    for table in page_numbers.WRITTEN.finditer(text):
        digit = max(i for i, letter in enumerate(table.group()) if letter.isdigit())
        changed = with_another_digit(table.group()[: digit + 1]) + table.group()[digit + 1 :]
        mutated = text.replace(table.group(), changed)
        assert make_tables.with_tables(mutated) != mutated, table.group().splitlines()[0]


@pytest.mark.parametrize(
    "text",
    ["It gains 3.2 dB.", "- 2.90x as fast", "| a row | 12 % |", "It takes 10 µs.", "It has 616 TFLOP/s.",
     "It took 3 min.", "The rank correlation is 0.74.", "That is a density of 0.241.", "It lost -0.2 to +1.1 dB.",
     "26 of 48 heads"],
)  # fmt: skip
def test_a_number_without_a_source_is_found(text):
    assert page_numbers.problems(text) != []


@pytest.mark.parametrize(
    "text",
    ["49 frames of 256x256 (3,328 tokens)", "PyTorch 2.13.0 on an H200", "Wan 2.1 and 2.2, head_dim 64 and 128",
     "at a density of 0.40, with shift 3 and 20 steps", "`--density 0.4`", "```bash\nrun 0.3\n```",
     "![0.3 dB](a.png)", "| FlashAttention-4 | CogVideoX1.5 |", "arXiv 2506.19852"],
)  # fmt: skip
def test_what_is_no_measurement_needs_no_source(text):
    assert page_numbers.problems(text) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("35.6 dB and 2 dB <!-- n: demo.psnr_db -->", "2 numbers (35.6, 2) and sources for 1"),
        ("35.6 dB <!-- n: demo.psnr -->", "there is no 'psnr'"),
        ("35.6 dB <!-- n: nothing.psnr_db -->", "there is no result file nothing.json"),
        ("35.6 dB <!-- n: demo.rows[seed == 1] -->", "nothing has seed == 1"),
        ("35.6 dB <!-- n: open('x') -->", "is not of this language"),
        ("35.6 dB <!-- n: none -->", 'does not say "no result file is kept"'),
        ("40 % <!-- n: demo.psnr_db -->", "40 is printed"),
    ],
)
def test_a_source_that_does_not_fit_is_told(text, why):
    (problem,) = page_numbers.problems(text)
    assert why in problem


def test_what_has_no_result_says_so():
    assert page_numbers.problems("It took 5 s; no result file is kept. <!-- n: none -->") == []
    row = "| a | 5 s <!-- n: none --> |"
    table = f"It took (no result file is kept):\n\n| what | time |\n|---|---|\n{row}\n{row}\n"
    assert page_numbers.problems(table) == []
    assert len(page_numbers.problems(table.replace("no result", "a result"))) == 2


def test_every_result_says_what_it_speaks_of():
    assert sorted(run_facts.read_index()) == result_index.names()


@pytest.mark.parametrize("name", result_index.names())
def test_a_result_begins_with_the_facts_of_its_run(name):
    """tests/bench/run_facts.py writes them; what is not known is listed as such."""
    assert result_index.runs(name)
    assert [each for run in result_index.runs(name) for each in result_index.problems_of_run(name, run)] == []


@pytest.mark.parametrize("name", result_index.names())
def test_a_result_older_than_its_code_is_told(name):
    """In results/speaks_of.json, and with it in the table of tests/bench/README.md; make_tables.py writes both."""
    index = run_facts.read_index()
    assert result_index.brought_up_to_date(index)[name] == index[name]
    if result_index.sha256_of(name) != run_facts.code_sha256(tuple(index[name]["code"])):
        assert index[name]["older"].endswith(".")
        assert index[name]["older"] in tree.text_of("tests/bench/README.md")


def test_other_code_is_found(monkeypatch):
    name = result_index.names()[0]
    index = run_facts.read_index()
    now = run_facts.code_sha256(tuple(index[name]["code"]))
    monkeypatch.setattr(result_index, "sha256_of", lambda _: now)
    same = result_index.brought_up_to_date(index)[name]
    assert same == {"code": index[name]["code"], "sha256": now}
    monkeypatch.setattr(result_index, "sha256_of", lambda _: "0" * 64)
    other = result_index.brought_up_to_date({**index, name: same})[name]
    assert other["older"] == result_index.CHANGED


def test_a_run_without_a_fact_is_found():
    run = {"command": "c", "device": "NVIDIA H200", "versions": {"torch": "2"}, "commit": "a", "not_known": ["date"]}
    assert result_index.problems_of_run("cuda_h200", run) == [
        "cuda_h200: driver is neither told nor listed as not known"
    ]
    assert len(result_index.problems_of_run("policies", {**run, "driver": "1"})) == 3
    told = {**run, "driver": "1", "date": "2026-12-01"}
    assert result_index.problems_of_run("cuda_h200", told) == ["cuda_h200: date is told and listed as not known"]


def test_a_measured_result_gets_its_facts(tmp_path):
    file = tmp_path / "results.json"
    file.write_text('{"open": 1}', encoding="utf-8")
    command = [sys.executable, run_facts.__file__, "--into", file, "--name", "studio", "--command", "bench_studio"]
    subprocess.run(command, check=True)
    result = json.loads(file.read_text(encoding="utf-8"))
    assert list(result) == ["run", "open"] and result["run"]["command"] == "bench_studio"
    assert result_index.problems_of_run("studio", result["run"]) == []
    assert len(result["run"]["code"]) == 64
