# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What one of pytest's workers takes at once, and in which order (pytest --numprocesses N --dist loadfile).

pytest-xdist's own groups (--dist loadgroup) are no groups at all under pytest 9.2, which gives a test another name than
xdist 3.8 changes.
"""

import re

import pytest

# Their tests need neither each other nor what another has made, and take long.
APART = ("tests/cli/test_kills.py", "tests/comfy/test_comfy_pack.py")


def piece_of(nodeid: str) -> str:
    """Tests of one piece run in one worker, in their order: a file, one test of APART, all tests with one wheel."""
    file = nodeid.partition("::")[0]
    wheel = re.search(r"(binary|pure)_wheel", nodeid) if file.startswith("tests/installer/") else None
    return nodeid if file in APART else wheel[0] if wheel else file


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Pieces with slow tests come first: the quick ones fill the end on all workers."""
    if hasattr(config, "workerinput"):
        with_slow = {piece_of(item.nodeid) for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: piece_of(item.nodeid) not in with_slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class PieceScheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return piece_of(nodeid)

    config.option.loadscopereorder = False  # the order is the one above, not by how many tests a piece has
    return PieceScheduling(config, log)
