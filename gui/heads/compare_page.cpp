// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "heads/compare_page.h"

#include <QCoreApplication>
#include <QEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QSignalBlocker>
#include <QTabBar>
#include <QTableWidget>
#include <QVBoxLayout>
#include <utility>

#include "base/text.h"
#include "base/theme.h"
#include "heads/heads_map.h"
#include "twill/plan/error.h"
#include "twill/report/plan_comparison.h"

namespace twill::gui {
namespace {

constexpr int kColumn = 240;             // pixels
constexpr std::size_t kMostRows = 2000;  // of the list; the maps show all

QString numbers_of(const QString& name, const QualitySolver& solver) {
  const std::optional<PlanNumbers> now = solver.numbers();
  if (!now) {
    return QStringLiteral("<b>%1</b>").arg(name.toHtmlEscaped());
  }
  return QCoreApplication::translate("twill::gui::ComparePage",
                                     "<b>%1</b>: density %2 %, predicted error %3")
      .arg(name.toHtmlEscaped())
      .arg(now->density * 100.0, 0, 'f', 1)
      .arg(now->error, 0, 'g', 4);
}

QString name_of(const PlanDocument& document) {
  return document.file().isEmpty() ? to_qt(document.plan()->name)
                                   : QFileInfo(document.file()).fileName();
}

void set_count(QTabBar& tabs, std::size_t count) {
  const QSignalBlocker quiet(&tabs);
  while (tabs.count() > static_cast<int>(count)) {
    tabs.removeTab(tabs.count() - 1);
  }
  while (tabs.count() < static_cast<int>(count)) {
    tabs.addTab(QString());
  }
}

}  // namespace

ComparePage::ComparePage(const Session& session, QualitySolver& mine)
    : session_(session), mine_(mine), theirs_(other_), widget_(new QWidget) {
  widget_->installEventFilter(this);
  auto* column = new QVBoxLayout(widget_);
  auto* bar = new QHBoxLayout;
  auto* open = new QPushButton(tr("Open the other plan..."), widget_);
  open->setObjectName(QStringLiteral("open_other"));
  auto* keep = new QPushButton(tr("Remember the open plan as it is"), widget_);
  keep->setObjectName(QStringLiteral("keep_current"));
  bar->addWidget(open);
  bar->addWidget(keep);
  for (QTabBar** tabs : {&stacks_, &segments_}) {
    *tabs = new QTabBar(widget_);
    (*tabs)->setExpanding(false);
    (*tabs)->setDrawBase(false);
    bar->addWidget(*tabs);
    connect(*tabs, &QTabBar::currentChanged, this, &ComparePage::refresh);
  }
  bar->addStretch(1);
  column->addLayout(bar);
  note_ = new QLabel(widget_);
  note_->setObjectName(QStringLiteral("compare_note"));
  note_->setWordWrap(true);
  column->addWidget(note_);
  auto* maps = new QHBoxLayout;
  const auto add_side = [&](HeadsModel& model, HeadsMap*& map, QLabel*& text) {
    auto* side = new QVBoxLayout;
    text = new QLabel(widget_);
    text->setWordWrap(true);
    side->addWidget(text);
    map = new HeadsMap(model, session_.theme, widget_);
    side->addWidget(map, 1);
    maps->addLayout(side, 1);
  };
  add_side(left_, left_map_, left_text_);
  add_side(right_, right_map_, right_text_);
  column->addLayout(maps, 3);
  table_ = new QTableWidget(widget_);
  table_->setObjectName(QStringLiteral("differences"));
  table_->setColumnCount(4);
  table_->horizontalHeader()->setDefaultSectionSize(kColumn);
  table_->setHorizontalHeaderLabels({tr("t"), tr("Head"), tr("Open plan"), tr("Other plan")});
  table_->horizontalHeader()->setStretchLastSection(true);
  table_->verticalHeader()->hide();
  table_->setEditTriggers(QAbstractItemView::NoEditTriggers);
  table_->setSelectionBehavior(QAbstractItemView::SelectRows);
  table_->setTabKeyNavigation(false);
  column->addWidget(table_, 2);

  connect(open, &QPushButton::clicked, this, [this] {
    const QString file = QFileDialog::getOpenFileName(
        widget_, tr("Open the other plan"), session_.document.file(), tr("Plans (*.json)"));
    if (!file.isEmpty()) {
      open_other(file);
    }
  });
  connect(keep, &QPushButton::clicked, this, &ComparePage::keep_current);
  const auto enable_keep = [this, keep] { keep->setEnabled(session_.document.plan() != nullptr); };
  connect(&session_.document, &PlanDocument::replaced, this, enable_keep);
  enable_keep();
  connect(table_, &QTableWidget::currentCellChanged, this, [this](int row) { show_row(row); });
  connect(&session_.document, &PlanDocument::changed, this, &ComparePage::refresh);
  connect(&other_, &PlanDocument::changed, this, &ComparePage::refresh);
  connect(&mine_, &QualitySolver::prepared, this, &ComparePage::refresh);
  connect(&theirs_, &QualitySolver::prepared, this, &ComparePage::refresh);
  refresh();
}

bool ComparePage::open_other(const QString& file) {
  try {
    PlanDocument trial;
    trial.open(file);
    if (session_.document.plan()) {
      check_plan_fits(*trial.plan(), session_.document.plan()->model);
    }
    other_.take(trial.plan(), file, /*modified=*/false);
    return true;
  } catch (const Error& error) {
    note_->setText(to_qt(error.what()));
    return false;
  }
}

void ComparePage::keep_current() {
  if (session_.document.plan()) {
    other_.take(session_.document.plan(), {}, /*modified=*/false);
  }
}

bool ComparePage::eventFilter(QObject* watched, QEvent* event) {
  if (watched == widget_ && event->type() == QEvent::Show && std::exchange(stale_, false)) {
    refresh();
  }
  return Page::eventFilter(watched, event);
}

void ComparePage::refresh() {
  // A hidden page costs nothing while the slider moves on another one.
  if (!widget_->isVisible()) {
    stale_ = true;
    return;
  }
  const std::shared_ptr<const Plan> plan = session_.document.plan();
  std::shared_ptr<const Plan> other = other_.plan();
  const bool fits = plan && other && plan->model == other->model;
  if (other && plan && !fits) {
    note_->setText(tr("The other plan is for another model."));
  } else if (!plan) {
    note_->setText(tr("No plan is open."));
  } else if (!other) {
    note_->setText(
        tr("Open a second plan for the same model, or remember the open one and edit "
           "on: heads that differ are framed."));
  }
  if (!fits) {
    other.reset();
  }
  set_count(*stacks_, plan ? plan->model.experts.size() * plan->model.stacks.size() : 0);
  set_count(*segments_, plan ? plan->segments.size() : 0);
  if (plan && plan->profile != shown_) {
    // Another plan: its longest sparse segment says most.
    shown_ = plan->profile;
    const QSignalBlocker quiet(segments_);
    segments_->setCurrentIndex(static_cast<int>(plan->segments.size() - 1 - widest_segment(*plan)));
  }
  stacks_->setVisible(stacks_->count() > 1);
  left_.set_plan(plan, mine_.predictor());
  right_.set_plan(other, theirs_.predictor() ? theirs_.predictor() : mine_.predictor());
  left_.set_compared(other);
  right_.set_compared(plan);
  if (!plan) {
    left_text_->clear();
    right_text_->clear();
    table_->setRowCount(0);
    return;
  }
  for (int tab = 0; tab < stacks_->count(); ++tab) {
    const auto at = static_cast<std::size_t>(tab);
    const std::size_t count = plan->model.stacks.size();
    stacks_->setTabText(
        tab,
        QStringLiteral("%1 %2").arg(
            plan->model.experts.size() > 1 ? to_qt(plan->model.experts[at / count]) : QString(),
            to_qt(plan->model.stacks[at % count].name)));
  }
  for (int tab = 0; tab < segments_->count(); ++tab) {
    const Segment& of = plan->segments[plan->segments.size() - 1 - static_cast<std::size_t>(tab)];
    segments_->setTabText(tab,
                          tr("t %1 to %2").arg(of.t_end, 0, 'g', 3).arg(of.t_begin, 0, 'g', 3));
  }
  const auto view = static_cast<std::size_t>(std::max(0, stacks_->currentIndex()));
  const std::size_t segment =
      plan->segments.size() - 1 - static_cast<std::size_t>(std::max(0, segments_->currentIndex()));
  for (HeadsModel* model : {&left_, &right_}) {
    model->set_view(view / plan->model.stacks.size(), view % plan->model.stacks.size());
  }
  left_.set_segment(segment);
  left_text_->setText(numbers_of(name_of(session_.document), mine_));
  if (other) {
    const Segment& of = plan->segments[segment];
    right_.set_segment(static_cast<std::size_t>(segment_at(*other, (of.t_begin + of.t_end) / 2.0)));
    right_text_->setText(numbers_of(name_of(other_), theirs_));
  } else {
    right_text_->clear();
  }
  fill_table();
}

void ComparePage::fill_table() {
  const QSignalBlocker quiet(table_);
  table_->setRowCount(0);
  if (!left_.plan() || !right_.plan()) {
    return;
  }
  const std::vector<report::HeadDifference> found =
      report::differences(*left_.plan(), *right_.plan());
  note_->setText(found.empty() ? tr("The plans treat every head alike.")
                               : tr("%n head(s) and stretches of t differ.", nullptr,
                                    static_cast<int>(found.size())));
  table_->setRowCount(static_cast<int>(std::min(found.size(), kMostRows)));
  for (int row = 0; row < table_->rowCount(); ++row) {
    const report::HeadDifference& of = found[static_cast<std::size_t>(row)];
    table_->setItem(
        row, 0,
        new QTableWidgetItem(tr("%1 to %2").arg(of.t_end, 0, 'g', 3).arg(of.t_begin, 0, 'g', 3)));
    table_->item(row, 0)->setData(Qt::UserRole, (of.t_begin + of.t_end) / 2.0);
    table_->setItem(row, 1, new QTableWidgetItem(to_qt(of.head)));
    table_->setItem(row, 2, new QTableWidgetItem(to_qt(of.before)));
    table_->setItem(row, 3, new QTableWidgetItem(to_qt(of.after)));
  }
}

void ComparePage::show_row(int row) {
  if (row < 0 || !left_.plan() || table_->item(row, 0) == nullptr) {
    return;
  }
  const double t = table_->item(row, 0)->data(Qt::UserRole).toDouble();
  const auto segment = static_cast<std::size_t>(segment_at(*left_.plan(), t));
  left_.set_segment(segment);
  right_.set_segment(static_cast<std::size_t>(segment_at(*right_.plan(), t)));
  const QSignalBlocker quiet(segments_);
  segments_->setCurrentIndex(static_cast<int>(left_.plan()->segments.size() - 1 - segment));
}

}  // namespace twill::gui
