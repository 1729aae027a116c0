extension StringProtocol {
  /// The text with some of its ASCII characters written otherwise: `replacement` gives nil for those that stay.
  ///
  /// It goes by bytes. In Swift a quote or a tab with a combining mark behind it, and a CRLF, is one `Character`, which equals
  /// neither of its parts; readers of files and protocols know bytes alone.
  package func escaped(_ replacement: (UInt8) -> StaticString?) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(utf8.count)
    for byte in utf8 {
      if byte < 0x80, let other = replacement(byte) {
        other.withUTF8Buffer { bytes += $0 }
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The parts between the bytes `separator`, which is ASCII; empty ones are left out.
  package func split(byte separator: Unicode.Scalar, maxSplits: Int = .max) -> [String] {
    utf8.split(separator: UInt8(ascii: separator), maxSplits: maxSplits).map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  /// The text as one word of a POSIX shell's command line (Shell Command Language, section 2.2.2).
  package var shellWord: String {
    let plain = Array("%+,-./:=@_".utf8)
    let isPlain = utf8.allSatisfy { byte in
      let scalar = Unicode.Scalar(byte)
      return scalar.isASCII && (scalar.properties.isAlphabetic || (48...57).contains(byte))
        || plain.contains(byte)
    }
    if isPlain && !isEmpty { return String(self) }
    return "'" + escaped { $0 == UInt8(ascii: "'") ? #"'\''"# : nil } + "'"
  }
}
