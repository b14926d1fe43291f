// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "base/save_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <QCoreApplication>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QMessageBox>
#include <QPushButton>
#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/text.h"
#include "twill/jobs/model_folders.h"
#include "twill/plan/error.h"

namespace twill::gui {
namespace {

namespace fs = std::filesystem;

// The texts of these functions.
struct SaveFile {
  Q_DECLARE_TR_FUNCTIONS(twill::gui::SaveFile)
};

// The file that is written in the end: links are followed, also one whose target is not there.
fs::path followed(const QString& file) {
  std::error_code code;
  const fs::path absolute = fs::absolute(path_from_qt(file), code);
  const fs::path real = fs::weakly_canonical(absolute, code);
  return code ? absolute : real;
}

// Root may write everything; whoever took all the rights away meant it all the same.
bool is_protected(const fs::path& path) {
  std::error_code code;
  const fs::perms perms = fs::status(path, code).permissions();
  constexpr fs::perms kWrite =
      fs::perms::owner_write | fs::perms::group_write | fs::perms::others_write;
  return !code && ((perms & kWrite) == fs::perms::none || ::access(path.c_str(), W_OK) != 0);
}

bool is_there(const QString& file) {
  const QFileInfo info(file);
  return info.exists() || info.isSymLink();
}

QString filter_of(const FileKind& kind) {
  return QStringLiteral("%1 (*.%2)").arg(kind.name, kind.ending);
}

// What the user named, with its ending; empty: gave up.
QString ask_for_name(QWidget* parent, const SaveQuestion& question, const QString& suggested) {
  QFileDialog dialog(parent, question.title);
  dialog.setAcceptMode(QFileDialog::AcceptSave);
  dialog.setFileMode(QFileDialog::AnyFile);
  // Asked below, for the name with its ending and for every file that is written.
  dialog.setOption(QFileDialog::DontConfirmOverwrite);
  QStringList filters, endings;
  for (const FileKind& kind : question.kinds) {
    filters.append(filter_of(kind));
    endings.append(kind.ending);
  }
  dialog.setNameFilters(filters);
  const QFileInfo info(suggested);
  if (const auto at = endings.indexOf(info.suffix().toLower()); at >= 0) {
    dialog.selectNameFilter(filters[at]);
  }
  dialog.setDirectory(info.absolutePath());
  dialog.selectFile(info.fileName());
  if (dialog.exec() != QDialog::Accepted || dialog.selectedFiles().isEmpty()) {
    return {};
  }
  const auto chosen = std::max<qsizetype>(0, filters.indexOf(dialog.selectedNameFilter()));
  return with_ending(dialog.selectedFiles().constFirst(), endings, endings[chosen]);
}

}  // namespace

bool came_with_twill(const QString& file) {
  try {
    const fs::path presets = jobs::find_demo_model().parent_path();
    std::error_code code;
    for (fs::path folder = followed(file).parent_path(); !folder.empty();
         folder = folder.parent_path()) {
      // The same folder, not the same text: it may be mounted or linked elsewhere.
      if (fs::equivalent(folder, presets, code) && !code) {
        return true;
      }
      if (folder == folder.parent_path()) {
        break;
      }
    }
  } catch (const Error&) {
    // Nothing came along.
  }
  return false;
}

QString why_read_only(const QString& file) {
  if (came_with_twill(file)) {
    return SaveFile::tr("%1 came with Twill and stays as it is.").arg(file);
  }
  const fs::path real = followed(file);
  if (is_protected(real)) {
    return SaveFile::tr("%1 is read-only.").arg(file);
  }
  if (is_protected(real.parent_path())) {
    return SaveFile::tr("%1 is in a read-only folder.").arg(file);
  }
  return {};
}

QString with_ending(const QString& file, const QStringList& endings, const QString& usual) {
  // As those who write see it: ".mp4" is a name without an ending.
  const QString ending = path_to_qt(path_from_qt(file).extension()).toLower();
  if (ending.size() > 1 && endings.contains(ending.mid(1))) {
    return file;
  }
  return ending == QLatin1String(".") ? file + usual : file + QLatin1Char('.') + usual;
}

QString free_name(const QString& file, const std::function<QStringList(const QString&)>& writes) {
  const auto taken = [&](const QString& name) {
    const QStringList files = writes(name);
    return std::any_of(files.begin(), files.end(), is_there);
  };
  QString name = file;
  for (int number = 2; taken(name) && number < 1000; ++number) {
    const fs::path path = path_from_qt(file);
    name = path_to_qt(path.parent_path() /
                      concat(path.stem().string(), "-", number, path.extension().string()));
  }
  return name;
}

QString state_of_file(const QString& file) {
  struct stat status {};
  if (::stat(from_qt(file).c_str(), &status) != 0) {
    return {};
  }
  return QStringLiteral("%1 %2.%3 %4")
      .arg(status.st_size)
      .arg(status.st_mtim.tv_sec)
      .arg(status.st_mtim.tv_nsec)
      .arg(status.st_ino);
}

bool may_replace(QWidget* parent, const QString& title, const QStringList& files) {
  QStringList there;
  std::copy_if(files.begin(), files.end(), std::back_inserter(there), is_there);
  if (there.isEmpty()) {
    return true;
  }
  const QString text = there.size() == 1
                           ? SaveFile::tr("%1 is there already. Replace it?")
                           : SaveFile::tr("These files are there already:\n%1\nReplace them?");
  QMessageBox box(QMessageBox::Warning, title, text.arg(there.join(QLatin1Char('\n'))),
                  QMessageBox::Yes | QMessageBox::Cancel, parent);
  box.button(QMessageBox::Yes)->setText(SaveFile::tr("&Replace"));
  box.setDefaultButton(QMessageBox::Cancel);
  return box.exec() == QMessageBox::Yes;
}

bool ask_and_save(QWidget* parent, const SaveQuestion& question,
                  const std::function<void(const QString& file)>& write) {
  QString name = question.suggested;
  for (;;) {
    const QString file = ask_for_name(parent, question, name);
    if (file.isEmpty()) {
      return false;
    }
    name = file;
    const QStringList files = question.writes ? question.writes(file) : QStringList{file};
    QString refusal;
    for (const QString& one : files) {
      refusal = refusal.isEmpty() ? why_read_only(one) : refusal;
      for (const QString& input : question.inputs) {
        std::error_code code;
        if (fs::equivalent(path_from_qt(one), path_from_qt(input), code)) {
          refusal = SaveFile::tr("%1 is the file that this is made of.").arg(one);
        }
      }
    }
    if (refusal.isEmpty() && !may_replace(parent, question.title, files)) {
      continue;
    }
    try {
      require(refusal.isEmpty(), ErrorCode::kUsage, from_qt(refusal));
      write(file);
      return true;
    } catch (const Error& error) {
      QMessageBox::warning(parent, question.title, to_qt(error.what()));
    }
  }
}

}  // namespace twill::gui
