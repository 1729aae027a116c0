/// What a model says of a text, as its files tell.
///
/// A task is a `TaskDefinition` in a file of its own, which adds a constant here and is listed in `all`.
public struct ModelTask: Sendable, Hashable, CustomStringConvertible {
  /// Its name, the Hugging Face hub's where that has one.
  public var rawValue: String { definition.name }
  package let definition: any TaskDefinition

  init(_ definition: any TaskDefinition) { self.definition = definition }

  /// Every task. Of several for one class of `config.json`, the first is that of a file which says no more.
  package static let all: [ModelTask] = [
    .classification, .multiLabelClassification, .regression, .tokenClassification,
    .questionAnswering, .embedding, .maskedWords, .sparseEmbedding, .multiVectorEmbedding,
    .generation,
  ]

  /// Its name.
  public var description: String { rawValue }
  /// Equal where the names are.
  public static func == (a: ModelTask, b: ModelTask) -> Bool { a.rawValue == b.rawValue }
  /// Hashes the name.
  public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}

/// What describes a model's inputs and answers beside its task.
public struct ModelSignature: Sendable, Equatable {
  /// Names of the outputs in order; empty for tasks without.
  public var labels: [String]
  /// Numbers in one embedding; 0 for other tasks.
  public var dimension: Int
  /// Names of what may be put before texts.
  public var prompts: [String]

  /// Labels, or the width of an embedding and names of prompts.
  public init(labels: [String], dimension: Int = 0, prompts: [String] = []) {
    (self.labels, self.dimension, self.prompts) = (labels, dimension, prompts)
  }
}
