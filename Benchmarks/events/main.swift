import Foundation
import Health
import Logging
import Training
import Transformer

/// Measures how many events a second the health process handles on one core, and writes datagrams for `flood.py`.
///
///     events-benchmark MODEL DATA OUTPUT
///
/// DATA is a labelled file; its first half is the reference. What is measured is this thread's processor time: what one core
/// can do, whoever else is on the machine.

guard CommandLine.arguments.count == 4 else {
  FileHandle.standardError.write(Data("usage: events-benchmark MODEL DATA OUTPUT\n".utf8))
  exit(64)
}
let arguments = CommandLine.arguments
let model = try TextModel.load(directory: arguments[1])
model.makesSketches = true
let rows = try LabeledDataset(path: arguments[2]).rows

/// Rows as production would see them, the reference of their first half, and events of the others.
@MainActor
func measured() throws -> (reference: ReferenceProfile, records: [PredictionRecord]) {
  var builder = ReferenceProfile.Builder(labels: model.labels)
  var records: [PredictionRecord] = []
  for (index, row) in rows.enumerated() {
    let answer = try model.predict([TextInput(row.text)])[0]
    guard let classes = answer.classification else { continue }
    let features = FeatureValues(
      text: row.text, tokenCount: answer.tokenCount, unknownTokenCount: answer.unknownTokenCount)
    if index < rows.count / 2 {
      builder.add(
        features, probabilities: classes.probabilities, embedding: answer.sketch,
        label: model.labels.firstIndex(of: row.label))
      continue
    }
    var record = PredictionRecord()
    record.requestID = "4bf92f3577b34da6a3ce929d0e0e4736"
    record.latency = 900
    record.predicted = classes.labelIndex
    record.probabilities = classes.probabilities
    record.measure(features, embedding: answer.sketch, isTruncated: answer.isTruncated)
    records.append(record)
  }
  return (try builder.build(), records)
}

/// Events a second that the stamps of the benchmark's events stand for.
let rate = 50_000
let (reference, records) = try measured()
var generator = SplitMix(state: 1)

/// Datagrams as full as workers make them; no request comes twice, and few texts do.
@MainActor
func datagrams(events: Int, from start: Int64) -> [[UInt8]] {
  var (datagrams, bytes) = ([[UInt8]](), [UInt8]())
  for index in 0..<events {
    var record = records[index % records.count]
    record.time = start + Int64(index) * 1_000_000 / Int64(rate)
    record.requestHash = generator.next()
    if index % 20 != 0 {
      record.fingerprint.exact = generator.next()
      let other = generator.next()
      record.fingerprint.minima[0] = UInt32(truncatingIfNeeded: other)
      record.fingerprint.minima[1] = UInt32(truncatingIfNeeded: other >> 32)
    }
    HealthEvent.prediction(record).append(to: &bytes)
    if bytes.count >= EventChannel.datagramLimit - 4096 {
      datagrams.append(bytes)
      bytes = []
    }
  }
  return datagrams
}

/// Seconds of this thread's processor time.
func processorTime() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Passes of the same work, of which the middle one counts.
func median(_ body: () throws -> Double) rethrows -> Int {
  let figures = try (0..<5).map { _ in try body() }.sorted()
  return Int(figures[2])
}

func count(_ datagrams: [[UInt8]]) -> Double {
  Double(datagrams.reduce(0) { $0 + HealthEvent.parse($1[...]).events.count })
}

/// Events a second when each datagram goes through the socket into an engine that looks once a second.
@MainActor
func engineRate(_ datagrams: [[UInt8]], intake: Double?) throws -> Double {
  var options = HealthOptions()
  if let intake { options.intakePerSecond = intake }
  let engine = HealthEngine(
    labels: model.labels, reference: reference, options: options,
    log: Logger(label: "events", factory: { _ in SwiftLogNoOpLogHandler() }))
  let channel = try EventChannel()
  defer { channel.close() }
  var buffer = [UInt8](repeating: 0, count: 64 << 10)
  let events = count(datagrams)
  var (spent, tick) = (0.0, 1_000_000.0)
  for (index, bytes) in datagrams.enumerated() {
    guard send(channel.sending, bytes, bytes.count, 0) == bytes.count else { exit(70) }
    let began = processorTime()
    if let bytes = channel.receive(into: &buffer) { engine.receive(bytes) }
    let time = 1_000_000 + Double(index + 1) / Double(datagrams.count) * events / Double(rate)
    if time - tick >= 1 {
      tick = time
      engine.tick(PoolReading(), at: time)
    }
    spent += processorTime() - began
  }
  return events / spent
}

let sent = datagrams(events: 100_000, from: 1_000_000_000_000)
let events = count(sent)
print("\(Int(events)) events in \(sent.count) datagrams of \(sent[0].count) bytes")
print("| events a second of processor time, one core | |\n|---|---|")
let parsed = median {
  let began = processorTime()
  for bytes in sent { precondition(HealthEvent.parse(bytes[...]).isWhole) }
  return events / (processorTime() - began)
}
print("| read into values of their own | \(parsed) |")
let byDefault = try median { try engineRate(sent, intake: nil) }
print("| socket, reading, counting, tests, one look a second | \(byDefault) |")
let all = try median { try engineRate(Array(sent.prefix(sent.count / 4)), intake: 1e9) }
print("| the same with every event in the drift detector | \(all) |")

var file: [UInt8] = []
for bytes in sent.prefix(200) {
  withUnsafeBytes(of: UInt32(bytes.count).littleEndian) { file += $0 }
  file += bytes
}
try Data(file).write(to: URL(fileURLWithPath: arguments[3]))
