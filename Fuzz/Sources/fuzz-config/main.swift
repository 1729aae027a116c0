import Foundation
import FuzzDriver
import JSON
import Transformer

exit(
  fuzz(hostileJSON) { bytes in
    let read = bounded(by: 4, of: bytes.count) {
      (try? JSONValue(parsing: bytes, limits: JSONLimits(fileBytes: bytes.count))).flatMap {
        json -> ModelShape? in
        _ = try? AdapterConfiguration(json, path: "fuzz")
        return try? ModelConfigurationFile.read(json, path: "fuzz")
      }
    }
    guard let shape = read else { return }
    precondition(shape.maximumTokens > 0 && shape.headCount > 0)
    precondition(shape.tensors.allSatisfy { $0.rows > 0 && $0.columns > 0 })
    precondition(shape.embeddings.positionCount > 0 && shape.embeddings.tokenTypeCount >= 0)
    // What was read must read the same again when it is written.
    if shape.positionalEncoding != .none {
      let again = ModelConfigurationFile.encode(shape).flatMap {
        try? ModelConfigurationFile.read($0, path: "fuzz")
      }
      precondition(again?.hiddenSize == shape.hiddenSize)
      precondition(again?.maximumTokens == shape.maximumTokens)
    }
  })
