import Files
import Foundation

/// Ends this process when its standard input closes: whoever started it holds the other end, and closes it by ending, whatever
/// ends it.
enum InputWatch {
  /// Begins to watch, where standard input is a pipe or a socket: a terminal or a file tells nothing.
  static func begin() {
    var status = stat()
    guard fstat(STDIN_FILENO, &status) == 0,
      [S_IFIFO, S_IFSOCK].contains(status.st_mode & S_IFMT)
    else { return }
    Thread.detachNewThread {
      var byte: UInt8 = 0
      while true {
        let count = read(STDIN_FILENO, &byte, 1)
        if count == 0 || count < 0 && errno != EINTR && errno != EAGAIN {
          OutputFile.discardAll { _exit(128 + SIGHUP) }
        }
        if count < 0 && errno == EAGAIN { usleep(100_000) }
      }
    }
  }
}
