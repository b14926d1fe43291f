// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "heads/plan_panel.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFormLayout>
#include <QGroupBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "heads/pattern_editor.h"
#include "plan/plan_document.h"
#include "twill/plan/error.h"
#include "twill/plan/names.h"
#include "twill/plan/profile.h"

namespace twill::gui {
PlanPanel::PlanPanel(PlanDocument& document, QWidget* parent)
    : QWidget(parent), document_(document) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);

  auto* heads = new QGroupBox(tr("Heads"), this);
  auto* form = new QFormLayout(heads);
  selection_ = new QLabel(heads);
  selection_->setWordWrap(true);
  form->addRow(selection_);
  pattern_ = new PatternEditor(heads);
  form->addRow(pattern_);
  scope_ = new QComboBox(heads);
  scope_->setObjectName(QStringLiteral("edit_scope"));
  scope_->addItems({tr("this segment"), tr("all sparse segments")});
  form->addRow(tr("Change in"), scope_);
  precision_ = new QComboBox(heads);
  precision_->setObjectName(QStringLiteral("precision"));
  for (const auto& [value, name] : kPrecisionNames) {
    precision_->addItem(to_qt(name), static_cast<int>(value));
  }
  form->addRow(tr("Precision"), precision_);
  fixed_ = new QCheckBox(tr("Fixed: the slider leaves it alone"), heads);
  fixed_->setObjectName(QStringLiteral("fixed"));
  form->addRow(fixed_);
  column->addWidget(heads);

  auto* segment = new QGroupBox(tr("Segment"), this);
  auto* lines = new QVBoxLayout(segment);
  dense_segment_ = new QCheckBox(tr("All heads dense"), segment);
  dense_segment_->setObjectName(QStringLiteral("dense_segment"));
  lines->addWidget(dense_segment_);
  auto* buttons = new QHBoxLayout;
  split_ = new QPushButton(tr("Split in two"), segment);
  split_->setObjectName(QStringLiteral("split_segment"));
  join_ = new QPushButton(tr("Join with next"), segment);
  join_->setObjectName(QStringLiteral("join_segment"));
  join_->setToolTip(tr("The shown segment takes in the one to its right, whose patterns go"));
  buttons->addWidget(split_);
  buttons->addWidget(join_);
  lines->addLayout(buttons);
  column->addWidget(segment);
  column->addStretch(1);

  connect(pattern_, &PatternEditor::edited, this, &PlanPanel::apply_pattern);
  connect(fixed_, &QCheckBox::clicked, this, &PlanPanel::apply_fixed);
  connect(precision_, &QComboBox::activated, this, [this](int index) {
    const auto precision = kPrecisionNames.at(static_cast<std::size_t>(index)).first;
    edit(tr("Precision of %n head(s)", nullptr, static_cast<int>(heads_.size())),
         [&](Plan plan) { return with_precision(std::move(plan), segments(), heads_, precision); });
  });
  connect(dense_segment_, &QCheckBox::clicked, this, [this](bool dense) {
    edit(dense ? tr("Dense segment") : tr("Sparse segment"),
         [&](Plan plan) { return with_segment_dense(std::move(plan), segment_, dense); });
  });
  connect(split_, &QPushButton::clicked, this, [this] {
    edit(tr("Split segment"), [&](Plan plan) {
      const Segment& of = plan.segments.at(segment_);
      const double at = (of.t_begin + of.t_end) / 2.0;
      return with_segment_split(std::move(plan), segment_, at);
    });
  });
  connect(join_, &QPushButton::clicked, this, [this] {
    edit(tr("Join segments"),
         [&](Plan plan) { return with_segments_joined(std::move(plan), segment_); });
  });
  connect(&document_, &PlanDocument::changed, this, &PlanPanel::refresh);
  refresh();
}

template <typename Edit>
void PlanPanel::edit(const QString& text, const Edit& change) {
  if (!document_.plan()) {
    return;
  }
  try {
    document_.edit(text, change(*document_.plan()));
  } catch (const Error& error) {
    Q_EMIT refused(to_qt(error.what()));
    refresh();
  }
}

std::vector<std::size_t> PlanPanel::segments() const {
  if (scope_->currentIndex() == 0) {
    return {segment_};
  }
  std::vector<std::size_t> sparse;
  for (std::size_t i = 0; i < document_.plan()->segments.size(); ++i) {
    if (!document_.plan()->segments[i].dense) {
      sparse.push_back(i);
    }
  }
  return sparse;
}

void PlanPanel::set_segment(std::size_t segment) {
  if (segment != segment_) {
    segment_ = segment;
    refresh();
  }
}

void PlanPanel::set_heads(std::vector<HeadRef> heads) {
  if (heads != heads_) {
    heads_ = std::move(heads);
    refresh();
  }
}

void PlanPanel::apply_pattern(const Pattern& pattern) {
  if (heads_.empty()) {
    return;
  }
  edit(tr("Pattern of %n head(s)", nullptr, static_cast<int>(heads_.size())),
       [&](Plan plan) { return with_pattern(std::move(plan), segments(), heads_, pattern); });
}

void PlanPanel::apply_fixed(bool fixed) {
  edit(fixed ? tr("Fix %n head(s)", nullptr, static_cast<int>(heads_.size()))
             : tr("Free %n head(s)", nullptr, static_cast<int>(heads_.size())),
       [&](Plan plan) { return with_fixed(std::move(plan), heads_, fixed, segment_); });
}

void PlanPanel::refresh() {
  const std::shared_ptr<const Plan> plan = document_.plan();
  const bool shown = plan && segment_ < plan->segments.size();
  dense_segment_->setEnabled(shown);
  split_->setEnabled(shown);
  join_->setEnabled(shown && segment_ > 0);  // the first one is the last of a run
  if (plan) {
    const auto total = static_cast<std::size_t>(plan->model.heads_total());
    std::erase_if(heads_, [&](const HeadRef& head) {
      return head.expert >= plan->model.experts.size() || head.head >= total;
    });
  }
  const bool some = shown && !heads_.empty();
  for (QWidget* widget : {static_cast<QWidget*>(pattern_), static_cast<QWidget*>(scope_),
                          static_cast<QWidget*>(precision_), static_cast<QWidget*>(fixed_)}) {
    widget->setEnabled(some);
  }
  if (!shown) {
    selection_->setText(tr("No plan is open."));
    return;
  }
  dense_segment_->setChecked(plan->segments[segment_].dense);
  if (!some) {
    selection_->setText(
        tr("Select heads in the map: click, drag, shift; a layer's number takes "
           "the whole layer."));
    return;
  }
  const Pattern& first = pattern_of(*plan, segment_, heads_.front());
  const bool same = std::all_of(heads_.begin(), heads_.end(), [&](const HeadRef& head) {
    return pattern_of(*plan, segment_, head) == first;
  });
  QString text = tr("%n head(s) selected", nullptr, static_cast<int>(heads_.size()));
  if (!same) {
    text += tr(", with different patterns; the first one's is shown");
  }
  selection_->setText(text);
  pattern_->set_known(plan->profile ? plan->profile->candidates : plan->patterns);
  pattern_->set_pattern(first);
  const Segment& segment = plan->segments[segment_];
  const Precision precision =
      segment.dense ? Precision::kBf16
                    : segment.heads.at(heads_.front().expert).at(heads_.front().head).precision;
  precision_->setCurrentIndex(static_cast<int>(index_in(kPrecisionNames, precision)));
  const std::set<HeadRef> fixed = fixed_heads(*plan);
  const auto count = std::count_if(heads_.begin(), heads_.end(),
                                   [&](const HeadRef& head) { return fixed.contains(head); });
  fixed_->setChecked(count == static_cast<std::ptrdiff_t>(heads_.size()));
}

}  // namespace twill::gui
