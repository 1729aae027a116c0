import Foundation
import Health
import Training
import Transformer

/// Measures the drift detector on real traffic: how often it is wrong, and how soon it is right.
///
///     drift-benchmark MODEL TRAINING DATA OTHER [RUNS [FOLDER]]
///
/// TRAINING is what the model was trained on; DATA are labelled rows of the same kind that it was not. DATA is split at random
/// by each run's seed: one half and TRAINING make the reference, as in `martlet train`, the other half is the traffic. OTHER
/// is a file of another kind. FOLDER takes the same streams for other programs. One row of output for each scenario.

let arguments = CommandLine.arguments
guard arguments.count >= 5 else {
  FileHandle.standardError.write(
    Data("usage: drift-benchmark MODEL TRAINING DATA OTHER [RUNS [FOLDER]]\n".utf8))
  exit(64)
}
let runs = arguments.count > 5 ? Int(arguments[5]) ?? 20 : 20
let folder = arguments.count > 6 ? arguments[6] : nil
let traffic = try Traffic(
  model: TextModel.load(directory: arguments[1]), training: arguments[2], unseen: arguments[3],
  foreign: arguments[4])
print(
  "seeds 1…\(runs); level 1 % for 500 texts; reference: half of \(traffic.unseen.count) rows that the model was not trained on, and the texts of \(traffic.trainingTexts.count) that it was"
)
try measureDelays()
try measureFalseAlarms()
try measureConcept()

func detector(_ reference: ReferenceProfile, seed: UInt64) -> (StreamLayout, AnytimeDetector) {
  let layout = StreamLayout(reference)
  var options = AnytimeDetector.Options()
  options.seed = seed
  return (layout, AnytimeDetector(streams: layout.streams, options: options))
}

/// Texts from each change until the alarm.
@MainActor
func measureDelays() throws {
  for (place, scenario) in Scenario.all(traffic).enumerated() {
    var (delays, early) = ([Int](), 0)
    var names: [String: Int] = [:]
    for seed in 1...UInt64(runs) {
      let (reference, known, rest) = try traffic.split(seed: seed)
      let (events, change) = scenario.stream(seed: seed, own: rest, reference)
      var (layout, detector) = detector(reference, seed: seed)
      var delay = scenario.limit
      for (index, event) in events.enumerated() {
        guard let finding = detector.add(layout.bins(of: event)), finding.isAlarm else { continue }
        guard index >= change else {
          early += 1
          continue
        }
        for name in detector.guilty(in: finding) { names[name, default: 0] += 1 }
        delay = index + 1 - change
        break
      }
      delays.append(delay)
      if let folder {
        try Export(folder: folder).write(
          scenario: place, name: scenario.name, seed: seed, known: known, traffic.trainingTexts,
          reference, events, change: change, delay: delay)
      }
    }
    delays.sort()
    let within = scenario.aim.map { aim in
      ", \(delays.count { $0 <= aim }) of \(runs) within \(aim)"
    }
    let guilty = names.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(3)
    print(
      "\(scenario.name): median \(delays[runs / 2]) texts, nine in ten by \(delays[runs * 9 / 10])\(within ?? ""); "
        + "named: \(guilty.map { "\($0.key) \($0.value)" }.joined(separator: ", ")); false alarms before: \(early)"
    )
  }
}

/// Windows of 500 texts with an alarm, where nothing has changed.
@MainActor
func measureFalseAlarms() throws {
  // Reference and traffic drawn alike from the same rows, without end.
  var (alarms, windows) = (0, 0)
  for seed in 1...UInt64(runs) {
    var generator = SplitMix(state: seed &* 15_485_863)
    let texts = traffic.trainingTexts.map { _ in pick(traffic.unseen, &generator).text }
    let known = (0..<traffic.unseen.count / 2).map { _ in pick(traffic.unseen, &generator) }
    let reference = try traffic.reference(known, trainingTexts: texts)
    var (layout, detector) = detector(reference, seed: seed)
    var (found, exported) = (0, [PredictionRecord]())
    for index in 0..<100_000 {
      let event = pick(traffic.unseen, &generator).event(reference)
      if let finding = detector.add(layout.bins(of: event)), finding.isAlarm { found += 1 }
      if index < Export.unchangedCount, folder != nil { exported.append(event) }
      if index == Export.unchangedCount - 1, let folder {
        try Export(folder: folder).write(
          scenario: 9, name: "no change", seed: seed, known: known, texts, reference, exported,
          change: 0, delay: found)
      }
    }
    alarms += found
    windows += 200
  }
  print("false alarms: \(alarms) in \(windows) windows of 500 drawn from the reference's rows")
  // Rows that neither model nor reference has seen, each once.
  (alarms, windows) = (0, 0)
  for seed in 1...UInt64(10 * runs) {
    let (reference, _, rest) = try traffic.split(seed: seed)
    var (layout, detector) = detector(reference, seed: seed)
    var isAlarmed = false
    for sample in rest.prefix(500) {
      if let finding = detector.add(layout.bins(of: sample.event(reference))) {
        isAlarmed = isAlarmed || finding.isAlarm
      }
    }
    if isAlarmed { alarms += 1 }
    windows += 1
  }
  print("false alarms: \(alarms) in \(windows) windows of 500 rows never seen before, no row twice")
}

/// Labels from the moment on that one class' labels are flipped, until errors count as more frequent.
@MainActor
func measureConcept() throws {
  var (delays, early) = ([Int](), 0)
  for seed in 1...UInt64(runs) {
    let (reference, _, rest) = try traffic.split(seed: seed)
    var monitor = ConceptMonitor(labelled: reference.labelled, classCount: traffic.labels.count)
    var stream: [(label: Int, predicted: Int)] = []
    var (found, isEarly) = (1200, false)
    for index in 0..<1600 {
      let sample = rest[index % rest.count]
      guard let label = sample.label else { continue }
      // From label 400 on, what was spam is ham.
      let told = index >= 400 && label == 1 ? 0 : label
      let predicted = sample.event(reference).predicted
      stream.append((told, predicted))
      monitor.add(label: told, predicted: predicted)
      if index < 400 {
        isEarly = isEarly || monitor.state.isWorse
      } else if found == 1200, monitor.state.isWorse {
        found = index - 399
      }
    }
    if isEarly { early += 1 }
    delays.append(found)
    if let folder { try Export(folder: folder).write(labels: stream, seed: seed, delay: found) }
  }
  delays.sort()
  print(
    "labels of one class flipped: median \(delays[runs / 2]) labels, \(delays.count { $0 <= 400 }) of \(runs) within 400; "
      + "false alarms before: \(early)"
  )
}
