# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Clips that meet a full disk: nothing half-written is left, and the reason is told in a sentence."""

import resource
import signal
import subprocess

import pytest

pytestmark = pytest.mark.slow  # all of it together


# None of a file; the first frame or the head of a video only; of a comparison, one clip and not the other.
@pytest.mark.parametrize("bytes_a_file", [0, 1_000])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.webm", "frames"])
@pytest.mark.parametrize("compared", [False, True], ids=["dense", "compared"])
def test_full_disk_leaves_no_part_of_a_clip(twill, tiny_model, plan, tmp_path, bytes_a_file, name, compared):
    def few_bytes():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_a_file, bytes_a_file))

    folder = tmp_path / "out"
    folder.mkdir()
    more = ("--plan", plan, "--compare") if compared else ()
    command = [twill.program, "generate", "--quiet", "--model", tiny_model, "--prompt", "a red ball", *more]
    result = subprocess.run(
        [*command, "--out", folder / name], capture_output=True, text=True, preexec_fn=few_bytes, timeout=120
    )
    assert result.returncode == 1, result.stderr
    assert len(result.stderr.splitlines()) == 1, result.stderr
    # The user's own name, never that of a file beside it.
    assert result.stderr.startswith(f"twill: {folder}/{'frames' if name == 'frames' else 'clip'}"), result.stderr
    assert ": cannot be written: " in result.stderr and ".twill-" not in result.stderr
    assert list(folder.iterdir()) == []
    # What was there before stays.
    assert twill("generate", "--model", tiny_model, "--prompt", "a red ball", "--out", folder / name).returncode == 0
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert before
    result = subprocess.run([*command, "--out", folder / name], capture_output=True, preexec_fn=few_bytes, timeout=120)
    assert result.returncode == 1
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
