import Tokenization

/// What is done with a text that is longer than the model reads, where a request says so.
package enum LongText: String, CaseIterable {
  /// Its end is left off.
  case truncate
  /// Its beginning is left off.
  case truncateLeft = "truncate_left"
  /// It has no answer.
  case refuse
  /// It is read in windows, and the answer is made of theirs.
  case windows

  /// What a request may say of it; `pooling` tells how the answers of windows become one.
  static func parameters(pooling: String) -> [TaskParameter] {
    [
      TaskParameter(
        name: "long_text", kind: .choice(allCases.map(\.rawValue)),
        summary:
          "What is done with a text that is longer than the model reads: its end or its beginning is left off, it is refused, or it is read in "
          + "windows, of which \(pooling); truncate where left out."),
      TaskParameter(
        name: "stride", kind: .integer(0...65536),
        summary: "Tokens that two windows share; none where left out."),
    ]
  }

  /// - Throws: `InputProblem` for a stride without windows.
  static func check(_ parameters: TaskParameters) throws(InputProblem) {
    if parameters.contains("stride"), parameters.text("long_text") != windows.rawValue {
      throw InputProblem(
        "'stride' is there, but the text is not read in windows.",
        mend: "Send \"long_text\": \"windows\" as well.", pointer: "/stride")
    }
  }

  /// Tokens that an input has in all of its windows, as its bytes suggest.
  static func tokenEstimate(_ input: TextInput, maximum: Int) -> Int {
    let tokens = (input.text.utf8.count + (input.pair?.utf8.count ?? 0)) / 4 + 2
    guard input.parameters.text("long_text") == windows.rawValue, tokens > maximum else {
      return min(maximum, tokens)
    }
    let overlap = input.parameters.integer("stride") ?? 0
    return (tokens / max(1, maximum - 2 - overlap) + 1) * maximum
  }

  /// The sequences of a text, or of a pair whose second text may be long.
  ///
  /// - Throws: `PredictionError` for one that is refused, or for windows that do not advance.
  func encode(_ input: TextInput, by model: TextModel) throws(PredictionError) -> [Encoding] {
    let (tokenizer, maximum) = (model.tokenizer, model.maximumTokens)
    let first = tokenizer.tokens(
      of: model.configuration.prompts.text(for: input.parameters) + input.text)
    let second = input.pair.map { tokenizer.tokens(of: $0, sequence: 1) }
    switch self {
    case .truncate, .truncateLeft, .refuse:
      let encoding = tokenizer.framing(
        first, second, maximumLength: maximum, cutsLeft: self == .truncateLeft ? true : nil)
      if self == .refuse && encoding.isTruncated { throw .tooLong(maximum: maximum) }
      return [encoding]
    case .windows:
      let overlap = input.parameters.integer("stride") ?? 0
      let room =
        maximum - tokenizer.frameCount(isPair: second != nil)
        - (second == nil ? 0 : first.ids.count)
      guard
        let windows = tokenizer.windows(
          first, second, maximumLength: maximum, overlap: overlap)
      else {
        throw room <= 0
          ? .questionTooLong(tokens: first.ids.count, of: maximum)
          : .overlapTooLong("stride", overlap: overlap, room: room)
      }
      return windows
    }
  }
}
