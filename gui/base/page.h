// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// One page of the window: it answers one question of the user.
#pragma once

#include <QIcon>
#include <QKeySequence>
#include <QObject>
#include <QSettings>
#include <QString>
#include <QStringList>

class QWidget;

namespace twill::gui {

class Page : public QObject {
  Q_OBJECT

 public:
  using QObject::QObject;

  // Key of its settings and name in tests: "heads". Never translated, never changed.
  virtual QString id() const = 0;
  virtual QString title() const = 0;
  // Name of a drawing that Theme::icon knows.
  virtual QString icon_name() const = 0;
  virtual QKeySequence shortcut() const = 0;
  // Made once by the page; the window takes it as a child.
  virtual QWidget* widget() = 0;

  // The group of the settings is the page's own.
  virtual void save_state(QSettings& settings) const { Q_UNUSED(settings) }
  virtual void restore_state(QSettings& settings) { Q_UNUSED(settings) }
  // What is stopped or lost when the window closes, one sentence each: the window asks about all of
  // them at once.
  virtual QStringList lost_by_closing() const { return {}; }
  // The window closes, and the user knows what is lost.
  virtual void stop() {}
};

}  // namespace twill::gui
