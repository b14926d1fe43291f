// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The speed-quality slider's engine: predictor and solver of the open plan's profile, made in a
// thread, then asked from the window's thread at every move.
#pragma once

#include <QObject>
#include <memory>
#include <optional>
#include <vector>

#include "base/job_thread.h"
#include "plan/plan_edits.h"
#include "plan/predictor.h"
#include "twill/search/solver.h"

namespace twill::gui {

class PlanDocument;

// A head that the slider leaves as it is.
struct FixedLook {
  HeadRef head;
  Pattern pattern;
  Precision precision = Precision::kBf16;
  friend bool operator==(const FixedLook&, const FixedLook&) = default;
};

class QualitySolver : public QObject {
  Q_OBJECT

 public:
  explicit QualitySolver(PlanDocument& document, QObject* parent = nullptr);
  ~QualitySolver() override;

  // Null while it is made, and for a plan without a profile.
  std::shared_ptr<const Predictor> predictor() const { return predictor_; }
  // Empty while it is made.
  const std::vector<search::FrontPoint>& front() const { return front_; }
  bool can_solve() const { return solver_ != nullptr; }
  bool preparing() const { return job_.running(); }
  // Numbers of the current plan, counted once for all who ask; empty without a predictor.
  std::optional<PlanNumbers> numbers() const;
  // Where the current plan stands between the cheapest one (0) and dense (1), by its density.
  std::optional<double> quality() const;

  // Puts the solver's plan for this quality (0..1) into the document, fixed heads as they are.
  // Moves of one gesture (a drag, keys in a row) one after another are one undo step; see
  // PlanDocument::edit.
  void set_quality(double quality, int gesture = 0);

 Q_SIGNALS:
  // Predictor, front or solver came or went.
  void prepared();
  void failed(const QString& sentence);

 private:
  struct Made;
  void start();
  void document_changed();
  void take(const jobs::Outcome& outcome);
  bool stale() const;

  PlanDocument& document_;
  JobThread job_;
  std::shared_ptr<Made> making_;
  std::shared_ptr<const Predictor> predictor_;
  std::shared_ptr<const search::Solver> solver_;
  std::vector<search::FrontPoint> front_;
  double least_budget_ = 0.0;
  // Numbers of the plan and by the predictor that they were asked of last.
  mutable std::shared_ptr<const Plan> counted_plan_;
  mutable std::shared_ptr<const Predictor> counted_by_;
  mutable PlanNumbers counted_;
  // What the solver was made for.
  std::shared_ptr<const Profile> profile_;
  std::vector<FixedLook> fixed_;
  bool solving_ = false;
};

}  // namespace twill::gui
