# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plans are tried by clips until the cheapest that holds is found."""

from collections.abc import Callable

from twill_vdit.search import BudgetFinder

from .request import SearchStoppedError, Target, Try, Wish


def reach(target: Target, solver, measure: Callable[[object, int], float]) -> tuple[object, list[Try], str]:
    """(solution, tries, a note for the user). measure: (solution, number of the try) -> what the wish is for.

    Raises ValueError when no try holds, SearchStoppedError when time was over before one did.
    """
    quality = target.wish is Wish.PSNR
    finder = BudgetFinder("psnr" if quality else "speedup", target.value, least_budget=solver.least_budget())
    solutions: list = []
    tries: list[Try] = []
    note = ""
    while (budget := finder.next()) is not None:
        solution = solver.solve(budget)
        try:
            measured = measure(solution, len(tries) + 1)
        except SearchStoppedError:
            if finder.best is None:
                raise
            note = f"The time limit ended the search after {len(tries)} tries; the best of them is saved."
            break
        solutions.append(solution)
        tries.append(Try(solution.density, measured, finder.tell(measured)))
    if finder.best is None:
        unit = " dB" if quality else "x"
        nearest = max(each.measured for each in tries)
        raise ValueError(
            f"{target} was not reached in {len(tries)} tries (measured, it takes {finder.wanted:.2f}{unit}); "
            f"the nearest had {nearest:.2f}{unit}. Ask for less."
        )
    return solutions[finder.best], tries, note
