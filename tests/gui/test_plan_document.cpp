// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <QFile>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <cmath>

#include "base/text.h"
#include "gui/made_up_plan.h"
#include "plan/plan_document.h"
#include "plan/plan_edits.h"
#include "plan/predictor.h"
#include "plan/quality_solver.h"
#include "refusal.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"
#include "twill/search/ledger.h"

namespace twill::gui {
namespace {

constexpr int kPatienceMs = 30000;

Plan small_plan(std::int32_t segments = 3) {
  return tests::make_plan(tests::make_profile({}), segments);
}

using tests::refusal;

}  // namespace

class TestPlanDocument : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void an_edit_is_undone_and_redone() {
    PlanDocument document;
    document.take(std::make_shared<const Plan>(small_plan()), {}, false);
    const std::shared_ptr<const Plan> before = document.plan();
    QVERIFY(!document.modified());
    document.edit(QStringLiteral("edit"), with_pattern(*before, {0}, {{0, 5}}, skip()));
    QCOMPARE(pattern_of(*document.plan(), 0, {0, 5}).kind, PatternKind::kSkip);
    QVERIFY(document.modified());
    document.undo_stack().undo();
    QCOMPARE(document.plan(), before);
    QVERIFY(!document.modified());
    document.undo_stack().redo();
    QCOMPARE(pattern_of(*document.plan(), 0, {0, 5}).kind, PatternKind::kSkip);
  }

  void an_edit_that_changes_nothing_is_no_step() {
    PlanDocument document;
    document.take(std::make_shared<const Plan>(small_plan()), {}, false);
    document.edit(QStringLiteral("nothing"), *document.plan());
    QCOMPARE(document.undo_stack().count(), 0);
  }

  void moves_with_one_id_are_one_step() {
    PlanDocument document;
    document.take(std::make_shared<const Plan>(small_plan()), {}, false);
    const std::shared_ptr<const Plan> before = document.plan();
    for (const double reach : {0.5, 1.0, 1.5}) {
      document.edit(QStringLiteral("reach"),
                    with_pattern(*document.plan(), {0}, {{0, 0}}, make_pattern(Diagonal{reach})),
                    3);
    }
    QCOMPARE(document.undo_stack().count(), 1);
    document.undo_stack().undo();
    QCOMPARE(document.plan(), before);
  }

  void what_was_saved_is_opened_again() {
    const QString file = folder_.filePath(QStringLiteral("plan.json"));
    PlanDocument document;
    document.take(std::make_shared<const Plan>(small_plan()), {}, true);
    QVERIFY(document.modified());
    document.save_as(file);
    QVERIFY(!document.modified());
    PlanDocument other;
    other.open(file);
    QCOMPARE(other.plan()->segments, document.plan()->segments);
    QVERIFY(other.plan()->profile != nullptr);
    QCOMPARE(other.plan()->profile->head_error, document.plan()->profile->head_error);
  }

  void a_wrong_file_leaves_the_document_as_it_was() {
    PlanDocument document;
    document.take(std::make_shared<const Plan>(small_plan()), {}, false);
    const std::shared_ptr<const Plan> before = document.plan();
    const QString damaged = folder_.filePath(QStringLiteral("damaged.json"));
    {
      QFile file(damaged);
      QVERIFY(file.open(QIODevice::WriteOnly));
      file.write(QByteArray::fromStdString(plan_to_json(*before)).chopped(200));
    }
    const std::string said = refusal([&] { document.open(damaged); });
    QVERIFY2(said.find("damaged.json") != std::string::npos, said.c_str());
    QVERIFY(
        !refusal([&] { document.open(folder_.filePath(QStringLiteral("none.json"))); }).empty());
    QCOMPARE(document.plan(), before);
  }

  void saving_where_nothing_can_be_written_keeps_the_edits() {
    PlanDocument document;
    document.take(std::make_shared<const Plan>(small_plan()), {}, true);
    const std::string said =
        refusal([&] { document.save_as(folder_.filePath(QStringLiteral("no/such/plan.json"))); });
    QVERIFY2(said.find("plan.json") != std::string::npos, said.c_str());
    QVERIFY(document.modified());
  }

  void dense_segments_become_sparse_and_back() {
    Plan plan = with_segment_dense(small_plan(), 1, true);
    QVERIFY(plan.segments[1].dense);
    check_plan(plan);
    QCOMPARE(pattern_of(plan, 1, {0, 3}).kind, PatternKind::kDense);
    // The nearest sparse segment lends its patterns.
    const Plan back = with_segment_dense(plan, 1, false);
    check_plan(back);
    QCOMPARE(pattern_of(back, 1, {0, 3}), pattern_of(plan, 0, {0, 3}));
    // One head of a dense segment: the others stay dense.
    plan = with_pattern(std::move(plan), {1}, {{0, 3}}, skip());
    check_plan(plan);
    QCOMPARE(pattern_of(plan, 1, {0, 3}).kind, PatternKind::kSkip);
    QCOMPARE(pattern_of(plan, 1, {0, 4}).kind, PatternKind::kDense);
  }

  void segments_are_split_and_joined() {
    const Plan split = with_segment_split(small_plan(2), 0, 0.25);
    check_plan(split);
    QCOMPARE(split.segments.size(), 3U);
    QCOMPARE(split.segments[1].t_begin, 0.25);
    // The earlier of a run, of greater t, takes in the later one.
    const Plan joined = with_segments_joined(split, 1);
    check_plan(joined);
    QCOMPARE(joined.segments, small_plan(2).segments);
    const Plan whole = with_segments_joined(joined, 1);
    check_plan(whole);
    QCOMPARE(whole.segments.size(), 1U);
    QCOMPARE(pattern_of(whole, 0, {0, 3}), pattern_of(small_plan(2), 1, {0, 3}));
    QCOMPARE(refusal([] { with_segments_joined(small_plan(2), 0); }),
             std::string("no segment follows segment 0 in a run"));
    QCOMPARE(refusal([] { with_segment_split(small_plan(2), 0, 0.75); }),
             std::string("t 0.75 is not inside (0, 0.5)"));
  }

  void unused_patterns_go() {
    const Plan before = small_plan();
    std::vector<HeadRef> all;
    for (std::size_t head = 0; head < 12; ++head) {
      all.push_back({0, head});
    }
    const Plan after = with_pattern(before, {0, 1, 2}, all, mean());
    check_plan(after);
    QCOMPARE(after.patterns, std::vector<Pattern>{mean()});
  }

  void fixed_heads_have_one_pattern_and_are_kept_in_files() {
    Plan plan = small_plan();
    const Pattern pattern = pattern_of(plan, 1, {0, 7});
    plan = with_fixed(std::move(plan), {{0, 7}}, true, 1);
    for (const std::size_t segment : {0, 1, 2}) {
      QCOMPARE(pattern_of(plan, segment, {0, 7}), pattern);
    }
    const Plan read = parse_plan(plan_to_json(plan), "memory");
    QCOMPARE(fixed_heads(read), (std::set<HeadRef>{{0, 7}}));
    QVERIFY(fixed_heads(with_fixed(read, {{0, 7}}, false, 1)).empty());
    // A plan as version 1.0 has it stays one, one with typed facts is given typed heads.
    plan.provenance["studio_fixed_heads"] = "0:7 9:1 x 0:99 :";
    QCOMPARE(fixed_heads(plan), (std::set<HeadRef>{{0, 7}}));
    plan.dense_first_layers = 0;
    plan = with_fixed(std::move(plan), {{0, 7}}, true, 1);
    QCOMPARE(plan.fixed_heads.size(), std::size_t{1});
    QCOMPARE(fixed_heads(parse_plan(plan_to_json(plan), "memory")), (std::set<HeadRef>{{0, 7}}));
  }

  void a_run_that_is_none_of_our_samplers_is_predicted_over_its_own_times() {
    Plan plan = small_plan();
    auto profile = std::make_shared<Profile>(*plan.profile);
    profile->provenance = {{"steps", "?"}, {"shift", ""}, {"sampler", "dpmpp_2m"}};
    profile->run =
        RunFacts{.t = {1.0, 0.97, 0.6, 0.1},
                 .sampler = "dpmpp_2m",
                 .scheduler = "beta",
                 .grid = {profile->layout.frames, profile->layout.rows, profile->layout.cols},
                 .steps = 4};
    profile->expert_boundary = 0.9;
    plan.profile = profile;
    plan.provenance.clear();
    const Predictor predictor(plan.profile, report::solved_run(plan));
    std::vector<double> t;
    for (const search::Forward& forward : predictor.run().forwards) {
      t.push_back(forward.t);
    }
    QCOMPARE(t, profile->run->t);
    QVERIFY(predictor.numbers(plan).error > 0.0);
  }

  // The two libraries that say the same thing in other ways are the oracles.
  void predicted_numbers_are_those_of_solver_and_compiler() {
    const Plan plan = with_segment_dense(small_plan(4), 3, true);
    const Predictor predictor(plan.profile);
    const PlanNumbers numbers = predictor.numbers(plan);
    const search::Ledger ledger(plan.profile, predictor.run().forwards, predictor.run().weight,
                                predictor.run().layout);
    const double error = ledger.error(plan);
    QVERIFY(error > 0.0 && std::abs(numbers.error - error) <= 1e-9 * error);
    std::vector<double> t;
    for (const search::Forward& forward : predictor.run().forwards) {
      t.push_back(forward.t);
    }
    const CompiledPlan compiled(plan, plan.profile->layout, 1);
    QVERIFY(std::abs(numbers.density - run_density(compiled, plan, t)) < 1e-12);
    QCOMPARE(numbers.unmeasured, 0);
    QVERIFY(!numbers.attention_share);
  }

  void a_pattern_that_was_not_measured_is_counted_not_guessed() {
    const Plan plan =
        with_pattern(small_plan(1), {0}, {{0, 2}}, make_pattern(Diagonal{.reach = 0.777}));
    const Predictor predictor(plan.profile);
    QCOMPARE(predictor.numbers(plan).unmeasured, 1);
  }

  void the_slider_solves_and_leaves_fixed_heads_alone() {
    PlanDocument document;
    Plan plan = small_plan(2);
    const Pattern pattern = pattern_of(plan, 0, {0, 7});
    document.take(std::make_shared<const Plan>(with_fixed(std::move(plan), {{0, 7}}, true, 0)), {},
                  false);
    QualitySolver solver(document);
    QTRY_VERIFY_WITH_TIMEOUT(solver.can_solve(), kPatienceMs);
    solver.set_quality(0.2);
    const double sparse = solver.numbers()->density;
    const double sparse_error = solver.numbers()->error;
    solver.set_quality(0.7);
    QVERIFY(solver.numbers()->density > sparse);
    QVERIFY(solver.numbers()->error < sparse_error);
    bool any_sparse = false;
    for (std::size_t i = 0; i < document.plan()->segments.size(); ++i) {
      if (!document.plan()->segments[i].dense) {
        any_sparse = true;
        QCOMPARE(pattern_of(*document.plan(), i, {0, 7}), pattern);
      }
    }
    QVERIFY(any_sparse);
    QCOMPARE(document.undo_stack().count(), 1);
    QVERIFY(solver.front().size() > 2);
  }

  void the_slider_chooses_precision_where_the_profile_knows_it_and_keeps_that_of_fixed_heads() {
    PlanDocument document;
    Plan plan = small_plan(2);
    auto profile = std::make_shared<Profile>(*plan.profile);
    profile->int8_error.assign(profile->gain.size(), 1e-6F);
    plan.profile = profile;
    std::vector<std::size_t> sparse;
    for (std::size_t i = 0; i < plan.segments.size(); ++i) {
      if (!plan.segments[i].dense) {
        sparse.push_back(i);
      }
    }
    const Pattern window = make_pattern(Window{.frames = 1, .rows = 0.5, .cols = 0.5});
    const Pattern pattern =
        profile->candidates.back().kind == PatternKind::kSkip ? window : profile->candidates.back();
    for (const HeadRef head : {HeadRef{0, 6}, HeadRef{0, 7}}) {
      plan = with_pattern(std::move(plan), sparse, {head}, pattern);
    }
    plan = with_precision(std::move(plan), sparse, {{0, 7}}, Precision::kInt8);
    plan = with_fixed(std::move(plan), {{0, 6}, {0, 7}}, true, sparse.front());
    document.take(std::make_shared<const Plan>(plan), {}, false);
    QualitySolver solver(document);
    QTRY_VERIFY_WITH_TIMEOUT(solver.can_solve(), kPatienceMs);
    solver.set_quality(0.3);
    const Plan& solved = *document.plan();
    for (std::size_t i = 0; i < solved.segments.size(); ++i) {
      if (!solved.segments[i].dense) {
        QVERIFY(precision_at(solved, i, 0, 6) == Precision::kBf16);
        QVERIFY(precision_at(solved, i, 0, 7) == Precision::kInt8);
      }
    }
    QVERIFY(precision_counts(solved).int8 > 1);
    QVERIFY(solver.numbers()->unmeasured == 0);
  }

  void another_plan_in_the_middle_of_preparing_wins() {
    PlanDocument document;
    QualitySolver solver(document);
    document.take(std::make_shared<const Plan>(small_plan()), {}, false);
    QVERIFY(solver.preparing());
    auto second = std::make_shared<const Plan>(small_plan(2));
    document.take(second, {}, false);
    QTRY_VERIFY_WITH_TIMEOUT(solver.can_solve(), kPatienceMs);
    QCOMPARE(solver.predictor()->profile_pointer(), second->profile);
    Plan bare = *second;
    bare.profile.reset();
    document.take(std::make_shared<const Plan>(bare), {}, false);
    QVERIFY(!solver.can_solve());
    QVERIFY(!solver.numbers());
  }

 private:
  QTemporaryDir folder_;
};

}  // namespace twill::gui

QTEST_GUILESS_MAIN(twill::gui::TestPlanDocument)
#include "test_plan_document.moc"
