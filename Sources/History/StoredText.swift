extension String {
  /// The text as both databases can keep it. NUL becomes U+FFFD: PostgreSQL refuses it, and readers of SQLite take it for the
  /// text's end.
  var storable: String {
    guard utf8.contains(0) else { return self }
    var bytes: [UInt8] = []
    for byte in utf8 { bytes += byte == 0 ? [0xEF, 0xBF, 0xBD] : [byte] }
    return String(decoding: bytes, as: UTF8.self)
  }
}
