// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A plan's heads as a picture (PNG, SVG), a table (CSV) or a page (HTML).
#pragma once

#include <QString>
#include <optional>

#include "twill/plan/plan.h"

namespace twill::gui {

class Theme;

// The file's ending says which. Pictures show `segment`, else the longest sparse one; tables and
// pages hold all. Throws Error(kUsage) for another ending or a segment that there is none of,
// Error(kSystem) when the file cannot be written; it is then as it was.
void export_heads(const Plan& plan, const QString& file, const Theme& theme,
                  const std::optional<std::size_t>& segment = {});

}  // namespace twill::gui
