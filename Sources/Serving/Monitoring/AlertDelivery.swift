import Dispatch
import Foundation
import Health
import JSON
import Logging

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// Posts bodies to one address, in order, trying again with growing pauses.
///
/// What waits is bounded; past it the oldest is given up, because the newest says how things are.
final class AlertDelivery: Sendable {
  private let url: URL
  private let log: Logger
  private let queue: DispatchQueue
  private static let pauses = [1.0, 2, 4, 8, 16, 32]

  init?(_ text: String, log: Logger) {
    guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host != nil
    else { return nil }
    self.url = url
    self.log = log
    queue = DispatchQueue(label: "martlet.alerts")
  }

  func post(_ body: [UInt8]) {
    queue.async { [self] in
      for pause in Self.pauses {
        if attempt(body) { return }
        Thread.sleep(forTimeInterval: pause)
      }
      log.error(
        "an alert could not be delivered to \(url.host ?? ""): the address does not answer with success"
      )
    }
  }

  private func attempt(_ body: [UInt8]) -> Bool {
    var request = URLRequest(url: url, timeoutInterval: 10)
    request.httpMethod = "POST"
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
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

  init(url: String, log: Logger) {
    delivery = AlertDelivery(url, log: log)
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
      "reason": JSONValue(alert.reason),
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
        "labels": .object(labels), "annotations": ["summary": JSONValue(alert.reason)],
        "startsAt": text(alert.startedAt), "endsAt": text(alert.endedAt ?? alert.startedAt + 86400),
      ]
    ]
  }
}
