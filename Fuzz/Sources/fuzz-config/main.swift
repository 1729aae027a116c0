import Foundation
import FuzzDriver
import JSON
import Transformer

exit(
  fuzz(hostileJSON) { bytes in
    let read = bounded(by: 4, of: bytes.count) {
      (try? JSONValue(parsing: bytes, limits: JSONLimits(fileBytes: bytes.count))).flatMap {
        try? HuggingFaceConfiguration.read($0, path: "fuzz")
      }
    }
    guard let configuration = read else { return }
    precondition(configuration.maximumTokens > 0 && configuration.headCount > 0)
    precondition(configuration.hiddenSize % configuration.headCount == 0)
    precondition(configuration.positionCount > 0 && configuration.tokenTypeCount >= 0)
    // What was read must read the same again when it is written.
    if configuration.positionalEncoding != .none {
      let again = try? HuggingFaceConfiguration.read(
        HuggingFaceConfiguration.encode(configuration), path: "fuzz")
      precondition(again?.hiddenSize == configuration.hiddenSize)
      precondition(again?.maximumTokens == configuration.maximumTokens)
    }
  })
