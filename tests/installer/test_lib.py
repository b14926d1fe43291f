# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""installer/lib.sh with made-up system programs in front of PATH."""

import os
import subprocess
import sys
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


FRONTEND = "/var/lib/dpkg/lock-frontend"
HELD = {
    "lists": (
        "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 712 (apt-get)",
        "process 712 (apt-get), which holds /var/lib/apt/lists/lock",
    ),
    "dpkg": (
        f"E: Could not get lock {FRONTEND}. It is held by process 4711 (unattended-upgr)",
        f"process 4711 (unattended-upgr), which holds {FRONTEND}",
    ),
    "nobody_known": (f"E: Could not get lock {FRONTEND} - open (11: no more)", f"whoever holds {FRONTEND}"),
    "without_a_name": (
        f"E: Unable to acquire the dpkg frontend lock ({FRONTEND}), is another process using it?",
        f"whoever holds {FRONTEND}",
    ),
    "inner_lock": (
        "dpkg: error: dpkg database lock was locked by another process with pid 99",
        "process 99, which holds the dpkg database lock",
    ),
}


def locked(folder: Path, message: str, verb: str, times: int) -> dict[str, str]:
    """Programs of a machine where cmake is missing and apt-get's VERB meets a held lock so many times."""
    asked = f'echo "$1" >> {folder}/asked'
    held = f'[ "$1" = {verb} ] && [ "$(grep -c "^$1" {folder}/asked)" -le {times} ]'
    return {
        "dpkg_query": "case $3 in cmake) exit 1;; esac; echo installed",
        "id": "echo 0",
        "sleep": f'echo "$1" >> {folder}/slept',
        "apt_get": f"{asked}; {held} && {{ echo '{message}' >&2; exit 100; }}; exit 0",
    }


@pytest.mark.parametrize("verb", ["update", "install"])
@pytest.mark.parametrize("kind", HELD)
def test_a_held_lock_is_waited_for_and_its_holder_named(machine, tmp_path, kind, verb):
    message, holder = HELD[kind]
    result = machine("install_system_packages", **locked(tmp_path, message, verb, 14))
    assert result.returncode == 0, result.stderr
    waits = [line for line in result.stdout.splitlines() if "waiting for" in line]
    assert waits == [
        f"Another package manager is at work: waiting for {holder} (0 s so far, at most 1200 s).",
        f"Another package manager is at work: waiting for {holder} (60 s so far, at most 1200 s).",
    ]
    assert (tmp_path / "slept").read_text().split() == ["5"] * 14
    assert (tmp_path / "asked").read_text().split().count(verb) == 15
    assert "reported trouble" not in result.stdout


def test_waiting_for_a_lock_ends(machine, tmp_path):
    message, holder = HELD["dpkg"]
    made_up = locked(tmp_path, message, "install", 1000)
    result = machine("TWILL_LOCK_WAIT=20; install_system_packages", **made_up)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-3:] == [
        message,
        f"Waited 20 s for {holder}; giving up (TWILL_LOCK_WAIT=SECONDS waits longer).",
        "apt-get could not install: cmake",
    ]


@pytest.mark.parametrize(
    "message", ["E: Could not open lock file - open (13: Permission denied)", "E: Unable to locate package cmake"]
)
def test_other_trouble_is_not_waited_for(machine, tmp_path, message):
    result = machine("install_system_packages", **locked(tmp_path, message, "install", 1000))
    assert result.returncode == 1
    assert result.stderr.splitlines()[-2:] == [message, "apt-get could not install: cmake"]
    assert not (tmp_path / "slept").exists()


HOLDER = """
import fcntl, os, sys, time
lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.lockf(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/usr/bin/apt-get").exists(), reason="no apt-get: the held lock of a real one is not met")
@pytest.mark.parametrize(("verb", "lock"), [("update", "state/lists/lock"), ("install", "dpkg/lock-frontend")])
def test_the_real_apt_is_understood(machine, tmp_path, verb, lock):
    for folder in ("state/lists/partial", "cache/archives/partial", "dpkg", "etc"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "dpkg/status").touch()
    places = {"State": "state", "Cache": "cache", "State::status": "dpkg/status", "Etc": "etc"}
    options = " ".join(f"-o Dir::{name}={tmp_path / place}" for name, place in places.items())
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path / lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        name = Path(f"/proc/{holder.pid}/comm").read_text().strip()
        # The lock is given up while the second wait goes on.
        sleep = (
            f"echo >> {tmp_path}/slept; [ $(wc -l < {tmp_path}/slept) -lt 2 ] || kill {holder.pid}; exec /bin/sleep 0.2"
        )
        made_up = {"apt_get": f'exec /usr/bin/apt-get {options} "$@"', "sleep": sleep}
        result = machine(f"apt_get {tmp_path}/log {verb} --quiet=2", **made_up)
    finally:
        holder.kill()
        holder.communicate()
    assert result.returncode == 0, (tmp_path / "log").read_text() + result.stderr
    assert f"waiting for process {holder.pid} ({name}), which holds {tmp_path / lock} (" in result.stdout
    assert len((tmp_path / "slept").read_text().splitlines()) >= 2


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
