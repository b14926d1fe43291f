// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A running ComfyUI, asked over HTTP and heard over its WebSocket. One workflow at a time.
#pragma once

#include <QImage>
#include <QJsonObject>
#include <QList>
#include <QNetworkAccessManager>
#include <QObject>
#include <QTimer>
#include <QUrl>
#include <QWebSocket>
#include <functional>

#include "twill/jobs/job.h"

class QNetworkReply;

namespace twill::gui {

// A file that a workflow made.
struct ComfyFile {
  QString node;  // id
  QString name;
  QString subfolder;
  QString type;  // "output", "temp"
};

class ComfyClient : public QObject {
  Q_OBJECT

 public:
  explicit ComfyClient(QObject* parent = nullptr);
  ~ComfyClient() override;

  // "127.0.0.1:8188", "http://host:8188". Ends in `connected` or `connection_failed`.
  void connect_to(const QString& address);
  void disconnect_from();
  bool is_connected() const { return connected_; }
  QString version() const { return version_; }
  // GET /object_info: what nodes there are.
  const QJsonObject& nodes() const { return nodes_; }

  // A workflow in the form of POST /prompt. Ends in exactly one `ended`.
  void queue(const QJsonObject& prompt);
  bool running() const { return running_; }
  // The workflow ends as cancelled when ComfyUI has stopped it.
  void cancel();

  // Gives Twill's nodes there a plan file's text under this name, without ".json", in place of what
  // stood there, and reads /object_info again. Ends in `plan_put` or `plan_refused`.
  void put_plan(const QString& name, const QByteArray& text);
  // The file's bytes, or an error sentence.
  void fetch(const ComfyFile& file,
             std::function<void(const QByteArray& bytes, const QString& error)> take);

 Q_SIGNALS:
  void connected(const QString& version);
  void connection_failed(const QString& sentence);
  // The plan is among the choices now, by this name.
  void plan_put(const QString& name);
  void plan_refused(const QString& sentence);
  void queued(int place);
  void node_started(const QString& id, const QString& type);
  void progressed(const QString& node_type, int value, int most);
  void previewed(const QImage& picture);
  void produced(const QList<twill::gui::ComfyFile>& files);
  void ended(const twill::jobs::Outcome& outcome);

 private:
  QUrl url(const QString& path) const;
  QNetworkReply* get(const QString& path);
  QNetworkReply* post(const QString& path, const QJsonObject& body);
  void ask_about(int attempt_id);
  void open_socket();
  void take_text(const QString& text);
  void take_bytes(const QByteArray& bytes);
  void take_event(const QString& type, const QJsonObject& data);
  void take_queue_answer(QNetworkReply* reply);
  void look_after_it();
  void take_history(const QJsonObject& entry);
  void end(jobs::OutcomeKind kind, const QString& text = {});

  QNetworkAccessManager network_;
  QWebSocket socket_;
  QTimer watch_;  // while something runs: whether the server still knows of it
  QUrl address_;
  QString client_id_;
  QString version_;
  QJsonObject nodes_;
  QString putting_;  // name of a plan that nodes_ do not offer yet
  QJsonObject prompt_;
  QString prompt_id_;
  int attempt_ = 0;  // answers to an earlier connect_to are thrown away
  int misses_ = 0;
  bool connected_ = false;
  bool running_ = false;
  bool cancelling_ = false;
};

// What ComfyUI says in an error answer of POST /prompt: its message, and each node's.
QString queue_error(const QJsonObject& answer);

}  // namespace twill::gui
