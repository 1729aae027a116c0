import Foundation
import FuzzDriver
import Tokenization

exit(
  fuzz { bytes in
    guard let tokenizer = try? bounded(by: 4, of: bytes.count, { try Tokenizer.parse(bytes) })
    else { return }
    for text in ["Hello, wörld! 你好\u{0}", "[CLS] a[SEP]  b\tc", "e\u{301}\u{0}<s> don't 12"] {
      let encoding = tokenizer.encode(text, pair: "second", maximumLength: 16)
      precondition(encoding.ids.count <= 16 && encoding.ids.count == encoding.typeIDs.count)
      precondition(encoding.ids.allSatisfy { $0 >= 0 && $0 < tokenizer.vocabularySize })
    }
  })
