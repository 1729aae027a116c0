/// How much a server reads that could only refuse.
///
/// A refusal is answered at once, but it takes time from those who are served. So a full server spends a sixteenth of its time on
/// refusals. What else comes it leaves unread, in the order of its coming, until there is room or time: the kernel's buffers fill,
/// and clients who wait for their answer ask no faster than they are served.
package struct ReadingBudget {
  private static let share: Int64 = 16
  private static let maximumCredit: Int64 = 2_000_000

  /// Nanoseconds that may be spent on refusals now.
  private var credit = maximumCredit
  /// Nanoseconds that one takes, as measured.
  private var cost: Int64 = 20_000
  private var room: Int?
  /// When the round was asked for, and when it had its events.
  private var asked: Int64 = 0
  private var start: Int64 = 0

  /// Nothing is spent yet.
  package init() {}

  /// Requests that the next round may read, where `room` would be taken; nil for as many as come.
  package mutating func limit(room: Int?, now: Int64) -> Int? {
    if asked > 0 { credit = min(Self.maximumCredit, credit + (now - asked) / Self.share) }
    (asked, self.room) = (now, room)
    return room.map { max(0, $0) + Int(max(0, credit) / cost) }
  }

  /// Notes that the round has its events.
  package mutating func begin(now: Int64) { start = now }

  /// Notes that the round has read so many.
  package mutating func end(count: Int, now: Int64) {
    guard let room, count > max(0, room) else { return }
    let each = (now - start) / Int64(count)
    cost += (min(each, 8 * cost) - cost) / 8
    cost = max(1000, cost)
    credit -= each * Int64(count - max(0, room))
  }
}
