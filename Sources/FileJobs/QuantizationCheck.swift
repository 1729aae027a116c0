import Training
import Transformer

/// What a model loses by 8-bit layers, on validation rows.
public struct QuantizationCheck: Sendable {
  /// What is compared, such as "accuracy" or "mean cosine".
  public var measure: String
  /// Of the model as it was.
  public var before: Double
  /// Of the 8-bit one.
  public var after: Double

  /// Percentage points lost.
  public var drop: Double { (before - after) * 100 }

  /// Runs both models over `rows`, which messages call `path`.
  ///
  /// Embedding models are compared with themselves: the mean cosine of each text's two vectors.
  /// - Throws: `RecordError` naming the line; `TrainingError` where there are no rows, or none that the figure is defined on.
  public init(
    _ original: TextModel, _ quantized: TextModel, rows: [Record], path: String, threads: Int
  ) throws {
    if original.task == .embedding {
      var pairs: [[Float]] = []
      var (sum, count) = (0.0, 0)
      var reader = RecordReader(rows, path: path)
      try FileJob(model: original, threads: threads).run(&reader) { _, prediction in
        if case .vector(let vector) = prediction.value { pairs.append(vector) }
      }
      var again = RecordReader(rows, path: path)
      try FileJob(model: quantized, threads: threads).run(&again) { _, prediction in
        guard case .vector(let vector) = prediction.value else { return }
        sum += Self.cosine(pairs[count], vector)
        count += 1
      }
      guard count > 0 else { throw TrainingError.nothingMeasured(path: path) }
      (measure, before, after) = ("mean cosine", 1, sum / Double(count))
      return
    }
    func evaluate(_ model: TextModel) throws -> (String, Double) {
      var reader = RecordReader(rows, path: path)
      let figures = try ModelEvaluation.run(
        FileJob(model: model, threads: threads), model, &reader, progress: { _ in })
      let (measure, figure): (String, Double?) =
        switch figures {
        case .classification(let report): ("accuracy", report.accuracy)
        case .multiLabel(let report): ("micro-F1", report.microF1)
        case .regression(let report): ("Pearson correlation", report.pearson)
        case .entities(let report, _): ("F1 of entities", report.f1)
        case .answers(let report): ("F1 of answers", report.f1)
        }
      guard let figure, figure.isFinite else {
        throw TrainingError.notDefined(path: path, figure: measure)
      }
      return (measure, figure)
    }
    (measure, before) = try evaluate(original)
    after = try evaluate(quantized).1
  }

  private static func cosine(_ a: [Float], _ b: [Float]) -> Double {
    var (dot, left, right) = (0.0, 0.0, 0.0)
    for (x, y) in zip(a, b) {
      dot += Double(x) * Double(y)
      left += Double(x) * Double(x)
      right += Double(y) * Double(y)
    }
    return dot / (left * right).squareRoot()
  }
}
