// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What the pages share; made by main, given to each page, never global.
#pragma once

class QSettings;

namespace twill::gui {

class PlanDocument;
class Theme;

struct Session {
  Theme& theme;
  PlanDocument& document;
  QSettings& settings;
};

}  // namespace twill::gui
