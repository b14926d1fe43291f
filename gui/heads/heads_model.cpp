// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "heads/heads_model.h"

#include <QCoreApplication>
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/text.h"
#include "base/theme.h"
#include "twill/plan/error.h"

namespace twill::gui {

QString measure_title(HeadMeasure measure) {
  switch (measure) {
    case HeadMeasure::kPattern:
      return HeadsModel::tr("Pattern");
    case HeadMeasure::kDensity:
      return HeadsModel::tr("Density");
    case HeadMeasure::kError:
      return HeadsModel::tr("Head error");
    case HeadMeasure::kCost:
      return HeadsModel::tr("Share of cost");
    case HeadMeasure::kGain:
      return HeadsModel::tr("Gain");
  }
  return {};
}

QString pattern_title(PatternKind kind) {
  switch (kind) {
    case PatternKind::kDense:
      return HeadsModel::tr("dense");
    case PatternKind::kSkip:
      return HeadsModel::tr("skip");
    case PatternKind::kMean:
      return HeadsModel::tr("mean");
    case PatternKind::kDiagonal:
      return HeadsModel::tr("diagonal");
    case PatternKind::kMultiDiagonal:
      return HeadsModel::tr("multi-diagonal");
    case PatternKind::kVerticalStripe:
      return HeadsModel::tr("vertical stripe");
    case PatternKind::kWindow:
      return HeadsModel::tr("window");
    case PatternKind::kUnion:
      return HeadsModel::tr("union");
  }
  return {};
}

void HeadsModel::set_plan(std::shared_ptr<const Plan> plan,
                          std::shared_ptr<const Predictor> predictor) {
  const bool same_shape = plan && plan_ && plan->model == plan_->model;
  plan_ = std::move(plan);
  predictor_ = plan_ && predictor && predictor->profile_pointer() == plan_->profile
                   ? std::move(predictor)
                   : nullptr;
  if (plan_) {
    segment_ = std::min(segment_, plan_->segments.size() - 1);
  }
  if (same_shape) {
    refresh();
  } else {
    expert_ = stack_ = 0;
    rebuild();
  }
}

void HeadsModel::set_view(std::size_t expert, std::size_t stack) {
  if (plan_ && (expert != expert_ || stack != stack_)) {
    TWILL_ASSERT(expert < plan_->model.experts.size() && stack < plan_->model.stacks.size());
    expert_ = expert;
    stack_ = stack;
    rebuild();
  }
}

void HeadsModel::set_segment(std::size_t segment) {
  if (plan_ && segment != segment_ && segment < plan_->segments.size()) {
    segment_ = segment;
    refresh();
  }
}

void HeadsModel::set_measure(HeadMeasure measure) {
  if (measure != measure_) {
    measure_ = measure;
    refresh();
  }
}

void HeadsModel::set_filter(const HeadFilter& filter) {
  if (!(filter == filter_)) {
    filter_ = filter;
    refresh();
  }
}

void HeadsModel::set_compared(std::shared_ptr<const Plan> other) {
  other_ = std::move(other);
  refresh();
}

void HeadsModel::rebuild() {
  beginResetModel();
  rows_ = columns_ = 0;
  first_head_ = 0;
  if (plan_) {
    rows_ = plan_->model.stacks[stack_].layers;
    columns_ = plan_->model.stacks[stack_].heads;
    first_head_ =
        static_cast<std::size_t>(head_index(plan_->model, static_cast<std::int32_t>(stack_), 0, 0));
  }
  fill();
  endResetModel();
}

void HeadsModel::refresh() {
  fill();
  if (rows_ > 0 && columns_ > 0) {
    Q_EMIT dataChanged(index(0, 0), index(rows_ - 1, columns_ - 1));
  }
}

void HeadsModel::fill() {
  cells_.assign(static_cast<std::size_t>(rows_) * static_cast<std::size_t>(columns_), {});
  most_ = measure_ == HeadMeasure::kDensity ? 1.0 : 0.0;
  if (!plan_) {
    return;
  }
  const Segment& segment = plan_->segments[segment_];
  const std::set<HeadRef> fixed = fixed_heads(*plan_);
  std::vector<double> density_of;
  std::vector<std::optional<std::size_t>> candidate_of;
  search::TimeShares mean;
  std::optional<std::size_t> dense_candidate;
  double all_cells = 0.0;
  if (predictor_) {
    for (const Pattern& pattern : plan_->patterns) {
      density_of.push_back(predictor_->density(pattern));
      candidate_of.push_back(predictor_->candidate(pattern));
    }
    dense_candidate = predictor_->candidate(dense());
    mean = predictor_->ledger().mean_over(segment.t_begin, segment.t_end, expert_);
    if (segment.dense) {
      all_cells = static_cast<double>(plan_->model.heads_total());
    } else {
      for (const HeadPlan& head : segment.heads[expert_]) {
        all_cells += density_of[static_cast<std::size_t>(head.pattern)];
      }
    }
  }
  const bool same_model = other_ && other_->model == plan_->model;
  const auto other_segment =
      same_model
          ? static_cast<std::size_t>(segment_at(*other_, (segment.t_begin + segment.t_end) / 2.0))
          : 0;
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    Cell& cell = cells_[i];
    const HeadRef head{.expert = expert_, .head = first_head_ + i};
    const Pattern& pattern = pattern_of(*plan_, segment_, head);
    cell.kind = pattern.kind;
    cell.fixed = fixed.contains(head);
    const Precision precision = precision_at(*plan_, segment_, head.expert, head.head);
    cell.differs =
        same_model && (pattern_of(*other_, other_segment, head) != pattern ||
                       precision_at(*other_, other_segment, head.expert, head.head) != precision);
    if (predictor_) {
      const std::size_t index =
          segment.dense ? 0 : static_cast<std::size_t>(segment.heads[expert_][head.head].pattern);
      cell.density = segment.dense ? 1.0 : density_of[index];
      cell.cost = all_cells > 0.0 ? *cell.density / all_cells : 0.0;
      cell.gain = predictor_->ledger().gain(mean, expert_, head.head);
      if (const auto candidate = segment.dense ? dense_candidate : candidate_of[index]) {
        cell.error = predictor_->ledger().head_error(mean, expert_, head.head, *candidate) +
                     predictor_->ledger().rounding_head_error(precision, mean, expert_, head.head);
      }
    }
    cell.matches = !filter_.kind || *filter_.kind == cell.kind;
    if (filter_.measure != HeadMeasure::kPattern) {
      cell.matches =
          cell.matches && value_of(cell, filter_.measure).value_or(-1.0) >= filter_.at_least;
    }
    if (measure_ != HeadMeasure::kDensity) {
      most_ = std::max(most_, value_of(cell, measure_).value_or(0.0));
    }
  }
  most_ = most_ > 0.0 ? most_ : 1.0;
}

const HeadsModel::Cell& HeadsModel::cell(int row, int column) const {
  return cells_[static_cast<std::size_t>(row) * static_cast<std::size_t>(columns_) +
                static_cast<std::size_t>(column)];
}

std::optional<double> HeadsModel::value_of(const Cell& cell, HeadMeasure measure) const {
  switch (measure) {
    case HeadMeasure::kPattern:
      return {};
    case HeadMeasure::kDensity:
      return cell.density;
    case HeadMeasure::kError:
      return cell.error;
    case HeadMeasure::kCost:
      return cell.cost;
    case HeadMeasure::kGain:
      return cell.gain;
  }
  return {};
}

QColor HeadsModel::colour_at(int row, int column) const {
  const Cell& of = cell(row, column);
  if (measure_ == HeadMeasure::kPattern) {
    return pattern_colour(of.kind);
  }
  const std::optional<double> value = value_of(of, measure_);
  return value ? ramp_colour(*value / most_) : QColor(128, 128, 128);
}

bool HeadsModel::matches_at(int row, int column) const { return cell(row, column).matches; }
bool HeadsModel::fixed_at(int row, int column) const { return cell(row, column).fixed; }
bool HeadsModel::differs_at(int row, int column) const { return cell(row, column).differs; }

HeadRef HeadsModel::head_at(const QModelIndex& index) const {
  return {.expert = expert_,
          .head = first_head_ +
                  static_cast<std::size_t>(index.row()) * static_cast<std::size_t>(columns_) +
                  static_cast<std::size_t>(index.column())};
}

QModelIndex HeadsModel::index_of(const HeadRef& head) const {
  if (head.expert != expert_ || head.head < first_head_ ||
      head.head >= first_head_ + cells_.size()) {
    return {};
  }
  const std::size_t place = head.head - first_head_;
  const auto columns = static_cast<std::size_t>(columns_);
  return index(static_cast<int>(place / columns), static_cast<int>(place % columns));
}

int HeadsModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : rows_; }
int HeadsModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : columns_;
}

QString HeadsModel::tooltip(const QModelIndex& index) const {
  const Cell& of = cell(index.row(), index.column());
  QString text = tr("%1, layer %2, head %3")
                     .arg(to_qt(plan_->model.stacks[stack_].name))
                     .arg(index.row())
                     .arg(index.column());
  const HeadRef head = head_at(index);
  text += QStringLiteral("\n") + to_qt(describe_head(*plan_, segment_, head.expert, head.head));
  if (of.density) {
    text += QStringLiteral("\n") + tr("density %1 %, %2 % of the cost")
                                       .arg(*of.density * 100.0, 0, 'f', 1)
                                       .arg(*of.cost * 100.0, 0, 'f', 2);
    text +=
        QStringLiteral("\n") + (of.error ? tr("head error %1, gain %2").arg(*of.error, 0, 'g', 3)
                                         : tr("head error not measured for this pattern, gain %1"))
                                   .arg(*of.gain, 0, 'g', 3);
  }
  if (of.fixed) {
    text += QStringLiteral("\n") + tr("fixed");
  }
  return text;
}

QVariant HeadsModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) {
    return {};
  }
  const Cell& of = cell(index.row(), index.column());
  const auto number = [](const std::optional<double>& value) {
    return value ? QVariant(*value) : QVariant();
  };
  switch (role) {
    case Qt::DisplayRole:
    case Qt::AccessibleTextRole:
      return pattern_title(of.kind);
    case Qt::ToolTipRole:
      return tooltip(index);
    case kKindRole:
      return static_cast<int>(of.kind);
    case kDensityRole:
      return number(of.density);
    case kErrorRole:
      return number(of.error);
    case kCostRole:
      return number(of.cost);
    case kGainRole:
      return number(of.gain);
    case kFixedRole:
      return of.fixed;
    case kMatchesRole:
      return of.matches;
    case kDiffersRole:
      return of.differs;
    case kColourRole:
      return colour_at(index.row(), index.column());
    default:
      return {};
  }
}

QVariant HeadsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (role != Qt::DisplayRole) {
    return {};
  }
  return orientation == Qt::Vertical ? tr("layer %1").arg(section) : tr("head %1").arg(section);
}

}  // namespace twill::gui
