// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "comfy/comfy_client.h"

#include <QBuffer>
#include <QImageReader>
#include <QJsonArray>
#include <QJsonDocument>
#include <QNetworkReply>
#include <QUrlQuery>
#include <QUuid>
#include <QtEndian>

#include "base/text.h"

namespace twill::gui {
namespace {

constexpr int kAnswerMs = 20000;  // for one HTTP answer
constexpr int kWatchMs = 2000;    // between looks after a workflow
constexpr int kMostMisses = 5;    // looks without an answer before the server counts as gone
// Kinds of binary messages, as ComfyUI's protocol.py numbers them.
constexpr quint32 kPreviewImage = 1;
constexpr quint32 kPreviewImageWithMetadata = 4;
constexpr int kMostPreviewSide = 8192;

QString text_of(const QJsonObject& object, const char* key) {
  return object.value(QLatin1String(key)).toString();
}

QJsonObject object_of(const QByteArray& bytes) { return QJsonDocument::fromJson(bytes).object(); }

// ComfyUI's picture formats only, and no picture that is larger than a screen is.
QImage picture_of(const QByteArray& bytes) {
  QBuffer buffer;
  buffer.setData(bytes);
  buffer.open(QIODevice::ReadOnly);
  QImageReader reader(&buffer);
  const QSize size = reader.size();
  return size.width() <= kMostPreviewSide && size.height() <= kMostPreviewSide ? reader.read()
                                                                               : QImage();
}

}  // namespace

ComfyClient::ComfyClient(QObject* parent)
    : QObject(parent), client_id_(QUuid::createUuid().toString(QUuid::WithoutBraces)) {
  network_.setTransferTimeout(kAnswerMs);
  watch_.setInterval(kWatchMs);
  connect(&watch_, &QTimer::timeout, this, &ComfyClient::look_after_it);
  connect(&socket_, &QWebSocket::textMessageReceived, this, &ComfyClient::take_text);
  connect(&socket_, &QWebSocket::binaryMessageReceived, this, &ComfyClient::take_bytes);
  connect(&socket_, &QWebSocket::disconnected, this, [this] {
    if (running_) {
      look_after_it();
    }
  });
}

ComfyClient::~ComfyClient() {
  socket_.disconnect(this);
  socket_.abort();
}

QUrl ComfyClient::url(const QString& path) const {
  QUrl url = address_;
  url.setPath(path);
  return url;
}

QNetworkReply* ComfyClient::get(const QString& path) {
  QNetworkReply* reply = network_.get(QNetworkRequest(url(path)));
  connect(reply, &QNetworkReply::finished, reply, &QObject::deleteLater);
  return reply;
}

QNetworkReply* ComfyClient::post(const QString& path, const QJsonObject& body) {
  QNetworkRequest request(url(path));
  request.setHeader(QNetworkRequest::ContentTypeHeader, QStringLiteral("application/json"));
  QNetworkReply* reply = network_.post(request, QJsonDocument(body).toJson(QJsonDocument::Compact));
  connect(reply, &QNetworkReply::finished, reply, &QObject::deleteLater);
  return reply;
}

void ComfyClient::connect_to(const QString& address) {
  disconnect_from();
  const QString text = address.trimmed();
  address_ = QUrl(text.contains(QStringLiteral("://")) ? text : QStringLiteral("http://") + text);
  if (!address_.isValid() || address_.host().isEmpty() ||
      (address_.scheme() != QLatin1String("http") && address_.scheme() != QLatin1String("https"))) {
    Q_EMIT connection_failed(
        tr("\"%1\" is no address of a ComfyUI, such as 127.0.0.1:8188").arg(address));
    return;
  }
  const int attempt = ++attempt_;
  QNetworkReply* reply = get(QStringLiteral("/system_stats"));
  connect(reply, &QNetworkReply::finished, this, [this, reply, attempt] {
    if (attempt != attempt_) {
      return;
    }
    if (reply->error() != QNetworkReply::NoError) {
      Q_EMIT connection_failed(
          tr("No ComfyUI answers at %1: %2").arg(address_.toString(), reply->errorString()));
      return;
    }
    const QJsonObject system =
        object_of(reply->readAll()).value(QLatin1String("system")).toObject();
    version_ = text_of(system, "comfyui_version");
    if (version_.isEmpty()) {
      Q_EMIT connection_failed(tr("%1 answers, but not as ComfyUI does").arg(address_.toString()));
      return;
    }
    ask_about(attempt);
  });
}

void ComfyClient::ask_about(int attempt) {
  QNetworkReply* reply = get(QStringLiteral("/object_info"));
  connect(reply, &QNetworkReply::finished, this, [this, reply, attempt] {
    if (attempt != attempt_) {
      return;
    }
    nodes_ = object_of(reply->readAll());
    if (reply->error() != QNetworkReply::NoError || nodes_.isEmpty()) {
      const QString sentence =
          tr("%1 does not tell its nodes: %2").arg(address_.toString(), reply->errorString());
      putting_.isEmpty() ? Q_EMIT connection_failed(sentence) : Q_EMIT plan_refused(sentence);
      putting_.clear();
      return;
    }
    if (!putting_.isEmpty()) {
      Q_EMIT plan_put(std::exchange(putting_, {}));
      return;
    }
    connected_ = true;
    open_socket();
    Q_EMIT connected(version_);
  });
}

void ComfyClient::put_plan(const QString& name, const QByteArray& text) {
  QNetworkRequest request(url(QStringLiteral("/twill/plans/") + name));
  request.setHeader(QNetworkRequest::ContentTypeHeader, QStringLiteral("application/json"));
  QNetworkReply* reply = network_.put(request, text);
  connect(reply, &QNetworkReply::finished, reply, &QObject::deleteLater);
  connect(reply, &QNetworkReply::finished, this, [this, reply, attempt = attempt_] {
    if (attempt != attempt_) {
      return;
    }
    const QJsonObject answer = object_of(reply->readAll());
    const QString taken = text_of(answer, "name");
    if (!taken.isEmpty()) {
      putting_ = taken;
      ask_about(attempt);
      return;
    }
    const QString why = text_of(answer, "error");
    Q_EMIT plan_refused(why.isEmpty() ? tr("%1 takes no plans over HTTP (%2): Twill's nodes are "
                                           "not installed there, or are of "
                                           "an older version. Save the plan into "
                                           "models/sparse_plans there, connect again and "
                                           "choose it by its name.")
                                            .arg(address_.toString(), reply->errorString())
                                      : why);
  });
}

void ComfyClient::open_socket() {
  QUrl socket = url(QStringLiteral("/ws"));
  socket.setScheme(address_.scheme() == QLatin1String("https") ? QStringLiteral("wss")
                                                               : QStringLiteral("ws"));
  QUrlQuery query;
  query.addQueryItem(QStringLiteral("clientId"), client_id_);
  socket.setQuery(query);
  socket_.open(socket);
}

void ComfyClient::disconnect_from() {
  ++attempt_;
  connected_ = false;
  putting_.clear();
  if (running_) {
    end(jobs::OutcomeKind::kFailed, tr("The connection to ComfyUI was closed"));
  }
  socket_.abort();
}

void ComfyClient::queue(const QJsonObject& prompt) {
  TWILL_ASSERT(!running_);
  if (!connected_) {
    Q_EMIT ended({.kind = jobs::OutcomeKind::kFailed, .text = "No ComfyUI is connected"});
    return;
  }
  running_ = true;
  cancelling_ = false;
  misses_ = 0;
  prompt_ = prompt;
  prompt_id_.clear();
  QNetworkReply* reply =
      post(QStringLiteral("/prompt"),
           {{QStringLiteral("prompt"), prompt}, {QStringLiteral("client_id"), client_id_}});
  connect(reply, &QNetworkReply::finished, this, [this, reply] { take_queue_answer(reply); });
}

void ComfyClient::take_queue_answer(QNetworkReply* reply) {
  if (!running_) {
    return;
  }
  const QJsonObject answer = object_of(reply->readAll());
  prompt_id_ = text_of(answer, "prompt_id");
  if (prompt_id_.isEmpty()) {
    const QString said = queue_error(answer);
    end(jobs::OutcomeKind::kFailed, said.isEmpty() ? reply->errorString() : said);
    return;
  }
  watch_.start();
  Q_EMIT queued(answer.value(QLatin1String("number")).toInt());
  if (cancelling_) {
    cancel();
  }
}

QString queue_error(const QJsonObject& answer) {
  const QJsonValue error = answer.value(QLatin1String("error"));
  QStringList said;
  const auto add = [&](const QJsonObject& one, const QString& before) {
    const QString details = text_of(one, "details");
    const QString message = text_of(one, "message");
    if (!message.isEmpty()) {
      said.append(before + message +
                  (details.isEmpty() ? QString() : QStringLiteral(": ") + details));
    }
  };
  error.isString() ? said.append(error.toString()) : add(error.toObject(), {});
  const QJsonObject nodes = answer.value(QLatin1String("node_errors")).toObject();
  for (auto node = nodes.begin(); node != nodes.end(); ++node) {
    const QJsonObject of_node = node.value().toObject();
    for (const QJsonValue& one : of_node.value(QLatin1String("errors")).toArray()) {
      add(one.toObject(),
          QStringLiteral("node %1 (%2): ").arg(node.key(), text_of(of_node, "class_type")));
    }
  }
  return said.join(QLatin1Char('\n'));
}

void ComfyClient::cancel() {
  if (!running_) {
    return;
  }
  cancelling_ = true;
  if (!prompt_id_.isEmpty()) {
    // It waits in the queue or it runs: each of the two requests does nothing in the other case.
    QNetworkReply* reply =
        post(QStringLiteral("/queue"), {{QStringLiteral("delete"), QJsonArray{prompt_id_}}});
    connect(reply, &QNetworkReply::finished, this, &ComfyClient::look_after_it);
    post(QStringLiteral("/interrupt"), {{QStringLiteral("prompt_id"), prompt_id_}});
  }
}

void ComfyClient::take_text(const QString& text) {
  const QJsonObject message = object_of(text.toUtf8());
  take_event(text_of(message, "type"), message.value(QLatin1String("data")).toObject());
}

void ComfyClient::take_event(const QString& type, const QJsonObject& data) {
  if (!running_ || prompt_id_.isEmpty() || text_of(data, "prompt_id") != prompt_id_) {
    return;
  }
  const auto type_of = [this](const QString& node) {
    return text_of(prompt_.value(node).toObject(), "class_type");
  };
  if (type == QLatin1String("executing")) {
    if (const QString node = text_of(data, "node"); !node.isEmpty()) {
      Q_EMIT node_started(node, type_of(node));
    }
  } else if (type == QLatin1String("progress")) {
    Q_EMIT progressed(type_of(text_of(data, "node")), data.value(QLatin1String("value")).toInt(),
                      data.value(QLatin1String("max")).toInt());
  } else if (type == QLatin1String("execution_success")) {
    look_after_it();
  } else if (type == QLatin1String("execution_interrupted")) {
    end(jobs::OutcomeKind::kCancelled);
  } else if (type == QLatin1String("execution_error")) {
    end(jobs::OutcomeKind::kFailed, tr("node %1 (%2): %3")
                                        .arg(text_of(data, "node_id"), text_of(data, "node_type"),
                                             text_of(data, "exception_message").trimmed()));
  }
}

void ComfyClient::take_bytes(const QByteArray& bytes) {
  if (!running_ || bytes.size() < 8) {
    return;
  }
  const auto kind = qFromBigEndian<quint32>(bytes.constData());
  qsizetype begin = 8;  // after the picture's format
  if (kind == kPreviewImageWithMetadata) {
    begin += qFromBigEndian<quint32>(bytes.constData() + 4);
  } else if (kind != kPreviewImage) {
    return;
  }
  const QImage picture = begin < bytes.size() ? picture_of(bytes.mid(begin)) : QImage();
  if (!picture.isNull()) {
    Q_EMIT previewed(picture);
  }
}

// What the socket did not say (it was closed, or the workflow ended before it was heard of).
void ComfyClient::look_after_it() {
  if (!running_ || prompt_id_.isEmpty()) {
    return;
  }
  if (socket_.state() == QAbstractSocket::UnconnectedState) {
    open_socket();
  }
  QNetworkReply* reply = get(QStringLiteral("/history/") + prompt_id_);
  connect(reply, &QNetworkReply::finished, this, [this, reply, id = prompt_id_] {
    if (!running_ || id != prompt_id_) {
      return;
    }
    if (reply->error() != QNetworkReply::NoError) {
      if (++misses_ >= kMostMisses || reply->error() == QNetworkReply::ConnectionRefusedError) {
        connected_ = false;
        end(jobs::OutcomeKind::kFailed,
            tr("ComfyUI at %1 is gone: %2").arg(address_.toString(), reply->errorString()));
      }
      return;
    }
    misses_ = 0;
    const QJsonObject history = object_of(reply->readAll());
    if (history.contains(id)) {
      take_history(history.value(id).toObject());
    } else if (cancelling_) {
      QNetworkReply* waiting = get(QStringLiteral("/queue"));
      connect(waiting, &QNetworkReply::finished, this, [this, waiting, id] {
        const bool known = waiting->readAll().contains(id.toUtf8());
        if (running_ && id == prompt_id_ && waiting->error() == QNetworkReply::NoError && !known) {
          end(jobs::OutcomeKind::kCancelled);
        }
      });
    }
  });
}

void ComfyClient::take_history(const QJsonObject& entry) {
  const QJsonObject status = entry.value(QLatin1String("status")).toObject();
  for (const QJsonValue& message : status.value(QLatin1String("messages")).toArray()) {
    const QString type = message.toArray().at(0).toString();
    if (type == QLatin1String("execution_error") ||
        type == QLatin1String("execution_interrupted")) {
      take_event(type, message.toArray().at(1).toObject());
      return;
    }
  }
  QList<ComfyFile> files;
  const QJsonObject outputs = entry.value(QLatin1String("outputs")).toObject();
  for (auto node = outputs.begin(); node != outputs.end(); ++node) {
    for (const QJsonValue& list : node.value().toObject()) {
      for (const QJsonValue& one : list.toArray()) {
        const QJsonObject file = one.toObject();
        if (!text_of(file, "filename").isEmpty()) {
          files.append({node.key(), text_of(file, "filename"), text_of(file, "subfolder"),
                        text_of(file, "type")});
        }
      }
    }
  }
  Q_EMIT produced(files);
  end(jobs::OutcomeKind::kFinished);
}

void ComfyClient::end(jobs::OutcomeKind kind, const QString& text) {
  if (!running_) {
    return;
  }
  running_ = false;
  watch_.stop();
  Q_EMIT ended({.kind = kind, .text = from_qt(text)});
}

void ComfyClient::fetch(const ComfyFile& file,
                        std::function<void(const QByteArray&, const QString&)> take) {
  QUrl view = url(QStringLiteral("/view"));
  QUrlQuery query;
  query.addQueryItem(QStringLiteral("filename"),
                     QString::fromLatin1(QUrl::toPercentEncoding(file.name)));
  query.addQueryItem(QStringLiteral("subfolder"),
                     QString::fromLatin1(QUrl::toPercentEncoding(file.subfolder)));
  query.addQueryItem(QStringLiteral("type"), file.type);
  view.setQuery(query);
  QNetworkReply* reply = network_.get(QNetworkRequest(view));
  connect(reply, &QNetworkReply::finished, this, [reply, take = std::move(take), name = file.name] {
    reply->deleteLater();
    const bool good = reply->error() == QNetworkReply::NoError;
    take(good ? reply->readAll() : QByteArray(),
         good ? QString() : ComfyClient::tr("%1: %2").arg(name, reply->errorString()));
  });
}

}  // namespace twill::gui
