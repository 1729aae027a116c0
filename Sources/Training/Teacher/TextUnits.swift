/// The words of a text as a linear model counts them: runs of letters and digits, and each other visible character;
/// letters of scripts that write no spaces between words stand alone. All in lower case.
///
/// They are not the tokens of the model that is trained: what the teacher is to add is what the tokens
/// do not show, such as pairs of characters inside a learned Chinese word.
package enum TextUnits {
  /// The words of `text` in order.
  package static func words(_ text: String) -> [String] {
    var words: [String] = []
    var word = String.UnicodeScalarView()
    func close() {
      if !word.isEmpty { words.append(String(word)) }
      word.removeAll(keepingCapacity: true)
    }
    for scalar in text.lowercased().unicodeScalars {
      if !isUnspaced(scalar) && isInWord(scalar) {
        word.append(scalar)
      } else {
        close()
        if !scalar.properties.isWhitespace { words.append(String(scalar)) }
      }
    }
    close()
    return words
  }

  private static func isInWord(_ scalar: Unicode.Scalar) -> Bool {
    let properties = scalar.properties
    return properties.isAlphabetic || properties.numericType != nil
      || properties.generalCategory == .nonspacingMark
  }

  /// Han, kana, Thai, Lao, Khmer and Burmese.
  private static func isUnspaced(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.properties.isIdeographic { return true }
    switch scalar.value {
    case 0x3040...0x30FF, 0x0E00...0x0EFF, 0x1000...0x109F, 0x1780...0x17FF: return true
    default: return false
    }
  }
}
