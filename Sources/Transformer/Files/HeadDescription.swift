import JSON

/// What `config.json` says of the head: which task, which labels, which last function.
struct HeadDescription {
  let architecture: String
  let task: ModelTask
  let labels: [String]

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
      (task, labels) = (.embedding, [])
      return
    }
    labels = try Self.labels(json, path: path)
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
    guard let given = json["id2label"], !given.isNull else {
      let count = json["num_labels"].map { $0.intValue ?? 0 } ?? 2
      guard (1...largestHead).contains(count) else {
        throw ModelError.badConfiguration(
          path: path, key: "num_labels", problem: "is not from 1 to \(largestHead)")
      }
      return (0..<count).map { "LABEL_\($0)" }
    }
    let count = given.objectValue?.count ?? given.arrayValue?.count ?? 0
    guard count > 0 else {
      throw ModelError.badConfiguration(
        path: path, key: "id2label",
        problem: "names no label; write an object of names by number, or a list of them")
    }
    let labels = try (0..<count).map { index in
      guard let name = (given["\(index)"] ?? given[index])?.stringValue else {
        throw ModelError.badConfiguration(
          path: path, key: "id2label",
          problem:
            "has no name for label \(index); the numbers go from 0 to \(count - 1), and each has a name"
        )
      }
      return name
    }
    try checkDistinct(labels, path: path)
    return labels
  }

  /// An answer says which output was meant by its label alone.
  private static func checkDistinct(_ labels: [String], path: String) throws {
    let places = ExactString.places(in: labels)
    for (index, label) in labels.enumerated() {
      if label.utf8.isEmpty {
        throw ModelError.badConfiguration(
          path: path, key: "id2label", problem: "gives label \(index) an empty name")
      }
      if let first = places[ExactString(label)], first != index {
        throw ModelError.badConfiguration(
          path: path, key: "id2label",
          problem: "gives labels \(first) and \(index) the same name \"\(label.prefix(100))\"")
      }
    }
  }

  /// What a head of numbers ends in. Cross-encoders name a class of torch: sentence-transformers since 5.4 in its own file, before
  /// in `config.json`, before 4 there under another name. One without a name ends in a sigmoid if it has one output; a model of
  /// `transformers` alone gives the number itself.
  ///
  /// - Throws: `ModelError.unsupported` naming a function that is not known.
  func scoreActivation(
    _ modules: SentenceTransformersModules, _ json: JSONValue, path: String
  ) throws -> ScoreActivation {
    guard task == .regression else { return .identity }
    let name =
      modules.activation ?? json["sentence_transformers"]?["activation_fn"]?.stringValue
      ?? json["sbert_ce_default_activation_function"]?.stringValue
    guard let name else {
      let isCrossEncoder = modules.isCrossEncoder || json["sentence_transformers"] != nil
      return isCrossEncoder && labels.count == 1 ? .sigmoid : .identity
    }
    switch name.split(separator: ".").last {
    case "Identity": return .identity
    case "Sigmoid": return .sigmoid
    default:
      throw ModelError.unsupported(
        path: path, what: "activation_fn \"\(name.prefix(100))\"", supported: "Identity, Sigmoid")
    }
  }
}
