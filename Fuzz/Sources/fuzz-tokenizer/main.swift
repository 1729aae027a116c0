import Foundation
import FuzzDriver
import JSON
import Tokenization

exit(
  fuzz { bytes in
    guard let json = try? JSONValue(parsing: bytes), let tokenizer = try? Tokenizer(json: json)
    else { return }
    for text in ["Hello, wörld! 你好\u{0}", "[CLS] a[SEP]  b\tc"] {
      let encoding = tokenizer.encode(text, pair: "second", maximumLength: 16)
      precondition(encoding.ids.count <= 16 && encoding.ids.count == encoding.typeIDs.count)
      precondition(encoding.ids.allSatisfy { $0 >= 0 && $0 < tokenizer.vocabularySize })
    }
  })
