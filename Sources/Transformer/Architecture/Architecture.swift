import JSON

/// A family of models: how `config.json` gives the shape, and what its checkpoints call the tensors.
///
/// Each family is one of these, in a file of its own under `Families/`, and nothing else knows it.
public struct Architecture: Sendable {
  /// Values of `model_type` in `config.json`; files that we write have the shape's own.
  let modelTypes: [String]
  /// What the classes of `transformers` begin with: "Bert" of `BertModel`.
  let classPrefix: String
  /// Put before the encoder's tensors in a model with a head: "bert.".
  let tensorPrefix: String
  /// The shape that `config.json` describes, without a head.
  let read: @Sendable (ConfigReader) throws -> ModelShape
  /// The head on the whole text, without labels; `read` may change it.
  let headPlan: SequenceHeadShape
  /// What `config.json` says beside what all families have; nil for families that are not trained from nothing
  /// here, whose `config.json` is written as it was read.
  var write: (@Sendable (ModelShape) -> JSONObject)?
  /// The checkpoint's tensors that make up one of ours.
  let names: @Sendable (ParameterKey, ModelShape) -> [CheckpointSlice]
  /// What its checkpoints may call them as well: `transformers` writes some families under the names of their first code.
  var otherNames: [@Sendable (ParameterKey, ModelShape) -> [CheckpointSlice]] = []
  /// What the checkpoint may hold a second time, under names without prefix: tied tables.
  var copies: [String] = []
  /// The end of the class that writes texts, such as "ForConditionalGeneration"; nil for encoders.
  var generator: String?
  /// The layer that labels tokens; nil where the head on tokens is the one on the text, on each token.
  var tokenHead: String? = "classifier"
  /// What its checkpoints may call the head for masked words; empty for none.
  var wordHeads: [WordHeadNames] = []
  /// Whether a `config.json` is of this family, where its `model_type` does not say; the first such family wins.
  var claims: (@Sendable (ConfigReader) -> Bool)?

  /// Every family.
  static let all: [Architecture] = [
    .bert, .distilBERT, .roberta, .xlmRoberta, .camembert, .data2vecText, .robertaPreLayerNorm,
    .xlmRobertaXL, .electra, .ernie, .albert, .modernBERT, .mpnet, .nomicBERT, .nomicBERTOwn, .gte,
    .gteOwn, .jinaBERT, .debertaV2, .deberta, .roFormer, .esm, .euroBERT, .llama, .mistral,
    .qwen2, .qwen3, .gemma2, .gemma3, .bart, .mbart, .marian, .m2m100, .pegasus, .t5,
    .staticTable,
  ]

  /// The family of the `config.json` that `reader` has.
  static func of(_ reader: ConfigReader) -> Architecture? {
    all.first { $0.claims?(reader) == true } ?? named(reader.modelType)
  }

  /// The family that `modelType` names.
  static func named(_ modelType: String) -> Architecture? {
    all.first { $0.modelTypes.contains(modelType) }
  }

  /// The class of `transformers` with this head, such as `BertForSequenceClassification`.
  static func className(_ modelType: String, _ head: String) -> String {
    (named(modelType)?.classPrefix ?? "") + head
  }

  /// Every `model_type` that is supported.
  public static var modelTypes: [String] { all.flatMap(\.modelTypes) }

  /// The `model_type`s of encoder–decoders.
  package static var generatorTypes: [String] {
    all.filter { $0.generator != nil }.flatMap(\.modelTypes)
  }

  /// Every `model_type`, as messages list them.
  static var supported: String { modelTypes.joined(separator: ", ") }
}

extension ModelShape {
  /// Its family.
  var architecture: Architecture? { Architecture.named(modelType) }

  /// The layer that labels tokens, as checkpoints call it.
  var tokenHead: String { architecture?.tokenHead ?? "classifier" }

  /// Whether `key` is the decoder's, and the number of its block there, 0 where it has none: a decoder's weights are numbered
  /// behind the encoder's.
  func side(of key: ParameterKey) -> (isDecoder: Bool, block: Int) {
    let (before, number) = (encoder.blocks.count, key.block ?? 0)
    let isBehind = number >= before
    return (
      isBehind || [.decoderEmbeddings, .decoderFinal].contains(key.place),
      isBehind ? number - before : number
    )
  }

  /// The first block with the weights that `key` names.
  func block(_ key: ParameterKey) -> BlockShape? {
    key.block.flatMap { number in blocks.first { $0.weights == number } }
  }
}

/// A tensor of a checkpoint, or rows of one, and the rows of ours that they fill.
struct CheckpointSlice: Sendable {
  /// Its name, without the family's prefix.
  var name: String
  /// Whether the family's prefix stands before it; heads have none.
  var isPrefixed: Bool
  /// Which of our tensor's equal parts it fills first, of how many.
  var part: Int
  var parts: Int
  /// How many parts it fills: heads of a projection with fewer keys than queries.
  var span = 1
  /// Which of the checkpoint's tensor's equal parts it is, of how many.
  var filePart: Int
  var fileParts: Int

  /// Part `part` of `parts` of one of our tensors is the encoder's `name`, or as many from there on as `span` says.
  static func encoder(
    _ name: String, part: Int = 0, of parts: Int = 1, span: Int = 1
  ) -> CheckpointSlice {
    CheckpointSlice(
      name: name, isPrefixed: true, part: part, parts: parts, span: span, filePart: 0, fileParts: 1)
  }

  /// Queries, keys and values of one block, by what `names` calls them in this order: heads may share keys.
  static func projections(
    _ names: [String], _ key: ParameterKey, _ shape: ModelShape
  ) -> [CheckpointSlice] {
    guard let form = shape.block(key)?.attention.form else { return [] }
    let (heads, pairs) = (form.heads, form.keyValueHeads)
    let spans = [(0, heads), (heads, pairs), (heads + pairs, pairs)]
    return zip(names, spans).map { name, span in
      .encoder(name, part: span.0, of: heads + 2 * pairs, span: span.1)
    }
  }

  /// The encoder's `name` is one of our tensors in another order of equal parts: `order[i]` is the place there
  /// of our part i.
  static func encoder(_ name: String, order: [Int]) -> [CheckpointSlice] {
    order.enumerated().map { part, place in
      CheckpointSlice(
        name: name, isPrefixed: true, part: part, parts: order.count, filePart: place,
        fileParts: order.count)
    }
  }

  /// One of our tensors is the head's `name`.
  static func head(_ name: String) -> CheckpointSlice {
    CheckpointSlice(
      name: name, isPrefixed: false, part: 0, parts: 1, filePart: 0, fileParts: 1)
  }
}

extension ParameterKey {
  /// "weight" or "bias", as PyTorch's modules name it.
  var moduleSuffix: String {
    switch role {
    case .table, .weight, .gain, .down, .up: "weight"
    case .bias, .shift: "bias"
    }
  }
}
