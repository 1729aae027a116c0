import HTTP
import Transformer

/// What an endpoint needs a model to be.
struct ModelKind: Sendable {
  /// With its article, as messages say it.
  let noun: String
  /// What to serve to have one.
  let example: String
  let suits: @Sendable (ModelDescription) -> Bool
  /// Which of those that suit come first.
  var isPreferred: @Sendable (ModelDescription) -> Bool = { _ in true }

  /// Gives a vector for a text.
  static let embedder = ModelKind(
    noun: "an embedding model", example: "a sentence-transformers model"
  ) { $0.task == .embedding }

  /// Gives one number for a pair of texts, or one against and one for.
  static let crossEncoder = ModelKind(
    noun: "a cross-encoder", example: "a cross-encoder with one output"
  ) { model in
    model.task == .regression && model.labels.count <= 1
      || model.isCrossEncoder && model.labels.count == 2
  }

  /// Gives a vector for each token.
  static let lateInteraction = ModelKind(
    noun: "a model of late interaction", example: "a ColBERT"
  ) { $0.task == .multiVectorEmbedding }

  /// Gives a probability for each of its labels.
  static let classifier = ModelKind(
    noun: "a classifier", example: "a text classifier"
  ) { $0.hasProbabilities }

  /// Says how near a text is to another: by itself, or by its vectors.
  static let scorer = ModelKind(
    noun: "a cross-encoder or embedding model", example: "a cross-encoder",
    suits: { crossEncoder.suits($0) || embedder.suits($0) || lateInteraction.suits($0) },
    isPreferred: { crossEncoder.suits($0) || lateInteraction.suits($0) })
}

extension PublicAPI {
  /// The models of a kind: those that it prefers first, in the order of the command line.
  func deployments(_ kind: ModelKind) -> [ModelCatalog.Deployment] {
    let all = catalog.deployments.filter { kind.suits($0.primary.description) }
    return all.filter { kind.isPreferred($0.primary.description) }
      + all.filter { !kind.isPreferred($0.primary.description) }
  }

  /// Their names.
  func names(_ kind: ModelKind) -> [String] {
    deployments(kind).map(\.primary.description.name)
  }

  /// The model that the path or else the body's member `model` names, or the first of this kind.
  func deployment(
    _ body: RequestBody, _ kind: ModelKind, named path: String? = nil
  ) throws(Problem) -> ModelCatalog.Deployment {
    let names = names(kind)
    let asked =
      if let path { path } else {
        try body.optionalString("model", maximum: ModelSpecification.maximumNameLength)
      }
    guard let name = asked ?? names.first else { throw missing(kind) }
    let deployment = try deployment(name, pointer: path == nil ? "/model" : nil)
    guard kind.suits(deployment.primary.description) else {
      throw Problem(
        status: .badRequest, detail: "The model '\(name)' is not \(kind.noun).",
        mend: names.isEmpty
          ? "Ask the operator to serve \(kind.example) as well."
          : "Use one of: \(names.joined(separator: ", ")).",
        pointer: path == nil ? "/model" : nil)
    }
    return deployment
  }

  /// The problem of a path for a kind of which no model is served.
  func missing(_ kind: ModelKind) -> Problem {
    Problem(
      status: .notFound, detail: "This path needs \(kind.noun), and none is served.",
      mend: "Ask the operator to serve \(kind.example) as well: martlet serve … NAME=DIR.")
  }
}
