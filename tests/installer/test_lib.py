# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""installer/lib.sh with made-up system programs in front of PATH."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def machine(tmp_path):
    """Runs a shell text after lib.sh on a machine whose programs the test makes up."""
    programs = tmp_path / "bin"
    programs.mkdir()

    def run(text: str, **made_up: str) -> subprocess.CompletedProcess:
        for name, body in made_up.items():
            program = programs / name.replace("_", "-")
            program.write_text(f"#!/bin/sh\n{body}\n")
            program.chmod(0o755)
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        return subprocess.run(
            ["bash", "-c", f"set -euo pipefail; source '{ROOT}/installer/lib.sh'; {text}"],
            env=environment,
            capture_output=True,
            text=True,
        )

    return run


def test_without_rights_the_exact_command_is_named(machine):
    made_up = {
        "dpkg_query": "case $3 in cmake|ccache) exit 1;; esac; echo installed",
        "id": "echo 1000",
        "sudo": "exit 1",
    }
    result = machine("install_system_packages", **made_up)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].strip() == "apt-get install --yes --no-install-recommends cmake ccache"


def test_nothing_is_asked_for_when_nothing_is_missing(machine):
    result = machine("install_system_packages", dpkg_query="echo installed", id="echo 1000", sudo="exit 1")
    assert (result.returncode, result.stdout) == (0, "Nothing to install.\n")


def test_apt_is_only_asked_for_what_is_missing(machine, tmp_path):
    made_up = {
        "dpkg_query": "case $3 in cmake) exit 1;; esac; echo installed",
        "id": "echo 0",
        "apt_get": f'echo "$@" >> {tmp_path}/asked',
    }
    assert machine("install_system_packages", **made_up).returncode == 0
    update, install = (tmp_path / "asked").read_text().splitlines()
    assert update.startswith("update")
    assert install.split()[-1] == "cmake"
    assert "ccache" not in install


def test_what_one_command_needs_besides_is_asked_for_too(machine):
    made_up = {"dpkg_query": "case $3 in ffmpeg) exit 1;; esac; echo installed", "id": "echo 1000", "sudo": "exit 1"}
    result = machine("install_system_packages ffmpeg", **made_up)
    assert result.stderr.splitlines()[-1].strip() == "apt-get install --yes --no-install-recommends ffmpeg"


def test_a_python_that_is_too_old_is_passed_over(machine):
    result = machine("TWILL_PYTHON=old-python find_python", old_python="exit 1")
    assert result.returncode == 0
    assert "old-python" not in result.stdout


def test_a_stage_hands_on_failure_and_its_time_is_printed(machine):
    result = machine("stage 'bad step' false || echo failed; print_times")
    assert "failed" in result.stdout
    assert "s  bad step" in result.stdout.splitlines()[-1]


def test_requirements_are_installed_once_and_again_when_they_change(machine, tmp_path):
    (tmp_path / "needs.txt").write_text("numpy\n")
    text = f"""
        TWILL_VENV={tmp_path}; pip_install() {{ echo "pip $*"; }}
        install_requirements {tmp_path}/needs.txt
        install_requirements {tmp_path}/needs.txt
        echo pillow >> {tmp_path}/needs.txt
        install_requirements {tmp_path}/needs.txt
    """
    result = machine(text)
    assert result.stdout.count("pip -r") == 2
    assert "torch==" in result.stdout, "a dependency could replace the torch that the build uses"
