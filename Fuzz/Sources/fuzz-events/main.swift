import Foundation
import FuzzDriver
import Health

/// Two classes and some texts, so that drift detection has something to rank against.
func profile() throws -> ReferenceProfile {
  var builder = ReferenceProfile.Builder(labels: ["ham", "spam"])
  for index in 0..<64 {
    let text = String(repeating: "word ", count: 1 + index % 7) + "\(index)"
    let share = Float(index % 10) / 10
    builder.add(
      FeatureValues(text: text, tokenCount: 3 + index % 7, unknownTokenCount: 0),
      probabilities: [share, 1 - share], label: index % 2)
  }
  return try builder.build()
}

let reference = try profile()

/// What a datagram holds is written back to the same bytes, and a state takes it whatever the numbers in it.
func takeEvents(_ bytes: [UInt8]) {
  let (events, _) = bounded(by: 24, of: bytes.count) { HealthEvent.parse(bytes[...]) }
  var again: [UInt8] = []
  for event in events { event.append(to: &again) }
  let (parsed, isWholeAgain) = HealthEvent.parse(again[...])
  precondition(isWholeAgain && parsed.count == events.count, "what is written is read back")
  var options = HealthOptions()
  options.windowSize = 8
  options.intakePerSecond = 1e9
  var state = HealthState(
    labels: ["ham", "spam"], reference: reference, options: options, others: [("other", ["a"])])
  for event in events {
    switch event {
    case .prediction(let record): state.add(record)
    case .label(let label): state.add(label)
    }
  }
  // The analysis costs a thousand times what reading does: one input in sixteen, by its hash, so that a crash can be had again.
  guard !events.isEmpty, RequestHash.of(String(decoding: bytes, as: UTF8.self)) % 16 == 0 else {
    return
  }
  state.analyse(at: 1e9)
  _ = state.takeFinishedMinutes(at: 1e9, all: true)
  if let snapshot = state.snapshot(at: 1e9) {
    var earlier = EarlierHistory()
    earlier.snapshot = snapshot
    var later = HealthState(
      labels: ["ham", "spam"], reference: reference, options: options, others: [("other", ["a"])])
    later.restore(earlier)
  }
  _ = state.json(at: 1e9)
}

/// Inquiries and replies are read back as they are written.
func takeInquiry(_ bytes: ArraySlice<UInt8>) {
  if let inquiry = bounded(by: 24, of: bytes.count, { LabelInquiry(bytes) }) {
    precondition(inquiry.bytes.count == bytes.count, "nothing is passed over")
    precondition(LabelInquiry(inquiry.bytes[...]) == inquiry, "an inquiry reads back the same")
  }
  if let reply = bounded(by: 24, of: bytes.count, { LabelReply(bytes) }) {
    precondition(LabelReply(reply.bytes[...]) == reply, "a reply reads back the same")
  }
}

exit(
  fuzz { bytes in
    takeEvents(bytes)
    takeInquiry(bytes[...])
  })
