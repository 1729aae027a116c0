import Foundation
import JSON

/// How numbers of a vector are written.
enum VectorFormat: String, CaseIterable, Sendable {
  /// JSON numbers.
  case float
  /// Little-endian single precision, as OpenAI's own client reads it.
  case base64
}

extension JSONWriter {
  mutating func vector(_ vector: [Float], _ format: VectorFormat) {
    switch format {
    case .float: numbers(vector)
    case .base64: string(vector.withUnsafeBytes { Data($0) }.base64EncodedString())
    }
  }

  /// The tokens read, as OpenAI and those after it write them: `,"usage":{…}`.
  mutating func usage(_ tokens: Int) {
    raw(#","usage":{"prompt_tokens":"#)
    integer(tokens)
    raw(#","total_tokens":"#)
    integer(tokens)
    raw("}")
  }
}
