# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""results/speaks_of.json: of which code each result speaks, and whether that is the code here.

`code` names files and folders, `sha256` is over them when the result was measured, or "not known". Where it is not that
of the files here, `older` says so in a sentence. `make_tables.py` takes the sha256 out of the results and writes the
sentence where one is missing; what is to be known beyond that, people add to it.
"""

from pathlib import Path

from result_paths import RESULTS, read
from run_facts import ALWAYS, INDEX, OF_A_PROFILE, OF_A_RULE, code_sha256, read_index

NOT_KNOWN = "not known"
CHANGED = "The code here has changed since it was measured."
WITH_PROFILE = (
    "attention_plan",
    "comfy",
    "comfy_other_size",
    "costs",
    "demo",
    "policies",
    "prediction",
    "prediction_clip",
    "transfer",
)
WITH_RULE = ("policies", "prediction", "prediction_clip")


def result_files(name: str) -> list[Path]:
    """Of an entry of the index: one file, or those of a folder."""
    folder = RESULTS / name
    return sorted(folder.glob("*.json")) if folder.is_dir() else [RESULTS / f"{name}.json"]


def names() -> list[str]:
    """Every result, a folder as one."""
    found = {file.relative_to(RESULTS).with_suffix("").parts[0] for file in RESULTS.rglob("*.json") if file != INDEX}
    return sorted(found)


def runs(name: str) -> list[dict]:
    found = read(name)
    return [each["run"] for each in found.values()] if (RESULTS / name).is_dir() else [found["run"]]


def problems_of_run(name: str, run: dict) -> list[str]:
    """What the object lacks: each fact stands in it or in not_known."""
    wanted = [*ALWAYS]
    wanted += ["driver"] if "NVIDIA" in run.get("device", "") else []
    wanted += [OF_A_PROFILE] if name in WITH_PROFILE else []
    wanted += OF_A_RULE if name in WITH_RULE else []
    unknown = run.get("not_known")
    if not isinstance(unknown, list):
        return [f"{name}: run.not_known is no list"]
    neither = [
        f"{name}: {fact} is neither told nor listed as not known" for fact in wanted if fact not in {*run, *unknown}
    ]
    both = [f"{name}: {fact} is told and listed as not known" for fact in unknown if fact in run]
    empty = [f"{name}: {fact} is empty" for fact in wanted if fact in run and not run[fact]]
    return neither + both + empty


def sha256_of(name: str) -> str:
    measured = {run.get("code", NOT_KNOWN) for run in runs(name)}
    return measured.pop() if len(measured) == 1 else NOT_KNOWN


def brought_up_to_date(index: dict) -> dict:
    made = {}
    for name in names():
        if name not in index:
            raise LookupError(f"{INDEX.name} does not say of which code {name} speaks")
        entry = index[name]
        measured = sha256_of(name)
        fresh = {"code": entry["code"], "sha256": measured}
        if measured != code_sha256(tuple(entry["code"])):
            fresh["older"] = entry.get("older") or CHANGED
        made[name] = fresh
    return made


def table_rows() -> list[tuple[str, ...]]:
    rows = []
    for name, entry in read_index().items():
        (run, *_) = runs(name)
        versions = [f"{key} {run['versions'][key]}" for key in ("torch", "compiler") if key in run["versions"]]
        driver = [f"driver {run['driver']}"] if "driver" in run else []
        measured_on = ", ".join([run["device"], *driver, *versions])
        link = f"`{name}`" if (RESULTS / name).is_dir() else f"`{name}.json`"
        code = ", ".join(f"`{each}`" for each in entry["code"])
        rows.append((link, measured_on, ", ".join(run["not_known"]), code, entry.get("older", "It is the code here.")))
    return rows
