import Foundation
import Health
import Training
import Transformer

/// Measures how well accuracy is estimated without labels while the input drifts.
///
///     estimate-benchmark MODEL HELDOUT FOLDER STREAM...
///
/// MODEL holds the reference that `martlet train` wrote. Each STREAM is a labelled file of one period; its name is its
/// folder's. The labels are used for the truth alone. FOLDER takes `reference.tsv`, of HELDOUT, and one file a period for other
/// programs: label, predicted class, probabilities.

let arguments = CommandLine.arguments
guard arguments.count >= 5 else {
  FileHandle.standardError.write(
    Data("usage: estimate-benchmark MODEL HELDOUT FOLDER STREAM...\n".utf8))
  exit(64)
}
let folder = arguments[3]
let model = try TextModel.load(directory: arguments[1])
guard
  let labelled = try ReferenceProfile.load(
    path: "\(arguments[1])/\(ReferenceProfile.fileName)"
  ).labelled
else {
  FileHandle.standardError.write(Data("the model's reference.json has no labelled rows\n".utf8))
  exit(65)
}

/// The rows' predictions: confidence, and whether it was right.
@MainActor
func predict(_ path: String, export name: String) throws -> [(confidence: Double, isRight: Bool)] {
  var (rows, lines) = ([(confidence: Double, isRight: Bool)](), "")
  for row in try LabeledDataset(path: path).rows {
    guard let answer = try model.predict([TextInput(row.text)])[0].classification,
      let label = model.labels.firstIndex(of: row.label)
    else { continue }
    let confidence = Double(answer.probabilities.max() ?? 0)
    rows.append((confidence, answer.labelIndex == label))
    let fields = [label, answer.labelIndex].map(String.init) + answer.probabilities.map { "\($0)" }
    lines += fields.joined(separator: "\t") + "\n"
  }
  try Data(lines.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name).tsv"))
  return rows
}

func percent(_ value: Double) -> String { String(format: "%.1f", value * 100) }

_ = try predict(arguments[2], export: "reference")
print(
  "accuracy on the reference: \(percent(labelled.accuracy)) % of \(labelled.count) rows\n"
    + "period   rows  true  estimated (95 %)    reference off by  estimate off by")
var (estimateErrors, referenceErrors, covered) = ([Double](), [Double](), 0)
for path in arguments[4...] {
  let name = URL(fileURLWithPath: path).deletingLastPathComponent().lastPathComponent
  let rows = try predict(path, export: name)
  guard rows.count >= 200 else {
    print("\(name)  \(rows.count) rows are too few to know the truth by")
    try FileManager.default.removeItem(atPath: "\(folder)/\(name).tsv")
    continue
  }
  let truth = Double(rows.count { $0.isRight }) / Double(rows.count)
  let estimate = AccuracyEstimate.estimate(
    confidences: rows.map(\.confidence), labelled: labelled)
  estimateErrors.append(abs(estimate.value - truth))
  referenceErrors.append(abs(labelled.accuracy - truth))
  if estimate.interval.lower <= truth, truth <= estimate.interval.upper { covered += 1 }
  print(
    "\(name)  \(rows.count)  \(percent(truth))  \(percent(estimate.value)) "
      + "(\(percent(estimate.interval.lower))–\(percent(estimate.interval.upper)))  "
      + "\(percent(abs(labelled.accuracy - truth)))  \(percent(abs(estimate.value - truth)))")
}
func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }
print(
  "mean absolute error: estimate \(String(format: "%.2f", mean(estimateErrors) * 100)) points, "
    + "assuming the reference accuracy \(String(format: "%.2f", mean(referenceErrors) * 100)) points; "
    + "truth within the interval in \(covered) of \(estimateErrors.count) periods")
