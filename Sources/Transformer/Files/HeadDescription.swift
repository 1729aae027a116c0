import JSON

/// What `config.json` says of the head: which task, which labels, which last function.
struct HeadDescription {
  let architecture: String
  let task: ModelTask
  let labels: [String]
  let scoreActivation: ScoreActivation

  private static let largestHead = 1 << 20

  private static let sequenceHead = "ForSequenceClassification"
  private static let tokenHead = "ForTokenClassification"
  /// Of a model for pre-training, the encoder is taken and its head is left.
  private static let bare = ["Model", "ForMaskedLM", "ForPreTraining", "ForCausalLM"]

  /// - Throws: `ModelError.unsupported` naming an architecture whose head is not known, or
  ///   `.badConfiguration`.
  init(_ json: JSONValue, _ architecture: Architecture, path: String) throws {
    let prefix = architecture.classPrefix
    let supported =
      Self.bare.prefix(1) + [Self.sequenceHead, Self.tokenHead] + Self.bare.dropFirst()
    let named = json["architectures"]?.arrayValue?.compactMap(\.stringValue) ?? []
    let known = named.first { name in supported.contains { name == prefix + $0 } }
    guard let architecture = known ?? (named.isEmpty ? prefix + "Model" : nil) else {
      throw ModelError.unsupported(
        path: path, what: "architecture \"\(named[0].prefix(100))\"",
        supported: supported.map { prefix + $0 }.joined(separator: ", "))
    }
    self.architecture = architecture
    let hasTokenHead = architecture == prefix + Self.tokenHead
    guard architecture == prefix + Self.sequenceHead || hasTokenHead else {
      (task, labels, scoreActivation) = (.embedding, [], .identity)
      return
    }
    labels = try Self.labels(json, path: path)
    scoreActivation = try Self.activation(json, path: path)
    if hasTokenHead {
      task = .tokenClassification
      return
    }
    switch json["problem_type"]?.stringValue {
    case "multi_label_classification": task = .multiLabelClassification
    case "regression": task = .regression
    case nil, "single_label_classification":
      task = labels.count == 1 ? .regression : .classification
    case let other?:
      throw ModelError.unsupported(
        path: path, what: "problem_type \"\(other.prefix(100))\"",
        supported: "single_label_classification, multi_label_classification, regression")
    }
  }

  private static func labels(_ json: JSONValue, path: String) throws -> [String] {
    guard let names = json["id2label"]?.objectValue else {
      let count = json["num_labels"].map { $0.intValue ?? 0 } ?? 2
      guard (1...largestHead).contains(count) else {
        throw ModelError.badConfiguration(
          path: path, key: "num_labels", problem: "is not from 1 to \(largestHead)")
      }
      return (0..<count).map { "LABEL_\($0)" }
    }
    guard !names.isEmpty else {
      throw ModelError.badConfiguration(path: path, key: "id2label", problem: "is empty")
    }
    return try (0..<names.count).map { index in
      guard let name = names["\(index)"]?.stringValue else {
        throw ModelError.badConfiguration(
          path: path, key: "id2label", problem: "has no name for label \(index)")
      }
      return name
    }
  }

  /// Cross-encoders name the last function as a class of torch; without a name the number stays raw.
  private static func activation(_ json: JSONValue, path: String) throws -> ScoreActivation {
    let name =
      json["sentence_transformers"]?["activation_fn"]?.stringValue
      ?? json["sbert_ce_default_activation_function"]?.stringValue
    guard let name else { return .identity }
    switch name.split(separator: ".").last {
    case "Identity": return .identity
    case "Sigmoid": return .sigmoid
    default:
      throw ModelError.unsupported(
        path: path, what: "activation_fn \"\(name.prefix(100))\"", supported: "Identity, Sigmoid")
    }
  }
}
