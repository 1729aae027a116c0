import Foundation
import FuzzDriver
import Tensor
import Transformer

exit(
  fuzz { bytes in
    guard let file = try? SafeTensors(path: "fuzz", data: Data(bytes)) else { return }
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
