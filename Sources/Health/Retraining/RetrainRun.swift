import Foundation
import JSON
import Prefork

/// One run of the hook, as it is noted down for whoever is the health process when it ends: promoting a model reloads the
/// pool, and with it the process that began the run.
public struct RetrainRun: Sendable, Equatable {
  /// How a run ended.
  public enum Outcome: String, Sendable {
    /// It runs.
    case running
    /// It ended by itself, with a status.
    case ended
    /// It took too long and was stopped.
    case timedOut = "timed out"
    /// It is gone without a status: killed, or the machine was started anew.
    case lost
  }

  /// Its place among the runs, from 1.
  public var number: Int
  /// The name of its folder.
  public var name: String
  /// When it began, in seconds since 1970.
  public var startedAt: Double
  /// When it ended; nil while it runs.
  public var endedAt: Double?
  /// How it ended.
  public var outcome = Outcome.running
  /// The exit status; nil where there is none.
  public var status: Int?
  /// Why it was begun.
  public var reason: String
  /// What runs.
  public var process: HookProcess
  /// Bytes of its output that are in the log already.
  public var logged = 0

  /// As `/monitor.json` and the run's file have it.
  public var json: JSONObject {
    func text(_ time: Double) -> JSONValue {
      JSONValue(Date(timeIntervalSince1970: time).formatted(.iso8601))
    }
    return [
      "number": JSONValue(number), "name": JSONValue(name), "outcome": JSONValue(outcome.rawValue),
      "exit_status": status.map { JSONValue($0) } ?? .null, "reason": JSONValue(reason),
      "started": text(startedAt), "ended": endedAt.map(text) ?? .null,
      "seconds": endedAt.map { JSONValue($0 - startedAt) } ?? .null,
    ]
  }

  /// The run with its times as the wall clock has them.
  func shown(shift: Double) -> RetrainRun {
    var run = self
    run.startedAt += shift
    run.endedAt = endedAt.map { $0 + shift }
    return run
  }

  /// What stands in the file: as shown, and what it takes to find the process again.
  var stored: JSONObject {
    var object = json
    object["started_at"] = JSONValue(startedAt)
    object["ended_at"] = endedAt.map { JSONValue($0) } ?? .null
    object["pid"] = JSONValue(Int(process.processIdentifier))
    object["birth"] = JSONValue(process.birth)
    object["logged"] = JSONValue(logged)
    return object
  }

  /// A run that begins.
  init(number: Int, name: String, startedAt: Double, reason: String, process: HookProcess) {
    (self.number, self.name, self.startedAt) = (number, name, startedAt)
    (self.reason, self.process) = (reason, process)
  }

  /// Reads what `stored` wrote; nil for anything else.
  init?(_ json: JSONValue) {
    guard let number = json["number"]?.intValue, let name = json["name"]?.stringValue,
      let startedAt = json["started_at"]?.doubleValue,
      let outcome = json["outcome"]?.stringValue.flatMap(Outcome.init),
      let process = json["pid"]?.intValue.flatMap({ Int32(exactly: $0) }), process > 1,
      let birth = json["birth"]?.intValue, !name.contains("/"), name != "..", name != "."
    else { return nil }
    self.init(
      number: number, name: name, startedAt: startedAt, reason: json["reason"]?.stringValue ?? "",
      process: HookProcess(processIdentifier: process, birth: birth))
    self.outcome = outcome
    status = json["exit_status"]?.intValue
    endedAt = json["ended_at"]?.doubleValue
    logged = max(0, json["logged"]?.intValue ?? 0)
  }
}
