import Foundation
import Synchronization

/// The one way to write a file: it appears at once and whole, or not at all.
///
/// The bytes go to a file of its own beside the one that is wanted, which takes its name in `commit`.
/// Without `commit` it goes and what was there stays. An existing file's permissions are kept, and
/// where the name is a link, the file behind it is replaced. What cannot be replaced (`-` for
/// standard output, pipes, devices) is written as a stream.
package final class OutputFile {
  private enum Target { case stream, file(temporary: String, final: String) }

  private let path: String
  private let target: Target
  private let descriptor: Int32
  private var isOpen = true
  private var buffer: [UInt8] = []
  private static let pieceSize = 1 << 16
  /// Files and folders that have not got their names yet.
  private static let unfinished = Mutex<Set<String>>([])

  /// Opens `path`, `-` for standard output.
  /// - Parameter mode: permissions of a new file, before the umask.
  /// - Throws: `FileError.unwritable`.
  package init(path: String, mode: mode_t = 0o666) throws(FileError) {
    self.path = path == "-" ? Console.outputName : path
    if let number = Self.openDescriptor(path) {
      (descriptor, target) = (number, .stream)
      return
    }
    let final = Self.behindLinks(path)
    var status = stat()
    let isThere = stat(final, &status) == 0
    if isThere && status.st_mode & S_IFMT != S_IFREG {
      if status.st_mode & S_IFMT == S_IFDIR {
        throw .unwritable(path: path, reason: "it is a directory")
      }
      let opened = open(final, O_WRONLY | O_CLOEXEC | O_NOCTTY)
      if opened < 0 { throw .unwritable(path: path, reason: FileError.systemReason) }
      (descriptor, target) = (opened, .stream)
      return
    }
    if isThere && access(final, W_OK) != 0 {
      throw .unwritable(path: path, reason: FileError.systemReason)
    }
    let temporary = Self.temporaryName(beside: final)
    let opened = Self.adding(temporary) {
      open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
    }
    if opened < 0 { throw .unwritable(path: path, reason: FileError.openingReason) }
    if isThere {
      // Only the superuser may give a file away; for others the owner becomes the writer.
      if status.st_uid != geteuid() || status.st_gid != getegid() {
        _ = fchown(opened, status.st_uid, status.st_gid)
      }
      fchmod(opened, status.st_mode & 0o7777)
    }
    (descriptor, target) = (opened, .file(temporary: temporary, final: final))
  }

  deinit { if isOpen { discard() } }

  /// Writes a whole file.
  /// - Throws: `FileError`.
  package static func write(
    _ bytes: some Sequence<UInt8>, to path: String, mode: mode_t = 0o666
  ) throws(FileError) {
    let file = try OutputFile(path: path, mode: mode)
    try file.write(bytes)
    try file.commit()
  }

  /// Writes a whole file of text.
  /// - Throws: `FileError`.
  package static func write(_ text: String, to path: String) throws(FileError) {
    try write(text.utf8, to: path)
  }

  /// Makes the file `path` by `make`, which makes one of the name that it is given. A link at `path` is replaced itself.
  /// - Returns: false where `make` does, or where the file cannot get its name; `path` is then as it was.
  package static func replace(_ path: String, by make: (String) -> Bool) -> Bool {
    let temporary = temporaryName(beside: path)
    _ = adding(temporary) { 0 }
    guard make(temporary), rename(temporary, path) == 0 else {
      discard(temporary)
      return false
    }
    forget(temporary)
    return true
  }

  /// Adds bytes.
  /// - Throws: `FileError.outputClosed` where a pipe's reader has gone, or `.unwritable`.
  package func write(_ bytes: some Sequence<UInt8>) throws(FileError) {
    buffer += bytes
    if buffer.count >= Self.pieceSize { try flush() }
  }

  /// Hands over what is held.
  /// - Throws: as `write`.
  package func flush() throws(FileError) {
    defer { buffer.removeAll(keepingCapacity: true) }
    try Stream.write(buffer, to: descriptor, path: path)
  }

  /// Writes `bytes` over the file's beginning.
  /// - Throws: `FileError.unwritable` for what is no file.
  package func rewriteStart(_ bytes: [UInt8]) throws(FileError) {
    try flush()
    let count = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    if count != bytes.count {
      throw .unwritable(path: path, reason: "it is no file whose beginning can be written again")
    }
  }

  /// Writes what is held and gives the file its name; nothing may be written then.
  /// - Throws: as `write`.
  package func commit() throws(FileError) {
    try flush()
    guard case .file(let temporary, let final) = target else { return }
    // A full disk may be reported only here, and a name must not survive a power cut that its bytes did not. Some network
    // and user-space file systems know no such call.
    if fsync(descriptor) != 0, ![EINVAL, ENOSYS].contains(errno) {
      throw .unwritable(path: path, reason: FileError.systemReason)
    }
    let code = Self.unfinished.withLock { names in
      names.remove(temporary)
      return rename(temporary, final) == 0 ? 0 : errno
    }
    isOpen = false
    close(descriptor)
    if code != 0 {
      throw .unwritable(
        path: path,
        reason: "\(String(cString: strerror(code))); what was written is in \(temporary)")
    }
  }

  // MARK: - What is not whole yet

  /// Runs `make`, which makes the file or folder `name`, in the lock: so a signal's cleaning sees either nothing or its name.
  static func adding(_ name: String, _ make: () -> Int32) -> Int32 {
    unfinished.withLock { names in
      let result = make()
      if result >= 0 { names.insert(name) }
      return result
    }
  }

  /// Removes a file or folder that is not whole.
  static func discard(_ name: String) {
    forget(name)
    try? FileManager.default.removeItem(atPath: name)
  }

  /// Leaves what has got another name.
  static func forget(_ name: String) { _ = unfinished.withLock { $0.remove(name) } }

  /// Removes all that is not whole and ends the process by `body`, so that nothing else begins.
  package static func discardAll(_ body: () -> Never) -> Never {
    unfinished.withLock { names in
      for name in names { try? FileManager.default.removeItem(atPath: name) }
      body()
    }
  }

  private func discard() {
    if case .file(let temporary, _) = target { Self.discard(temporary) }
    if descriptor > STDERR_FILENO { close(descriptor) }
  }

  // MARK: - Names

  /// The descriptor that a name such as `/dev/stdout` stands for: a file behind it is the shell's.
  private static func openDescriptor(_ path: String) -> Int32? {
    switch path {
    case "-", "/dev/stdout": return STDOUT_FILENO
    case "/dev/stderr": return STDERR_FILENO
    default:
      for folder in ["/dev/fd/", "/proc/self/fd/"] where path.utf8.starts(with: folder.utf8) {
        if let number = Int32(path.dropFirst(folder.count)), number >= 0 { return dup(number) }
      }
      return nil
    }
  }

  /// A name that nobody else takes, in the same folder.
  static func temporaryName(beside path: String) -> String {
    folder(of: path) + ".martlet-\(UInt64.random(in: .min ... .max)).partial"
  }

  /// The name up to the last slash; empty for the working directory.
  static func folder(of path: String) -> String {
    let bytes = Array(path.utf8)
    let slash = bytes.lastIndex(of: UInt8(ascii: "/"))
    return String(decoding: bytes[..<(slash.map { $0 + 1 } ?? 0)], as: UTF8.self)
  }

  /// The name at the end of a chain of links, though there may be no file there yet.
  private static func behindLinks(_ path: String) -> String {
    var path = path
    // As many as the system itself follows.
    for _ in 0..<40 {
      guard let link = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else {
        break
      }
      path = link.utf8.first == UInt8(ascii: "/") ? link : folder(of: path) + link
    }
    return path
  }
}
