// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <QDir>
#include <QDirIterator>
#include <QStringList>

namespace twill::tests {

// Files and folders below `root`, hidden ones too, by their paths from there, sorted.
inline QStringList entries_below(const QString& root) {
  QStringList found;
  QDirIterator entries(root, QDir::AllEntries | QDir::Hidden | QDir::System | QDir::NoDotAndDotDot,
                       QDirIterator::Subdirectories);
  while (entries.hasNext()) {
    found.append(QDir(root).relativeFilePath(entries.next()));
  }
  found.sort();
  return found;
}

}  // namespace twill::tests
