// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan/stored_points.h"

#include <QDir>
#include <QFileInfo>
#include <algorithm>

#include "base/text.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"
#include "twill/search/solved_for.h"

namespace twill::gui {
namespace {

// More is not read: a folder of presets has a few, and other people's folders may be large.
constexpr int kMostFiles = 64;
constexpr qint64 kMostBytes = 4 << 20;

}  // namespace

std::vector<StoredPoint> stored_points(const QString& file, const ModelShape& model) {
  std::vector<StoredPoint> points;
  if (file.isEmpty()) {
    return points;
  }
  const QFileInfoList files = QFileInfo(file).dir().entryInfoList(
      {QStringLiteral("*.json")}, QDir::Files | QDir::Readable, QDir::Name);
  for (const QFileInfo& info : files.mid(0, kMostFiles)) {
    if (info.size() > kMostBytes) {
      continue;
    }
    try {
      auto plan = std::make_shared<const Plan>(read_plan(path_from_qt(info.filePath())));
      const std::optional<double> density = search::stated_density(*plan);
      if (plan->model == model && density) {
        points.push_back({.plan = std::move(plan), .density = *density});
      }
    } catch (const Error&) {
      // Some other JSON file; it is not what was opened.
    }
  }
  std::stable_sort(points.begin(), points.end(), [](const StoredPoint& a, const StoredPoint& b) {
    return a.density < b.density;
  });
  return points;
}

std::optional<std::size_t> stored_point_of(const std::vector<StoredPoint>& points,
                                           const Plan& plan) {
  const auto found = std::find_if(points.begin(), points.end(), [&](const StoredPoint& point) {
    return point.plan->patterns == plan.patterns && point.plan->segments == plan.segments;
  });
  return found == points.end() ? std::nullopt : std::optional<std::size_t>(found - points.begin());
}

}  // namespace twill::gui
