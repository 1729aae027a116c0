/// A colour of the screen, eight bits a part.
struct Color: Sendable, Equatable {
  var red: UInt8
  var green: UInt8
  var blue: UInt8

  init(_ hex: UInt32) {
    red = UInt8(hex >> 16 & 255)
    green = UInt8(hex >> 8 & 255)
    blue = UInt8(hex & 255)
  }

  init(red: UInt8, green: UInt8, blue: UInt8) {
    (self.red, self.green, self.blue) = (red, green, blue)
  }

  static let ink = Color(0x22_2B33)
  static let faint = Color(0xD8_DEE4)
  static let paper = Color(0xFF_FFFF)

  /// The palette of Okabe and Ito (2008), which colour-blind readers can tell apart.
  static let series = [
    0x00_72B2, 0xD5_5E00, 0x00_9E73, 0xCC_79A7, 0xE6_9F00, 0x56_B4E9, 0x9C_2F2F, 0x6B_4E9B,
    0x40_4040, 0x8A_8A00, 0x1B_7F79, 0xB0_3A7B,
  ].map { Color($0) }

  /// Between white and dark blue: 0 is light, 1 dark.
  static func heat(_ share: Double) -> Color {
    let stops = [Color(0xF7_FBFF), Color(0x9E_CAE1), Color(0x31_82BD), Color(0x08_2A5E)]
    let place = min(max(share, 0), 1) * Double(stops.count - 1)
    let low = min(Int(place), stops.count - 2)
    return stops[low].mixed(with: stops[low + 1], place - Double(low))
  }

  private func mixed(with other: Color, _ share: Double) -> Color {
    func part(_ a: UInt8, _ b: UInt8) -> UInt8 {
      UInt8((Double(a) + (Double(b) - Double(a)) * share).rounded())
    }
    return Color(
      red: part(red, other.red), green: part(green, other.green), blue: part(blue, other.blue))
  }
}
