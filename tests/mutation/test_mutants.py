# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The tests notice mutants of the code behind published figures; the tool that makes the mutants is right itself."""

import os
from pathlib import Path

import pytest

from mutant_programs import ROOT, Build, Program, Run, SuiteTest, run_tests, slow_tests
from mutant_sites import Mutation, named_site, sites, without_comments
from run_mutants import Mutant, Trial, named_mutations, read_lists, report
from schemata import Schemata

# As many as the tests are quick enough for; `run_mutants.py` draws more.
DRAWN = 30

CODE = b"""constexpr int kMost = 64;
double f(std::vector<double>& values, double bound) {
  double sum = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] > bound && i != 3) {
      continue;
    }
    sum += std::max(values[i], values.front()) * 2.0;  // a + b
  }
  require(sum < kMost, ErrorCode::kUsage, "sum ", sum - 1.0);
  return sum > bound ? sum : -bound;
}
"""


def changes(code: bytes) -> set[tuple[str, str]]:
    return {(one.operator, one.change) for one in sites("a.cpp", without_comments(code))}


def test_every_operator_finds_its_places():
    found = changes(CODE)
    assert {
        ("border", "`<` -> `<=`"),
        ("border", "`!=` -> `==`"),
        ("logic", "`&&` -> `||`"),
        ("arithmetic", "`*` -> `/`"),
        ("assignment", "`+=` -> `-=`"),
        ("step", "`++` -> `--`"),
        ("constant", "`64` -> `(64 + 1)`"),
        ("constant", "`2.0` -> `2.2`"),
        ("constant", "`0.0` -> `1.0`"),
        ("other call", "`max` -> `min`"),
        ("other call", "`front` -> `back`"),
        ("dropped", "`continue;` -> ``"),
        ("negated", "`sum > bound` -> `!(sum > bound)`"),
    } <= found


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(b"// a + b\n", id="comment"),
        pytest.param(b"std::array<int, 4> a;", id="template_argument"),
        pytest.param(b"void f() { TWILL_ASSERT(a > 2); }", id="assertion"),
        pytest.param(b'void f() { throw Error(kModel, concat("a ", b + 1)); }', id="words"),
    ],
)
def test_what_makes_no_difference_is_not_mutated(code):
    assert changes(code) == set()


def schemata_of(*replacements: tuple[str, str]) -> Schemata:
    source = without_comments(CODE)
    named = [named_site("a.cpp", source, old, new) for old, new in replacements]
    return Schemata(source, dict(enumerate(named)))


def one_line(schemata: Schemata) -> str:
    return "".join(schemata.text.split())


def test_an_expression_has_a_switch():
    text = one_line(schemata_of(("sum > bound", "sum < bound")))
    assert "return(twill_mutant(0)?(sum<bound):(sum>bound))?sum:-bound;" in text


def test_a_statement_has_a_switch():
    text = one_line(schemata_of(("continue;", "")))
    assert "{if(twill_mutant(0)){}else{continue;}}" in text


def test_a_constant_is_switched_where_it_is_read():
    text = one_line(schemata_of(("kMost = 64", "kMost = 65")))
    assert "constexprintkMost=64;" in text
    assert "sum<(twill_mutant(0)?(static_cast<std::remove_cv_t<decltype(kMost)>>(65)):(kMost))" in text


def test_mutants_within_each_other_are_one_text():
    schemata = schemata_of(("values[i] > bound && i != 3", "false"), ("i != 3", "i != 4"))
    assert "(twill_mutant(0)?(false):(values[i]>bound&&i!=(twill_mutant(1)?(4):(3))))" in one_line(schemata)
    for line, number in schemata.of_line.items():
        assert f"twill_mutant({number})" in schemata.text.split("\n")[line - 1]


def test_what_no_switch_fits_is_told():
    schemata = schemata_of(("double sum = 0.0", "float sum = 0.0"), ("i != 3", "i != 4"))
    assert schemata.without_place == {0}
    assert "twill_mutant(0)" not in schemata.text


@pytest.mark.parametrize(("old", "times"), [("not there", 0), ("values[i]", 2)])
def test_a_named_text_stands_there_once(old, times):
    with pytest.raises(ValueError, match=f"stands there {times} times"):
        named_site("a.cpp", CODE, old, "x")


def test_a_draw_is_not_changed_by_other_lines():
    def drawn(code: bytes) -> list[tuple]:
        return [one.key for one in sorted(sites("a.cpp", without_comments(code)), key=lambda each: each.rank(1))]

    longer = CODE.replace(b"  double sum = 0.0;", b"  bound -= 7.0;\n  double sum = 0.0;")
    kept = [key for key in drawn(longer) if "bound -= 7.0;" not in key[1]]
    assert kept == drawn(CODE)


def test_every_named_mutant_fits_a_line_of_today():
    lists = read_lists()
    named = [mutation for _, mutation in named_mutations(lists, lists["files"])]
    assert len(named) == len(lists["named"])
    for one in named:
        assert not Schemata(without_comments((ROOT / one.file).read_bytes()), {0: one}).without_place, one


def test_reasons_are_for_mutants_that_there_are():
    lists = read_lists()
    known = {one.key for file in lists["files"] for one in sites(file, without_comments((ROOT / file).read_bytes()))}
    listed = [(each["file"], each["line"], each["change"], each.get("nth", 0)) for each in lists.get("equivalent", [])]
    assert [key for key in listed if key not in known] == []


def test_slow_tests_are_left_out():
    assert "Solver.LargeProblemsComeNearTheBound" in slow_tests("search_test")
    assert slow_tests("report_test") == ""


@pytest.mark.parametrize(
    ("script", "killer", "how"),
    [
        pytest.param("exit 0", "", "", id="passes"),
        pytest.param("echo '[  FAILED  ] A.b (3 ms)'; exit 1", "p: A.b", "fails", id="fails"),
        pytest.param("echo '[ RUN      ] A.c'; kill -SEGV $$", "p: A.c", "crashes", id="crashes"),
        pytest.param("exit 2", "p: before the first test", "crashes", id="does_not_begin"),
        pytest.param("echo '[ RUN      ] A.d'; kill -XCPU $$", "p: A.d", "hangs", id="takes_too_long"),
    ],
)
def test_how_a_program_ends_is_told(script, killer, how):
    ran = run_tests(Program("p", "*", ["sh", "-c", script]), [SuiteTest("A.b", 1, {0})], 0)
    assert (ran.killer, ran.how) == (killer, how)


def test_a_reason_does_not_hide_that_tests_notice():
    one = Mutation("a.cpp", 0, 1, "-", "arithmetic", 3, "a + b", "`+` -> `-`")
    noticed = Run("search_test: A.b", "fails", 1)
    states = [Mutant(0, one, equivalent=why, run=run).state for why in ("", "why") for run in (Run(), noticed)]
    assert states == ["survived", "killed", "equivalent", "equivalent, but noticed"]
    assert "| survived | a.cpp:3 |" in report([Mutant(0, one)])


@pytest.mark.slow
@pytest.mark.mutation
def test_the_tests_notice_mutants():
    folder = os.environ.get("TWILL_BUILD_DIR")
    if not folder:
        pytest.skip("TWILL_BUILD_DIR names no build")
    lists = read_lists()
    jobs = int(os.environ.get("TWILL_JOBS") or os.cpu_count() or 1)
    mutants = Trial(Build(Path(folder), jobs), lists, lists["files"]).run(DRAWN, seed=1)
    assert all(mutant.is_fine for mutant in mutants), report(mutants)
