import Foundation
import Tensor
import Tokenization
import Transformer

/// From labelled rows to a trained model in memory, from nothing or from another model's weights.
public struct ModelTraining {
  /// Rows to learn from.
  public let training: LabeledDataset
  /// Rows to stop by.
  public let validation: LabeledDataset
  /// What is learned.
  package let objective: any TrainingObjective
  /// Names of the outputs in order.
  public var labels: [String] { objective.labels }
  /// Learned from the training texts, or the other model's.
  public let tokenizer: Tokenizer
  /// The shape.
  public let shape: ModelShape
  /// The directory whose weights are the start; nil for a model from nothing.
  public let base: String?
  /// Training rows that hold nothing but unknown tokens.
  public let unknownRows: Int
  private let pretrained: PretrainedEncoder?
  private let examples: (training: [TrainingExample], validation: [TrainingExample])

  /// Learns the vocabulary and tokenises, for a model from nothing.
  ///
  /// - Throws: `TrainingError` naming file and line, or `TokenizationError`.
  public init(
    training: LabeledDataset, validation: LabeledDataset, task: TrainingTask = .classification,
    size: ModelSize
  ) throws {
    try size.validate()
    let objective = try task.objective(training)
    var learning = VocabularyLearningOptions(size: size.vocabulary)
    learning.lowercase = true
    let tokenizer = try Tokenizer.learn(corpus: training.rows.flatMap(\.texts), options: learning)
    let padding = Int(tokenizer.specialTokens.padding ?? 0)
    let shape = ModelShape(
      vocabularySize: tokenizer.vocabularySize, hiddenSize: size.width, layerCount: size.layers,
      headCount: size.heads, feedForwardSize: size.feedForward, maximumTokens: size.maximumTokens,
      labels: objective.labels, placement: size.placement,
      positionalEncoding: size.positionalEncoding,
      positionOffset: size.placement == .pre ? padding + 1 : 0,
      tokenTypeCount: size.placement == .pre ? 1 : 0, paddingID: padding,
      dropout: DropoutShape(size.dropout))
    try self.init(
      rows: training, validation, objective, tokenizer, shape, pretrained: nil,
      maximumTokens: size.maximumTokens)
  }

  /// Reads the model in `directory` to go on from: its tokenizer, its encoder, and its head where task and
  /// labels are the same.
  ///
  /// - Parameters:
  ///   - maximumTokens: longest input; at most what the model bears.
  ///   - dropout: nil for the model's own.
  ///   - lowRank: the additions that learn while the model stays as it is; nil where its weights learn.
  /// - Throws: `TrainingError`, `ModelError` or `TokenizationError`.
  public init(
    training: LabeledDataset, validation: LabeledDataset, task: TrainingTask = .classification,
    from directory: String, maximumTokens: Int, dropout: Float?, freshHead: Bool = false,
    lowRank: LowRankOptions? = nil
  ) throws {
    let objective = try task.objective(training)
    let pretrained = try PretrainedEncoder(
      directory: directory, objective: objective, dropout: dropout, freshHead: freshHead,
      lowRank: lowRank)
    try self.init(
      rows: training, validation, objective, pretrained.tokenizer, pretrained.shape,
      pretrained: pretrained,
      maximumTokens: min(maximumTokens, pretrained.maximumTokens))
  }

  private init(
    rows training: LabeledDataset, _ validation: LabeledDataset, _ objective: any TrainingObjective,
    _ tokenizer: Tokenizer, _ shape: ModelShape, pretrained: PretrainedEncoder?,
    maximumTokens: Int
  ) throws {
    (self.training, self.validation, self.objective) = (training, validation, objective)
    (self.tokenizer, self.shape, self.pretrained) = (tokenizer, shape, pretrained)
    base = pretrained?.directory
    examples = (
      try Self.examples(training, objective, tokenizer, maximumTokens),
      try Self.examples(validation, objective, tokenizer, maximumTokens)
    )
    let special = tokenizer.specialTokens
    let empty = Set(
      [special.classification, special.separator, special.unknown].compactMap { $0 })
    unknownRows = examples.training.count { $0.ids.allSatisfy(empty.contains) }
  }

  /// Tokenised rows of `dataset`.
  ///
  /// - Throws: `TrainingError` naming the line.
  package static func examples(
    _ dataset: LabeledDataset, _ objective: any TrainingObjective, _ tokenizer: Tokenizer,
    _ maximumTokens: Int
  ) throws -> [TrainingExample] {
    try dataset.rows.map {
      try objective.example(
        $0, path: dataset.path, tokenizer: tokenizer, maximumTokens: maximumTokens)
    }
  }

  /// The weights that training starts from.
  public func startingParameters(seed: UInt64) -> ModelParameters {
    let parameters: ModelParameters
    if let pretrained {
      parameters = pretrained.parameters(seed: seed)
    } else {
      parameters = ModelParameters(shape)
      parameters.initialize(seed: seed)
    }
    if !(pretrained?.keepsHead ?? false) { objective.prepare(parameters) }
    return parameters
  }

  /// A trainer with the weights to start from.
  ///
  /// - Throws: `TrainingError.badOption`.
  public func trainer(
    options: TrainingOptions, kernels: Kernels, parameters: ModelParameters? = nil
  ) throws -> Trainer {
    let special = tokenizer.specialTokens
    let kept = Set([special.classification, special.separator].compactMap { $0 })
    return try Trainer(
      parameters: parameters ?? startingParameters(seed: options.seed), objective: objective,
      options: options,
      kernels: kernels, maskID: special.unknown ?? special.mask ?? 0,
      splits: options.subwordDropout > 0 ? SubwordSplits(tokenizer) : SubwordSplits(),
      maskable: { !kept.contains($0) })
  }

  /// Trains and returns the weights of the best validation; with `pretraining`, the encoder first
  /// learns from the texts alone, and `pretrained` hears of each of its epochs' loss. Where a linear model
  /// softens the labels, `taught` hears how much of the training rows it tells rightly, unseen; nil where
  /// it knows too little to have a part in them.
  ///
  /// - Throws: `TrainingError` or `CheckpointError`.
  public func run(
    options: TrainingOptions, kernels: Kernels, checkpoints: CheckpointStore? = nil,
    pretraining: Pretraining? = nil, pretrained told: (Int, Double) -> Void = { _, _ in },
    taught: (Double?) -> Void = { _ in }, report: (TrainingProgress) -> Void
  ) throws -> TrainingResult {
    let outOfScope = try options.outOfScopeLabel.map(index)
    let parameters = startingParameters(seed: options.seed)
    if let pretraining, pretraining.epochs > 0 {
      let special = tokenizer.specialTokens
      try pretraining.run(
        parameters, examples: examples.training, maskID: special.mask ?? special.unknown ?? 0,
        special: Set(
          [special.classification, special.separator, special.unknown].compactMap { $0 }),
        kernels: kernels, report: told)
    }
    if options.warmsHead, let pretrained, !pretrained.keepsHead {
      try HeadWarmStart(
        seed: options.seed, loss: objective.loss(over: examples.training, TrainingOptions())
      )
      .run(
        parameters, examples: examples.training, kernels: kernels)
    }
    let rows = options.teacherShare > 0 ? softened(options, taught) : examples.training
    let trainer = try trainer(options: options, kernels: kernels, parameters: parameters)
    trainer.checkpoints = checkpoints
    var result = try trainer.train(rows, validation: examples.validation, report: report)
    if let outOfScope { try prefer(outOfScope, cost: options.outOfScopeCost, in: &result, kernels) }
    return result
  }

  private func index(outOfScope label: String) throws -> Int {
    guard let index = LabelIndex(labels)[label] else {
      throw TrainingError.badOption(
        name: "--out-of-scope", value: label,
        allowed: "a label of the training rows, such as \(labels.prefix(3).joined(separator: ", "))"
      )
    }
    return index
  }

  /// Raises the logit of `label`, and takes the figures anew.
  private func prefer(
    _ label: Int, cost: Double, in result: inout TrainingResult, _ kernels: Kernels
  ) throws {
    let rows = examples.validation
    let spacing = ScoredRows.spacing(of: rows.count, classes: labels.count)
    func encoder() -> Encoder {
      Encoder(PackedWeights(result.parameters, kernels: kernels), kernels: kernels)
    }
    let scored = try ScoredRows(
      encoder(), examples: stride(from: 0, to: rows.count, by: spacing).map { rows[$0] })
    guard let bias = result.parameters[.head, .classifier, .bias],
      let preference = OutOfScopePreference(scored, label: label, cost: cost)
    else { return }
    bias[0, label] += preference.bias
    result.outOfScope = preference
    result.validation = try Evaluation.figures(objective, encoder(), rows)
    result.history.events.append(
      .init(step: result.steps, message: preference.summary(labels[label])))
  }

  /// The training rows with the targets of a linear model that has not seen them.
  private func softened(
    _ options: TrainingOptions, _ taught: (Double?) -> Void
  ) -> [TrainingExample] {
    let teacher = NGramTeacher(share: options.teacherShare, seed: options.seed)
    let lesson = teacher.lesson(
      training.rows.map { $0.texts.joined(separator: "\n") },
      labels: examples.training.map(\.label), classes: labels.count)
    taught(lesson?.accuracy)
    guard let lesson else { return examples.training }
    return zip(examples.training, lesson.targets).map { example, target in
      var softened = example
      softened.target = target
      return softened
    }
  }

  /// Tokenised training and validation rows.
  public var tokenised: (training: [TrainingExample], validation: [TrainingExample]) { examples }

  /// Writes the tokenizer's files to `directory`: those of the other model as they are, or the
  /// learned ones.
  ///
  /// - Throws: `TokenizationError` or `ModelError`.
  public func writeTokenizer(to directory: String) throws {
    if let pretrained {
      try pretrained.copyTokenizer(to: directory)
    } else {
      try tokenizer.write(to: directory)
    }
  }
}
