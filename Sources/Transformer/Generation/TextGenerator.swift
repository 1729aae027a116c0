import Tensor
import Tokenization

/// Writes texts from sources, all of a batch at once: each step is one ragged batch of those that still run.
package struct TextGenerator {
  /// What one text is written from, and how.
  package struct Request {
    package var source: [Int32]
    package var settings: DecodingSettings

    /// A source's tokens.
    package init(source: [Int32], settings: DecodingSettings) {
      (self.source, self.settings) = (source, settings)
    }
  }

  private let encoder: Encoder
  private let start: Int32
  private let decode: ([Int32]) -> String

  /// - Parameter decode: the text of tokens, for texts that end at a text.
  package init(_ encoder: Encoder, decode: @escaping ([Int32]) -> String = { _ in "" }) {
    (self.encoder, self.decode) = (encoder, decode)
    start = Int32(clamping: encoder.shape.decoder?.startID ?? 0)
  }

  /// The texts of each request, the best first, or why there are none. What one gets does not depend on the others.
  package func run(_ requests: [Request]) -> [Result<[GeneratedText], PredictionError>] {
    guard let batch = try? TokenBatch(requests.map(\.source)) else {
      return requests.map { _ in .failure(.noTokens) }
    }
    let sources = encoder.sources(batch)
    let texts = zip(requests, sources).map { request, source in
      RunningText(
        request.settings, start: start, cache: encoder.begin(source), decode: decode)
    }
    while true {
      let running = texts.filter { !$0.isOver }
      if running.isEmpty { break }
      guard
        let scores = try? encoder.step(
          running.flatMap(\.next), running.flatMap(\.caches))
      else { break }
      var row = 0
      for text in running {
        let count = text.caches.count
        text.take((row..<row + count).map(scores.row))
        row += count
      }
    }
    return texts.map { $0.hasFailed ? .failure(.notFinite) : .success($0.texts) }
  }
}
