// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The heads of one stack and expert in one segment: rows are layers, columns heads.
#pragma once

#include <QAbstractTableModel>
#include <QColor>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "plan/plan_edits.h"
#include "plan/predictor.h"

namespace twill::gui {

enum class HeadMeasure : std::uint8_t { kPattern, kDensity, kError, kCost, kGain };
// Keys of settings; what people read is measure_title().
inline constexpr std::array<std::pair<HeadMeasure, std::string_view>, 5> kMeasureNames{{
    {HeadMeasure::kPattern, "pattern"},
    {HeadMeasure::kDensity, "density"},
    {HeadMeasure::kError, "error"},
    {HeadMeasure::kCost, "cost"},
    {HeadMeasure::kGain, "gain"},
}};
QString measure_title(HeadMeasure measure);
// What colours of people's legend stand for each pattern: "multi-diagonal".
QString pattern_title(PatternKind kind);

struct HeadFilter {
  std::optional<PatternKind> kind;
  HeadMeasure measure = HeadMeasure::kPattern;  // kPattern: no threshold
  double at_least = 0.0;
  friend bool operator==(const HeadFilter&, const HeadFilter&) = default;
};

class HeadsModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Role {
    kKindRole = Qt::UserRole,  // int of PatternKind
    kDensityRole,              // of the head's cells; invalid without a predictor
    kErrorRole,                // head error; invalid where it was not measured
    kCostRole,                 // share of the segment's cells of this expert, all stacks
    kGainRole,
    kFixedRole,    // bool
    kMatchesRole,  // bool: passes the filter
    kDiffersRole,  // bool: from the plan that it is compared with
    kColourRole,   // QColor by the measure shown
  };

  using QAbstractTableModel::QAbstractTableModel;

  // Null clears. The predictor may be null or of another plan's profile; it is then not used.
  void set_plan(std::shared_ptr<const Plan> plan, std::shared_ptr<const Predictor> predictor);
  void set_view(std::size_t expert, std::size_t stack);
  void set_segment(std::size_t segment);
  void set_measure(HeadMeasure measure);
  void set_filter(const HeadFilter& filter);
  // Heads that differ from this plan at the middle of the shown segment are marked; null: none.
  void set_compared(std::shared_ptr<const Plan> other);

  const std::shared_ptr<const Plan>& plan() const { return plan_; }
  const std::shared_ptr<const Predictor>& predictor() const { return predictor_; }
  std::size_t expert() const { return expert_; }
  std::size_t stack() const { return stack_; }
  std::size_t segment() const { return segment_; }
  HeadMeasure measure() const { return measure_; }
  // The greatest value shown by the measure, which the end of the colour ramp stands for.
  double measure_most() const { return most_; }

  HeadRef head_at(const QModelIndex& index) const;
  QModelIndex index_of(const HeadRef& head) const;  // invalid when it stands in another view
  // Fast way past QVariant for painting.
  QColor colour_at(int row, int column) const;
  bool matches_at(int row, int column) const;
  bool fixed_at(int row, int column) const;
  bool differs_at(int row, int column) const;

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  struct Cell {
    PatternKind kind = PatternKind::kDense;
    std::optional<double> density, error, cost, gain;
    bool fixed = false, matches = true, differs = false;
  };
  const Cell& cell(int row, int column) const;
  std::optional<double> value_of(const Cell& cell, HeadMeasure measure) const;
  void refresh();  // cells of the same shape
  void rebuild();  // another shape
  void fill();
  QString tooltip(const QModelIndex& index) const;

  std::shared_ptr<const Plan> plan_, other_;
  std::shared_ptr<const Predictor> predictor_;
  std::size_t expert_ = 0, stack_ = 0, segment_ = 0;
  HeadMeasure measure_ = HeadMeasure::kPattern;
  HeadFilter filter_;
  int rows_ = 0, columns_ = 0;
  std::size_t first_head_ = 0;
  std::vector<Cell> cells_;
  double most_ = 1.0;
};

}  // namespace twill::gui
