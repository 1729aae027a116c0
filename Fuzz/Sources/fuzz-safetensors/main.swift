import Foundation
import FuzzDriver
import Tensor
import Transformer

/// A file whose header is `json`, without data.
func file(_ json: [UInt8]) -> [UInt8] {
  (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
}

let manyTensors = Array(
  ("{"
    + (0..<40_000).map { number in #""\#(number)":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#
    }
    .joined(separator: ",") + "}").utf8)

exit(
  fuzz(hostileJSON.map(file) + [file(manyTensors)]) { bytes in
    let data = Data(bytes)
    guard
      let file = try? bounded(
        by: 4, of: bytes.count, { try SafeTensors(path: "fuzz", data: data) })
    else { return }
    for (name, entry) in file.entries where entry.shape.count <= 2 {
      let columns = entry.shape.last ?? 1
      let rows = entry.shape.count == 2 ? entry.shape[0] : 1
      // An empty tensor may have one huge dimension; nothing is taken for it.
      guard entry.count <= bytes.count, rows <= bytes.count, columns <= bytes.count else {
        continue
      }
      try? file.read(name, into: Matrix(rows: rows, columns: columns))
    }
  })
