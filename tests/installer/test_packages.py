# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What the packages hold: installed into a scratch folder, and the files for the desktop."""

import configparser
import os
import re
import shutil
import subprocess
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINUX = ROOT / "installer" / "linux"
VERSION = re.search(r"project\(twill VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
MIME = "application/x-twill-plan+json"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The data of a package, by `cmake --install` from the build that is tested."""
    build = os.environ.get("TWILL_BUILD_DIR")
    if not build or not (Path(build) / "cmake_install.cmake").exists():
        pytest.skip("TWILL_BUILD_DIR names no build")
    prefix = tmp_path_factory.mktemp("installed")
    subprocess.run(
        ["cmake", "--install", build, "--prefix", str(prefix), "--component", "data"], check=True, capture_output=True
    )
    return prefix


def test_every_preset_and_the_demo_model_are_installed(installed):
    presets, ours = installed / "share" / "twill" / "presets", ROOT / "presets"
    plans = {path.relative_to(ours) for path in ours.glob("*/*.json") if '"segments"' in path.read_text()}
    assert len(plans) > 20
    for name in [
        *plans,
        "models.json",
        "plan.schema.json",
        "demo/model.json",
        "demo/dit.safetensors",
        "demo/prompts_test.txt",
    ]:
        assert (presets / name).read_bytes() == (ours / name).read_bytes(), name


def test_no_scripts_pictures_or_sources_are_installed(installed):
    names = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    assert not [name for name in names if name.endswith((".py", ".sh", ".webp", ".png", ".pyc"))]
    assert not [name for name in names if "presets/sources" in name or "makers" in name]


def test_licences_are_installed(installed):
    docs = installed / "share" / "doc" / "twill"
    for name in ("copyright", "LICENSE", "CHANGELOG.md", "preset-sources.md", "licences/nlohmann_json.txt",
                 "licences/cli11.txt", "licences/pytorch/LICENSE"):  # fmt: skip
        assert (docs / name).stat().st_size > 0, name


def test_compiled_in_libraries_have_their_licence():
    """Header-only and static libraries that a CMake target links by name."""
    texts = {path.stem for path in (ROOT / "installer" / "licences").glob("*.txt")}
    lists = "\n".join(p.read_text() for p in ROOT.glob("*/**/CMakeLists.txt") if "build" not in p.parts[:-2])
    known = {
        "nlohmann_json::": "nlohmann_json",
        "CLI11::": "cli11",
        "pybind11": "pybind11",
        "cudart_static": "cuda_runtime",
    }
    for target, licence in known.items():
        assert target in lists and licence in texts


def test_the_wheel_carries_the_licences_of_what_is_in_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    licences = ("nlohmann_json", "pybind11", "cuda_runtime")
    for name in ("LICENSE", *(f"installer/licences/{licence}.txt" for licence in licences)):
        assert name in project["license-files"] and (ROOT / name).exists()


def test_the_changelog_has_this_version_with_a_day():
    assert re.search(
        rf"^## {re.escape(VERSION)} - \d{{4}}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )


def test_the_citation_has_this_version():
    assert re.search(rf"^version: {re.escape(VERSION)}$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)


def desktop_entry():
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read(LINUX / "twill-studio.desktop")
    return parser["Desktop Entry"]


def test_desktop_files_name_one_another():
    entry = desktop_entry()
    metainfo = ElementTree.parse(LINUX / "invalid.twill.Studio.metainfo.xml").getroot()
    assert entry["Exec"].split()[0] == metainfo.findtext("provides/binary") == "twill-studio"
    assert entry["Icon"] == metainfo.findtext("icon") == "twill-studio"
    assert (LINUX / "twill-studio.svg").exists()
    assert metainfo.findtext("launchable") == "twill-studio.desktop"
    assert entry["MimeType"] == f"{MIME};" and metainfo.findtext("provides/mediatype") == MIME
    mime = ElementTree.parse(LINUX / "twill-plan.xml").getroot()
    assert mime[0].get("type") == MIME


def test_the_icon_is_square():
    icon = ElementTree.parse(LINUX / "twill-studio.svg").getroot()
    _, _, width, height = icon.get("viewBox").split()
    assert width == height == icon.get("width")


def test_the_system_validates_them(tmp_path):
    metainfo = (LINUX / "invalid.twill.Studio.metainfo.xml").read_text()
    filled = tmp_path / "invalid.twill.Studio.metainfo.xml"
    filled.write_text(metainfo.replace("@PROJECT_VERSION@", VERSION).replace("@TWILL_RELEASE_DATE@", "2026-11-25"))
    tools = {
        "desktop-file-validate": [str(LINUX / "twill-studio.desktop")],
        "appstreamcli": ["validate", "--no-net", str(filled)],
    }
    there = {tool: arguments for tool, arguments in tools.items() if shutil.which(tool)}
    if not there:
        pytest.skip("neither desktop-file-validate nor appstreamcli is installed")
    for tool, arguments in there.items():
        done = subprocess.run([tool, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", ["package.sh", "check_deb.sh"])
def test_scripts_are_whole(script):
    subprocess.run(["bash", "-n", str(ROOT / "installer" / script)], check=True)


def test_check_deb_says_what_it_needs():
    done = subprocess.run(["bash", str(ROOT / "installer/check_deb.sh")], capture_output=True, text=True)
    assert done.returncode == 2 and "usage: check_deb.sh" in done.stderr
