// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Colours of the window, light and dark, and of the patterns; drawings of the icons.
#pragma once

#include <QColor>
#include <QIcon>
#include <QObject>
#include <QString>
#include <array>
#include <string_view>
#include <utility>

#include "twill/plan/pattern.h"

class QApplication;

namespace twill::gui {

enum class ThemeKind : std::uint8_t { kSystem, kLight, kDark };
inline constexpr std::array<std::pair<ThemeKind, std::string_view>, 3> kThemeNames{{
    {ThemeKind::kSystem, "system"},
    {ThemeKind::kLight, "light"},
    {ThemeKind::kDark, "dark"},
}};

struct ThemeColours {
  QColor window;  // behind everything
  QColor panel;   // side panels, cards
  QColor field;   // lists and entries
  QColor text;
  QColor muted;  // second lines, axes
  QColor border;
  QColor accent;     // selection, current point
  QColor on_accent;  // text on it
  QColor warning;
  QColor failure;
};

// One series of light to dark that people with any colour-vision deficiency order the same way;
// value 0..1. For density, error, cost, gain. Cividis-like: blue to yellow
// (Nunez, Anderton and Renslow 2018, doi:10.1371/journal.pone.0199239).
QColor ramp_colour(double value);
// The pattern's colour in every picture, the same as in those of core/jobs.
QColor pattern_colour(PatternKind kind);

class Theme : public QObject {
  Q_OBJECT

 public:
  explicit Theme(QApplication& application);

  ThemeKind kind() const { return kind_; }
  void set_kind(ThemeKind kind);
  bool dark() const { return dark_; }
  const ThemeColours& colours() const { return colours_; }
  // Drawn in the colour of text. Throws std::logic_error for a name that there is no drawing of.
  QIcon icon(const QString& name) const;

 Q_SIGNALS:
  void changed();

 private:
  void apply();

  QApplication& application_;
  ThemeKind kind_ = ThemeKind::kSystem;
  bool system_dark_ = false;
  bool dark_ = false;
  ThemeColours colours_;
};

}  // namespace twill::gui
