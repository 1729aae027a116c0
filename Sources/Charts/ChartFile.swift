import Files
import Foundation

/// Why a chart cannot be written.
public enum ChartError: Error, Equatable, LocalizedError {
  /// The file's name ends in another format.
  case unknownFormat(path: String)

  /// What, where and how to mend it.
  public var errorDescription: String? {
    switch self {
    case .unknownFormat(let path):
      let name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
      return "\(path): charts are written as SVG alone. Name the file \(name).svg."
    }
  }
}

/// A chart in a file of its own.
public enum ChartFile {
  /// Whether `path` ends in .svg.
  ///
  /// - Throws: `ChartError.unknownFormat`.
  public static func check(_ path: String) throws {
    guard URL(fileURLWithPath: path).pathExtension.lowercased() == "svg" else {
      throw ChartError.unknownFormat(path: path)
    }
  }

  /// Writes the document `svg` to `path`; the file appears whole or not.
  ///
  /// - Throws: `ChartError` or `FileError`.
  public static func write(to path: String, svg: String) throws {
    try check(path)
    try OutputFile.write(svg, to: path)
  }
}
