import Dispatch
import Health

/// A worker's side of `LabelChannel`: asks the health process about labels whose predictions the pool's memory does not have.
final class LabelClient: @unchecked Sendable {
  // Everything is touched on `queue` alone.
  private struct Waiting {
    var count: Int
    var done: ([FeedbackAnswer]) -> Void
  }

  private let socket: LabelSocket
  private let queue = DispatchQueue(label: "martlet.labels")
  private let source: any DispatchSourceRead
  private var waiting: [UInt64: Waiting] = [:]
  // A worker that takes a dead one's slot must not take its answers.
  private var number = UInt64.random(in: 0...(.max))
  /// Seconds that an answer is waited for.
  private let patience: Double
  /// Labels that wait for answers at most.
  private static let waitingLimit = 1000

  init(socket: LabelSocket, patience: Double = 5) {
    (self.socket, self.patience) = (socket, patience)
    source = DispatchSource.makeReadSource(fileDescriptor: socket.descriptor, queue: queue)
    source.setEventHandler { [weak self] in self?.read() }
    source.activate()
  }

  deinit { source.cancel() }

  /// Asks; `done` is called on a queue of its own, with one answer for each label.
  func ask(
    _ labels: [[LabelInquiry.Candidate]], done: @escaping @Sendable ([FeedbackAnswer]) -> Void
  ) {
    queue.async { [self] in
      var answers = [FeedbackAnswer](
        repeating: FeedbackAnswer(outcome: .unavailable), count: labels.count)
      var left = 0
      let parts = Self.parts(labels)
      left = parts.count
      if parts.isEmpty { return done([]) }
      for part in parts {
        send(Array(labels[part])) { found in
          for (index, answer) in zip(part, found) { answers[index] = answer }
          left -= 1
          if left == 0 { done(answers) }
        }
      }
    }
  }

  /// Runs of labels that fit a datagram.
  static func parts(_ labels: [[LabelInquiry.Candidate]]) -> [Range<Int>] {
    var (parts, start, bytes) = ([Range<Int>](), 0, 0)
    for (index, candidates) in labels.enumerated() {
      let size = LabelInquiry.byteCount(candidates: candidates.count)
      if index > start, bytes + size > LabelInquiry.byteLimit - 16 {
        parts.append(start..<index)
        (start, bytes) = (index, 0)
      }
      bytes += size
    }
    if start < labels.count { parts.append(start..<labels.count) }
    return parts
  }

  private func send(
    _ labels: [[LabelInquiry.Candidate]], done: @escaping ([FeedbackAnswer]) -> Void
  ) {
    let nothing = [FeedbackAnswer](
      repeating: FeedbackAnswer(outcome: .unavailable), count: labels.count)
    number &+= 1
    let own = number
    guard waiting.count < Self.waitingLimit,
      socket.send(LabelInquiry(number: own, labels: labels).bytes)
    else { return done(nothing) }
    waiting[own] = Waiting(count: labels.count, done: done)
    queue.asyncAfter(deadline: .now() + patience) { [weak self] in
      self?.waiting.removeValue(forKey: own)?.done(nothing)
    }
  }

  private func read() {
    while let bytes = socket.receive() {
      guard let reply = LabelReply(bytes), let asked = waiting[reply.number],
        asked.count == reply.answers.count
      else { continue }
      waiting[reply.number] = nil
      asked.done(reply.answers)
    }
  }
}
