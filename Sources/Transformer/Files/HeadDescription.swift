import JSON

/// What `config.json` says of the head: which task, which labels, which last function.
struct HeadDescription {
  let architecture: String
  let task: ModelTask
  let labels: [String]

  private static let largestHead = 1 << 20

  /// - Throws: `ModelError.unsupported` naming an architecture whose head is not known, or
  ///   `.badConfiguration`.
  init(_ json: JSONValue, _ architecture: Architecture, path: String) throws {
    let prefix = architecture.classPrefix
    let named = json["architectures"]?.arrayValue?.compactMap(\.stringValue) ?? []
    let name = named.first { !Self.tasks($0, architecture).isEmpty }
    guard
      let name = name ?? (named.isEmpty ? prefix + (architecture.generator ?? "Model") : nil)
    else {
      throw ModelError.unsupported(
        path: path, what: "architecture \"\(named[0].prefix(100))\"",
        supported: ExactString.unique(Self.suffixes(architecture)).map { prefix + $0 }
          .joined(separator: ", "))
    }
    self.architecture = name
    let tasks = Self.tasks(name, architecture)
    labels = tasks.contains(where: \.definition.hasLabels) ? try Self.labels(json, path: path) : []
    task = try Self.task(tasks, json, labels, path: path)
  }

  /// The tasks whose models have the class `name`.
  private static func tasks(_ name: String, _ architecture: Architecture) -> [ModelTask] {
    of(architecture).filter {
      $0.definition.classSuffixes.contains { name == architecture.classPrefix + $0 }
    }
  }

  /// The tasks of a family's models.
  private static func of(_ architecture: Architecture) -> [ModelTask] {
    ModelTask.all.filter { $0.definition.writesTexts == (architecture.generator != nil) }
  }

  private static func suffixes(_ architecture: Architecture) -> [String] {
    architecture.generator.map { [$0] } ?? of(architecture).flatMap(\.definition.classSuffixes)
  }

  /// The one of `tasks` that `problem_type` names.
  private static func task(
    _ tasks: [ModelTask], _ json: JSONValue, _ labels: [String], path: String
  ) throws -> ModelTask {
    if tasks.count == 1 { return tasks[0] }
    guard let type = json["problem_type"]?.stringValue else {
      return labels.count == 1 ? .regression : tasks.first ?? .embedding
    }
    if let task = tasks.first(where: { $0.definition.problemType == type }) {
      // One class leaves nothing to choose.
      return task == .classification && labels.count == 1 ? .regression : task
    }
    throw ModelError.unsupported(
      path: path, what: "problem_type \"\(type.prefix(100))\"",
      supported: tasks.compactMap(\.definition.problemType).joined(separator: ", "))
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
    let isCrossEncoder = modules.isCrossEncoder || json["sentence_transformers"] != nil
    return try Self.activation(
      modules, json, path: path,
      standard: isCrossEncoder && labels.count == 1 ? .sigmoid : .identity)
  }

  /// The one that the files name, or `standard`.
  static func activation(
    _ modules: SentenceTransformersModules, _ json: JSONValue, path: String,
    standard: ScoreActivation
  ) throws -> ScoreActivation {
    let name =
      modules.activation ?? json["sentence_transformers"]?["activation_fn"]?.stringValue
      ?? json["sbert_ce_default_activation_function"]?.stringValue
    guard let name else { return standard }
    switch name.split(separator: ".").last {
    case "Identity": return .identity
    case "Sigmoid": return .sigmoid
    default:
      throw ModelError.unsupported(
        path: path, what: "activation_fn \"\(name.prefix(100))\"", supported: "Identity, Sigmoid")
    }
  }
}
