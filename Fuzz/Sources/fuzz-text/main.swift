import Foundation
import FuzzDriver
import Tokenization

let directory = ProcessInfo.processInfo.environment["MARTLET_FUZZ_MODEL"] ?? "Models/sms-spam"
guard let tokenizer = try? Tokenizer.load(directory: directory) else {
  print("\(directory): no tokenizer there; run from the root, or set MARTLET_FUZZ_MODEL")
  exit(2)
}
exit(
  fuzz { bytes in
    let text = String(decoding: bytes, as: UTF8.self)
    let half = String(decoding: bytes.prefix(bytes.count / 2), as: UTF8.self)
    for (pair, length) in [(nil, 128), (half, 32), (nil, 1 << 20)] as [(String?, Int)] {
      let encoding = tokenizer.encode(text, pair: pair, maximumLength: length)
      precondition(encoding.ids.count <= length && encoding.ids.count == encoding.typeIDs.count)
      precondition(encoding.ids.allSatisfy { $0 >= 0 && $0 < tokenizer.vocabularySize })
      precondition(encoding.unknownCount <= encoding.ids.count)
    }
  })
