import CSystem
import Glibc

/// The user and group that workers run as.
struct Account: Equatable {
  let user: uid_t
  let group: gid_t
  /// The user's name, for its supplementary groups; nil for a number that has no name.
  let name: String?

  /// Looks up `user` and `group`, each a name or a number.
  ///
  /// - Returns: nil if neither is given.
  /// - Throws: `PreforkError.unknownAccount`, or `.notPermitted` if this process may not become that user.
  static func find(user: String?, group: String?) throws(PreforkError) -> Account? {
    if user == nil && group == nil { return nil }
    var account = (user: geteuid(), group: getegid(), name: String?.none)
    if let user {
      if let entry = getpwnam(user) ?? uid_t(user).flatMap({ getpwuid($0) }) {
        account = (
          entry.pointee.pw_uid, entry.pointee.pw_gid, String(cString: entry.pointee.pw_name)
        )
      } else if let number = uid_t(user), number != uid_t.max {
        account.user = number
      } else {
        throw .unknownAccount(kind: "user", name: user)
      }
    }
    if let group {
      if let entry = getgrnam(group) {
        account.group = entry.pointee.gr_gid
      } else if let number = gid_t(group), number != gid_t.max {
        account.group = number
      } else {
        throw .unknownAccount(kind: "group", name: group)
      }
    }
    let found = Account(user: account.user, group: account.group, name: account.name)
    guard geteuid() == 0 || found.isCurrent else {
      throw .notPermitted(user: user ?? "", group: group ?? "")
    }
    return found
  }

  /// Whether this process runs as that user and group already.
  var isCurrent: Bool { user == geteuid() && group == getegid() }

  /// Becomes that user for good: its groups alone, and no way back.
  /// - Returns: false if the kernel refused; the process must then end.
  func become() -> Bool {
    if isCurrent && geteuid() != 0 { return true }
    return martlet_drop_privileges(user, group, name) == 0
  }
}

extension ArbiterConfiguration {
  /// The user and group that workers become, by number; nil if they stay what the arbiter is.
  public var workerAccount: (user: UInt32, group: UInt32)? {
    guard let account = try? Account.find(user: user, group: group), !account.isCurrent else {
      return nil
    }
    return (account.user, account.group)
  }
}
