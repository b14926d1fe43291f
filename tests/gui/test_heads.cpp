// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <QAbstractItemModelTester>
#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QPushButton>
#include <QSettings>
#include <QSlider>
#include <QTabBar>
#include <QTemporaryDir>
#include <QTest>
#include <algorithm>
#include <array>
#include <cmath>

#include "base/chart.h"
#include "base/text.h"
#include "base/theme.h"
#include "gui/made_up_plan.h"
#include "heads/attention_image.h"
#include "heads/attention_view.h"
#include "heads/head_inspector.h"
#include "heads/heads_map.h"
#include "heads/heads_page.h"
#include "heads/plan_panel.h"
#include "heads/quality_panel.h"
#include "heads/video_grid_view.h"
#include "plan/plan_document.h"
#include "plan/plan_edits.h"
#include "plan/predictor.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/whole_files.h"
#include "twill/report/plan_figures.h"
#include "twill/report/solved_run.h"

namespace twill::gui {
namespace {

constexpr int kPatienceMs = 30000;

Plan two_stacks() {
  tests::MadeUp of;
  of.stacks = {{.name = "double_blocks", .layers = 3, .heads = 4},
               {.name = "single_blocks", .layers = 5, .heads = 2}};
  of.experts = {"high_noise", "low_noise"};
  return tests::make_plan(tests::make_profile(of), 3);
}

}  // namespace

class TestHeads : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() {
    settings_ = std::make_unique<QSettings>(folder_.filePath(QStringLiteral("s.ini")),
                                            QSettings::IniFormat);
    document_ = std::make_unique<PlanDocument>();
    page_ = std::make_unique<HeadsPage>(
        Session{.theme = theme_, .document = *document_, .settings = *settings_});
    widget_.reset(page_->widget());
    widget_->resize(1200, 800);
    widget_->show();
    QVERIFY(QTest::qWaitForWindowActive(widget_.get()));
  }
  void cleanup() {
    // The page's views look at its models: they go first.
    widget_.reset();
    page_.reset();
    document_.reset();
  }

  void the_model_keeps_the_rules_of_models() {
    HeadsModel model;
    const QAbstractItemModelTester tester(&model,
                                          QAbstractItemModelTester::FailureReportingMode::QtTest);
    auto plan = std::make_shared<const Plan>(two_stacks());
    model.set_plan(plan, nullptr);
    QCOMPARE(model.rowCount(), 3);
    model.set_plan(plan, std::make_shared<const Predictor>(plan->profile));
    model.set_view(1, 1);
    QCOMPARE(model.rowCount(), 5);
    QCOMPARE(model.columnCount(), 2);
    model.set_segment(2);
    for (const auto& [measure, name] : kMeasureNames) {
      model.set_measure(measure);
    }
    model.set_filter({.kind = PatternKind::kWindow});
    model.set_plan(nullptr, nullptr);
    QCOMPARE(model.rowCount(), 0);
  }

  void a_head_says_what_the_profile_says() {
    const auto plan = std::make_shared<const Plan>(two_stacks());
    const auto predictor = std::make_shared<const Predictor>(plan->profile);
    HeadsModel model;
    model.set_plan(plan, predictor);
    model.set_view(0, 1);
    const QModelIndex index = model.index(2, 1);
    const HeadRef head = model.head_at(index);
    QCOMPARE(head.head, 12U + 2U * 2U + 1U);
    QCOMPARE(model.index_of(head), index);
    const Pattern& pattern = pattern_of(*plan, 0, head);
    QCOMPARE(index.data(HeadsModel::kKindRole).toInt(), static_cast<int>(pattern.kind));
    QCOMPARE(index.data(HeadsModel::kDensityRole).toDouble(),
             static_cast<double>(pattern_tiles(pattern, plan->profile->layout)) /
                 static_cast<double>(dense_tiles(plan->profile->layout)));
    double share = 0.0;
    for (std::size_t stack = 0; stack < 2; ++stack) {
      model.set_view(0, stack);
      for (int row = 0; row < model.rowCount(); ++row) {
        for (int column = 0; column < model.columnCount(); ++column) {
          share += model.index(row, column).data(HeadsModel::kCostRole).toDouble();
        }
      }
    }
    QVERIFY(std::abs(share - 1.0) < 1e-9);
  }

  void every_number_is_the_reports_data() {
    QTest::addColumn<int>("frames");
    QTest::addColumn<bool>("timed");
    QTest::newRow("as profiled") << 5 << false;
    QTest::newRow("a longer clip") << 9 << false;
    QTest::newRow("a longer clip, timed") << 9 << true;
  }

  void every_number_is_the_reports() {
    QFETCH(const int, frames);
    QFETCH(const bool, timed);
    Plan made = two_stacks();
    auto profile = std::make_shared<Profile>(*made.profile);
    if (timed) {
      profile->cost = {.device = "none", .kernel = "none", .layout = profile->layout};
      for (std::size_t i = 0; i < profile->candidates.size(); ++i) {
        profile->cost.milliseconds.push_back(9.0 - 0.25 * static_cast<double>(i));
      }
    }
    made = with_segment_dense(std::move(made), 2, true);
    made.profile = profile;
    made.provenance["grid"] = concat(frames, "x8x8");
    const auto plan = std::make_shared<const Plan>(std::move(made));
    const auto predictor =
        std::make_shared<const Predictor>(plan->profile, report::solved_run(*plan));
    const report::PlanFigures figures =
        report::figures_of(plan, plan->profile, report::run_of(*plan, {}, "plan.json"));
    const auto same = [](double a, double b) {
      return std::abs(a - b) <= 1e-12 * std::max(std::abs(a), std::abs(b));
    };
    const PlanNumbers numbers = predictor->numbers(*plan);
    QVERIFY(numbers.error > 0.0);
    QVERIFY(same(numbers.error, figures.predicted_error));
    QVERIFY(same(numbers.density, figures.density));
    QCOMPARE(numbers.attention_share.has_value(), timed);
    QVERIFY(!timed || same(*numbers.attention_share, figures.cost / figures.dense_cost));
    HeadsModel model;
    model.set_plan(plan, predictor);
    const std::size_t heads = plan->profile->heads();
    for (std::size_t segment = 0; segment < plan->segments.size(); ++segment) {
      model.set_segment(segment);
      const report::SegmentFigures& shown = figures.segments[figures.segments.size() - 1 - segment];
      for (std::size_t expert = 0; expert < 2; ++expert) {
        for (std::size_t stack = 0; stack < 2; ++stack) {
          model.set_view(expert, stack);
          for (int row = 0; row < model.rowCount(); ++row) {
            for (int column = 0; column < model.columnCount(); ++column) {
              const QModelIndex index = model.index(row, column);
              const report::HeadFigures& head =
                  shown.heads[expert * heads + model.head_at(index).head];
              QVERIFY(same(index.data(HeadsModel::kDensityRole).toDouble(), head.density));
              QVERIFY(same(index.data(HeadsModel::kErrorRole).toDouble(), head.head_error));
            }
          }
        }
      }
    }
  }

  void what_is_kept_is_counted_as_the_tiles_lie() {
    const TokenLayout layout{.frames = 5, .rows = 12, .cols = 12, .suffix = 9};
    const std::int32_t blocks = 9;
    const std::int32_t block = (layout.tokens() + blocks - 1) / blocks;
    for (const Pattern& pattern :
         {make_pattern(Window{.frames = 1, .rows = 0.2, .cols = 0.2},
                       TokenOrder{OrderKind::kTiles, 4, 4, 4}),
          make_pattern(Diagonal{.reach = 0.5}, TokenOrder{}), dense(), skip()}) {
      const std::vector<float> share = kept_share(pattern, layout, blocks);
      std::vector<double> wanted(share.size(), pattern.kind == PatternKind::kDense ? 1.0 : 0.0);
      if (!pattern.parts.empty()) {
        // Every token pair of every tile, one by one.
        const TileList list = compile_pattern(pattern, layout);
        const auto token = [&](std::int32_t at) {
          return list.position_to_token ? (*list.position_to_token)[static_cast<std::size_t>(at)]
                                        : at;
        };
        std::vector<double> all(share.size(), 0.0);
        for (std::int32_t query = 0; query < layout.tokens(); ++query) {
          for (std::int32_t key = 0; key < layout.tokens(); ++key) {
            const auto cell =
                static_cast<std::size_t>(token(query) / block * blocks + token(key) / block);
            all[cell] += 1.0;
            const auto tile = static_cast<std::size_t>(query / 128);
            for (std::int32_t run = list.run_begin[tile]; run < list.run_begin[tile + 1]; ++run) {
              const auto& of = list.runs[static_cast<std::size_t>(run)];
              wanted[cell] += key / 64 >= of.first && key / 64 < of.first + of.count ? 1.0 : 0.0;
            }
          }
        }
        for (std::size_t i = 0; i < all.size(); ++i) {
          wanted[i] = all[i] > 0.0 ? wanted[i] / all[i] : 0.0;
        }
      }
      for (std::size_t i = 0; i < share.size(); ++i) {
        QVERIFY(std::abs(static_cast<double>(share[i]) - wanted[i]) < 1e-5);
      }
    }
  }

  void a_drag_selects_a_rectangle_and_an_edit_is_undone() {
    open(two_stacks());
    HeadsMap& map = page_->map();
    const QAbstractItemModel& model = page_->model();
    drag(map, model.index(0, 1), model.index(1, 2));
    QCOMPARE(map.selection().selectedIndexes().size(), 4);
    auto* kind = widget_->findChild<QComboBox*>(QStringLiteral("pattern_kind"));
    const std::shared_ptr<const Plan> before = document_->plan();
    kind->setFocus();
    kind->setCurrentIndex(kind->findData(static_cast<int>(PatternKind::kDense)));
    Q_EMIT kind->activated(kind->findData(static_cast<int>(PatternKind::kSkip)));
    for (const QModelIndex& index : map.selection().selectedIndexes()) {
      QCOMPARE(index.data(HeadsModel::kKindRole).toInt(), static_cast<int>(PatternKind::kSkip));
    }
    document_->undo_stack().undo();
    QCOMPARE(document_->plan(), before);
  }

  void keys_move_extend_and_zoom() {
    open(two_stacks());
    HeadsMap& map = page_->map();
    map.setFocus();
    QTest::keyClick(&map, Qt::Key_Home);
    QTest::keyClick(&map, Qt::Key_Right);
    QTest::keyClick(&map, Qt::Key_Down);
    QCOMPARE(map.selection().currentIndex(), page_->model().index(1, 1));
    QTest::keyClick(&map, Qt::Key_Down, Qt::ShiftModifier);
    QTest::keyClick(&map, Qt::Key_Right, Qt::ShiftModifier);
    QCOMPARE(map.selection().selectedIndexes().size(), 4);
    QTest::keyClick(&map, Qt::Key_A, Qt::ControlModifier);
    QCOMPARE(map.selection().selectedIndexes().size(), 12);
    QTest::keyClick(&map, Qt::Key_Escape);
    QVERIFY(map.selection().selectedIndexes().isEmpty());
    QTest::keyClick(&map, Qt::Key_Plus);
    QVERIFY(map.zoom() > 1.0);
    QTest::keyClick(&map, Qt::Key_0);
    QCOMPARE(map.zoom(), 1.0);
  }

  void a_layers_number_selects_the_layer() {
    open(two_stacks());
    HeadsMap& map = page_->map();
    const QRect cell = map.cell_rect(page_->model().index(2, 0));
    QTest::mouseClick(map.viewport(), Qt::LeftButton, {}, QPoint(5, cell.center().y()));
    QCOMPARE(map.selection().selectedIndexes().size(), 4);
    QCOMPARE(map.selection().currentIndex().row(), 2);
  }

  void tabs_show_the_other_stack_and_expert() {
    open(two_stacks());
    widget_->findChild<QTabBar*>(QStringLiteral("stacks"))->setCurrentIndex(1);
    QCOMPARE(page_->model().rowCount(), 5);
    widget_->findChild<QTabBar*>(QStringLiteral("experts"))->setCurrentIndex(1);
    QCOMPARE(page_->model().expert(), 1U);
  }

  void playing_goes_over_the_segments() {
    open(two_stacks());
    const std::size_t first = page_->model().segment();
    page_->play(true);
    QTRY_VERIFY_WITH_TIMEOUT(page_->model().segment() != first, kPatienceMs);
    page_->play(false);
    QVERIFY(!page_->playing());
  }

  void a_filter_selects_what_it_says() {
    open(two_stacks());
    auto* kind = widget_->findChild<QComboBox*>(QStringLiteral("filter_kind"));
    kind->setCurrentIndex(kind->findData(static_cast<int>(PatternKind::kDiagonal)));
    auto* measure = widget_->findChild<QComboBox*>(QStringLiteral("filter_measure"));
    measure->setCurrentIndex(1);  // density
    widget_->findChild<QDoubleSpinBox*>(QStringLiteral("filter_least"))->setValue(20.0);
    QTest::mouseClick(widget_->findChild<QPushButton*>(QStringLiteral("select_matching")),
                      Qt::LeftButton);
    const QModelIndexList selected = page_->map().selection().selectedIndexes();
    qsizetype wanted = 0;
    for (int row = 0; row < page_->model().rowCount(); ++row) {
      for (int column = 0; column < page_->model().columnCount(); ++column) {
        const QModelIndex index = page_->model().index(row, column);
        wanted +=
            index.data(HeadsModel::kKindRole).toInt() == static_cast<int>(PatternKind::kDiagonal) &&
            index.data(HeadsModel::kDensityRole).toDouble() >= 0.2;
      }
    }
    QVERIFY(wanted > 0);
    QCOMPARE(selected.size(), wanted);
  }

  void a_candidate_of_the_chart_becomes_the_heads_pattern() {
    open(two_stacks());
    page_->map().selection().setCurrentIndex(page_->model().index(1, 1),
                                             QItemSelectionModel::ClearAndSelect);
    Chart& chart = page_->inspector().candidates();
    QVERIFY(!chart.series().empty());
    const std::size_t wanted = 9;
    // Points may lie on each other: by its signal rather than by a click at its place.
    Q_EMIT chart.picked(0, static_cast<int>(wanted));
    QCOMPARE(pattern_of(*document_->plan(), page_->model().segment(),
                        page_->model().head_at(page_->model().index(1, 1))),
             document_->plan()->profile->candidates[wanted]);
  }

  void a_click_on_a_token_shows_where_it_looks() {
    open(two_stacks());
    VideoGridView& video = page_->inspector().video();
    AttentionView& attention = page_->inspector().attention();
    QTest::mouseClick(&attention, Qt::LeftButton, {}, attention.rect().center());
    QVERIFY(attention.picked_block().x() >= 0);
    const int from_map = video.token();
    video.resize(500, 300);
    const int token = from_map == 70 ? 71 : 70;
    QTest::mouseClick(&video, Qt::LeftButton, {}, video.token_rect(token).center().toPoint());
    QCOMPARE(video.token(), token);
    QTest::keyClick(&video, Qt::Key_PageDown);
    QCOMPARE(video.token(), token + 64);
    QTest::keyClick(&attention, Qt::Key_K);
    QVERIFY(!attention.kept_shown());
  }

  void the_sliders_keys_move_plan_and_marker() {
    open(two_stacks());
    QSlider& slider = page_->quality().slider();
    QTRY_VERIFY_WITH_TIMEOUT(slider.isEnabled(), kPatienceMs);
    slider.setFocus();
    QTest::keyClick(&slider, Qt::Key_Home);
    QTest::keyClick(&slider, Qt::Key_PageUp);
    const QPointF low = page_->quality().front().marker().value();
    QTest::keyClick(&slider, Qt::Key_PageUp);
    const QPointF high = page_->quality().front().marker().value();
    QVERIFY(high.x() > low.x());
    QVERIFY(high.y() < low.y());
    QCOMPARE(document_->undo_stack().count(), 1);
  }

  void each_drag_is_a_step_and_undo_takes_the_handle_along() {
    open(two_stacks());
    QSlider& slider = page_->quality().slider();
    QTRY_VERIFY_WITH_TIMEOUT(slider.isEnabled(), kPatienceMs);
    QUndoStack& steps = document_->undo_stack();
    const int opened = slider.value();
    const auto drag_to = [&](std::initializer_list<int> values) {
      slider.setSliderDown(true);
      for (const int value : values) {
        slider.setValue(value);
      }
      slider.setSliderDown(false);
    };
    drag_to({700, 300, 217});
    const std::shared_ptr<const Plan> first = document_->plan();
    drag_to({400, 803});
    QCOMPARE(steps.count(), 2);
    QCOMPARE(steps.undoText(), QStringLiteral("Quality 80 %"));
    slider.setFocus();
    steps.undo();
    QCOMPARE(document_->plan(), first);
    QCOMPARE(slider.value(), 217);
    QCOMPARE(steps.undoText(), QStringLiteral("Quality 22 %"));
    steps.undo();
    QCOMPARE(slider.value(), opened);
    steps.redo();
    steps.redo();
    QCOMPARE(slider.value(), 803);
    // Keys in a row are one step, but not with a drag, nor with keys before something else was
    // done.
    QTest::keyClick(&slider, Qt::Key_PageDown);
    QTest::keyClick(&slider, Qt::Key_PageDown);
    QCOMPARE(steps.count(), 3);
    QCOMPARE(steps.undoText(), QStringLiteral("Quality 60 %"));
    Q_EMIT page_->quality().front().picked(0, 5);
    QCOMPARE(steps.count(), 4);
    Q_EMIT page_->quality().front().picked(0, 7);
    QCOMPARE(steps.count(), 5);
    steps.undo();
    QTest::keyClick(&slider, Qt::Key_PageDown);
    QCOMPARE(steps.count(), 5);
    // An edit of heads moves it to where the plan then stands.
    std::vector<HeadRef> all;
    for (std::size_t head = 0; head < 22; ++head) {
      all.push_back({0, head});
      all.push_back({1, head});
    }
    document_->edit(QStringLiteral("dense"),
                    with_pattern(*document_->plan(), {0, 1}, all, dense()));
    QCOMPARE(slider.value(), qRound(page_->solver().quality().value() * 1000));
  }

  void segments_are_joined_with_the_one_to_the_right() {
    Plan plan = two_stacks();
    // The whole of the run's first third is skipped, the rest is dense: joining shows which stays.
    std::vector<HeadRef> all;
    for (std::size_t head = 0; head < 22; ++head) {
      all.push_back({0, head});
      all.push_back({1, head});
    }
    plan = with_pattern(std::move(plan), {2}, all, skip());
    plan = with_pattern(std::move(plan), {1}, all, mean());
    plan = with_pattern(std::move(plan), {0}, all, dense());
    open(plan);
    auto* tabs = widget_->findChild<QTabBar*>(QStringLiteral("segments"));
    auto* join = widget_->findChild<QPushButton*>(QStringLiteral("join_segment"));
    auto* split = widget_->findChild<QPushButton*>(QStringLiteral("split_segment"));
    const auto shown = [&] {
      return pattern_of(*document_->plan(), page_->model().segment(), {}).kind;
    };
    tabs->setCurrentIndex(2);
    QVERIFY(!join->isEnabled());  // nothing to its right
    tabs->setCurrentIndex(0);
    QCOMPARE(shown(), PatternKind::kSkip);
    QTest::mouseClick(join, Qt::LeftButton);
    QCOMPARE(tabs->count(), 2);
    QCOMPARE(tabs->currentIndex(), 0);
    QCOMPARE(tabs->tabText(0), QStringLiteral("t 1 to 0.333"));
    QCOMPARE(shown(), PatternKind::kSkip);
    QVERIFY(std::none_of(document_->plan()->patterns.begin(), document_->plan()->patterns.end(),
                         [](const Pattern& of) { return of.kind == PatternKind::kMean; }));
    document_->undo_stack().undo();
    QCOMPARE(tabs->count(), 3);
    QCOMPARE(tabs->currentIndex(), 0);
    // The halves of a segment join again.
    tabs->setCurrentIndex(1);
    QTest::mouseClick(split, Qt::LeftButton);
    QCOMPARE(tabs->count(), 4);
    QCOMPARE(tabs->currentIndex(), 1);
    QTest::mouseClick(join, Qt::LeftButton);
    QCOMPARE(tabs->count(), 3);
    QCOMPARE(tabs->currentIndex(), 1);
    QCOMPARE(shown(), PatternKind::kMean);
  }

  void fixing_and_dense_segments_are_steps() {
    open(two_stacks());
    page_->map().selection().setCurrentIndex(page_->model().index(0, 0),
                                             QItemSelectionModel::ClearAndSelect);
    QTest::mouseClick(widget_->findChild<QCheckBox*>(QStringLiteral("fixed")), Qt::LeftButton, {},
                      QPoint(8, 8));
    QVERIFY(page_->model().index(0, 0).data(HeadsModel::kFixedRole).toBool());
    QTest::mouseClick(widget_->findChild<QCheckBox*>(QStringLiteral("dense_segment")),
                      Qt::LeftButton, {}, QPoint(8, 8));
    QVERIFY(document_->plan()->segments[page_->model().segment()].dense);
    QCOMPARE(document_->undo_stack().count(), 2);
    document_->undo_stack().undo();
    document_->undo_stack().undo();
    QVERIFY(fixed_heads(*document_->plan()).empty());
  }

  void a_plan_without_a_profile_says_what_it_cannot_show() {
    Plan plan = two_stacks();
    plan.profile.reset();
    document_->take(std::make_shared<const Plan>(std::move(plan)), {}, false);
    QVERIFY(!page_->quality().slider().isEnabled());
    const QString note = widget_->findChild<QLabel*>(QStringLiteral("quality_note"))->text();
    QVERIFY2(note.contains(QStringLiteral("twill search")), qPrintable(note));
    QCOMPARE(page_->model().rowCount(), 3);
  }

  void measured_clips_are_told_beside_the_slider() {
    QTemporaryDir folder;
    const QString file = folder.filePath(QStringLiteral("searched.json"));
    write_plan(path_from_qt(file), two_stacks());
    // MSE 65.025: 30 dB at a predicted error of 0.1, so 20 dB at 1.
    write_file(path_from_qt(folder.filePath(QStringLiteral("searched.search.json"))),
               R"({"probes": [{"name": "a", "predicted_error": 0.1, "clip_mse": 65.025}]})");
    document_->open(file);
    QTRY_VERIFY_WITH_TIMEOUT(page_->solver().can_solve(), kPatienceMs);
    const auto numbers = [&] {
      return widget_->findChild<QLabel*>(QStringLiteral("numbers"))->text();
    };
    const auto expected = [&] {
      const double error = page_->solver().numbers()->error;
      return QStringLiteral("PSNR about %1 dB, from 1 measured clip")
          .arg(20.0 - 10.0 * std::log10(error), 0, 'f', 1);
    };
    QVERIFY2(numbers().contains(expected()), qPrintable(numbers() + expected()));
    page_->quality().slider().setValue(300);
    QVERIFY2(numbers().contains(expected()), qPrintable(numbers() + expected()));
    // A pair of this very plan says more.
    document_->add_measured({.plan = document_->plan(), .psnr_db = 33.0});
    document_->add_measured({.plan = document_->plan(), .psnr_db = 35.0});
    QVERIFY2(numbers().contains(QStringLiteral("PSNR 34.0 dB</b>, measured on 2 clip")),
             qPrintable(numbers()));
    page_->quality().slider().setValue(900);
    QVERIFY2(numbers().contains(QStringLiteral("from 3 measured clip")), qPrintable(numbers()));
    // A damaged record says nothing, and the plan opens.
    write_file(path_from_qt(folder.filePath(QStringLiteral("searched.search.json"))), "{");
    document_->open(file);
    QTRY_VERIFY_WITH_TIMEOUT(page_->solver().can_solve(), kPatienceMs);
    QVERIFY2(!numbers().contains(QStringLiteral("PSNR")), qPrintable(numbers()));
  }

  void without_a_profile_the_slider_goes_through_the_stored_plans() {
    QTemporaryDir stored;
    const std::array<std::pair<const char*, const char*>, 3> named{
        {{"quality", "0.6 of dense"}, {"fast", "0.25 of dense"}, {"balanced", "0.4 of dense"}}};
    std::size_t head = 0;
    for (const auto& [name, density] : named) {
      Plan plan = with_pattern(two_stacks(), {0}, {{0, head++}}, skip());
      plan.profile.reset();
      plan.name = name;
      plan.provenance["density"] = density;
      write_plan(path_from_qt(stored.filePath(QLatin1String(name) + QLatin1String(".json"))), plan);
    }
    // What is not a plan of this model is no point.
    Plan other = tests::make_plan(tests::make_profile({}), 2);
    other.profile.reset();
    other.provenance["density"] = "0.5";
    write_plan(path_from_qt(stored.filePath(QStringLiteral("other.json"))), other);
    write_file(path_from_qt(stored.filePath(QStringLiteral("notes.json"))), "{}");

    document_->open(stored.filePath(QStringLiteral("balanced.json")));
    QSlider& slider = page_->quality().slider();
    QVERIFY(slider.isEnabled());
    QCOMPARE(slider.maximum(), 2);
    QCOMPARE(slider.value(), 1);
    slider.setFocus();
    QTest::keyClick(&slider, Qt::Key_Left);
    QCOMPARE(document_->plan()->name, std::string("fast"));
    const auto numbers = [&] {
      return widget_->findChild<QLabel*>(QStringLiteral("numbers"))->text();
    };
    QVERIFY2(numbers().contains(QStringLiteral("25.0 %")), qPrintable(numbers()));
    QTest::keyClick(&slider, Qt::Key_End);
    QCOMPARE(document_->plan()->name, std::string("quality"));
    document_->undo_stack().undo();
    QCOMPARE(document_->plan()->name, std::string("balanced"));
    QCOMPARE(slider.value(), 1);
    // An edited plan is none of them, and a plan with a profile solves again.
    document_->edit(QStringLiteral("edit"),
                    with_pattern(*document_->plan(), {0}, {{1, 3}}, skip()));
    QVERIFY2(numbers().isEmpty(), qPrintable(numbers()));
    open(two_stacks());
    QCOMPARE(slider.maximum(), 1000);
  }

 private:
  void open(Plan plan) {
    document_->take(std::make_shared<const Plan>(std::move(plan)), {}, false);
    QTRY_VERIFY_WITH_TIMEOUT(page_->solver().can_solve(), kPatienceMs);
  }

  static void drag(HeadsMap& map, const QModelIndex& from, const QModelIndex& to) {
    const QPoint begin = map.cell_rect(from).center(), end = map.cell_rect(to).center();
    QTest::mousePress(map.viewport(), Qt::LeftButton, {}, begin);
    // A move of QTest tells no buttons; the event itself must.
    QMouseEvent move(QEvent::MouseMove, end, map.viewport()->mapToGlobal(end), Qt::NoButton,
                     Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(map.viewport(), &move);
    QTest::mouseRelease(map.viewport(), Qt::LeftButton, {}, end);
  }

  QTemporaryDir folder_;
  Theme theme_{*qApp};
  std::unique_ptr<QSettings> settings_;
  std::unique_ptr<PlanDocument> document_;
  std::unique_ptr<HeadsPage> page_;
  std::unique_ptr<QWidget> widget_;
};

}  // namespace twill::gui

QTEST_MAIN(twill::gui::TestHeads)
#include "test_heads.moc"
