/// The tasks that can be trained for, by the names of `--task`.
public enum TrainingTask: String, Sendable, CaseIterable {
  /// One label of several.
  case classification
  /// Any number of labels.
  case multiLabel = "multi-label"
  /// Numbers.
  case regression
  /// How well texts answer queries.
  case rerank

  /// The objective that rows of `training` make.
  ///
  /// - Throws: `TrainingError` where they make none.
  package func objective(_ training: LabeledDataset) throws -> any TrainingObjective {
    switch self {
    case .classification: ClassificationObjective(labels: try training.trainingLabels())
    case .multiLabel: try MultiLabelObjective(training)
    case .regression: try RegressionObjective(training)
    case .rerank: try RerankObjective(training)
    }
  }

  /// What the labels of `training` look like, and by what it is known; nil for classes.
  public static func found(in training: LabeledDataset) -> (task: TrainingTask, reason: String)? {
    let labels = LabelIndex.distinct(training.rows.lazy.map(\.label))
    let numbers = labels.compactMap { Double($0) }.filter(\.isFinite)
    if numbers.count == labels.count, numbers.count > 10,
      numbers.contains(where: { $0 != $0.rounded() })
    {
      return (
        .regression, "all labels are numbers, of \(numbers.count) values, not all of them whole"
      )
    }
    let sets = labels.map { MultiLabelObjective.labels(LabeledText(label: $0, text: "", line: 0)) }
    let several = zip(labels, sets).filter { $0.1.count > 1 }.map(\.0)
    let parts = LabelIndex.distinct(sets.joined())
    // What parts labels comes with labels that other rows have as well.
    if let first = several.first, parts.count > 1, parts.count < labels.count || several.count > 1 {
      return (.multiLabel, "labels such as \"\(first)\" are several with | between them")
    }
    return nil
  }
}
