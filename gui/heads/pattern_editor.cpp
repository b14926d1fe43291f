// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "heads/pattern_editor.h"

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QPixmap>
#include <QSignalBlocker>
#include <QStandardItemModel>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "base/theme.h"
#include "heads/heads_model.h"

namespace twill::gui {
namespace {

constexpr double kMostFrames = 512;

QPixmap swatch(PatternKind kind) {
  QPixmap pixmap(12, 12);
  pixmap.fill(pattern_colour(kind));
  return pixmap;
}

// A pattern of the kind to begin with.
Pattern starting(PatternKind kind) {
  switch (kind) {
    case PatternKind::kSkip:
      return skip();
    case PatternKind::kMean:
      return mean();
    case PatternKind::kDiagonal:
      return make_pattern(Diagonal{.reach = 1.0});
    case PatternKind::kMultiDiagonal:
      return make_pattern(MultiDiagonal{.frames = 4, .rows = 0.1, .cols = 0.1});
    case PatternKind::kVerticalStripe:
      return make_pattern(VerticalStripe{.boxes = {{.frame_begin = 0, .frame_end = 1}}});
    case PatternKind::kWindow:
      return make_pattern(Window{.frames = 2, .rows = 0.25, .cols = 0.25});
    default:
      return dense();
  }
}

}  // namespace

PatternEditor::PatternEditor(QWidget* parent) : QWidget(parent) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  form_ = new QFormLayout;
  column->addLayout(form_);
  kind_ = new QComboBox(this);
  kind_->setObjectName(QStringLiteral("pattern_kind"));
  for (const auto& [kind, name] : kPatternNames) {
    kind_->addItem(swatch(kind), pattern_title(kind), static_cast<int>(kind));
  }
  choice_ = new QComboBox(this);
  choice_->setObjectName(QStringLiteral("pattern_choice"));
  choice_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  choice_->setMinimumContentsLength(18);
  form_->addRow(tr("Pattern"), kind_);
  form_->addRow(tr("Measured"), choice_);
  connect(kind_, &QComboBox::activated, this, [this](int index) {
    choose_kind(static_cast<PatternKind>(kind_->itemData(index).toInt()));
  });
  connect(choice_, &QComboBox::activated, this, [this](int index) {
    const int known = choice_->itemData(index).toInt();
    if (known >= 0) {
      set_pattern(known_.at(static_cast<std::size_t>(known)));
      Q_EMIT edited(pattern_);
    }
  });
}

void PatternEditor::set_known(const std::vector<Pattern>& known) {
  if (known != known_) {
    known_ = known;
    fill_choices();
  }
}

void PatternEditor::set_pattern(const Pattern& pattern) {
  if (pattern == pattern_ && filled_) {
    fill_choices();  // the numbers stay, with the keyboard's place in them
    return;
  }
  pattern_ = pattern;
  fill_form();
}

void PatternEditor::choose_kind(PatternKind kind) {
  if (kind == pattern_.kind) {
    return;
  }
  // The first measured one of the kind says more than made-up numbers.
  const auto found = std::find_if(known_.begin(), known_.end(),
                                  [&](const Pattern& pattern) { return pattern.kind == kind; });
  if (found != known_.end()) {
    set_pattern(*found);
  } else {
    set_pattern(starting(kind));
  }
  Q_EMIT edited(pattern_);
}

void PatternEditor::add_number(const QString& title, const char* name, double value, double most,
                               bool whole, std::function<void(SimplePattern&, double)> set) {
  auto* box = new QDoubleSpinBox(this);
  box->setObjectName(QString::fromLatin1(name));
  box->setDecimals(whole ? 0 : 3);
  box->setSingleStep(whole ? 1.0 : 0.05);
  box->setRange(0.0, most);
  box->setValue(value);
  box->setKeyboardTracking(false);
  connect(box, &QDoubleSpinBox::valueChanged, this, [this, set = std::move(set)](double now) {
    set(pattern_.parts.front(), now);
    Q_EMIT edited(pattern_);
  });
  form_->addRow(title, box);
}

void PatternEditor::fill_choices() {
  kind_->setCurrentIndex(kind_->findData(static_cast<int>(pattern_.kind)));
  // A union is made by a search; where none was measured there is none to take.
  const auto is_union = [](const Pattern& pattern) { return pattern.kind == PatternKind::kUnion; };
  const bool has_union = is_union(pattern_) || std::any_of(known_.begin(), known_.end(), is_union);
  auto* kinds = qobject_cast<QStandardItemModel*>(kind_->model());
  kinds->item(kind_->findData(static_cast<int>(PatternKind::kUnion)))->setEnabled(has_union);
  choice_->clear();
  for (std::size_t i = 0; i < known_.size(); ++i) {
    if (known_[i].kind == pattern_.kind) {
      choice_->addItem(to_qt(describe(known_[i])), static_cast<int>(i));
      if (known_[i] == pattern_) {
        choice_->setCurrentIndex(choice_->count() - 1);
      }
    }
  }
  if (std::find(known_.begin(), known_.end(), pattern_) == known_.end()) {
    choice_->insertItem(0, tr("not measured: %1").arg(to_qt(describe(pattern_))), -1);
    choice_->setCurrentIndex(0);
  }
}

void PatternEditor::fill_form() {
  const QSignalBlocker quiet(this);
  filled_ = true;
  fill_choices();
  while (form_->rowCount() > 2) {
    // Later: a box may be the sender of the signal that brought us here.
    QFormLayout::TakeRowResult row = form_->takeRow(2);
    for (QLayoutItem* item : {row.labelItem, row.fieldItem}) {
      if (item != nullptr) {
        item->widget()->hide();
        item->widget()->deleteLater();
        item->widget()->setObjectName(QString());
        delete item;
      }
    }
  }
  if (pattern_.parts.size() != 1) {
    return;
  }
  const SimplePattern& part = pattern_.parts.front();
  if (const auto* diagonal = std::get_if<Diagonal>(&part)) {
    add_number(tr("Reach, frames"), "reach", diagonal->reach, kMostFrames, false,
               [](SimplePattern& of, double v) { std::get<Diagonal>(of).reach = v; });
  } else if (const auto* bands = std::get_if<MultiDiagonal>(&part)) {
    add_number(tr("Frames"), "frames", bands->frames, kMostFrames, true,
               [](SimplePattern& of, double v) {
                 std::get<MultiDiagonal>(of).frames = static_cast<std::int32_t>(v);
               });
    add_number(tr("Rows, share"), "rows", bands->rows, 1.0, false,
               [](SimplePattern& of, double v) { std::get<MultiDiagonal>(of).rows = v; });
    add_number(tr("Columns, share"), "cols", bands->cols, 1.0, false,
               [](SimplePattern& of, double v) { std::get<MultiDiagonal>(of).cols = v; });
  } else if (const auto* window = std::get_if<Window>(&part)) {
    add_number(tr("Frames"), "frames", window->frames, kMostFrames, true,
               [](SimplePattern& of, double v) {
                 std::get<Window>(of).frames = static_cast<std::int32_t>(v);
               });
    add_number(tr("Rows, share"), "rows", window->rows, 1.0, false,
               [](SimplePattern& of, double v) { std::get<Window>(of).rows = v; });
    add_number(tr("Columns, share"), "cols", window->cols, 1.0, false,
               [](SimplePattern& of, double v) { std::get<Window>(of).cols = v; });
  }
}

}  // namespace twill::gui
