import Health
import JSON
import Transformer

/// What a worker offers to others: texts, and which versions are asked about them.
///
/// The texts go as they came, not as tokens: they are smaller, the taker has the same tokenizer, and so a slice can be offered
/// before its owner has read it.
package struct SliceQuestion: Equatable {
  /// Places of the versions in the catalog, which workers of one generation have alike.
  package var versions: [Int]
  /// The texts.
  package var inputs: [TextInput]

  /// Texts for versions.
  package init(versions: [Int], inputs: [TextInput]) {
    (self.versions, self.inputs) = (versions, inputs)
  }

  /// As they travel.
  package var bytes: [UInt8] {
    var message = MessageWriter()
    message.list(versions) { $0.int($1) }
    message.list(inputs) { message, input in
      message.text(input.text)
      message.list(input.pair.map { [$0] } ?? []) { $0.text($1) }
      let parameters = input.parameters.object
      message.text(parameters.keys.isEmpty ? "" : JSONValue.object(parameters).serialized())
    }
    return message.bytes
  }

  /// Nil for bytes that no question has.
  package init?(_ bytes: [UInt8]) {
    var message = MessageReader(bytes)
    guard let versions = message.list({ $0.int() }),
      let inputs = message.list({ message -> TextInput? in
        guard let text = message.text(), let pair = message.list({ $0.text() }), pair.count < 2,
          let parameters = message.parameters()
        else { return nil }
        return TextInput(text, pair: pair.first, parameters: parameters)
      }), message.isAtEnd
    else { return nil }
    self.init(versions: versions, inputs: inputs)
  }
}

/// What the taker of a slice gives back.
package struct SliceAnswer {
  /// Of each text, each version's answer.
  package var results: [[Result<Prediction, PredictionError>]]
  /// Tokens that were computed.
  package var tokens: Int
  /// Nanoseconds for tokens.
  package var tokeniseTime: Int64
  /// Nanoseconds for the rest.
  package var forwardTime: Int64

  /// What was computed.
  package init(
    results: [[Result<Prediction, PredictionError>]], tokens: Int, tokeniseTime: Int64,
    forwardTime: Int64
  ) {
    (self.results, self.tokens) = (results, tokens)
    (self.tokeniseTime, self.forwardTime) = (tokeniseTime, forwardTime)
  }

  /// Nil where a value has no form as bytes.
  package var bytes: [UInt8]? {
    var message = MessageWriter()
    message.int(tokens)
    message.int(Int(tokeniseTime))
    message.int(Int(forwardTime))
    var isWhole = true
    message.list(results) { message, own in
      message.list(own) { isWhole = $0.result($1) && isWhole }
    }
    return isWhole ? message.bytes : nil
  }

  /// Nil for bytes that no answer has.
  package init?(_ bytes: [UInt8]) {
    var message = MessageReader(bytes)
    guard let tokens = message.int(), let tokenise = message.int(), let forward = message.int(),
      let results = message.list({ $0.list { $0.result() } }), message.isAtEnd
    else { return nil }
    self.init(
      results: results, tokens: tokens, tokeniseTime: Int64(tokenise), forwardTime: Int64(forward))
  }

  /// The most bytes that an answer about these inputs has.
  package static func size(of inputs: [TextInput], by versions: [ServedVersion]) -> Int {
    var size = 64
    for version in versions {
      let description = version.description
      let numbers =
        description.labels.count + description.embeddingDimension + EmbeddingSketch.dimension
      // Labels of a multi-label answer are eight bytes each.
      size += inputs.count * (64 + 4 * numbers + 8 * description.labels.count)
      if description.hasProbabilities || description.embeddingDimension > 0 { continue }
      // Parts of the text: a token is a byte at least, and as a value has numbers beside its bytes.
      for input in inputs {
        let bytes = input.text.utf8.count + (input.pair?.utf8.count ?? 0)
        let parameters = JSONValue.object(input.parameters.object).serializedBytes().count
        size += 64 * min(bytes, description.maximumTokens) + 8 * (bytes + parameters)
      }
    }
    return size
  }
}

/// Writes a message between workers of one build: nothing of it is kept, so it has no version.
private struct MessageWriter {
  private(set) var bytes: [UInt8] = []

  mutating func int(_ value: Int) { LittleEndian.append(Int64(value), to: &bytes) }

  mutating func text(_ text: String) {
    int(text.utf8.count)
    bytes += text.utf8
  }

  mutating func floats(_ values: [Float]) {
    int(values.count)
    bytes.reserveCapacity(bytes.count + 4 * values.count)
    for value in values { LittleEndian.append(value.bitPattern, to: &bytes) }
  }

  mutating func list<Element>(
    _ elements: [Element], _ write: (inout MessageWriter, Element) -> Void
  ) {
    int(elements.count)
    for element in elements { write(&self, element) }
  }

  /// False where the answer has no form as bytes.
  mutating func result(_ result: Result<Prediction, PredictionError>) -> Bool {
    switch result {
    case .failure(.noTokens): int(0)
    case .failure(.noRoom(let tokens)):
      int(1)
      int(tokens)
    case .failure(.notFinite): int(2)
    // Its owner finds out again.
    case .failure: return false
    case .success(let prediction):
      int(3)
      int(prediction.tokenCount)
      int(prediction.unknownTokenCount)
      int(prediction.isTruncated ? 1 : 0)
      floats(prediction.sketch)
      return value(prediction.value)
    }
    return true
  }

  private mutating func optional(_ text: String?) { list(text.map { [$0] } ?? []) { $0.text($1) } }

  private mutating func range(_ range: Range<Int>) {
    int(range.lowerBound)
    int(range.upperBound)
  }

  private mutating func spans(_ spans: [TextSpan]) {
    list(spans) { message, span in
      message.text(span.text)
      message.optional(span.label)
      message.optional(span.word)
      message.floats([span.score])
      message.range(span.range)
    }
  }

  private mutating func value(_ value: Prediction.Value) -> Bool {
    // Apart, so that a kind of answer that is added stays with its owner until it has a form here.
    if case .vector(let vector) = value {
      int(4)
      floats(vector)
      return true
    }
    switch value {
    case .label(let index, let probabilities):
      int(0)
      int(index)
      floats(probabilities)
    case .labels(let indices, let probabilities):
      int(1)
      list(indices) { $0.int($1) }
      floats(probabilities)
    case .scores(let scores):
      int(2)
      floats(scores)
    case .tokens(let tokens):
      int(3)
      list(tokens) { message, token in
        message.text(token.token)
        message.int(token.labelIndex)
        message.floats([token.probability])
        message.list(token.range.map { [$0] } ?? []) { $0.range($1) }
      }
    case .spans(let spans):
      int(5)
      self.spans(spans)
    case .answers(let spans, let isList):
      int(6)
      int(isList ? 1 : 0)
      self.spans(spans)
    case .ranking(let labels, let scores):
      int(7)
      list(labels) { $0.text($1) }
      floats(scores)
    default: return false
    }
    return true
  }
}

/// Reads what `MessageWriter` writes; nil where the bytes are something else.
private struct MessageReader {
  private let bytes: [UInt8]
  private var place = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { place == bytes.count }

  mutating func int() -> Int? {
    guard bytes.count - place >= 8 else { return nil }
    var numbers = LittleEndian(bytes[place...])
    place += 8
    return numbers.read(Int64.self).map(Int.init)
  }

  /// A count of what takes at least `size` bytes each.
  private mutating func count(of size: Int) -> Int? {
    guard let count = int(), count >= 0, count <= (bytes.count - place) / size else { return nil }
    return count
  }

  mutating func text() -> String? {
    guard let count = count(of: 1) else { return nil }
    defer { place += count }
    return String(decoding: bytes[place..<place + count], as: UTF8.self)
  }

  mutating func parameters() -> TaskParameters? {
    guard let text = text() else { return nil }
    if text.isEmpty { return TaskParameters() }
    let limits = JSONLimits(fileBytes: text.utf8.count)
    let object = try? JSONValue(parsing: text, limits: limits).objectValue
    return object.map { TaskParameters(read: $0) }
  }

  mutating func floats() -> [Float]? {
    guard let count = count(of: 4) else { return nil }
    var numbers = LittleEndian(bytes[place..<place + 4 * count])
    place += 4 * count
    return (0..<count).map { _ in Float(bitPattern: numbers.read(UInt32.self) ?? 0) }
  }

  mutating func list<Element>(_ read: (inout MessageReader) -> Element?) -> [Element]? {
    // Every element begins with a number.
    guard let count = count(of: 8) else { return nil }
    var elements: [Element] = []
    elements.reserveCapacity(count)
    for _ in 0..<count {
      guard let element = read(&self) else { return nil }
      elements.append(element)
    }
    return elements
  }

  mutating func result() -> Result<Prediction, PredictionError>? {
    switch int() {
    case 0: return .failure(.noTokens)
    case 1: return int().map { .failure(.noRoom(tokens: $0)) }
    case 2: return .failure(.notFinite)
    case 3:
      guard let tokens = int(), let unknown = int(), let truncated = int(), let sketch = floats(),
        let value = value()
      else { return nil }
      var prediction = Prediction(
        value: value, tokenCount: tokens, unknownTokenCount: unknown, isTruncated: truncated != 0)
      prediction.sketch = sketch
      return .success(prediction)
    default: return nil
    }
  }

  private mutating func range() -> Range<Int>? {
    guard let start = int(), let end = int(), start <= end else { return nil }
    return start..<end
  }

  private mutating func spans() -> [TextSpan]? {
    list { message in
      guard let text = message.text(), let label = message.list({ $0.text() }),
        let word = message.list({ $0.text() }), let score = message.floats()?.first,
        let range = message.range()
      else { return nil }
      return TextSpan(
        label: label.first, text: text, word: word.first, score: score, range: range)
    }
  }

  private mutating func value() -> Prediction.Value? {
    switch int() {
    case 0:
      guard let index = int(), let all = floats() else { return nil }
      return .label(index, probabilities: all)
    case 1:
      guard let indices = list({ $0.int() }), let all = floats() else { return nil }
      return .labels(indices, probabilities: all)
    case 2: return floats().map { .scores($0) }
    case 3:
      return list { message -> TokenLabel? in
        guard let text = message.text(), let index = message.int(),
          let probability = message.floats()?.first, let range = message.list({ $0.range() })
        else { return nil }
        return TokenLabel(
          token: text, labelIndex: index, probability: probability, range: range.first)
      }.map { .tokens($0) }
    case 4: return floats().map { .vector($0) }
    case 5: return spans().map { .spans($0) }
    case 6:
      guard let isList = int(), let spans = spans() else { return nil }
      return .answers(spans, isList: isList != 0)
    case 7:
      guard let labels = list({ $0.text() }), let scores = floats() else { return nil }
      return .ranking(labels: labels, scores: scores)
    default: return nil
    }
  }
}
