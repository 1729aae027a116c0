import Foundation
import FuzzDriver
import JSON
import Transformer

exit(
  fuzz { bytes in
    guard let json = try? JSONValue(parsing: bytes),
      let configuration = try? HuggingFaceConfiguration.read(json, path: "fuzz")
    else { return }
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
