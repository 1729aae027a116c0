import Tensor
import Tokenization

/// A reranker that is a decoder: how much likelier "yes" than "no" it finds as the next word, by the names of sentence-transformers'
/// `LogitScore`.
struct LogitScore: Sendable, Equatable {
  /// The word that says that the document answers the query.
  var trueToken: Int
  /// The word that says that it does not; nil where the other's score is all.
  var falseToken: Int?

  /// As the module's settings say.
  ///
  /// - Throws: `ModelError` naming the key.
  init(_ reader: ConfigReader) throws {
    guard let token = reader.json["true_token_id"]?.intValue, token >= 0 else {
      throw ModelError.badConfiguration(
        path: reader.path, key: "true_token_id", problem: "is missing or no token")
    }
    trueToken = token
    if let other = reader.json["false_token_id"], !other.isNull {
      falseToken = try reader.count("false_token_id", 0)
    }
  }

  /// What Qwen3-Reranker (Zhang et al., 2025) was trained to read.
  enum Template {
    /// What is looked for where nothing else is said.
    static let instruction =
      "Given a web search query, retrieve relevant passages that answer the query"
    /// Before what may be cut.
    static let opening =
      "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the "
      + "Instruct provided. Note that the answer can only be \"yes\" or \"no\".<|im_end|>\n"
      + "<|im_start|>user\n"
    /// Behind it.
    static let closing = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"

    /// What may be cut.
    static func body(instruction: String, query: String, document: String) -> String {
      "<Instruct>: \(instruction)\n<Query>: \(query)\n<Document>: \(document)"
    }
  }
}

/// Reads the last token's state.
struct LogitScoreHead: TaskHead {
  private let weight: PackedMatrix
  private let hasOther: Bool
  let kept = RowSelection.lasts

  /// - Throws: `ModelError` naming what is missing.
  init(_ score: LogitScore, _ source: HeadSource) throws {
    let shape = source.configuration.shape
    guard shape.modelType == "qwen3" else {
      throw ModelError.unsupported(
        path: source.configuration.directory, what: "LogitScore over \(shape.modelType)",
        supported: "qwen3, whose template is known")
    }
    var table = source.weights.words
    if source.shape("lm_head.weight") != nil {
      table = Matrix(rows: shape.vocabularySize, columns: shape.hiddenSize)
      try source.read("lm_head.weight", table)
    }
    let tokens = [score.trueToken] + (score.falseToken.map { [$0] } ?? [])
    guard tokens.allSatisfy({ $0 < table.rows }) else {
      throw ModelError.vocabularyMismatch(
        path: source.configuration.directory, tokens: (tokens.max() ?? 0) + 1, rows: table.rows)
    }
    let rows = Matrix(rows: tokens.count, columns: shape.hiddenSize)
    for (row, token) in tokens.enumerated() { rows.setRow(row, from: table, row: token) }
    weight = .transposing(rows, kernels: source.kernels)
    hasOther = score.falseToken != nil
  }

  func outputs(
    _ encoder: Encoder, _ sequences: [Int], _ encodings: [Encoding]
  ) -> [SequenceOutput] {
    let (states, _) = encoder.read(sequences, keeping: .lasts)
    let logits = Matrix(rows: states.rows, columns: weight.columns)
    encoder.kernels.linear(states, weight, output: logits)
    return sequences.indices.map {
      SequenceOutput([hasOther ? logits[$0, 0] - logits[$0, 1] : logits[$0, 0]])
    }
  }
}
