import Prefork

/// What workers keep of health in shared memory: predictions that wait for their labels, and how many events were sent and
/// dropped. What labels say is counted by the health process alone, so that there is one count.
public struct HealthCounters: Sendable {
  private let table: SharedCounterTable
  private let feedback: FeedbackTable

  /// Carves the counters of `slots` workers.
  /// - Throws: `PreforkError`.
  public init(in memory: SharedMemory, slots: Int) throws(PreforkError) {
    table = try SharedCounterTable(
      in: memory, slots: slots, countPerSlot: EventSender.counterCount)
    feedback = try FeedbackTable(in: memory)
  }

  /// The bytes taken for `slots` workers.
  public static func byteCount(slots: Int) -> Int {
    SharedCounterTable.byteCount(slots: slots, countPerSlot: EventSender.counterCount)
      + FeedbackTable.byteCount
  }

  /// What workers remember predictions by.
  public var recorder: Recorder { Recorder(table: feedback) }

  /// The sender of one worker's events.
  public func sender(slot: Int, channel: EventChannel) -> EventSender {
    EventSender(channel: channel, counters: table[slot])
  }

  /// Events that all workers sent, and those that they dropped.
  public var eventCounts: (sent: Double, dropped: Double) {
    (
      Double(table.sum(at: EventSender.sentIndex)), Double(table.sum(at: EventSender.droppedIndex))
    )
  }

  /// Remembers predictions and finds them for their labels, for all workers alike.
  public struct Recorder: Sendable {
    fileprivate let table: FeedbackTable

    /// Makes weights known whose predictions will be remembered.
    public func announce(generation: UInt64) { table.announce(generation) }

    /// Remembers a prediction for its feedback.
    /// - Parameter generation: of the weights that answered, `HealthState.generation`.
    public func remember(key: UInt64, predicted: Int, generation: UInt64 = 0) {
      table.remember(key: key, predicted: predicted, generation: generation)
    }

    /// Whether the prediction of a key is remembered, by whichever weights.
    public func remembers(key: UInt64, generation: UInt64 = 0) -> Bool {
      table.remembers(key: key, generation: generation)
    }

    /// Sets the true label of a remembered prediction.
    /// - Parameter generation: of the weights that serve.
    /// - Returns: what became of it, what had been predicted, and by which weights.
    public func feedback(
      key: UInt64, labelIndex: Int, generation: UInt64 = 0
    ) -> (outcome: FeedbackOutcome, predicted: Int?, generation: UInt64) {
      guard
        case .found(let predicted, let previous, let earlier) = table.set(
          label: labelIndex, key: key, generation: generation)
      else { return (.unknownRequest, nil, generation) }
      let answered = earlier ?? generation
      if previous == labelIndex { return (.alreadyCounted, predicted, answered) }
      let isRight = predicted == labelIndex
      return (
        previous.map { .replaced(previous: $0, wasCorrect: isRight) }
          ?? .counted(wasCorrect: isRight), predicted, answered
      )
    }
  }
}
