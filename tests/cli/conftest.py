# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the built `twill` on a tiny model with random weights."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.programs import built


@dataclass(frozen=True)
class Twill:
    program: Path
    cache: Path  # in the place of the user's

    def __call__(
        self, *arguments: object, timeout: float = 120, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program, *map(str, arguments)],
            capture_output=True,
            text=True,
            errors="surrogateescape",  # names are repeated as they were given
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            env={"XDG_CACHE_HOME": str(self.cache), **env}
            if env
            else {**os.environ, "XDG_CACHE_HOME": str(self.cache)},
        )

    def refuses(self, code: int, *arguments: object) -> str:
        """Runs a command that must fail with `code`; returns its one line."""
        result = self(*arguments)
        assert result.returncode == code, result.stderr + result.stdout
        lines = [line for line in result.stderr.splitlines() if not line.startswith(("load ", "encode the picture"))]
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("twill: ")
        return lines[0].removeprefix("twill: ")

    def refuses_json(self, code: int, *arguments: object) -> str:
        """As refuses, with --json; the object on stdout says the same."""
        result = self("--json", "--quiet", *arguments)
        assert result.returncode == code, result.stderr + result.stdout
        said = json.loads(result.stdout)
        assert said["exit_code"] == code
        assert set(said) == {"error", "exit_code"}
        line = result.stderr.splitlines()[-1].removeprefix("twill: ")
        assert os.fsencode(line).decode(errors="backslashreplace") == said["error"]
        return said["error"]


@pytest.fixture(scope="session")
def twill(tmp_path_factory: pytest.TempPathFactory) -> Twill:
    return Twill(built("core/cli/twill"), tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def settings_in() -> Callable[[Path], dict[str, str]]:
    """What a video says of itself, names in lower case: WebM has them in upper case."""
    program = shutil.which("ffprobe")
    if program is None:
        pytest.skip("no ffprobe to read the clip's settings back")

    def read(clip: Path) -> dict[str, str]:
        command = [program, "-v", "error", "-of", "json", "-show_entries", "format_tags", clip]
        told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        return {name.lower(): value for name, value in told["format"]["tags"].items()}

    return read


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    subprocess.run([built("tests/jobs/write_tiny_model"), folder], check=True)
    return folder


@pytest.fixture(scope="session")
def umt5_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As tiny_model, with a UMT5 and its tokenizer in the place of the table of words."""
    safetensors = pytest.importorskip("safetensors.torch")
    from tests.engine.small_tokenizer import train_tokenizer
    from tests.engine.test_parity_umt5 import Case, make_model, tensors_of

    folder = tmp_path_factory.mktemp("umt5") / "model"
    shutil.copytree(tiny_model, folder)
    table = safetensors.load_file(folder / "text.safetensors")["word_embedding.weight"]
    text = make_model(Case("of_the_tiny_model", dim=table.shape[1], heads=2, head_dim=4, ffn=16), 1)
    safetensors.save_file(tensors_of(text), folder / "text.safetensors")
    train_tokenizer(folder)
    described = json.loads((folder / "model.json").read_text())
    described["files"]["tokenizer"] = "spiece.model"
    (folder / "model.json").write_text(json.dumps(described))
    return folder


@pytest.fixture(scope="session")
def deeper_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As tiny_model, with one layer more."""
    folder = tmp_path_factory.mktemp("deeper")
    subprocess.run([built("tests/jobs/write_tiny_model"), folder, "3"], check=True)
    return folder


@pytest.fixture(scope="session")
def plan(twill: Twill, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan found for tiny_model."""
    out = tmp_path_factory.mktemp("plan") / "plan.json"
    result = twill(
        "search", "--model", tiny_model, "--prompt", "a red ball", "--points", 2, "--density", 0.6, "--out", out
    )
    assert result.returncode == 0, result.stderr
    return out
