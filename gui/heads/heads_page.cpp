// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "heads/heads_page.h"

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSplitter>
#include <QTabBar>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>

#include "base/scroll_column.h"
#include "base/text.h"
#include "base/theme.h"
#include "heads/capture_dialog.h"
#include "heads/head_inspector.h"
#include "heads/heads_map.h"
#include "heads/legend.h"
#include "heads/plan_panel.h"
#include "heads/quality_panel.h"
#include "plan/plan_document.h"

namespace twill::gui {
namespace {

constexpr int kPlayMs = 700;             // a segment
constexpr int kMostQualityHeight = 190;  // pixels of slider, numbers and front

QString segment_title(const Segment& segment) {
  return HeadsPage::tr("t %1 to %2%3")
      .arg(segment.t_end, 0, 'g', 3)
      .arg(segment.t_begin, 0, 'g', 3)
      .arg(segment.dense ? HeadsPage::tr(", dense") : QString());
}

// Tabs run from noise to clean, as a clip is made; segments are kept the other way round.
int tab_of(const Plan& plan, std::size_t segment) {
  return static_cast<int>(plan.segments.size() - 1 - segment);
}
std::size_t segment_of(const Plan& plan, int tab) {
  return plan.segments.size() - 1 - static_cast<std::size_t>(tab);
}

}  // namespace

HeadsPage::HeadsPage(const Session& session)
    : session_(session), solver_(session.document), widget_(new QWidget) {
  auto* column = new QVBoxLayout(widget_);
  column->addWidget(make_view_bar());
  column->addWidget(make_filter_bar());
  auto* splitter = new QSplitter(Qt::Horizontal, widget_);
  auto* left = new QWidget(splitter);
  auto* left_column = new QVBoxLayout(left);
  left_column->setContentsMargins(0, 0, 0, 0);
  map_ = new HeadsMap(model_, session_.theme, left);
  map_->setObjectName(QStringLiteral("heads_map"));
  left_column->addWidget(map_, 1);
  left_column->addWidget(new Legend(model_, session_.theme, left));
  edits_ = new PlanPanel(session_.document);
  inspector_ = new HeadInspector(session_.theme);
  splitter->setChildrenCollapsible(false);
  splitter->addWidget(left);
  splitter->addWidget(new ScrollColumn(inspector_, splitter));
  splitter->addWidget(new ScrollColumn(edits_, splitter));
  splitter->setStretchFactor(0, 4);
  splitter->setStretchFactor(1, 5);
  splitter->setStretchFactor(2, 2);
  column->addWidget(splitter, 1);
  quality_ = new QualityPanel(session_.document, solver_, session_.theme, widget_);
  widget_->installEventFilter(this);
  column->addWidget(quality_);
  refusal_ = new QLabel(widget_);
  refusal_->setWordWrap(true);
  refusal_->hide();
  column->addWidget(refusal_);

  player_.setInterval(kPlayMs);
  connect(&player_, &QTimer::timeout, this, &HeadsPage::next_segment);
  inspect_soon_.setSingleShot(true);
  connect(&inspect_soon_, &QTimer::timeout, this, &HeadsPage::inspect);
  connect(&session_.document, &PlanDocument::replaced, this, &HeadsPage::document_replaced);
  connect(&session_.document, &PlanDocument::changed, this, &HeadsPage::document_changed);
  connect(&solver_, &QualitySolver::prepared, this, &HeadsPage::document_changed);
  connect(&map_->selection(), &QItemSelectionModel::selectionChanged, this,
          &HeadsPage::show_selection);
  connect(&map_->selection(), &QItemSelectionModel::currentChanged, this,
          &HeadsPage::show_selection);
  connect(inspector_, &HeadInspector::pattern_wanted, edits_, &PlanPanel::apply_pattern);
  connect(inspector_, &HeadInspector::detail_wanted, this, &HeadsPage::capture);
  connect(edits_, &PlanPanel::refused, this, [this](const QString& sentence) {
    refusal_->setText(sentence);
    refusal_->show();
  });
  document_replaced();
}

QWidget* HeadsPage::make_view_bar() {
  auto* bar = new QWidget(widget_);
  auto* row = new QHBoxLayout(bar);
  row->setContentsMargins(0, 0, 0, 0);
  const auto tabs = [&](const QString& name) {
    auto* made = new QTabBar(bar);
    made->setObjectName(name);
    made->setExpanding(false);
    made->setDrawBase(false);
    row->addWidget(made);
    return made;
  };
  experts_ = tabs(QStringLiteral("experts"));
  stacks_ = tabs(QStringLiteral("stacks"));
  segments_ = tabs(QStringLiteral("segments"));
  play_ = new QToolButton(bar);
  play_->setObjectName(QStringLiteral("play"));
  play_->setCheckable(true);
  play_->setText(tr("Play over t"));
  play_->setToolTip(tr("Shows one segment after the other, from noise to clean"));
  row->addWidget(play_);
  row->addStretch(1);
  row->addWidget(new QLabel(tr("Colour"), bar));
  measure_ = new QComboBox(bar);
  measure_->setObjectName(QStringLiteral("measure"));
  for (const auto& [measure, name] : kMeasureNames) {
    measure_->addItem(measure_title(measure), to_qt(name));
  }
  row->addWidget(measure_);
  const auto view = [this] {
    model_.set_view(static_cast<std::size_t>(std::max(0, experts_->currentIndex())),
                    static_cast<std::size_t>(std::max(0, stacks_->currentIndex())));
    show_selection();
  };
  connect(experts_, &QTabBar::currentChanged, this, view);
  connect(stacks_, &QTabBar::currentChanged, this, view);
  connect(segments_, &QTabBar::currentChanged, this, [this](int tab) {
    const std::shared_ptr<const Plan> plan = session_.document.plan();
    if (plan && tab >= 0) {
      show_segment(segment_of(*plan, tab));
      show_selection();
    }
  });
  connect(play_, &QToolButton::toggled, this, &HeadsPage::play);
  connect(measure_, &QComboBox::currentIndexChanged, this, [this](int index) {
    model_.set_measure(kMeasureNames.at(static_cast<std::size_t>(index)).first);
  });
  return bar;
}

QWidget* HeadsPage::make_filter_bar() {
  auto* bar = new QWidget(widget_);
  auto* row = new QHBoxLayout(bar);
  row->setContentsMargins(0, 0, 0, 0);
  row->addWidget(new QLabel(tr("Filter"), bar));
  filter_kind_ = new QComboBox(bar);
  filter_kind_->setObjectName(QStringLiteral("filter_kind"));
  filter_kind_->addItem(tr("any pattern"), -1);
  for (const auto& [kind, name] : kPatternNames) {
    filter_kind_->addItem(pattern_title(kind), static_cast<int>(kind));
  }
  filter_measure_ = new QComboBox(bar);
  filter_measure_->setObjectName(QStringLiteral("filter_measure"));
  filter_measure_->addItem(tr("any value"));
  for (std::size_t i = 1; i < kMeasureNames.size(); ++i) {
    filter_measure_->addItem(measure_title(kMeasureNames[i].first));
  }
  filter_least_ = new QDoubleSpinBox(bar);
  filter_least_->setObjectName(QStringLiteral("filter_least"));
  filter_least_->setPrefix(tr("at least "));
  filter_least_->setSuffix(tr(" %"));
  filter_least_->setDecimals(2);
  filter_least_->setRange(0.0, 100.0);
  auto* select = new QPushButton(tr("Select these"), bar);
  select->setObjectName(QStringLiteral("select_matching"));
  for (QWidget* part : {static_cast<QWidget*>(filter_kind_), static_cast<QWidget*>(filter_measure_),
                        static_cast<QWidget*>(filter_least_), static_cast<QWidget*>(select)}) {
    row->addWidget(part);
  }
  row->addStretch(1);
  connect(filter_kind_, &QComboBox::currentIndexChanged, this, &HeadsPage::filter_changed);
  connect(filter_measure_, &QComboBox::currentIndexChanged, this, &HeadsPage::filter_changed);
  connect(filter_least_, &QDoubleSpinBox::valueChanged, this, &HeadsPage::filter_changed);
  connect(select, &QPushButton::clicked, this, &HeadsPage::select_matching);
  const auto enable = [this, select] { select->setEnabled(session_.document.plan() != nullptr); };
  connect(&session_.document, &PlanDocument::replaced, select, enable);
  enable();
  return bar;
}

bool HeadsPage::eventFilter(QObject* watched, QEvent* event) {
  // The map has the keys when the page is shown. A focus proxy would keep Tab from the bars above.
  if (watched == widget_ && event->type() == QEvent::FocusIn) {
    map_->setFocus();
  }
  // A low window leaves its room to the map.
  if (watched == widget_ && event->type() == QEvent::Resize) {
    const int share = std::min(widget_->height() / 4, kMostQualityHeight);
    quality_->setMaximumHeight(std::max(share, quality_->minimumSizeHint().height()));
  }
  return Page::eventFilter(watched, event);
}

void HeadsPage::filter_changed() {
  HeadFilter filter;
  if (const int kind = filter_kind_->currentData().toInt(); kind >= 0) {
    filter.kind = static_cast<PatternKind>(kind);
  }
  filter.measure =
      kMeasureNames.at(static_cast<std::size_t>(filter_measure_->currentIndex())).first;
  filter.at_least = filter_least_->value() / 100.0;
  filter_least_->setEnabled(filter.measure != HeadMeasure::kPattern);
  model_.set_filter(filter);
}

void HeadsPage::select_matching() {
  QItemSelection matching;
  for (int row = 0; row < model_.rowCount(); ++row) {
    for (int column = 0; column < model_.columnCount(); ++column) {
      if (model_.matches_at(row, column)) {
        matching.select(model_.index(row, column), model_.index(row, column));
      }
    }
  }
  map_->selection().select(matching, QItemSelectionModel::ClearAndSelect);
}

void HeadsPage::document_replaced() {
  const std::shared_ptr<const Plan> plan = session_.document.plan();
  play(false);
  {
    const QSignalBlocker quiet_experts(experts_), quiet_stacks(stacks_);
    for (QTabBar* tabs : {experts_, stacks_}) {
      while (tabs->count() > 0) {
        tabs->removeTab(0);
      }
    }
    if (plan) {
      for (const std::string& expert : plan->model.experts) {
        experts_->addTab(to_qt(expert));
      }
      for (const StackShape& stack : plan->model.stacks) {
        stacks_->addTab(to_qt(stack.name));
      }
    }
    experts_->setVisible(experts_->count() > 1);
    stacks_->setVisible(stacks_->count() > 1);
  }
  if (!plan || !model_.plan() || !(plan->model == model_.plan()->model)) {
    inspector_->forget_captured();
  }
  model_.set_plan(nullptr, nullptr);
  model_.set_plan(plan, solver_.predictor());
  // The longest sparse segment says most.
  if (plan) {
    show_segment(widest_segment(*plan));
  }
  fill_segments();
  if (model_.rowCount() > 0) {
    map_->selection().setCurrentIndex(model_.index(0, 0), QItemSelectionModel::ClearAndSelect);
  }
  show_selection();
}

void HeadsPage::fill_segments() {
  const QSignalBlocker quiet(segments_);
  const std::shared_ptr<const Plan> plan = session_.document.plan();
  const int count = plan ? static_cast<int>(plan->segments.size()) : 0;
  while (segments_->count() > count) {
    segments_->removeTab(segments_->count() - 1);
  }
  while (segments_->count() < count) {
    segments_->addTab(QString());
  }
  for (int tab = 0; tab < count; ++tab) {
    segments_->setTabText(tab, segment_title(plan->segments[segment_of(*plan, tab)]));
  }
  play_->setEnabled(count > 1);
  if (plan) {
    segments_->setCurrentIndex(tab_of(*plan, model_.segment()));
  }
}

void HeadsPage::show_segment(std::size_t segment) {
  const Segment& of = session_.document.plan()->segments.at(segment);
  // Past the middle: of two halves the first in a run stays in view.
  shown_t_ = of.t_begin + 0.75 * (of.t_end - of.t_begin);
  model_.set_segment(segment);
  edits_->set_segment(segment);
}

void HeadsPage::document_changed() {
  refusal_->hide();
  const std::shared_ptr<const Plan> plan = session_.document.plan();
  model_.set_plan(plan, solver_.predictor());
  if (plan) {
    // Splitting, joining and their undo move the segments under the view, which stays at its t.
    const auto segment = static_cast<std::size_t>(segment_at(*plan, shown_t_));
    model_.set_segment(segment);
    edits_->set_segment(segment);
  }
  fill_segments();
  inspect_soon_.start(0);
}

std::vector<HeadRef> HeadsPage::selected_heads() const {
  std::vector<HeadRef> heads;
  for (const QModelIndex& index : map_->selection().selectedIndexes()) {
    heads.push_back(model_.head_at(index));
  }
  std::sort(heads.begin(), heads.end());
  return heads;
}

std::optional<HeadRef> HeadsPage::shown_head() const {
  if (const QModelIndex current = map_->selection().currentIndex(); current.isValid()) {
    return model_.head_at(current);
  }
  const std::vector<HeadRef> heads = selected_heads();
  return heads.empty() ? std::nullopt : std::optional(heads.front());
}

void HeadsPage::show_selection() {
  edits_->set_heads(selected_heads());
  inspect();
}

void HeadsPage::capture() {
  const std::shared_ptr<const Plan> plan = session_.document.plan();
  std::vector<HeadRef> heads = selected_heads();
  if (const std::optional<HeadRef> shown = shown_head(); heads.empty() && shown) {
    heads.push_back(*shown);
  }
  if (!plan || heads.empty()) {
    return;
  }
  const Segment& segment = plan->segments[model_.segment()];
  auto* dialog = new CaptureDialog(session_, plan->model, heads,
                                   (segment.t_begin + segment.t_end) / 2.0, widget_);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &CaptureDialog::captured, this,
          [this, model = plan->model](const CapturedMaps& maps) {
            if (session_.document.plan() && session_.document.plan()->model == model) {
              inspector_->add_captured(maps);
            }
          });
  dialog->open();
}

void HeadsPage::inspect() {
  inspect_soon_.stop();
  inspector_->show_head(model_.plan(), model_.predictor(), model_.segment(), shown_head());
}

void HeadsPage::play(bool on) {
  const QSignalBlocker quiet(play_);
  play_->setChecked(on);
  if (on) {
    player_.start();
  } else {
    player_.stop();
  }
}

void HeadsPage::next_segment() {
  if (segments_->count() > 0) {
    segments_->setCurrentIndex((segments_->currentIndex() + 1) % segments_->count());
  }
}

void HeadsPage::save_state(QSettings& settings) const {
  settings.setValue(QStringLiteral("measure"), measure_->currentData());
}

void HeadsPage::restore_state(QSettings& settings) {
  const int index = measure_->findData(settings.value(QStringLiteral("measure")));
  measure_->setCurrentIndex(std::max(0, index));
}

}  // namespace twill::gui
