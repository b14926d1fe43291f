# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Where `twill` writes: not over its inputs nor over what others made, and told before the first step."""

import json
import os
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.slow  # all of it together

MAKE = ("generate", "--quiet", "--prompt", "a red ball", "--size", "32x32", "--steps", "1")


@pytest.fixture
def make(twill, tiny_model):
    """Makes a small clip; returns the paths that were written."""

    def run(out, *more, frames=5) -> list[str]:
        result = twill(*MAKE, "--frames", frames, "--json", "--model", tiny_model, "--out", out, *more)
        assert result.returncode == 0, result.stderr
        return [clip["file"] for clip in json.loads(result.stdout)["clips"]]

    return run


def refuses_unloaded(twill, code, *command) -> str:
    """The one line of a command that failed before it loaded a model."""
    result = twill(*command)
    assert result.returncode == code, result.stderr + result.stdout
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0].removeprefix("twill: ")


def everything_in(folder) -> dict:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def verbs_with(tiny_model, plan, out) -> dict[str, tuple]:
    """Every verb that reads a plan, writing to `out`."""
    make = ("--model", tiny_model, "--prompt", "a red ball")
    return {
        "report": ("report", plan, "--out", out),
        "pictures": ("plan", "show", plan, "--picture", out),
        "diff": ("plan", "diff", plan, plan, "--report", out),
        "solve": ("plan", "solve", plan, "--density", 0.5, "--out", out),
        "evaluate": ("evaluate", *make, "--plan", plan, "--out", out),
        "prediction": ("bench", "prediction", *make, "--profile", plan, "--out", out),
    }


@pytest.mark.parametrize("verb", ["report", "diff", "solve", "evaluate", "prediction"])
@pytest.mark.parametrize("spelling", ["itself", "dot", "symbolic", "hard"])
def test_an_output_is_no_input(twill, tiny_model, plan, tmp_path, verb, spelling):
    mine = shutil.copy(plan, tmp_path / "mine.json")
    out = {
        "itself": mine,
        "dot": f"{tmp_path}/./mine.json",
        "symbolic": tmp_path / "link.json",
        "hard": tmp_path / "hard.json",
    }[spelling]
    if spelling == "symbolic":
        out.symlink_to("mine.json")
    if spelling == "hard":
        out.hardlink_to(mine)
    before = everything_in(tmp_path)
    command = verbs_with(tiny_model, mine, out)[verb]
    said = refuses_unloaded(twill, 2, *command)
    if verb in ("report", "diff"):
        assert said == f"{out}: a page is written as HTML; name it {os.path.basename(out).replace('.json', '.html')}"
    else:
        noun, read = ("plan" if verb == "solve" else "report"), ("profile" if verb == "prediction" else "plan")
        assert said == f"{out}: the {noun} would replace the {read} {mine}, which is read; name another file"
    assert everything_in(tmp_path) == before
    page = tmp_path / "page.html"
    page.symlink_to("mine.json")
    if verb in ("report", "diff"):
        said = refuses_unloaded(twill, 2, *verbs_with(tiny_model, mine, page)[verb])
        read = "file" if verb == "report" else "plan"
        assert said == f"{page}: the page would replace the {read} {mine}, which is read; name another file"


def test_two_outputs_are_two_files(twill, tiny_model, plan, tmp_path):
    (tmp_path / "here").symlink_to(".")
    said = refuses_unloaded(
        twill, 2, "plan", "diff", plan, plan, "--report", tmp_path / "x.png", "--picture", tmp_path / "here/x.png"
    )
    assert said == f"{tmp_path / 'x.png'}: a page is written as HTML; name it x.html"
    said = refuses_unloaded(
        twill, 2, "plan", "diff", plan, plan, "--report", tmp_path / "x", "--picture", tmp_path / "here/X"
    )
    assert said == f"{tmp_path / 'here/X'}: a picture is written as PNG; name it X.png"
    said = refuses_unloaded(
        twill,
        2,
        "evaluate",
        "--model",
        tiny_model,
        "--prompt",
        "a",
        "--plan",
        plan,
        "--out",
        tmp_path / "x",
        "--work",
        tmp_path / "here/X",
    )
    assert said == f"{tmp_path / 'here/X'}: is to be both a report and a folder; name two files"
    assert os.listdir(tmp_path) == ["here"]


def test_a_folder_with_more_than_our_frames_is_kept(twill, tiny_model, make, tmp_path):
    mine = tmp_path / "mine"
    (mine / "sub").mkdir(parents=True)
    (mine / "sub" / "photo.raw").write_text("raw")
    said = refuses_unloaded(twill, 2, *MAKE, "--model", tiny_model, "--out", mine)
    assert said == (
        f"{mine}: holds sub, which Twill did not write, so it is not replaced by frames; name another folder"
    )
    assert (mine / "sub" / "photo.raw").read_text() == "raw"
    make(tmp_path / "frames", frames=9)
    assert len(os.listdir(tmp_path / "frames")) == 9
    make(tmp_path / "frames")
    assert sorted(os.listdir(tmp_path / "frames")) == [f"frame-00{i}.png" for i in range(5)]
    # Frames of another program have the same names; what a user put beside ours is the user's.
    for name in ("frame-007.png", "notes.txt"):
        (tmp_path / "frames" / name).write_text("not by twill")
        said = refuses_unloaded(twill, 2, *MAKE, "--model", tiny_model, "--out", tmp_path / "frames")
        assert f"holds {name}, which Twill did not write" in said
        (tmp_path / "frames" / name).unlink()
    assert sorted(os.listdir(tmp_path)) == ["frames", "mine"]


@pytest.mark.parametrize("name", ["clip.mp4", "clip.webm", "clip.gif", "clip.webp", "frames"])
def test_a_clip_is_replaced_by_a_clip_and_nothing_else_is(twill, tiny_model, make, tmp_path, name):
    out = tmp_path / name
    make(out)
    first = out.stat().st_ino
    make(out)
    assert out.stat().st_ino != first
    shutil.rmtree(out) if out.is_dir() else out.unlink()
    out.write_text("a holiday of mine, with twill 1.0 trousers")
    said = refuses_unloaded(twill, 2, *MAKE, "--model", tiny_model, "--out", out)
    assert said == (
        f"{out}: is no folder; name another for a folder of frames"
        if name == "frames"
        else f"{out}: was not written by Twill as a video, so it is not replaced; name another file"
    )
    assert out.read_text() == "a holiday of mine, with twill 1.0 trousers"


@pytest.mark.parametrize("verb", ["report", "pictures", "solve", "evaluate", "prediction"])
def test_files_of_others_are_kept(twill, tiny_model, plan, tmp_path, verb):
    name = {"report": "mine.html", "pictures": "mine.png"}.get(verb, "mine.json")
    noun = {"report": "page", "pictures": "picture", "solve": "plan"}.get(verb, "report")
    (tmp_path / name).write_text("mine")
    said = refuses_unloaded(twill, 2, *verbs_with(tiny_model, plan, tmp_path / name)[verb])
    assert said == (
        f"{tmp_path / name}: was not written by Twill as a {noun}, so it is not replaced; name another file"
    )
    assert everything_in(tmp_path) == {tmp_path / name: b"mine"}


def test_what_was_written_is_written_again(twill, tiny_model, plan, tmp_path):
    commands = [
        ("plan", "show", plan, "--picture", tmp_path / "heads.png"),
        ("plan", "solve", plan, "--density", 0.5, "--out", tmp_path / "plan.json"),
        ("evaluate", "--quiet", "--model", tiny_model, "--prompt", "a red ball", "--steps", 1, "--plan", plan,
         "--out", tmp_path / "report.json", "--save-clips", tmp_path / "clips/"),
        ("report", plan, "--out", tmp_path / "report.html", "--pictures", tmp_path / "pictures/"),
        ("plan", "diff", plan, tmp_path / "plan.json", "--report", tmp_path / "diff.html",
         "--picture", tmp_path / "diff.png"),
    ]  # fmt: skip
    for _ in range(2):
        for command in commands:
            result = twill(*command)
            assert result.returncode == 0, result.stderr
        names = {str(file.relative_to(tmp_path)) for file in everything_in(tmp_path)}
        assert not any(".twill-" in name for name in names)


def test_an_evaluation_keeps_the_pictures_of_others(twill, tiny_model, plan, tmp_path):
    clips = tmp_path / "clips"
    clips.mkdir()
    (clips / "worst.png").write_text("mine")
    said = refuses_unloaded(
        twill, 2, "evaluate", "--model", tiny_model, "--prompt", "a red ball", "--plan", plan,
        "--out", tmp_path / "report.json", "--save-clips", clips,
    )  # fmt: skip
    assert said.startswith(f"{clips / 'worst.png'}: was not written by Twill as a picture")
    assert everything_in(tmp_path) == {clips / "worst.png": b"mine"}


def test_a_report_keeps_the_pictures_of_others(twill, plan, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "attention_maps.png").write_text("mine")
    said = refuses_unloaded(twill, 2, "report", plan, "--out", tmp_path / "r.html", "--pictures", pictures)
    assert said.startswith(f"{pictures / 'attention_maps.png'}: was not written by Twill as a picture")
    assert everything_in(tmp_path) == {pictures / "attention_maps.png": b"mine"}


@pytest.mark.parametrize(
    ("out", "more", "said"),
    [
        pytest.param("x.gif", ("--fps", "60"), "60 fps is not in 0.01..50 of .gif", id="gif_too_fast"),
        pytest.param("x.mp4", ("--fps", "0.001"), "0.001 fps is not in 0.01..1000 of .mp4", id="mp4_too_slow"),
        pytest.param("x.avi", (), 'the ending ".avi" is not one of a video: .mp4, .webm, .gif, .webp', id="no_video"),
        pytest.param("x.mp4/", (), "a folder of frames has no ending in its name; name it x, or leave out", id="/"),
        pytest.param(".", (), "is no name for a folder of frames; name a new folder, such as frames", id="here"),
        pytest.param("..", (), "is no name for a folder of frames; name a new folder, such as frames", id="above"),
        pytest.param("none/../.", (), "is no name for a folder of frames", id="here_the_long_way"),
    ],
)
def test_what_a_format_cannot_hold_is_told_before_a_model_is_loaded(twill, tiny_model, tmp_path, out, more, said):
    result = subprocess.run(
        [twill.program, *MAKE, "--model", tiny_model, "--out", out, *more],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stderr.startswith(f"twill: {out}: {said}"), result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert os.listdir(tmp_path) == []


def test_a_slash_at_the_end_loses_no_name(twill, tiny_model, make, tmp_path):
    (tmp_path / "there").mkdir()
    make(f"{tmp_path}/there/")
    make(f"{tmp_path}/new/")
    files = make(f"{tmp_path}/two/", "--prompt", "a blue ball")
    assert files == [f"{tmp_path}/two-1", f"{tmp_path}/two-2"]
    assert sorted(os.listdir(tmp_path)) == ["new", "there", "two-1", "two-2"]
    assert all(len(os.listdir(tmp_path / name)) == 5 for name in os.listdir(tmp_path))


def test_a_link_is_followed(make, twill, plan, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "clip.mp4").symlink_to("far/real.mp4")
    (tmp_path / "frames").symlink_to("far")
    (tmp_path / "plan.json").symlink_to("far/plan.json")
    make(tmp_path / "clip.mp4")
    (tmp_path / "far" / "real.mp4").unlink()
    make(tmp_path / "frames")
    assert len(os.listdir(tmp_path / "far")) == 5
    shutil.rmtree(tmp_path / "far")
    (tmp_path / "far").mkdir()
    assert twill("plan", "solve", plan, "--density", 0.5, "--out", tmp_path / "plan.json").returncode == 0
    assert os.listdir(tmp_path / "far") == ["plan.json"]
    assert all((tmp_path / name).is_symlink() for name in ("clip.mp4", "frames", "plan.json"))


def test_a_picture_is_a_png(twill, plan, tmp_path):
    for name in ("heads.jpg", "heads"):
        said = refuses_unloaded(twill, 2, "plan", "show", plan, "--picture", tmp_path / name)
        assert said == f"{tmp_path / name}: a picture is written as PNG; name it heads.png"
    said = refuses_unloaded(twill, 2, "plan", "diff", plan, plan, "--picture", tmp_path / "diff.jpeg")
    assert said == f"{tmp_path / 'diff.jpeg'}: a picture is written as PNG; name it diff.png"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("verb", ["generate", "evaluate", "prediction", "policies"])
def test_a_missing_plan_is_told_before_a_model_is_loaded(twill, tiny_model, tmp_path, verb):
    missing = tmp_path / "missing.json"
    out = tmp_path / "out" / "x.json"
    make = ("--model", tiny_model, "--prompt", "a red ball")
    (tmp_path / "prompts.txt").write_text("a red ball\n")
    command = {
        "generate": ("generate", *make, "--plan", missing, "--out", out.with_suffix(".mp4")),
        "evaluate": ("evaluate", *make, "--plan", missing, "--out", out),
        "prediction": ("bench", "prediction", *make, "--profile", missing, "--out", out),
        "policies": ("bench", "policies", *make, "--profile", missing, "--out", out,
                     "--tuning-prompts", tmp_path / "prompts.txt"),
    }[verb]  # fmt: skip
    assert refuses_unloaded(twill, 1, *command) == f"{missing}: cannot be read: No such file or directory"
    # Not even an empty folder is left.
    assert sorted(os.listdir(tmp_path)) == ["prompts.txt"]


@pytest.mark.parametrize("verb", ["generate", "evaluate"])
def test_a_plan_for_another_model_is_told_before_it_is_loaded(twill, deeper_model, plan, tmp_path, verb):
    out = tmp_path / ("x.mp4" if verb == "generate" else "x.json")
    said = refuses_unloaded(
        twill, 1, verb, "--model", deeper_model, "--prompt", "a red ball", "--plan", plan, "--out", out
    )
    assert said.startswith(f"{plan}: ")


def test_a_search_that_is_refused_leaves_no_folder(twill, tiny_model, tmp_path):
    for more in (("--dense-first", "99"), ("--prompt", "a red dragon")):
        twill.refuses(
            2, "search", "--quiet", "--model", tiny_model, "--prompt", "a red ball", *more,
            "--out", tmp_path / "new" / "plan.json",
        )  # fmt: skip
    assert os.listdir(tmp_path) == []
