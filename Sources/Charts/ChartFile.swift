import Foundation

/// Why a chart cannot be written.
public enum ChartError: Error, Equatable, LocalizedError {
  /// The file's name ends in nothing that can be drawn.
  case unknownFormat(path: String)
  /// The file cannot be written.
  case unwritable(path: String, reason: String)

  /// What, where and how to mend it.
  public var errorDescription: String? {
    switch self {
    case .unknownFormat(let path):
      return "\(path): a chart is written as .svg or .png. Give the file one of these endings."
    case .unwritable(let path, let reason):
      return "\(path): cannot be written (\(reason)). Check the folder, its permissions and space."
    }
  }
}

/// Writes a drawing as the file's name says.
public enum ChartFile {
  /// Whether `path` ends in a format that `write` knows.
  ///
  /// - Throws: `ChartError.unknownFormat`.
  public static func check(_ path: String) throws {
    guard ["svg", "png"].contains(URL(fileURLWithPath: path).pathExtension.lowercased()) else {
      throw ChartError.unknownFormat(path: path)
    }
  }

  /// Writes `svg` or `png` to `path`, whichever its ending names; the file appears whole or not.
  public static func write(
    to path: String, svg: @autoclosure () -> String, png: @autoclosure () -> [UInt8]
  ) throws {
    try check(path)
    let data = path.lowercased().hasSuffix(".svg") ? Data(svg().utf8) : Data(png())
    do {
      try data.write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw ChartError.unwritable(path: path, reason: error.localizedDescription)
    }
  }
}
