import Foundation
import Health
import Training
import Transformer

/// Measures the drift detector on real traffic: how often it is wrong, and how soon it is right.
///
///     drift-benchmark MODEL DATA OTHER [RUNS]
///
/// DATA is a labelled file that the model knows the like of; its rows are split at random, one half for the reference and one
/// for the traffic, by each run's seed. OTHER is a file of another kind. One row of output for each scenario.

guard CommandLine.arguments.count >= 4 else {
  FileHandle.standardError.write(Data("usage: drift-benchmark MODEL DATA OTHER [RUNS]\n".utf8))
  exit(64)
}
let arguments = CommandLine.arguments
let runs = arguments.count > 4 ? Int(arguments[4]) ?? 20 : 20
let model = try TextModel.load(directory: arguments[1])
model.makesSketches = true

/// One text as production would see it.
@MainActor
func predicted(_ rows: [LabeledText], _ texts: [String]) -> [(PredictionRecord, Int?)] {
  var records: [(PredictionRecord, Int?)] = []
  for (row, text) in zip(rows, texts) {
    let answer = model.predict([TextInput(text)])[0]
    guard let classes = answer.classification else { continue }
    let features = FeatureValues(
      text: text, tokenCount: answer.tokenCount, unknownTokenCount: answer.unknownTokenCount)
    var record = PredictionRecord()
    record.predicted = classes.labelIndex
    record.features = features.values.map { Float($0) }
    record.probabilities = classes.probabilities
    record.embedding = answer.sketch
    record.fingerprint = features.fingerprint
    records.append((record, model.labels.firstIndex(of: row.label)))
  }
  return records
}

/// Half is cut short, half has one letter in five replaced as a wrong encoding does.
func corrupted(_ text: String, _ generator: inout SplitMix) -> String {
  if generator.uniform() < 0.5 { return String(text.prefix(max(1, text.count / 3))) }
  return String(
    text.map { generator.uniform() < 0.2 ? Character("\u{FFFD}") : $0 })
}

let rows = try LabeledDataset(path: arguments[2]).rows
let others = try LabeledDataset(path: arguments[3]).rows
var noise = SplitMix(state: 99)
let all = predicted(rows, rows.map(\.text))
let foreign = predicted(others, others.map(\.text)).map(\.0)
let broken = predicted(rows, rows.map { corrupted($0.text, &noise) }).map(\.0)
let spam = all.filter { $0.1 == 1 }.map(\.0)
let ham = all.filter { $0.1 == 0 }.map(\.0)

@MainActor
func profile(_ indices: [Int]) throws -> ReferenceProfile {
  var builder = ReferenceProfile.Builder(labels: model.labels)
  for index in indices {
    let (record, label) = all[index]
    let features = FeatureValues(
      text: rows[index].text, tokenCount: Int(record.features[Feature.tokens.rawValue]),
      unknownTokenCount: Int(
        (record.features[Feature.unknownTokenShare.rawValue]
          * record.features[Feature.tokens.rawValue]).rounded()))
    builder.add(
      features, probabilities: record.probabilities, embedding: record.embedding, label: label)
  }
  return try builder.build()
}

/// Texts after the change until the alarm; nil if none came within `limit`.
@MainActor
func delay(_ limit: Int, seed: UInt64, _ next: (Bool, inout SplitMix) -> PredictionRecord) throws
  -> Int?
{
  var generator = SplitMix(state: seed &* 7919)
  let reference = try profile(
    Array(Array(0..<all.count).shuffled(using: &generator).prefix(all.count / 2)))
  let layout = StreamLayout(reference)
  var options = AnytimeDetector.Options()
  options.seed = seed
  var detector = AnytimeDetector(streams: layout.streams, options: options)
  let before = 500 + Int(generator.uniform() * 250)
  for _ in 0..<before { _ = detector.add(layout.bins(of: next(false, &generator))) }
  for index in 1...limit {
    if let finding = detector.add(layout.bins(of: next(true, &generator))), finding.isAlarm {
      return index
    }
  }
  return nil
}

func pick(_ list: [PredictionRecord], _ generator: inout SplitMix) -> PredictionRecord {
  list[Int.random(in: list.indices, using: &generator)]
}
let records = all.map(\.0)
let scenarios: [(name: String, limit: Int, next: (Bool, inout SplitMix) -> PredictionRecord)] = [
  (
    "20 % of another kind", 500,
    { $0 && $1.uniform() < 0.2 ? pick(foreign, &$1) : pick(records, &$1) }
  ),
  (
    "spam from 13 % to 26 %", 600,
    { $1.uniform() < ($0 ? 0.26 : 0.13) ? pick(spam, &$1) : pick(ham, &$1) }
  ),
  (
    "5 % corrupted", 1000,
    { $0 && $1.uniform() < 0.05 ? pick(broken, &$1) : pick(records, &$1) }
  ),
]
print("seeds 1…\(runs); level 1 % for 500 texts; reference: half of \(rows.count) rows")
for scenario in scenarios {
  let delays = try (1...runs).map {
    try delay(scenario.limit * 3, seed: UInt64($0), scenario.next) ?? scenario.limit * 3
  }.sorted()
  let within = delays.count { $0 <= scenario.limit }
  print(
    "\(scenario.name): median \(delays[runs / 2]) texts, nine in ten by \(delays[runs * 9 / 10]), \(within) of \(runs) within \(scenario.limit)"
  )
}
var (alarms, windows) = (0, 0)
for seed in 1...runs {
  var generator = SplitMix(state: UInt64(seed) &* 104_729)
  let order = Array(0..<all.count).shuffled(using: &generator)
  let reference = try profile(Array(order.prefix(all.count / 2)))
  let layout = StreamLayout(reference)
  var detector = AnytimeDetector(streams: layout.streams)
  let traffic = Array(order.prefix(all.count / 2))
  for _ in 0..<25_000 {
    let record = all[traffic[Int.random(in: traffic.indices, using: &generator)]].0
    if let finding = detector.add(layout.bins(of: record)), finding.isAlarm { alarms += 1 }
  }
  windows += 50
}
print("false alarms: \(alarms) in \(windows) windows of 500 drawn from the reference")
var concept: [Int] = []
for seed in 1...runs {
  var generator = SplitMix(state: UInt64(seed) &* 15_485_863)
  let order = Array(0..<all.count).shuffled(using: &generator)
  let reference = try profile(Array(order.prefix(all.count / 2)))
  var monitor = ConceptMonitor(labelled: reference.labelled, classCount: model.labels.count)
  var found = 1200
  for index in 0..<1600 {
    let (record, label) = all[order[all.count / 2 + index % (all.count - all.count / 2)]]
    guard let label else { continue }
    // From label 400 on, what was spam is ham.
    monitor.add(label: index >= 400 && label == 1 ? 0 : label, predicted: record.predicted)
    if index >= 400, monitor.state.isWorse {
      found = index - 399
      break
    }
  }
  concept.append(found)
}
concept.sort()
print(
  "labels of one class flipped: median \(concept[runs / 2]) labels, \(concept.count { $0 <= 400 }) of \(runs) within 400"
)
var bytes: [UInt8] = []
for record in records.prefix(60) { HealthEvent.prediction(record).append(to: &bytes) }
let reference = try profile(Array(0..<all.count / 2))
var state = HealthState(labels: model.labels, reference: reference, options: HealthOptions())
var handled = 0
// Processor time: what one core can do, whoever else is on the machine.
let began = clock()
for _ in 0..<3000 {
  for case .prediction(let record) in HealthEvent.parse(bytes[...]).events {
    state.add(record)
    handled += 1
  }
}
let seconds = Double(clock() - began) / Double(CLOCKS_PER_SEC)
print("events handled: \(Int(Double(handled) / seconds)) a second of processor time")
