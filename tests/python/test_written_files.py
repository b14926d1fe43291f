# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Files that Python writes: whole or not there, by the binary module and in pure Python alike."""

import contextlib
import dataclasses
import fcntl
import os
import resource
import signal
import stat
import subprocess
import sys
import threading

import pytest

import plan_texts
import twill_vdit
from attention_cases import PATTERNS
from twill_vdit import Error, native, written_files

# A process of its own finds the package that is tested here.
PACKAGE = os.environ | {"PYTHONPATH": os.path.dirname(twill_vdit.__path__[0])}
LAYERS = [list(PATTERNS.values())]
WRITERS = [
    pytest.param(
        written_files.write_file,
        id="native",
        marks=pytest.mark.skipif(native.binary is None, reason="there is no binary module"),
    ),
    pytest.param(written_files.write_in_python, id="python"),
]


@pytest.fixture(params=["native", "python"])
def plan(request):
    """A plan; the second is written without the binary module."""
    if request.param == "native" and native.binary is None:
        pytest.skip("there is no binary module")
    plan = twill_vdit.parse_plan(plan_texts.plan_text(LAYERS), "made.json")
    if request.param == "python":
        plan = dataclasses.replace(plan, native=None)
    return plan


@pytest.fixture(autouse=True)
def without_the_binary_module(request, monkeypatch):
    if "python" in request.node.name.partition("[")[2]:
        monkeypatch.setattr(written_files, "binary", None)


@contextlib.contextmanager
def umask(mask):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextlib.contextmanager
def files_of_at_most(size):
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o007, 0o660)])
def test_a_plan_has_the_mode_that_the_umask_leaves(plan, tmp_path, mask, mode):
    with umask(mask):
        twill_vdit.write_plan(tmp_path / "plan.json", plan)
    assert stat.S_IMODE((tmp_path / "plan.json").stat().st_mode) == mode
    assert os.listdir(tmp_path) == ["plan.json"]
    assert twill_vdit.read_plan(tmp_path / "plan.json").text == plan.text


@pytest.mark.parametrize("size", [0, 100])
def test_a_full_disk_leaves_the_old_plan_and_nothing_else(plan, tmp_path, size):
    file = tmp_path / "plan.json"
    for before in (None, plan.text):
        if before is not None:
            file.write_text(before)
        with files_of_at_most(size), pytest.raises(Error) as refused:
            twill_vdit.write_plan(file, plan)
        assert str(refused.value) == f"{file}: cannot be written: File too large"
        assert refused.value.code == "system"
        assert (file.read_text() if before is not None else os.listdir(tmp_path)) == (before or [])
    assert os.listdir(tmp_path) == ["plan.json"]


def test_only_plans_are_replaced_by_plans(plan, tmp_path):
    kept = {
        "notes.txt": ("mine", "was not written by Twill as a plan, so it is not replaced"),
        "half.json": (plan.text[:-30], "was not written by Twill as a plan, so it is not replaced"),
        "deep.json": ("[" * 200_000, "was not written by Twill as a plan, so it is not replaced"),
        "report.json": ('{"rows": [], "psnr_db": 1}', "holds a report, which is not replaced by a plan"),
    }
    for name, (content, why) in kept.items():
        file = tmp_path / name
        file.write_text(content)
        with pytest.raises(Error) as refused:
            twill_vdit.write_plan(file, plan)
        assert str(refused.value) == f"{file}: {why}; name another file"
        assert refused.value.code == "usage"
        assert file.read_text() == content
    for file, why in (
        (tmp_path, "is a folder, not a file to write"),
        ("/dev/null", "is no regular file, and is not replaced"),
    ):
        with pytest.raises(Error) as refused:
            twill_vdit.write_plan(file, plan)
        assert str(refused.value) == f"{file}: {why}"
    (tmp_path / "empty.json").touch()
    for name in ("empty.json", "empty.json", "new.json"):
        twill_vdit.write_plan(tmp_path / name, plan)
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, "empty.json", "new.json"])


@pytest.mark.parametrize("write", WRITERS)
def test_links_are_followed_and_stay(write, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "link.json").symlink_to("far/plan.json")
    for content in (b"made", b"replaced"):
        write(tmp_path / "link.json", content)
        assert (tmp_path / "link.json").is_symlink()
        assert (tmp_path / "far" / "plan.json").read_bytes() == content
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(Error) as refused:
        write(tmp_path / "a", b"x")
    assert str(refused.value) == f"{tmp_path / 'a'}: cannot be written: Too many levels of symbolic links"


@pytest.mark.parametrize("write", WRITERS)
def test_what_a_killed_run_left_is_swept_and_what_a_living_one_writes_is_not(write, tmp_path):
    killed = tmp_path / written_files.unfinished_name("plan.json")
    killed.write_text("half")
    folder = tmp_path / written_files.unfinished_name("frames")
    folder.mkdir()
    (folder / "frame-000.png").write_text("half")
    link = tmp_path / written_files.unfinished_name("demo.safetensors")
    link.symlink_to("nowhere")
    other = tmp_path / ".plan.json.0123456789ABCDEF.twill-part"
    other.write_text("not ours")
    living = tmp_path / written_files.unfinished_name("plan.json")
    with living.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        write(tmp_path / "new.json", b"x")
        assert {file.name for file in tmp_path.iterdir()} == {other.name, living.name, "new.json"}
    write(tmp_path / "new.json", b"x")
    assert {file.name for file in tmp_path.iterdir()} == {other.name, "new.json"}


@pytest.mark.parametrize("write", WRITERS)
def test_writers_and_sweepers_at_once_lose_nothing(write, tmp_path):
    done = threading.Event()

    def sweep():
        while not done.is_set():
            written_files.sweep(tmp_path)

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for i in range(100):
            write(tmp_path / "a", str(i).encode())
            assert (tmp_path / "a").read_bytes() == str(i).encode()
    finally:
        done.set()
        sweeper.join()
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("write", WRITERS)
def test_names_may_be_as_long_as_names_can_be(write, tmp_path):
    name = "ü" * 127
    write(tmp_path / name, b"x")
    assert os.listdir(tmp_path) == [name]


KILLED = """
import sys, os, signal
from twill_vdit import written_files
if sys.argv[2] == "python":
    written_files.binary = None
print("begin", flush=True)
while True:
    written_files.write_file(sys.argv[1], b"x" * 4_000_000)
"""


@pytest.mark.parametrize("how", ["native", "python"])
def test_a_kill_leaves_the_old_file_and_the_next_write_nothing_else(how, tmp_path):
    if how == "native" and native.binary is None:
        pytest.skip("there is no binary module")
    file = tmp_path / "file"
    for wait in (0.0, 0.01, 0.03, 0.06):
        running = subprocess.Popen([sys.executable, "-c", KILLED, file, how], stdout=subprocess.PIPE, env=PACKAGE)
        assert running.stdout.readline() == b"begin\n"
        threading.Event().wait(wait)
        running.kill()
        running.wait()
        assert not file.exists() or file.read_bytes() == b"x" * 4_000_000
        written_files.write_file(tmp_path / "other", b"y")
        assert {each.name for each in tmp_path.iterdir()} <= {"file", "other"}


def test_a_link_takes_the_place_of_an_older_one(tmp_path):
    (tmp_path / "weights").write_text("w")
    for _ in range(2):
        written_files.put_link(tmp_path / "weights", tmp_path / "link")
        assert (tmp_path / "link").read_text() == "w" and (tmp_path / "link").is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["link", "weights"]
