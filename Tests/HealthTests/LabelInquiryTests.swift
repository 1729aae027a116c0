import Health
import Testing

@Suite("Labels that workers ask the health process about")
struct LabelInquiryTests {
  private let inquiry = LabelInquiry(
    number: .max - 1,
    labels: [
      [.init(key: 1, model: 0, label: 3), .init(key: .max, model: 7, label: nil)], [],
      [.init(key: 2, model: 9, label: 0)],
    ])
  private let reply = LabelReply(
    number: 5,
    answers: [
      .init(outcome: .counted(wasCorrect: true)), .init(outcome: .alreadyCounted, candidate: 1),
      .init(outcome: .replaced(previous: 4, wasCorrect: false)), .init(outcome: .unknownRequest),
      .init(outcome: .unknownLabel, candidate: 2), .init(outcome: .unavailable),
    ])

  @Test("inquiries and replies read back as they were written, and nothing that is cut does")
  func roundTrip() {
    #expect(LabelInquiry(inquiry.bytes[...]) == inquiry)
    #expect(LabelReply(reply.bytes[...]) == reply)
    for count in 0..<inquiry.bytes.count { #expect(LabelInquiry(inquiry.bytes[..<count]) == nil) }
    for count in 0..<reply.bytes.count { #expect(LabelReply(reply.bytes[..<count]) == nil) }
    #expect(LabelInquiry((inquiry.bytes + [0])[...]) == nil)
  }

  @Test("each worker's socket reaches the health process, which answers that worker alone")
  func channel() throws {
    let channel = try LabelChannel(slots: 2)
    defer { channel.close() }
    #expect(channel.worker(1).send(inquiry.bytes))
    #expect(channel.companion(0).receive() == nil)
    #expect(channel.companion(1).receive().map(Array.init) == inquiry.bytes)
    #expect(channel.companion(1).send(reply.bytes))
    #expect(channel.worker(0).receive() == nil)
    #expect(channel.worker(1).receive().map(Array.init) == reply.bytes)
  }
}
