/// The sockets of the pool: the public ones, which workers accept on, and those of the admin listener.
struct PoolSockets {
  var listeners: [ListeningSocket] = []
  var adminListeners: [ListeningSocket] = []

  /// Opens what `configuration` names, but takes over what was inherited or is open already.
  ///
  /// Sockets that the service manager gave stand in for the addresses of the settings, as with Gunicorn.
  /// - Parameter present: sockets open in this process; the result uses those that it still needs.
  /// - Throws: `PreforkError`; what was opened here is closed again, `present` is not touched.
  static func open(
    _ configuration: ArbiterConfiguration, present: PoolSockets
  ) throws(PreforkError) -> PoolSockets {
    var opened: [ListeningSocket] = []
    do throws(PreforkError) {
      var sockets = PoolSockets()
      sockets.listeners = try take(
        configuration.bind, from: present.listeners, configuration, opened: &opened)
      sockets.adminListeners = try take(
        configuration.adminBind, from: present.adminListeners, configuration, opened: &opened)
      return sockets
    } catch {
      for socket in opened { socket.close(unlinks: true) }
      throw error
    }
  }

  private static func take(
    _ names: [String], from present: [ListeningSocket], _ configuration: ArbiterConfiguration,
    opened: inout [ListeningSocket]
  ) throws(PreforkError) -> [ListeningSocket] {
    let given = present.filter(\.isGiven)
    if !given.isEmpty { return given }
    var taken: [ListeningSocket] = []
    var left = present
    for name in names {
      if let index = left.firstIndex(where: { $0.name == name }) {
        taken.append(left.remove(at: index))
        continue
      }
      let socket = try ListeningSocket(
        name, backlog: configuration.backlog, reusePort: configuration.reusePort)
      opened.append(socket)
      taken.append(socket)
    }
    return taken
  }

  /// Says where the service manager's sockets stand in for other addresses of the settings, which somebody may be waiting on; nil
  /// where they agree. A host's name is not looked up.
  func overruled(_ configuration: ArbiterConfiguration) -> String? {
    let lists = [
      ("bind", configuration.bind, listeners),
      ("admin_bind", configuration.adminBind, adminListeners),
    ]
    let words = lists.compactMap { key, names, sockets -> String? in
      guard sockets.contains(where: \.isGiven) else { return nil }
      let present = sockets.map(\.address)
      let missed = names.filter { name in
        !present.contains(name) && !name.utf8.contains { (0x67...0x7A).contains($0 | 0x20) }
      }
      if missed.isEmpty { return nil }
      return
        "\(key) = \(missed.joined(separator: ", ")) is not listened on, because the service manager listens on \(present.joined(separator: ", "))"
    }
    return words.isEmpty
      ? nil
      : words.joined(separator: "; ")
        + "; change ListenStream= of its socket unit (deploy/install.sh --listen ADDRESS, or systemctl edit martlet.socket)"
  }

  /// What this process was started with: the sockets of another arbiter, or of the service manager.
  /// - Throws: `PreforkError.invalidAddress` for a descriptor that is no listening socket.
  init(_ inherited: [InheritedSocket]) throws(PreforkError) {
    for one in inherited {
      let socket = try ListeningSocket(
        inherited: one.descriptor, name: one.name, isGiven: one.isGiven)
      if one.isAdmin { adminListeners.append(socket) } else { listeners.append(socket) }
    }
  }

  init() {}

  var all: [ListeningSocket] { listeners + adminListeners }

  /// Closes those that `other` does not use.
  func close(keeping other: PoolSockets, unlinks: Bool = true) {
    for socket in without(other) { socket.close(unlinks: unlinks) }
  }

  /// Closes sockets that nobody is to come to any more. Processes that have them serve what the kernel has accepted.
  /// - Parameter isShared: whether another arbiter has them too, and serves on.
  static func end(_ sockets: inout [ListeningSocket], isShared: Bool) {
    for socket in sockets {
      if !isShared { socket.turnAway() }
      socket.close(unlinks: !isShared)
    }
    sockets = []
  }

  /// Those that `other` does not use.
  func without(_ other: PoolSockets) -> [ListeningSocket] {
    let kept = Set(other.all.map(\.descriptor))
    return all.filter { !kept.contains($0.descriptor) }
  }

  /// How another arbiter is told of them.
  var inheritance: [InheritedSocket] {
    func entries(_ sockets: [ListeningSocket], isAdmin: Bool) -> [InheritedSocket] {
      sockets.map {
        InheritedSocket(
          descriptor: $0.descriptor, name: $0.name, isAdmin: isAdmin, isGiven: $0.isGiven)
      }
    }
    return entries(listeners, isAdmin: false) + entries(adminListeners, isAdmin: true)
  }
}
