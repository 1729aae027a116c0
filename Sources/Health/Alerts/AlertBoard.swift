/// How much an alert matters.
public enum AlertSeverity: String, Sendable, CaseIterable {
  /// Look at it in working hours.
  case warning
  /// Look at it now.
  case critical
}

/// What a rule saw at one look.
public struct AlertSignal: Sendable {
  /// The rule's name, which with `subject` says which alert it is.
  public let name: String
  /// What it is about, such as a feature; empty for the whole model.
  public let subject: String
  /// How much it matters.
  public let severity: AlertSeverity
  /// Whether it is bad enough to begin an alert.
  public let isRaised: Bool
  /// Whether it is good enough to end one; between the two nothing changes (hysteresis).
  public let isCleared: Bool
  /// Seconds that it must be bad before the alert begins, and good before it ends.
  public let holdSeconds: Double
  /// What was seen, with figures, while it is bad.
  public let reason: String
  /// What is seen, with figures, once it is no longer.
  public let ending: String

  /// A signal; cleared is by default what is not raised.
  /// - Parameter ending: nil where `reason` reads as well of what is good.
  public init(
    name: String, subject: String = "", severity: AlertSeverity, isRaised: Bool,
    isCleared: Bool? = nil, holdSeconds: Double = 0, reason: String, ending: String? = nil
  ) {
    (self.name, self.subject, self.severity) = (name, subject, severity)
    (self.isRaised, self.isCleared) = (isRaised, isCleared ?? !isRaised)
    (self.holdSeconds, self.reason, self.ending) = (holdSeconds, reason, ending ?? reason)
  }
}

/// One alert from its beginning to its end.
public struct Alert: Sendable, Equatable {
  /// Names the alert in history: rule, subject and beginning.
  public var id: String { "\(name)|\(subject)|\(Int64(startedAt))" }
  /// The rule.
  public let name: String
  /// What it is about.
  public let subject: String
  /// How much it matters.
  public let severity: AlertSeverity
  /// When it began, in seconds since 1970.
  public let startedAt: Double
  /// When it ended; nil while it lasts.
  public internal(set) var endedAt: Double?
  /// What was seen last while it was bad.
  public internal(set) var reason: String
  /// Why it is over, with what is seen now; nil while it lasts.
  public internal(set) var ending: String?
  /// Whether the operator wants to hear nothing of it.
  public internal(set) var isSilenced = false

  /// An alert as the store has it.
  public init(
    name: String, subject: String, severity: AlertSeverity, startedAt: Double, endedAt: Double?,
    reason: String, ending: String? = nil
  ) {
    (self.name, self.subject, self.severity) = (name, subject, severity)
    (self.startedAt, self.endedAt, self.reason) = (startedAt, endedAt, reason)
    self.ending = ending
  }

  /// What there is to say of it now: why it lasts, or why it is over.
  public var explanation: String { ending ?? reason }

  /// The alert with its times as the wall clock has them.
  func shown(shift: Double) -> Alert {
    Alert(
      name: name, subject: subject, severity: severity, startedAt: startedAt + shift,
      endedAt: endedAt.map { $0 + shift }, reason: reason, ending: ending
    ).silenced(isSilenced)
  }
}

/// Turns what rules see at each look into alerts that begin once and end once. A plain value: no clock, no network.
public struct AlertBoard: Sendable {
  private struct Pending: Sendable {
    var badSince: Double?
    var goodSince: Double?
  }

  /// Alerts that last, in the order of their beginnings.
  public private(set) var active: [Alert] = []
  /// Those that are over, the latest first.
  public private(set) var history: [Alert] = []
  /// Until when each rule is silent, in seconds since 1970, by name.
  public private(set) var silences: [String: Double] = [:]
  /// How many ended alerts are remembered.
  public static let historyLimit = 200
  private var pending: [String: Pending] = [:]

  /// A board without alerts.
  public init() {}

  /// Puts earlier alerts from the store into the history; those that lasted then ended with the process.
  public mutating func restore(_ earlier: [Alert], at time: Double) {
    history += earlier.map { alert in
      var alert = alert
      guard alert.endedAt == nil else { return alert }
      (alert.endedAt, alert.ending) = (time, "the health process that saw it has ended")
      return alert
    }
    history.sort { $0.startedAt > $1.startedAt }
    history = Array(history.prefix(Self.historyLimit))
  }

  /// Silences a rule until a time: its alerts still begin and end, and nobody is told.
  public mutating func silence(_ name: String, until time: Double) {
    silences[name] = time
    for index in active.indices where active[index].name == name { active[index].isSilenced = true }
  }

  /// Looks once.
  /// - Returns: the alerts that began or ended, silenced ones among them.
  public mutating func observe(_ signals: [AlertSignal], at time: Double) -> [Alert] {
    silences = silences.filter { $0.value > time }
    return signals.compactMap { observe($0, at: time) }
  }

  private mutating func observe(_ signal: AlertSignal, at time: Double) -> Alert? {
    let key = "\(signal.name)|\(signal.subject)"
    var state = pending[key] ?? Pending()
    defer { pending[key] = state }
    // A clock that jumped back must not hold an alert for hours.
    state.badSince = signal.isRaised ? min(state.badSince ?? time, time) : nil
    state.goodSince = signal.isCleared ? min(state.goodSince ?? time, time) : nil
    let index = active.firstIndex { $0.name == signal.name && $0.subject == signal.subject }
    if let index {
      if signal.isRaised { active[index].reason = signal.reason }
      active[index].isSilenced = silences[signal.name] != nil
      guard let since = state.goodSince, time - since >= signal.holdSeconds else { return nil }
      var ended = active.remove(at: index)
      (ended.endedAt, ended.ending) = (time, signal.ending)
      history.insert(ended, at: 0)
      if history.count > Self.historyLimit { history.removeLast() }
      return ended
    }
    guard let since = state.badSince, time - since >= signal.holdSeconds else { return nil }
    var alert = Alert(
      name: signal.name, subject: signal.subject, severity: signal.severity, startedAt: time,
      endedAt: nil, reason: signal.reason)
    alert.isSilenced = silences[signal.name] != nil
    active.append(alert)
    return alert
  }
}
