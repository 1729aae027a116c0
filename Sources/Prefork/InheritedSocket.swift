import Glibc

/// A listening socket that another process opened for this one.
struct InheritedSocket: Equatable {
  let descriptor: Int32
  /// What the settings call it; nil if they do not know it.
  let name: String?
  let isAdmin: Bool
  let isGiven: Bool

  /// The sockets that systemd passes to a service (sd_listen_fds(3)): from descriptor 3 on, named by their
  /// `FileDescriptorName=`. The name `admin` makes one the admin listener; all others are public.
  ///
  /// - Parameter environment: its `LISTEN_` variables count only if `LISTEN_PID` is this process.
  static func fromServiceManager(
    _ environment: [String: String], process: Int32
  ) -> [InheritedSocket] {
    guard environment["LISTEN_PID"].flatMap({ Int32($0) }) == process,
      let count = environment["LISTEN_FDS"].flatMap({ Int32($0) }), (1...1024).contains(count)
    else { return [] }
    let names = (environment["LISTEN_FDNAMES"] ?? "").split(
      separator: ":", omittingEmptySubsequences: false)
    return (0..<count).map { index in
      let name = Int(index) < names.count ? String(names[Int(index)]) : ""
      return InheritedSocket(
        descriptor: 3 + index, name: nil, isAdmin: name == "admin", isGiven: true)
    }
  }
}
