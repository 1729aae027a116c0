/// Tasks that only the order of the tokens decides, made by a generator: a bag of tokens does no better
/// than chance on any of them.
public enum OrderTask: String, Sendable, CaseIterable {
  /// Which of two marks stands first.
  case first
  /// Whether an alphabet's letters stand in their order or reversed.
  case reversed
  /// How far apart two marks stand, in four classes.
  case distance
  /// Whether the marks at both ends are of the same kind: agreement over the whole length.
  case agreement

  /// What the task asks, for people.
  public var question: String {
    switch self {
    case .first: "which of two marks comes first"
    case .reversed: "are the letters of an alphabet in their order, or reversed"
    case .distance: "how far apart are two marks"
    case .agreement: "do beginning and end agree, over the whole length"
    }
  }

  /// Class names.
  public var labels: [String] {
    switch self {
    case .first: ["left", "right"]
    case .reversed: ["in order", "reversed"]
    case .distance: ["1", "2-3", "4-6", "7+"]
    case .agreement: ["differ", "agree"]
    }
  }

  /// Ids of all tasks: padding 0, beginning 1, end 2, marks 3 and 4, and `noise` others.
  public static let noise = 16
  static let firstNoise: Int32 = 5
  /// Rows of the embedding table.
  public static var vocabularySize: Int { Int(firstNoise) + noise }

  /// `count` rows whose texts are `length` tokens long, without beginning and end; classes in equal
  /// shares. The tokens that occur say nothing about the class.
  public func examples(
    count: Int, length: Int, using generator: inout SeededGenerator
  ) -> [TrainingExample] {
    (0..<count).map { index in
      let label = index % labels.count
      let body = body(label, length, &generator)
      return TrainingExample(ids: [1] + body + [2], label: label)
    }
  }

  private func body(_ label: Int, _ length: Int, _ generator: inout SeededGenerator) -> [Int32] {
    func noise() -> Int32 {
      Self.firstNoise + Int32(generator.next() % UInt64(Self.noise))
    }
    func below(_ bound: Int) -> Int { Int(generator.next() % UInt64(max(1, bound))) }
    var body = (0..<length).map { _ in noise() }
    switch self {
    case .first:
      let a = below(length - 1)
      let b = a + 1 + below(length - a - 1)
      (body[a], body[b]) = label == 0 ? (3, 4) : (4, 3)
    case .reversed:
      body.sort()
      if body.first == body.last { body[length - 1] = body[0] == 5 ? 6 : 5 }
      body.sort()
      if label == 1 { body.reverse() }
    case .distance:
      let gaps = [1...1, 2...3, 4...6, 7...max(7, min(12, length - 1))]
      let gap = gaps[label].lowerBound + below(gaps[label].count)
      let a = below(length - gap)
      (body[a], body[a + gap]) = (3, 4)
    case .agreement:
      // Each mark occurs twice; those that are not at the ends stand somewhere between.
      let left: Int32 = below(2) == 0 ? 3 : 4
      let right = label == 1 ? left : 7 - left
      let a = 1 + below(length - 3)
      let b = a + 1 + below(length - 2 - a)
      (body[0], body[length - 1]) = (left, right)
      (body[a], body[b]) = (7 - left, 7 - right)
    }
    return body
  }
}
