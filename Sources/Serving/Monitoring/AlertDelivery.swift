import Dispatch
import Foundation
import HTTP
import Health
import JSON
import Logging
import Synchronization

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// Posts bodies to one address, in order, trying again with growing pauses.
///
/// What waits is bounded; past it the oldest is given up, because the newest says how things are.
final class AlertDelivery: Sendable {
  private let url: URL
  private let secret: [UInt8]?
  private let log: Logger
  private let pauses: [Double]
  private let queue = DispatchQueue(label: "martlet.alerts", qos: .background)
  private let waiting = Mutex<[[UInt8]]>([])
  /// Bodies that wait at most.
  static let limit = 64

  /// - Parameters:
  ///   - secret: what bodies are signed with; nil for no signature.
  ///   - pauses: seconds behind each failure; one try for each.
  init?(
    _ text: String, secret: [UInt8]? = nil, pauses: [Double] = [1, 2, 4, 8, 16, 32], log: Logger
  ) {
    guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host != nil
    else { return nil }
    (self.url, self.secret, self.pauses, self.log) = (url, secret, pauses, log)
  }

  func post(_ body: [UInt8]) {
    let isLost = waiting.withLock { waiting -> Bool in
      waiting.append(body)
      if waiting.count <= Self.limit { return false }
      waiting.removeFirst()
      return true
    }
    if isLost {
      log.error("an alert for \(url.host ?? "") was given up: \(Self.limit) newer ones wait")
    }
    queue.async { [self] in deliver() }
  }

  /// Posts the oldest that waits. Called once for each that came; for those that were given up there is nothing to do.
  private func deliver() {
    let next = waiting.withLock { waiting -> [UInt8]? in
      waiting.isEmpty ? nil : waiting.removeFirst()
    }
    guard let body = next else { return }
    for pause in pauses {
      if attempt(body) { return }
      Thread.sleep(forTimeInterval: pause)
    }
    log.error(
      "an alert could not be delivered to \(url.host ?? ""): the address does not answer with success"
    )
  }

  /// `sha256=` and the HMAC of the time, a full stop, and the body. The time is signed as well, so that a receiver can refuse
  /// what somebody sends again.
  static func signature(_ secret: [UInt8], timestamp: Int, body: [UInt8]) -> String {
    let code = MessageAuthentication.sha256(
      key: secret, message: Array("\(timestamp).".utf8) + body)
    return "sha256=" + code.map { String(format: "%02x", $0) }.joined()
  }

  private func attempt(_ body: [UInt8]) -> Bool {
    var request = URLRequest(url: url, timeoutInterval: 10)
    request.httpMethod = "POST"
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    if let secret {
      let now = Int(Date().timeIntervalSince1970)
      request.setValue("\(now)", forHTTPHeaderField: "X-Martlet-Timestamp")
      request.setValue(
        Self.signature(secret, timestamp: now, body: body),
        forHTTPHeaderField: "X-Martlet-Signature")
    }
    request.httpBody = Data(body)
    let outcome = Outcome()
    let done = DispatchSemaphore(value: 0)
    URLSession.shared.dataTask(with: request) { _, response, _ in
      let status = (response as? HTTPURLResponse)?.statusCode ?? 0
      if (200..<300).contains(status) { outcome.succeed() }
      done.signal()
    }.resume()
    done.wait()
    return outcome.isSuccess
  }

  private final class Outcome: @unchecked Sendable {
    // Written before the semaphore is signalled and read after.
    private(set) var isSuccess = false
    func succeed() { isSuccess = true }
  }
}

/// Tells a webhook, one JSON object for each beginning and end.
struct WebhookNotifier: AlertNotifier {
  private let delivery: AlertDelivery?

  init(url: String, secret: [UInt8]?, log: Logger) {
    delivery = AlertDelivery(url, secret: secret, log: log)
    if delivery == nil {
      log.error("--alert-webhook is not an http or https address: alerts go to the log alone")
    }
  }

  func notify(_ alert: Alert) {
    delivery?.post(Self.body(alert).serializedBytes())
  }

  static func body(_ alert: Alert) -> JSONValue {
    func text(_ time: Double) -> JSONValue {
      JSONValue(Date(timeIntervalSince1970: time).formatted(.iso8601))
    }
    return [
      "alert": JSONValue(alert.name), "subject": JSONValue(alert.subject),
      "severity": JSONValue(alert.severity.rawValue),
      "status": JSONValue(alert.endedAt == nil ? "firing" : "resolved"),
      "since": text(alert.startedAt), "until": alert.endedAt.map(text) ?? .null,
      "reason": JSONValue(alert.explanation),
    ]
  }
}

/// Tells an Alertmanager by its API (v2, `POST /api/v2/alerts`).
struct AlertmanagerNotifier: AlertNotifier {
  private let delivery: AlertDelivery?

  init(url: String, log: Logger) {
    delivery = AlertDelivery(url + "/api/v2/alerts", log: log)
    if delivery == nil {
      log.error("--alertmanager is not an http or https address: alerts go to the log alone")
    }
  }

  func notify(_ alert: Alert) {
    delivery?.post(Self.body(alert).serializedBytes())
  }

  static func body(_ alert: Alert) -> JSONValue {
    func text(_ time: Double) -> JSONValue {
      JSONValue(Date(timeIntervalSince1970: time).formatted(.iso8601))
    }
    var labels: JSONObject = [
      "alertname": JSONValue("Martlet" + alert.name),
      "severity": JSONValue(alert.severity.rawValue), "job": "martlet",
    ]
    if !alert.subject.isEmpty { labels["subject"] = JSONValue(alert.subject) }
    // Without an end Alertmanager forgets an alert after five minutes; a day outlives what we do not repeat.
    return [
      [
        "labels": .object(labels), "annotations": ["summary": JSONValue(alert.explanation)],
        "startsAt": text(alert.startedAt), "endsAt": text(alert.endedAt ?? alert.startedAt + 86400),
      ]
    ]
  }
}
