import Foundation

/// Why a file or stream cannot be read or written, naming it.
package enum FileError: Error, Equatable, LocalizedError {
  /// It cannot be opened or read.
  case unreadable(path: String, reason: String)
  /// It cannot be opened or written.
  case unwritable(path: String, reason: String)
  /// A line is longer than what is held at once.
  case lineTooLong(path: String, line: Int, limit: Int)
  /// Another process works in the folder.
  case inUse(path: String)
  /// Whoever read standard output has gone.
  case outputClosed

  /// What, where and how to mend it.
  package var errorDescription: String? {
    switch self {
    case .unreadable(let path, let reason):
      return "\(path): \(reason). Check path and permissions."
    case .unwritable(let path, let reason):
      let mend =
        path == Console.outputName
        ? "Make room, or send it elsewhere." : "Check the folder, its permissions and space."
      return "\(path): cannot be written: \(reason). \(mend)"
    case .lineTooLong(let path, let line, let limit):
      return "\(path), line \(line): the row is longer than \(limit) bytes. "
        + "Split it, or check that the format is right (--format)."
    case .inUse(let path):
      return
        "\(path): another martlet works in this folder. Wait for its end, end it, or choose another folder."
    case .outputClosed: return "The output was closed."
    }
  }

  /// An error of Foundation in the system's own words; nil for any other.
  package init?(foundation error: any Error) {
    let error = error as NSError
    guard [NSCocoaErrorDomain, NSPOSIXErrorDomain].contains(error.domain) else { return nil }
    let path = error.userInfo[NSFilePathErrorKey] as? String ?? "a file"
    let code =
      error.domain == NSPOSIXErrorDomain
      ? error.code : (error.userInfo[NSUnderlyingErrorKey] as? NSError)?.code
    let reason = code.map { String(cString: strerror(Int32(clamping: $0))) }
    let isWriting = (512..<1024).contains(error.code)
    self =
      isWriting
      ? .unwritable(path: path, reason: reason ?? "the system refused")
      : .unreadable(path: path, reason: reason ?? "cannot be read as text")
  }

  /// An error's own words, and those of the system for one of Foundation, whose words name neither cause nor file.
  package static func words(of error: any Error) -> String {
    FileError(foundation: error)?.localizedDescription ?? error.localizedDescription
  }

  /// What is wrong, without the path.
  package var reason: String {
    switch self {
    case .unreadable(_, let reason), .unwritable(_, let reason): reason
    case .lineTooLong(_, let line, let limit): "line \(line) is longer than \(limit) bytes"
    case .inUse: "another martlet works in it"
    case .outputClosed: "the output was closed"
    }
  }

  /// The system's words for `errno` of a file that was to be made or opened for writing.
  static var openingReason: String {
    errno == ENOENT ? "its folder is missing" : systemReason
  }

  /// The system's words for `errno`.
  static var systemReason: String { String(cString: strerror(errno)) }
}
