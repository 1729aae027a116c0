/// Labels whose predictions a worker does not remember, as it asks the health process for them, and the answers.
///
/// One datagram each way. Inquiry: number u64, count u16, and for each label the count of candidates u16, then for each
/// candidate key u64, model tag u32, class i32. Answer: number u64, count u16, and for each label outcome u8, whether the
/// prediction was right u8, candidate u16, the earlier class i32.
public struct LabelInquiry: Sendable, Equatable {
  /// A model that may have answered the request, and what the label means to it.
  public struct Candidate: Sendable, Equatable {
    /// `FeedbackKey.of`.
    public var key: UInt64
    /// `FeedbackKey.tag`.
    public var model: UInt32
    /// The class; nil where the model has no such label.
    public var label: Int?

    /// A candidate.
    public init(key: UInt64, model: UInt32, label: Int?) {
      (self.key, self.model, self.label) = (key, model, label)
    }
  }

  /// Bytes of a datagram at most.
  public static let byteLimit = 32 << 10
  /// Tells answers apart.
  public var number: UInt64
  /// The candidates of each label.
  public var labels: [[Candidate]]

  /// An inquiry.
  public init(number: UInt64, labels: [[Candidate]]) {
    (self.number, self.labels) = (number, labels)
  }

  /// Bytes that a label with so many candidates takes.
  public static func byteCount(candidates: Int) -> Int { 2 + 16 * candidates }

  /// The datagram.
  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    LittleEndian.append(number, to: &bytes)
    LittleEndian.append(UInt16(clamping: labels.count), to: &bytes)
    for candidates in labels {
      LittleEndian.append(UInt16(clamping: candidates.count), to: &bytes)
      for candidate in candidates {
        LittleEndian.append(candidate.key, to: &bytes)
        LittleEndian.append(candidate.model, to: &bytes)
        LittleEndian.append(Int32(clamping: candidate.label ?? -1), to: &bytes)
      }
    }
    return bytes
  }

  /// Reads a datagram; nil where it does not fit the layout.
  public init?(_ bytes: ArraySlice<UInt8>) {
    var reader = LittleEndian(bytes)
    guard let number = reader.read(UInt64.self), let count = reader.read(UInt16.self) else {
      return nil
    }
    var labels: [[Candidate]] = []
    for _ in 0..<count {
      guard let candidates = reader.read(UInt16.self) else { return nil }
      var list: [Candidate] = []
      for _ in 0..<candidates {
        guard let key = reader.read(UInt64.self), let model = reader.read(UInt32.self),
          let label = reader.read(Int32.self)
        else { return nil }
        list.append(Candidate(key: key, model: model, label: label < 0 ? nil : Int(label)))
      }
      labels.append(list)
    }
    guard reader.isAtEnd else { return nil }
    (self.number, self.labels) = (number, labels)
  }
}

/// What became of the labels of an inquiry.
public struct LabelReply: Sendable, Equatable {
  /// The inquiry's.
  public var number: UInt64
  /// One for each label.
  public var answers: [FeedbackAnswer]

  /// A reply.
  public init(number: UInt64, answers: [FeedbackAnswer]) {
    (self.number, self.answers) = (number, answers)
  }

  /// The datagram.
  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    LittleEndian.append(number, to: &bytes)
    LittleEndian.append(UInt16(clamping: answers.count), to: &bytes)
    for answer in answers {
      let (code, isRight, previous) = Self.numbers(answer.outcome)
      bytes += [code, isRight ? 1 : 0]
      LittleEndian.append(UInt16(clamping: answer.candidate), to: &bytes)
      LittleEndian.append(Int32(clamping: previous), to: &bytes)
    }
    return bytes
  }

  private static func numbers(_ outcome: FeedbackOutcome) -> (UInt8, Bool, Int) {
    switch outcome {
    case .counted(let isRight): (0, isRight, 0)
    case .alreadyCounted: (1, false, 0)
    case .replaced(let previous, let isRight): (2, isRight, previous)
    case .unknownRequest: (3, false, 0)
    case .unknownLabel: (4, false, 0)
    case .unavailable: (5, false, 0)
    }
  }

  /// Reads a datagram; nil where it does not fit the layout.
  public init?(_ bytes: ArraySlice<UInt8>) {
    var reader = LittleEndian(bytes)
    guard let number = reader.read(UInt64.self), let count = reader.read(UInt16.self) else {
      return nil
    }
    var answers: [FeedbackAnswer] = []
    for _ in 0..<count {
      guard let code = reader.read(UInt8.self), let isRight = reader.read(UInt8.self),
        let candidate = reader.read(UInt16.self), let previous = reader.read(Int32.self),
        isRight < 2, previous >= 0
      else { return nil }
      let outcome: FeedbackOutcome
      switch code {
      case 0: outcome = .counted(wasCorrect: isRight == 1)
      case 1: outcome = .alreadyCounted
      case 2: outcome = .replaced(previous: Int(previous), wasCorrect: isRight == 1)
      case 3: outcome = .unknownRequest
      case 4: outcome = .unknownLabel
      case 5: outcome = .unavailable
      default: return nil
      }
      answers.append(FeedbackAnswer(outcome: outcome, candidate: Int(candidate)))
    }
    guard reader.isAtEnd else { return nil }
    (self.number, self.answers) = (number, answers)
  }
}
