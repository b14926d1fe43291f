// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "base/theme.h"

#include <QApplication>
#include <QFile>
#include <QPainter>
#include <QPalette>
#include <QStyleFactory>
#include <QSvgRenderer>
#include <algorithm>
#include <cmath>

#include "twill/plan/error.h"
#include "twill/report/heads_picture.h"

// A static library's resources must be asked for, from outside any namespace.
static void register_icons() { Q_INIT_RESOURCE(icons); }

namespace twill::gui {
namespace {

ThemeColours light_colours() {
  return {.window = QColor(0xf4, 0xf5, 0xf7),
          .panel = QColor(0xff, 0xff, 0xff),
          .field = QColor(0xff, 0xff, 0xff),
          .text = QColor(0x1c, 0x22, 0x2b),
          .muted = QColor(0x5b, 0x66, 0x75),
          .border = QColor(0xd5, 0xd9, 0xe0),
          .accent = QColor(0x0b, 0x5f, 0xb0),
          .on_accent = QColor(0xff, 0xff, 0xff),
          .warning = QColor(0x8a, 0x5a, 0x00),
          .failure = QColor(0xb0, 0x1e, 0x1e)};
}

ThemeColours dark_colours() {
  return {.window = QColor(0x17, 0x1a, 0x1f),
          .panel = QColor(0x1f, 0x23, 0x2a),
          .field = QColor(0x26, 0x2b, 0x33),
          .text = QColor(0xe6, 0xe9, 0xee),
          .muted = QColor(0x9a, 0xa5, 0xb4),
          .border = QColor(0x38, 0x3f, 0x4a),
          .accent = QColor(0x5a, 0xa9, 0xf5),
          .on_accent = QColor(0x0d, 0x14, 0x1c),
          .warning = QColor(0xf0, 0xb4, 0x4c),
          .failure = QColor(0xff, 0x8a, 0x80)};
}

QPalette palette_of(const ThemeColours& colours) {
  QPalette palette;
  palette.setColor(QPalette::Window, colours.window);
  palette.setColor(QPalette::WindowText, colours.text);
  palette.setColor(QPalette::Base, colours.field);
  palette.setColor(QPalette::AlternateBase, colours.panel);
  palette.setColor(QPalette::Text, colours.text);
  palette.setColor(QPalette::Button, colours.panel);
  palette.setColor(QPalette::ButtonText, colours.text);
  palette.setColor(QPalette::BrightText, colours.failure);
  palette.setColor(QPalette::ToolTipBase, colours.panel);
  palette.setColor(QPalette::ToolTipText, colours.text);
  palette.setColor(QPalette::PlaceholderText, colours.muted);
  palette.setColor(QPalette::Highlight, colours.accent);
  palette.setColor(QPalette::HighlightedText, colours.on_accent);
  palette.setColor(QPalette::Link, colours.accent);
  palette.setColor(QPalette::Mid, colours.border);
  palette.setColor(QPalette::Light, colours.panel.lighter(110));
  palette.setColor(QPalette::Dark, colours.border.darker(120));
  palette.setColor(QPalette::Disabled, QPalette::Text, colours.muted);
  palette.setColor(QPalette::Disabled, QPalette::ButtonText, colours.muted);
  palette.setColor(QPalette::Disabled, QPalette::WindowText, colours.muted);
  return palette;
}

}  // namespace

QColor ramp_colour(double value) {
  // Anchors of cividis, evenly spaced.
  constexpr std::array<std::array<int, 3>, 6> kAnchors{{{0, 34, 78},
                                                        {53, 69, 108},
                                                        {102, 105, 112},
                                                        {148, 142, 119},
                                                        {200, 184, 102},
                                                        {254, 232, 56}}};
  if (!std::isfinite(value)) {
    value = 1.0;
  }
  const double at = std::clamp(value, 0.0, 1.0) * (kAnchors.size() - 1);
  const auto low = std::min(static_cast<std::size_t>(at), kAnchors.size() - 2);
  const double share = at - static_cast<double>(low);
  const auto mix = [&](std::size_t channel) {
    return static_cast<int>(
        std::lround(kAnchors[low][channel] * (1.0 - share) + kAnchors[low + 1][channel] * share));
  };
  return {mix(0), mix(1), mix(2)};
}

QColor pattern_colour(PatternKind kind) {
  const report::Colour colour = report::pattern_colour(kind);
  return {colour.red, colour.green, colour.blue};
}

Theme::Theme(QApplication& application) : application_(application) {
  register_icons();
  application_.setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
  system_dark_ = application_.palette().color(QPalette::Window).lightness() < 128;
  apply();
}

void Theme::set_kind(ThemeKind kind) {
  if (kind != kind_) {
    kind_ = kind;
    apply();
    Q_EMIT changed();
  }
}

void Theme::apply() {
  dark_ = kind_ == ThemeKind::kDark || (kind_ == ThemeKind::kSystem && system_dark_);
  colours_ = dark_ ? dark_colours() : light_colours();
  application_.setPalette(palette_of(colours_));
}

QIcon Theme::icon(const QString& name) const {
  QFile file(QStringLiteral(":/icons/%1.svg").arg(name));
  TWILL_ASSERT(file.open(QIODevice::ReadOnly));
  QByteArray drawing = file.readAll();
  drawing.replace("currentColor", colours_.text.name().toUtf8());
  QSvgRenderer renderer(drawing);
  QIcon icon;
  for (const int size : {16, 24, 32, 48, 64}) {
    QPixmap pixmap(size, size);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    renderer.render(&painter);
    icon.addPixmap(pixmap);
  }
  return icon;
}

}  // namespace twill::gui
