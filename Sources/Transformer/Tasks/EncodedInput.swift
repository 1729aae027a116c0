import Tokenization

/// An input as tokens: one sequence or several, none of them empty. What a model computes on.
public struct EncodedInput: Sendable {
  /// The input.
  public let input: TextInput
  /// What the model reads, in order; at least one.
  public let encodings: [Encoding]

  /// The first, and mostly only, sequence.
  public var encoding: Encoding { encodings[0] }
  /// Tokens of all sequences.
  public var tokenCount: Int { encodings.reduce(0) { $0 + $1.ids.count } }

  /// An input that is one sequence.
  ///
  /// - Throws: `PredictionError.noTokens` where there are none.
  public init(_ input: TextInput, _ encoding: Encoding) throws(PredictionError) {
    try self.init(input, [encoding])
  }

  /// An input that is several sequences.
  ///
  /// - Throws: `PredictionError.noTokens` where one of them has none, or none is there.
  public init(_ input: TextInput, _ encodings: [Encoding]) throws(PredictionError) {
    if encodings.isEmpty || encodings.contains(where: \.ids.isEmpty) { throw .noTokens }
    (self.input, self.encodings) = (input, encodings)
  }
}
