import Foundation

/// Says when errors are more frequent than on the reference, however often one looks.
///
/// The latest labels, in windows of fixed lengths, are held against the reference's labels by Fisher's exact test, one-sided, over
/// all labels and over those of each class. All looks at all windows share one level (Bonferroni), so no further correction is
/// needed. Nothing but the reference is compared to: a time in which the model was better makes no return to normal look like
/// a change. The level holds as well where each label's chance of being wrong is below the reference's, because the errors of
/// a window are then stochastically fewer.
struct ErrorRateTest: Sendable {
  /// Labels of the latest ones that each window holds.
  static let lengths = [10, 20, 40, 80, 160, 320, 640, 1000]

  /// Errors among labels.
  struct Count: Sendable, Equatable, Codable {
    var errors = 0
    var labels = 0

    /// The share that was wrong; 0 without labels.
    var rate: Double { labels > 0 ? Double(errors) / Double(labels) : 0 }
  }

  /// What was found, and since.
  struct Finding: Sendable, Equatable, Codable {
    /// The class whose labels it is about; nil for all.
    var label: Int?
    /// Labels that had come by then.
    var position: Int
    /// The window's labels.
    var found: Count
    /// The reference's.
    var reference: Count
    /// The labels since.
    var since = Count()
  }

  /// What lasts: found, and not over.
  private(set) var finding: Finding?
  private let reference: [Count]
  private let shares: [Double]
  private let level: Double
  private let levelWindow: Int
  private var position = 0
  /// The latest labels since a finding, the oldest first: class · 2, and 1 for an error.
  private var latest: [Int] = []
  /// For each window, what it holds of all labels and of each class.
  private var counts: [[Count]]

  /// - Parameters:
  ///   - level: the chance of a false alarm in `window` labels.
  init(labelled: ReferenceProfile.Labelled, classCount: Int, level: Double, window: Int) {
    let wrong = Int((Double(labelled.count) * (1 - labelled.accuracy)).rounded())
    var reference = [Count(errors: wrong, labels: labelled.count)]
    var shares = [1.0]
    // More classes than these would have next to nothing of the level each.
    if classCount <= 64, labelled.classCounts.count == classCount {
      reference += (0..<classCount).map {
        let labels = Int(labelled.classCounts[$0])
        return Count(errors: min(labels, Int(labelled.classErrors[$0])), labels: labels)
      }
      shares = [0.7] + [Double](repeating: 0.3 / Double(classCount), count: classCount)
    }
    (self.reference, self.shares, self.level, levelWindow) = (reference, shares, level, window)
    counts = Self.lengths.map { _ in [Count](repeating: Count(), count: reference.count) }
  }

  /// Takes in one label.
  mutating func add(label: Int, isError: Bool) {
    position += 1
    if finding != nil, finding?.label == nil || finding?.label == label {
      finding?.since.labels += 1
      if isError { finding?.since.errors += 1 }
    }
    enter(label * 2 + (isError ? 1 : 0))
    if let found = look() {
      finding = found
      // What has been used as evidence is not used again.
      latest = []
      for place in counts.indices {
        counts[place] = [Count](repeating: Count(), count: reference.count)
      }
    } else if let finding, isOver(finding) {
      self.finding = nil
    }
  }

  private mutating func enter(_ row: Int) {
    latest.append(row)
    for (place, length) in Self.lengths.enumerated() {
      change(&counts[place], row, by: 1)
      if latest.count > length { change(&counts[place], latest[latest.count - 1 - length], by: -1) }
    }
    let most = Self.lengths[Self.lengths.count - 1]
    if latest.count >= 2 * most { latest.removeFirst(latest.count - most) }
  }

  private func change(_ counts: inout [Count], _ row: Int, by amount: Int) {
    for stream in [0, row / 2 + 1] where stream < counts.count {
      counts[stream].labels += amount
      if row % 2 == 1 { counts[stream].errors += amount }
    }
  }

  /// Labels between two looks at a window: looking more often would cost more of the level than it gains time.
  private static func step(_ length: Int) -> Int { max(5, length / 4 / 5 * 5) }

  /// The level of each look at a window. What shows in few labels is a large change, for which little of the level is enough.
  private func level(ofLook length: Int) -> Double {
    func weight(_ length: Int) -> Double { length < 100 ? 0.3 : 1 }
    let share = weight(length) / Self.lengths.reduce(0) { $0 + weight($1) }
    return level * share * Double(Self.step(length)) / Double(levelWindow)
  }

  private func look() -> Finding? {
    guard position % 5 == 0 else { return nil }
    var (best, result) = (1.0, Finding?.none)
    for (place, length) in Self.lengths.enumerated()
    where latest.count >= length && position % Self.step(length) == 0 {
      let level = level(ofLook: length)
      for (stream, found) in counts[place].enumerated() {
        let surprise = Self.chance(found, reference[stream]) / (level * shares[stream])
        guard surprise <= best else { continue }
        best = surprise
        result = Finding(
          label: stream == 0 ? nil : stream - 1, position: position, found: found,
          reference: reference[stream])
      }
    }
    return result
  }

  /// Once the labels since then are no more often wrong than the reference's, or cannot be told from them.
  private func isOver(_ finding: Finding) -> Bool {
    let since = finding.since
    guard since.labels >= 200 else { return false }
    return since.rate <= finding.reference.rate
      || since.labels >= 500 && Self.chance(since, finding.reference) > 0.05
  }

  /// The chance of as many errors or more when labels are wrong no more often than the reference's.
  private static func chance(_ found: Count, _ reference: Count) -> Double {
    Statistics.fisherGreater(
      found.errors, of: found.labels, than: reference.errors, of: reference.labels)
  }
}

extension ErrorRateTest {
  /// What it has come to, without what it was made with.
  struct Saved: Codable {
    var position: Int
    var latest: [Int]
    var finding: Finding?
  }

  /// What it has come to.
  var saved: Saved { Saved(position: position, latest: latest, finding: finding) }

  /// Goes on from there, if it belongs to a test of the same classes.
  mutating func resume(_ saved: Saved) {
    let rows = reference.count > 1 ? 0..<2 * (reference.count - 1) : 0..<Int.max
    guard saved.position >= 0, saved.latest.allSatisfy(rows.contains),
      rows.contains(2 * (saved.finding?.label ?? 0))
    else { return }
    for row in saved.latest { enter(row) }
    (position, finding) = (saved.position, saved.finding)
  }
}
