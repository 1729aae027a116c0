import Glibc

/// The file that tells others which process is the arbiter.
///
/// While a new binary takes over (SIGUSR2) its arbiter has the file's name with `.2` behind it, and takes the name itself
/// once the old arbiter has gone, as with Gunicorn.
struct PidFile {
  let path: String
  private(set) var isSecond: Bool

  private var currentPath: String { isSecond ? path + ".2" : path }

  /// Writes the file.
  /// - Parameter isSecond: whether another arbiter has the name and lives.
  /// - Throws: `PreforkError.alreadyRunning` if the file names a live process, or `.writing`.
  init(path: String, isSecond: Bool) throws(PreforkError) {
    self.path = path
    self.isSecond = isSecond
    let owner = Self.owner(currentPath)
    if let owner, owner != getpid(), kill(owner, 0) == 0 || errno == EPERM {
      throw .alreadyRunning(pidFile: currentPath, processIdentifier: owner)
    }
    try PreforkError.write("\(getpid())\n", to: currentPath)
  }

  /// Whether the file could be written.
  /// - Throws: `PreforkError.writing`.
  static func check(_ path: String) throws(PreforkError) {
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    guard access(folder, W_OK | X_OK) == 0 else {
      throw .writing(path: path, reason: String(cString: strerror(errno)))
    }
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
      throw .writing(path: path, reason: "it is there and is no file")
    }
  }

  /// Takes the name without `.2`, now that the old arbiter has gone.
  mutating func promote() throws(PreforkError) {
    guard isSecond else { return }
    guard rename(currentPath, path) == 0 else {
      throw .writing(path: path, reason: String(cString: strerror(errno)))
    }
    isSecond = false
  }

  /// Removes the file, unless it has become another's.
  func remove() {
    if Self.owner(currentPath) == getpid() { unlink(currentPath) }
  }

  private static func owner(_ path: String) -> Int32? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 32)
    let count = read(descriptor, &bytes, bytes.count)
    guard count > 0 else { return nil }
    let digits = bytes[..<count].prefix { (0x30...0x39).contains($0) }
    return Int32(String(decoding: digits, as: UTF8.self)).flatMap { $0 > 0 ? $0 : nil }
  }
}
