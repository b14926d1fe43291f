// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Text and paths between Qt and the libraries below, which speak UTF-8.
#pragma once

#include <QString>
#include <filesystem>
#include <string>
#include <string_view>

namespace twill::gui {

inline QString to_qt(std::string_view text) {
  return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}
inline QString path_to_qt(const std::filesystem::path& path) {
  return QString::fromStdString(path.string());
}
inline std::string from_qt(const QString& text) { return text.toStdString(); }
inline std::filesystem::path path_from_qt(const QString& text) { return {text.toStdString()}; }

}  // namespace twill::gui
