# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plan files: those that come with the package and those in models/sparse_plans."""

import functools
import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from . import wheel

if TYPE_CHECKING:
    from twill_vdit.families import NetworkShape

    from .layouts import Family

FOLDER = "sparse_plans"
AUTO = "Auto (match model)"
PRESET = "preset: "


def register_folder() -> None:
    """Makes models/sparse_plans known to ComfyUI, extra_model_paths.yaml included."""
    import folder_paths

    own = str(Path(folder_paths.models_dir) / FOLDER)
    known, extensions = folder_paths.folder_names_and_paths.get(FOLDER, ([], set()))
    folder_paths.folder_names_and_paths[FOLDER] = ([own, *(p for p in known if p != own)], set(extensions) | {".json"})


def own_folder() -> Path:
    import folder_paths

    return Path(folder_paths.get_folder_paths(FOLDER)[0])


def safe_name(name: str) -> str:
    """Raises ValueError that says what is wrong with it."""
    name = name.strip().removesuffix(".json")
    if not re.fullmatch(r"[\w .()+-]{1,100}", name) or name.startswith("."):
        raise ValueError(
            f'the name "{name}" is not one for a plan: letters, digits, spaces and . ( ) + - _ only, 100 at most'
        )
    return name


@dataclass(frozen=True)
class LoadedPlan:
    """plan: twill_vdit.Plan. stamp: changes with the file."""

    name: str
    file: str
    stamp: tuple[int, int]
    plan: object

    def __hash__(self) -> int:
        return hash((self.file, self.stamp, self.name, len(self.plan.text)))

    def profile(self):
        """twill_vdit.search.Profile, or None."""
        return wheel.package("search").profile_of(self.plan) if wheel.has_kernels() else None


def preset_files() -> dict[str, Path]:
    """Name in the drop-down -> file of the package."""
    if wheel.why_missing():
        return {}
    try:
        found = wheel.package().preset_files()
    except wheel.package().Error:
        return {}
    return {f"{PRESET}{file.parent.name}/{file.stem}": file for file in found}


def user_files() -> dict[str, Path]:
    import folder_paths

    names = folder_paths.get_filename_list(FOLDER)
    return {shown_name(name): Path(folder_paths.get_full_path(FOLDER, name)) for name in names}


def shown_name(name: str) -> str:
    """The page knows text only: a file's name with bytes that are not UTF-8 is shown with these spelled out."""
    return name if wheel.why_missing() else wheel.package("texts").valid_text(name)


def names() -> list[str]:
    return [*user_files(), *preset_files()]


def file_of(name: str) -> Path:
    """Raises FileNotFoundError with a sentence."""
    file = {**preset_files(), **user_files()}.get(name)
    if file is None or not file.is_file():
        raise FileNotFoundError(f'the plan "{name}" is not in models/{FOLDER} and comes with no package')
    return file


def stamp_of(file: Path) -> tuple[int, int]:
    about = file.stat()
    return about.st_mtime_ns, about.st_size


@functools.lru_cache(maxsize=16)
def _read(name: str, file: str, stamp: tuple[int, int]) -> LoadedPlan:
    return LoadedPlan(name, file, stamp, wheel.package().read_plan(file))


def load(name: str) -> LoadedPlan:
    """Raises WheelMissingError, FileNotFoundError or twill_vdit.Error, each with one sentence."""
    wheel.package()
    file = file_of(name)
    return _read(name, str(file), stamp_of(file))


def from_plan(plan, name: str) -> LoadedPlan:
    return LoadedPlan(name, "", (0, hash(plan.text)), plan)


def why_not(loaded: LoadedPlan, family: "Family", shape: "NetworkShape") -> str:
    """Empty when the plan fits the network; a network may have further stacks, which stay dense."""
    return wheel.package("families").why_not(loaded.plan, family.facts, shape, loaded.name)


def file_name_of(model) -> str:
    """Of the weights, as core's loaders leave it; empty when it is not known."""
    made_by = getattr(model, "cached_patcher_init", None)
    if not made_by:
        return ""
    arguments = made_by[1] if isinstance(made_by[1], (tuple, list)) else ()
    return next((PurePath(each).name for each in arguments if isinstance(each, (str, PurePath))), "")


@dataclass(frozen=True)
class Match:
    """loaded: what Auto takes. relatives: names of plans that fit the shape but are for another model."""

    loaded: LoadedPlan | None
    relatives: list[str]
    damaged: list[str]  # with the reason


def match(family: "Family", network, file_name: str) -> Match:
    """The user's plans come before presets; within both the likeliest kind of model, then the name."""
    shape = family.shape(network)
    found, relatives, damaged = [], [], []
    presets = preset_files()
    for number, name in enumerate(names()):
        try:
            loaded = load(name)
        except Exception as error:
            damaged.append(f"{name}: {error}")
            continue
        if why_not(loaded, family, shape):
            continue
        rank = family.rank(loaded.plan.model.family, network, file_name)
        if rank is None:
            relatives.append(name)
        else:
            found.append((name in presets, rank, number, loaded))
    return Match(min(found, key=lambda each: each[:3])[3] if found else None, relatives, damaged)
