import Foundation
import HTTP
import Testing

/// Mutates the corpus with a seeded generator and checks what must hold of any bytes. Bounded, so
/// that it runs with every other test; `MARTLET_FUZZ_ROUNDS` makes it longer.
@Suite struct RequestParserFuzzTests {
  /// SplitMix64 (Steele, Lea, Flood 2014).
  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var value = state
      value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
      value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
      return value ^ value >> 31
    }
  }

  private struct Outcome: Equatable {
    var requests: [String] = []
    var refusal: Refusal?
    var state: RequestParser.State = .start
  }

  private static let limits: HTTPLimits = {
    var limits = HTTPLimits()
    limits.requestLine = 60
    limits.requestFields = 5
    limits.requestFieldSize = 50
    limits.requestHead = 200
    limits.requestBody = 100
    limits.chunkExtensions = 20
    limits.trailers = 30
    return limits
  }()

  private func outcome(of bytes: [UInt8], cuts: [Int]) -> Outcome {
    var parser = RequestParser(limits: Self.limits)
    var outcome = Outcome()
    var start = 0
    for end in cuts + [bytes.count] where end > start {
      var rest = Array(bytes[start..<end])
      start = end
      while !rest.isEmpty {
        let count = parser.consume(rest)
        #expect(count > 0 && count <= rest.count)
        rest.removeFirst(count)
        #expect(parser.bodyCount <= Self.limits.requestBody)
        #expect(parser.decodedCount <= Self.limits.requestBody)
        if parser.state == .refused {
          outcome.refusal = parser.refusal
          outcome.state = .refused
          return outcome
        }
        if parser.state == .complete {
          let request = parser.makeRequest()
          let body = String(decoding: request.body, as: UTF8.self)
          outcome.requests.append("\(request.method) \(request.path)?\(request.query) \(body)")
          parser.reset()
        }
      }
    }
    outcome.state = parser.state
    return outcome
  }

  private static let snippets: [[UInt8]] = [
    "\r\n", "\r", "\n", "\0", " ", "\t", ":", ";", ",", "%", "%41", "\r\n\r\n", "0\r\n\r\n",
    "Host: b\r\n", "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n",
    "Expect: 100-continue\r\n", "GET / HTTP/1.1\r\n", "ffffffffffffffff", "\u{FF}",
  ].map { Array($0.utf8) }

  private func mutated(_ bytes: [UInt8], _ generator: inout Generator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let place = Int.random(in: 0...bytes.count, using: &generator)
      switch Int.random(in: 0..<4, using: &generator) {
      case 0 where place < bytes.count:
        bytes[place] = UInt8.random(in: 0...255, using: &generator)
      case 1 where place < bytes.count:
        bytes.remove(at: place)
      case 2 where place < bytes.count:
        let end = Int.random(in: place...bytes.count, using: &generator)
        bytes.insert(contentsOf: bytes[place..<end], at: place)
      default:
        let snippet = Self.snippets.randomElement(using: &generator) ?? []
        bytes.insert(contentsOf: snippet, at: place)
      }
    }
    return bytes
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func anyBytesHaveOneVerdictHoweverTheyAreCut(_ seed: UInt64) {
    var generator = Generator(state: seed)
    let examples = RequestCorpus.all.map(\.bytes).filter { $0.count < 400 }
    for round in 0..<fuzzRounds {
      let example = examples[Int.random(in: 0..<examples.count, using: &generator)]
      let bytes = mutated(example, &generator)
      let whole = outcome(of: bytes, cuts: [])
      let single = outcome(of: bytes, cuts: Array(bytes.indices))
      let cuts = bytes.indices.filter { _ in Bool.random(using: &generator) }
      let random = outcome(of: bytes, cuts: cuts)
      if whole != single || whole != random {
        Issue.record(
          "seed \(seed), round \(round): \(whole), \(single), \(random) of \(bytes)")
        return
      }
    }
  }
}

private let fuzzRounds =
  ProcessInfo.processInfo.environment["MARTLET_FUZZ_ROUNDS"].flatMap(Int.init) ?? 3000
