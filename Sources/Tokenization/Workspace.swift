/// The memory that making tokens needs, for one thread at a time.
struct Workspace: Sendable {
  /// Text after and before a step of normalisation.
  var normalized: [UInt8] = []
  var spare: [UInt8] = []
  /// Pieces after and before a step of cutting.
  var pieces = PieceList()
  var sparePieces = PieceList()
  /// For the models.
  var scratch = ModelScratch()
  /// Words seen before.
  var cache = WordCache()
  /// Tokens of the text so far.
  var output: [Int32] = []

  /// Bytes of a buffer that is kept for the next text.
  private static let kept = 1 << 20

  /// Gives back what only a giant text needed.
  mutating func shrink() {
    if normalized.capacity > Self.kept { normalized = [] }
    if spare.capacity > Self.kept { spare = [] }
    if pieces.text.capacity > Self.kept || pieces.ranges.capacity > Self.kept / 16 {
      pieces = PieceList()
    }
    if sparePieces.text.capacity > Self.kept || sparePieces.ranges.capacity > Self.kept / 16 {
      sparePieces = PieceList()
    }
    if output.capacity > Self.kept / 4 { output = [] }
    scratch.shrink()
  }
}
