import Glibc

/// What a command says: all of it goes through here.
package enum Console {
  /// Prepares the three standard streams; called once, first of all.
  ///
  /// A reader that has gone is then an error of the write and not the end of the process. Unlike an
  /// ignored signal, a handler is not inherited by programs that this one starts. A stream that was
  /// closed is opened the wrong way round, so that no other file takes its number.
  package static func prepare() {
    signal(SIGPIPE) { _ in }
    for number in STDIN_FILENO...STDERR_FILENO where fcntl(number, F_GETFD) < 0 {
      _ = open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }

  static let outputName = "standard output"

  /// Whether standard output is a terminal.
  package static var isOutputTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
  /// Whether standard error is a terminal.
  package static var isErrorTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  /// Writes what the user asked for to standard output.
  /// - Throws: `FileError`, so that nobody takes a part of it for the whole.
  package static func print(_ text: String, terminator: String = "\n") throws(FileError) {
    try Stream.write(
      Array((text + terminator).utf8), to: STDOUT_FILENO, path: outputName)
  }

  /// Writes to standard output what stands beside the files that a command makes: nobody need read it.
  /// - Throws: `FileError.unwritable`.
  package static func report(_ text: String, terminator: String = "\n") throws(FileError) {
    do { try print(text, terminator: terminator) } catch .outputClosed {}
  }

  /// Writes a message to standard error, which may fail without harm.
  package static func say(_ text: String, terminator: String = "\n") {
    try? Stream.write(Array((text + terminator).utf8), to: STDERR_FILENO, path: "standard error")
  }

  /// Writes a line over the last on a terminal, nothing elsewhere; an empty one wipes it.
  package static func showProgress(_ text: String) {
    if isErrorTerminal { say("\r\u{1B}[K" + text, terminator: "") }
  }
}
