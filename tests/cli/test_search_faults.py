# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Searches that meet a full disk, a kill, damaged files or numbers that are none."""

import json
import resource
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # all of it together

SEARCH = ("search", "--prompt", "a red ball", "--prompt", "a blue ball rolls", "--points", 4, "--density", 0.6)


def search(twill, model, out, *more):
    return twill(*SEARCH, "--model", model, "--out", out, *more)


@pytest.fixture(scope="module")
def undisturbed(twill, tiny_model, tmp_path_factory) -> bytes:
    out = tmp_path_factory.mktemp("undisturbed") / "plan.json"
    result = search(twill, tiny_model, out)
    assert result.returncode == 0, result.stderr
    return out.read_bytes()


@pytest.mark.parametrize("bytes_a_file", [0, 2_000, 8_000])
def test_full_disk_loses_nothing(twill, tiny_model, tmp_path, undisturbed, bytes_a_file):
    def few_bytes():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_a_file, bytes_a_file))

    out = tmp_path / "plan.json"
    result = subprocess.run(
        [twill.program, *map(str, SEARCH), "--quiet", "--model", tiny_model, "--out", out],
        capture_output=True, text=True, preexec_fn=few_bytes, timeout=120,
    )  # fmt: skip
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "cannot be written: " in result.stderr
    assert not out.exists()
    assert search(twill, tiny_model, out).returncode == 0
    assert out.read_bytes() == undisturbed


# Into loading, into the maps, into the profile: wherever it falls, what is left serves the next run.
@pytest.mark.parametrize("share", [0.1, 0.35, 0.6, 0.85])
def test_killed_and_resumed_gives_the_same_bytes(twill, tiny_model, tmp_path, undisturbed, share):
    begin = time.monotonic()
    assert search(twill, tiny_model, tmp_path / "timed" / "plan.json").returncode == 0
    whole = time.monotonic() - begin
    out = tmp_path / "plan.json"
    running = subprocess.Popen(
        [twill.program, *map(str, SEARCH), "--quiet", "--model", tiny_model, "--out", out], stderr=subprocess.DEVNULL
    )
    time.sleep(share * whole)
    running.kill()
    running.wait(timeout=30)
    assert search(twill, tiny_model, out).returncode == 0
    assert out.read_bytes() == undisturbed


def test_damaged_leftovers(twill, tiny_model, tmp_path, undisturbed):
    out = tmp_path / "plan.json"
    assert search(twill, tiny_model, out).returncode == 0
    out.unlink()
    kept = [file for file in (tmp_path / "plan.work").rglob("*") if file.is_file()]
    assert kept
    for file in kept:
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
        result = search(twill, tiny_model, out)
        # Measured anew, or named for its owner to look at.
        assert result.returncode == 0 or str(file) in result.stderr.splitlines()[-1], result.stderr
        assert not out.exists() or out.read_bytes() == undisturbed
        out.unlink(missing_ok=True)
        file.write_bytes(content)


def test_weights_that_are_no_numbers(twill, tiny_model, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    weights = next(file for file in model.iterdir() if b"blocks.1.self_attn.q.weight" in file.read_bytes())
    content = bytearray(weights.read_bytes())
    length = int.from_bytes(content[:8], "little")
    tensor = json.loads(content[8 : 8 + length])["blocks.1.self_attn.q.weight"]
    begin = 8 + length + tensor["data_offsets"][0]
    number = np.float32(np.nan).tobytes() if tensor["dtype"] == "F32" else b"\xc0\x7f"
    content[begin : begin + len(number)] = number
    weights.write_bytes(content)
    said = twill.refuses(1, *SEARCH, "--quiet", "--model", model, "--out", tmp_path / "plan.json")
    assert "layer 1 at t 1" in said and "head 0" in said and "nan is not a finite number" in said
    assert not (tmp_path / "plan.json").exists()


def test_profile_of_a_model_with_other_layers(twill, plan, deeper_model, tmp_path):
    said = twill.refuses(
        1, "bench", "prediction", "--quiet", "--model", deeper_model, "--profile", plan, "--prompt", "a red ball",
        "--out", tmp_path / "prediction.json",
    )  # fmt: skip
    assert "plan.json: the profile is for another model" in said and "4 heads" in said and "6" in said
    assert not (tmp_path / "prediction.json").exists()


def test_damaged_profile(twill, plan, tmp_path):
    content = json.loads(plan.read_text())
    del content["profile"]["gain"]
    damaged = tmp_path / "damaged.json"
    damaged.write_text(json.dumps(content))
    said = twill.refuses(1, "plan", "solve", damaged, "--density", 0.5, "--out", tmp_path / "out.json")
    assert str(damaged) in said and "gain" in said
    assert not (tmp_path / "out.json").exists()


def start(twill, *arguments) -> subprocess.Popen:
    return subprocess.Popen([twill.program, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def kept_in(work) -> dict[str, object]:
    """Value by key; every file is whole, and nothing else lies there."""
    found = [json.loads(file.read_text()) for file in (work / "kept").iterdir()]
    return {each["key"]: each["value"] for each in found}


def test_two_searches_at_once_on_one_work_folder_lose_nothing(twill, tiny_model, tmp_path):
    """Each keeps seconds of its own units, and the qualities of its own probes."""

    def command(prompt, out, work):
        return (
            "search", "--quiet", "--model", tiny_model, "--prompt", prompt, "--size", "64x64", "--frames", 9,
            "--points", 2, "--probes", 3, "--density", 0.6, "--out", out, "--work", work,
        )  # fmt: skip

    prompts = ("a red ball", "a blue ball rolls")
    for prompt in prompts:
        result = twill(*command(prompt, tmp_path / "alone" / f"{prompt}.json", tmp_path / "by turns"))
        assert result.returncode == 0, result.stderr
    running = [
        start(twill, *command(each, tmp_path / "both" / f"{each}.json", tmp_path / "at once")) for each in prompts
    ]
    for process in running:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()
    expected, found = kept_in(tmp_path / "by turns"), kept_in(tmp_path / "at once")
    assert found.keys() == expected.keys()
    qualities = {key: value for key, value in found.items() if key.startswith("quality by plan ")}
    assert len(qualities) == 6 and len(qualities) < len(found)
    for key, value in qualities.items():
        # What the VAE sums in fp32 may differ in its last bits from process to process.
        assert value["psnr_db"] == pytest.approx(expected[key]["psnr_db"], abs=0.1)


def test_the_same_search_twice_at_once_gives_the_same_bytes(twill, tiny_model, tmp_path, undisturbed):
    work = tmp_path / "work"
    outs = [tmp_path / "one" / "plan.json", tmp_path / "other" / "plan.json"]
    running = [
        start(twill, *SEARCH, "--quiet", "--model", tiny_model, "--out", out, "--work", work) for out in outs
    ]  # fmt: skip
    for process in running:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()
    assert [out.read_bytes() == undisturbed for out in outs] == [True, True]
    assert not [file for file in work.rglob("*") if ".twill-" in file.name]


@pytest.mark.parametrize(
    "content",
    [b"", b'{"key": "', b"[" * 100_000, b'{"key": "of another", "value": {"psnr_db": 99, "ssim": 1}}', b"\xff\x00"],
    ids=["empty", "half_written", "deep", "of_another_key", "no_text"],
)
def test_damaged_kept_values_are_measured_again(twill, tiny_model, tmp_path, content):
    out = tmp_path / "plan.json"
    command = (
        "search", "--quiet", "--model", tiny_model, "--prompt", "a red ball", "--size", "64x64", "--frames", 9,
        "--points", 2, "--probes", 2, "--density", 0.6, "--out", out,
    )  # fmt: skip
    assert twill(*command).returncode == 0
    work = tmp_path / "plan.work"
    before = kept_in(work)
    for file in (work / "kept").iterdir():
        file.write_bytes(content)
    result = twill(*command)
    assert result.returncode == 0, result.stderr
    # Seconds are those of units, which are all there, so nothing is timed again.
    again = [json.loads(file.read_text()) for file in (work / "kept").iterdir() if file.read_bytes() != content]
    assert {each["key"] for each in again} == {key for key in before if key.startswith("quality by ")}
