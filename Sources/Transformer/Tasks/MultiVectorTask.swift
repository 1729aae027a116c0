import JSON
import Tokenization

/// A vector for each token of a text: ColBERT and its kin.
struct MultiVectorTask: TaskDefinition {
  let name = "multi-vector-embedding"
  let classSuffixes: [String] = []
  let hasLabels = false
  let member = "embeddings"

  func parameters(_ model: ModelSignature) -> [TaskParameter] { TaskParameter.prompts(model) }

  func check(_ parameters: TaskParameters, _ model: ModelSignature) throws(InputProblem) {
    try parameters.checkPrompts()
  }

  func encode(
    _ input: TextInput, by model: TextModel
  ) throws(PredictionError) -> EncodedInput {
    let vectors = model.configuration.multiVector ?? MultiVectorConfiguration()
    let side = input.parameters.side
    let isQuery = side == .query
    let expansion = isQuery ? vectors.expansion : nil
    var longest = model.maximumTokens
    if let expansion {
      if expansion.isFixed {
        longest = min(longest, expansion.length)
      } else if let length = vectors.queryLength {
        longest = min(longest, max(length, expansion.length))
      }
    } else if let length = isQuery ? vectors.queryLength : vectors.documentLength, side != nil {
      longest = min(longest, length)
    }
    var encoding = try model.encodeMarked(input, vectors, maximum: longest)
    if let expansion, let filler = model.fillerToken(expansion) {
      let count = encoding.ids.count
      let missing = min(expansion.length, model.maximumTokens) - count
      if missing > 0 {
        encoding.ids += [Int32](repeating: filler, count: missing)
        encoding.typeIDs += [Int32](repeating: 0, count: missing)
        if !expansion.attends { encoding.seenCount = count }
      }
    }
    return try EncodedInput(input, encoding)
  }

  func head(_ source: HeadSource) throws -> any TaskHead { try MultiVectorHead(source) }

  func value(
    _ outputs: [SequenceOutput], of input: EncodedInput, by model: TextModel
  ) -> Prediction.Value {
    let skips = model.configuration.multiVector?.skippingSides
      .contains(input.input.parameters.side ?? .document)
    // Of bge-m3's the first token has no vector.
    let first = input.encoding.ids.count - outputs[0].rows
    return .vectors(
      (0..<outputs[0].rows).compactMap { row in
        let id = input.encoding.ids[first + row]
        if skips == true && model.skippedIDs.contains(id) { return nil }
        return Array(outputs[0].row(row))
      })
  }

  func schema(_ model: ModelSignature) -> JSONValue { Schema.list(Schema.list(Schema.number)) }

  func outputs(_ model: ModelSignature) -> [TensorOutput] {
    [.json("embeddings", labels: model.labels)]
  }
}

extension ModelTask {
  /// A vector for each token of a text.
  public static let multiVectorEmbedding = ModelTask(MultiVectorTask())
}

extension TextModel {
  /// The tokens of an input, with the one that its prompt begins with put behind the first special token by its id, where the
  /// tokenizer would take it apart and the model means it so.
  fileprivate func encodeMarked(
    _ input: TextInput, _ vectors: MultiVectorConfiguration, maximum: Int
  ) throws(PredictionError) -> Encoding {
    let prompt = configuration.prompts.text(for: input.parameters)
    let word = prompt.split(separator: " ").first.map(String.init) ?? ""
    guard vectors.insertsMarkers, maximum > 1,
      let (marker, id) = [prompt, word].lazy.compactMap({ text in
        self.tokenizer.id(for: text).map { (text, $0) }
      }).first,
      tokenizer.encode(marker, addsSpecialTokens: false).ids != [id]
    else { return try encodeWhole(input, maximum: maximum).encoding }
    var encoding = tokenizer.encode(
      String(decoding: prompt.utf8.dropFirst(marker.utf8.count), as: UTF8.self) + input.text,
      maximumLength: maximum - 1)
    let place = encoding.ids.first.map(tokenizer.isFrame) == true ? 1 : 0
    encoding.ids.insert(id, at: min(place, encoding.ids.count))
    encoding.typeIDs.insert(0, at: min(place, encoding.typeIDs.count))
    return encoding
  }

  /// What short queries are filled with: the token that the files name, or the mask, or what closes a text.
  func fillerToken(_ expansion: MultiVectorConfiguration.Expansion) -> Int32? {
    if let token = expansion.token { return tokenizer.id(for: token) }
    return tokenizer.specialTokens.mask ?? tokenizer.specialTokens.separator
  }
}

/// How well a document answers a query by the vectors of their tokens: for each of the query's the largest inner product with one
/// of the document's, summed (MaxSim; Khattab and Zaharia, 2020, section 3.3).
package enum LateInteraction {
  /// The sum; 0 where either has no vector.
  package static func score(query: [[Float]], document: [[Float]]) -> Float {
    if document.isEmpty { return 0 }
    let total = query.reduce(0.0) { total, vector in
      let best = document.reduce(-Double.infinity) { best, other in
        max(best, zip(vector, other).reduce(0.0) { $0 + Double($1.0) * Double($1.1) })
      }
      return total + best
    }
    return Float(total)
  }
}
