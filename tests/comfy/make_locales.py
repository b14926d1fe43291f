# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Writes comfy_nodes/locales/en/nodeDefs.json from what the nodes say of themselves.

    make_locales.py http://127.0.0.1:8188

locales/zh is translated by hand; tests/comfy compares its keys.
"""

import json
import sys
import urllib.request
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "comfy_nodes" / "locales" / "en" / "nodeDefs.json"


def definitions(about: dict[str, dict]) -> dict:
    made = {}
    for node in sorted(name for name in about if name.startswith("Twill")):
        info = about[node]
        inputs = {**info["input"].get("required", {}), **info["input"].get("optional", {})}
        made[node] = {
            "display_name": info["display_name"],
            "description": info["description"],
            "inputs": {name: {"name": name, "tooltip": spec[1]["tooltip"]} for name, spec in inputs.items()},
            "outputs": {
                str(i): {"name": name, "tooltip": tooltip}
                for i, (name, tooltip) in enumerate(zip(info["output_name"], info["output_tooltips"], strict=True))
            },
        }
    return made


def main() -> None:
    with urllib.request.urlopen(f"{sys.argv[1]}/object_info") as answer:
        about = json.load(answer)
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(definitions(about), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
