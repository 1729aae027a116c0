import Foundation

/// A SentencePiece model as its file has it: a protocol buffer of the message ModelProto
/// (sentencepiece_model.proto of google/sentencepiece).
struct SentencePieceFile {
  /// What a piece is.
  enum Kind: Int {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  struct Piece {
    var text: [UInt8] = []
    var score: Float = 0
    var kind = Kind.normal
  }

  private(set) var pieces: [Piece] = []
  /// 1 for unigram, 2 for byte pairs.
  private(set) var model = 1
  private(set) var fallsBackToBytes = false
  /// Empty where there is none.
  private(set) var characterMap: [UInt8] = []
  private(set) var addsPrefix = true
  private(set) var removesSpaces = true

  private static let mostPieces = 4_000_000

  /// - Throws: `TokenizationError.malformed`; messages call the file `path`.
  init(_ bytes: [UInt8], path: String) throws {
    do {
      try read(bytes[...])
    } catch is Broken {
      throw TokenizationError.malformed(path: path, problem: "is no SentencePiece model")
    }
    guard !pieces.isEmpty else {
      throw TokenizationError.malformed(path: path, problem: "has no pieces")
    }
  }

  private struct Broken: Error {}

  private mutating func read(_ bytes: ArraySlice<UInt8>) throws {
    try Self.fields(bytes) { number, field in
      switch (number, field) {
      case (1, .bytes(let message)):
        guard pieces.count < Self.mostPieces else { throw Broken() }
        pieces.append(try Self.piece(message))
      case (2, .bytes(let message)):
        try Self.fields(message) { number, field in
          guard case .integer(let value) = field else { return }
          if number == 3 { model = value }
          if number == 35 { fallsBackToBytes = value != 0 }
        }
      case (3, .bytes(let message)):
        try Self.fields(message) { number, field in
          switch (number, field) {
          case (2, .bytes(let map)): characterMap = Array(map)
          case (3, .integer(let value)): addsPrefix = value != 0
          case (4, .integer(let value)): removesSpaces = value != 0
          default: break
          }
        }
      default: break
      }
    }
  }

  private static func piece(_ message: ArraySlice<UInt8>) throws -> Piece {
    var piece = Piece()
    try fields(message) { number, field in
      switch (number, field) {
      case (1, .bytes(let text)): piece.text = Array(text)
      case (2, .float(let score)): piece.score = score
      case (3, .integer(let kind)): piece.kind = Kind(rawValue: kind) ?? .unused
      default: break
      }
    }
    guard piece.score.isFinite else { throw Broken() }
    return piece
  }

  private enum Field {
    case integer(Int)
    case bytes(ArraySlice<UInt8>)
    case float(Float)
    case other
  }

  /// Calls `body` with number and content of each field.
  private static func fields(
    _ bytes: ArraySlice<UInt8>, _ body: (Int, Field) throws -> Void
  ) throws {
    var rest = bytes
    func integer() throws -> UInt64 {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) {
        guard let byte = rest.popFirst() else { throw Broken() }
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
      }
      throw Broken()
    }
    func take(_ count: UInt64) throws -> ArraySlice<UInt8> {
      guard count <= UInt64(rest.count) else { throw Broken() }
      defer { rest = rest.dropFirst(Int(count)) }
      return rest.prefix(Int(count))
    }
    while !rest.isEmpty {
      let key = try integer()
      let number = Int(truncatingIfNeeded: key >> 3)
      switch key & 7 {
      case 0: try body(number, .integer(Int(truncatingIfNeeded: try integer())))
      case 1:
        _ = try take(8)
        try body(number, .other)
      case 2: try body(number, .bytes(try take(try integer())))
      case 5:
        let bits = try take(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        try body(number, .float(Float(bitPattern: bits)))
      default: throw Broken()
      }
    }
  }
}
