// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Dialogs of the app, answered while a test waits for what opened them.
#pragma once

#include <QAbstractItemView>
#include <QApplication>
#include <QDialog>
#include <QDialogButtonBox>
#include <QFileDialog>
#include <QItemSelectionModel>
#include <QLineEdit>
#include <QMessageBox>
#include <QObject>
#include <QPushButton>
#include <QTest>
#include <QTimer>
#include <deque>
#include <functional>
#include <utility>

namespace twill::gui::tests {

using Answer = std::function<void(QDialog&)>;

// What a message box says, in one string.
inline QString text_of(const QDialog& dialog) {
  const auto* box = qobject_cast<const QMessageBox*>(&dialog);
  return box != nullptr ? box->text() : dialog.windowTitle();
}

inline void reject(QDialog& dialog) { dialog.reject(); }

inline Answer press(QMessageBox::StandardButton button) {
  return [button](QDialog& dialog) {
    auto* box = qobject_cast<QMessageBox*>(&dialog);
    QAbstractButton* found = box != nullptr ? box->button(button) : nullptr;
    if (found != nullptr) {
      found->click();
      return;
    }
    QTest::qFail(qPrintable(QStringLiteral("no such button: ") + text_of(dialog)), __FILE__,
                 __LINE__);
    dialog.reject();
  };
}

// Types the name (of a file in the dialog's folder, or a whole path) and takes it.
inline Answer type_name(const QString& name) {
  return [name](QDialog& dialog) {
    auto* line = dialog.findChild<QLineEdit*>(QStringLiteral("fileNameEdit"));
    if (line == nullptr) {
      QTest::qFail(qPrintable(QStringLiteral("no file dialog: ") + text_of(dialog)), __FILE__,
                   __LINE__);
      dialog.reject();
      return;
    }
    // What is selected in its list counts for more than the name.
    for (auto* list : dialog.findChildren<QAbstractItemView*>()) {
      if (list->selectionModel() != nullptr) {
        list->selectionModel()->clearSelection();
      }
    }
    line->setText(name);
    dialog.accept();
  };
}

// Each dialog that comes gets the next answer; when none is left it gets the last one again. The
// texts of all of them are kept.
class Answers : public QObject {
 public:
  explicit Answers(std::deque<Answer> answers) : answers_(std::move(answers)) { look_soon(); }

  const QStringList& seen() const { return seen_; }
  // The names that stood in file dialogs when they came.
  const QStringList& names() const { return names_; }

 private:
  // A timer of its own for every look: one that is being served does not fire in the loop of a
  // dialog that its answer opens.
  void look_soon() {
    QTimer::singleShot(5, this, [this] {
      look_soon();
      auto* dialog = qobject_cast<QDialog*>(QApplication::activeModalWidget());
      if (dialog == nullptr || !dialog->isVisible() || answers_.empty()) {
        return;
      }
      seen_.append(text_of(*dialog));
      if (const auto* file = qobject_cast<QFileDialog*>(dialog)) {
        names_.append(file->findChild<QLineEdit*>(QStringLiteral("fileNameEdit"))->text());
      }
      const Answer answer = answers_.front();
      if (answers_.size() > 1) {
        answers_.pop_front();
      }
      answer(*dialog);
    });
  }

  std::deque<Answer> answers_;
  QStringList seen_, names_;
};

}  // namespace twill::gui::tests
