import Foundation
import FuzzDriver
import Tokenization

/// WordPiece of a whole vocabulary, and one small tokenizer of each other kind and pipeline; or those that the environment names.
let paths =
  ProcessInfo.processInfo.environment["MARTLET_FUZZ_TOKENIZERS"]?
  .split(separator: ":").map(String.init)
  ?? [
    "Models/sms-spam/tokenizer.json", "Fuzz/Corpus/tokenizer/bpe.json",
    "Fuzz/Corpus/tokenizer/unigram.json", "Fuzz/Corpus/tokenizer/bpe-fallback.json",
    "Fuzz/Corpus/tokenizer/unigram-map.json", "Fuzz/Corpus/tokenizer/split-llama3.json",
    "Fuzz/Corpus/tokenizer/split-o200k.json", "Fuzz/Corpus/tokenizer/split-word-ends.json",
    "Fuzz/Corpus/tokenizer/split-sequence.json", "Fuzz/Corpus/tokenizer/bpe-gemma.json",
    "Fuzz/Corpus/tokenizer/bpe-llama.json", "Fuzz/Corpus/tokenizer/unigram-anchors.json",
    "Fuzz/Corpus/tokenizer/added-spaces.json",
  ]
let tokenizers = paths.map { path in
  guard let data = FileManager.default.contents(atPath: path),
    let tokenizer = try? Tokenizer.parse([UInt8](data), path: path)
  else {
    print("\(path): no tokenizer there; run from the root, or set MARTLET_FUZZ_TOKENIZERS")
    exit(2)
  }
  return tokenizer
}
exit(
  fuzz { bytes in
    let text = String(decoding: bytes, as: UTF8.self)
    let half = String(decoding: bytes.prefix(bytes.count / 2), as: UTF8.self)
    for tokenizer in tokenizers {
      let whole = tokenizer.encode(text, addsSpecialTokens: false)
      for (pair, length) in [(nil, 128), (half, 32), (nil, 1 << 20)] as [(String?, Int)] {
        let encoding = tokenizer.encode(text, pair: pair, maximumLength: length)
        precondition(encoding.ids.count <= length && encoding.ids.count == encoding.typeIDs.count)
        precondition(encoding.ids.allSatisfy { $0 >= 0 && $0 < tokenizer.vocabularySize })
        precondition(encoding.unknownCount <= encoding.ids.count)
      }
      // A limit gives the start of the whole.
      let cut = tokenizer.encode(text, maximumLength: 9, addsSpecialTokens: false)
      precondition(cut.ids.elementsEqual(whole.ids.prefix(9)))
    }
  })
