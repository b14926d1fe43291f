// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// One page of the window: it answers one question of the user.
#pragma once

#include <QIcon>
#include <QKeySequence>
#include <QObject>
#include <QSettings>
#include <QString>

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
  // Asked before the window closes: false keeps it open (the page has then told the user why).
  virtual bool may_close() { return true; }
};

}  // namespace twill::gui
