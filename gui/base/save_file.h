// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Where something is saved: names get their ending, what stays as it is is refused, and every file
// that a save replaces is named and asked about before anything is written.
#pragma once

#include <QString>
#include <QStringList>
#include <functional>
#include <vector>

class QWidget;

namespace twill::gui {

// True for what came with the program, by whatever path it is reached.
bool came_with_twill(const QString& file);

// One sentence when Studio leaves the file as it is: it came with Twill, or the file or its folder
// is read-only. Empty when it may be written; a folder that is not there is no obstacle.
QString why_read_only(const QString& file);

// `file` if it ends in one of `endings` (without a dot, small letters), else with `usual` added.
QString with_ending(const QString& file, const QStringList& endings, const QString& usual);

// `file`, or "<name>-2", "<name>-3", ... beside it: the first of which `writes` gives no file that
// is there already.
QString free_name(const QString& file, const std::function<QStringList(const QString&)>& writes);

// Says whether another program wrote the file since: the same text, the same file. Empty when there
// is no such file.
QString state_of_file(const QString& file);

struct FileKind {
  QString name;    // "MP4 video"
  QString ending;  // "mp4"
};

struct SaveQuestion {
  QString title;
  QString suggested;  // a file
  std::vector<FileKind> kinds;
  // Every file that a save as `file` writes; empty: that one only.
  std::function<QStringList(const QString& file)> writes = {};
  QStringList inputs = {};  // none of these is written over
};

// Asks for a name until `write` has written it (it throws Error when it cannot) or the user gives
// up; a name that was refused stands there again. True: written.
bool ask_and_save(QWidget* parent, const SaveQuestion& question,
                  const std::function<void(const QString& file)>& write);

// Asks one question about those of the files that are there already. True: go on.
bool may_replace(QWidget* parent, const QString& title, const QStringList& files);

}  // namespace twill::gui
