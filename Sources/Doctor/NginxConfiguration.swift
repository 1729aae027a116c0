/// The servers of a running Nginx's configuration, read from what `nginx -T` prints.
struct NginxConfiguration {
  /// A server block that has to do with the daemon.
  struct Server: Equatable {
    /// What `server_name` says; empty where it says nothing or `_`.
    var names: [String]
    /// Ports on which 127.0.0.1 reaches it, the plain ones first. Empty where it listens elsewhere only.
    var ports: [UInt16]
    /// Files of `ssl_certificate`, its own or those of the block around it.
    var certificates: [String]
    /// The file that it stands in.
    var file: String

    /// What people call it.
    var title: String { names.first ?? "the server without a name" }
  }

  private struct Directive {
    var name: String
    var arguments: [String]
    var block: [Directive]?
    var file: String
  }

  private var root: [Directive] = []
  /// Every file that Nginx read, by its path.
  private var files: [String: [UInt8]] = [:]
  private var folder = ""

  /// - Parameter dump: nil is given back where it is no such dump.
  init?(dump: String) {
    let mark = Array("# configuration file ".utf8)
    var name: String?
    var first: String?
    for line in dump.utf8.split(separator: 0x0A, omittingEmptySubsequences: false) {
      if line.starts(with: mark), line.last == 0x3A {
        let path = String(decoding: line.dropFirst(mark.count).dropLast(), as: UTF8.self)
        name = path
        first = first ?? path
        files[path] = []
      } else if let name {
        files[name]?.append(contentsOf: line)
        files[name]?.append(0x0A)
      }
    }
    guard let first else { return nil }
    folder = first.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .joined(separator: "/")
    root = read(first, depth: 0)
  }

  /// Servers that pass requests on to a port, whatever the host: an upstream may name several.
  func servers(to port: UInt16) -> [Server] {
    root.filter { ["http", "stream"].contains($0.name) }.flatMap { http -> [Server] in
      let block = http.block ?? []
      var upstreams: [String: [String]] = [:]
      for one in block where one.name == "upstream" {
        upstreams[one.arguments.first ?? ""] = (one.block ?? []).filter { $0.name == "server" }
          .compactMap { $0.arguments.first }
      }
      let outer = Self.values("ssl_certificate", block)
      return block.filter { $0.name == "server" }.compactMap { server -> Server? in
        let inside = server.block ?? []
        let targets = Self.all("proxy_pass", inside).compactMap { pass -> String? in
          Self.resolved(pass.arguments.first ?? "", inside)
        }
        let isOurs = targets.contains { target in
          (upstreams[target] ?? [target]).contains { Self.port(of: $0) == port }
        }
        guard isOurs else { return nil }
        let own = Self.values("ssl_certificate", inside)
        let listens = inside.filter { $0.name == "listen" }
        let ports = listens.sorted { !$0.arguments.contains("ssl") && $1.arguments.contains("ssl") }
          .compactMap(Self.loopbackPort)
        let hasTLS = listens.contains {
          $0.arguments.contains("ssl") || $0.arguments.contains("quic")
        }
        return Server(
          names: Self.values("server_name", inside).filter { $0 != "_" && !$0.isEmpty },
          ports: listens.isEmpty
            ? [80] : ports.reduce(into: []) { if !$0.contains($1) { $0.append($1) } },
          certificates: hasTLS ? (own.isEmpty ? outer : own) : [], file: server.file)
      }
    }
  }

  // MARK: - Meaning

  private static func values(_ name: String, _ block: [Directive]) -> [String] {
    block.filter { $0.name == name }.flatMap(\.arguments)
  }

  /// Directives of a name, however deep.
  private static func all(_ name: String, _ block: [Directive]) -> [Directive] {
    block.flatMap { ($0.name == name ? [$0] : []) + all(name, $0.block ?? []) }
  }

  /// The host and port, or the upstream's name, of a `proxy_pass`; a variable by its `set` in the same server.
  private static func resolved(_ target: String, _ server: [Directive]) -> String? {
    var target = target
    for set in all("set", server) where set.arguments.count == 2 {
      target = target.replacing(set.arguments[0], with: set.arguments[1])
    }
    if let scheme = target.firstRange(of: "://") { target = String(target[scheme.upperBound...]) }
    return target.split(separator: "/", omittingEmptySubsequences: false).first.map(String.init)
  }

  /// The port of `HOST:PORT`, `[IPV6]:PORT`, or of a listener that is a port alone; 80 where none is named.
  private static func port(of address: String, isListener: Bool = false) -> UInt16? {
    if address.hasPrefix("unix:") { return nil }
    if isListener, let port = UInt16(address) { return port }
    let tail = address.split(separator: "]").last ?? ""
    guard let colon = tail.lastIndex(of: ":") else { return 80 }
    return UInt16(tail[tail.index(after: colon)...])
  }

  /// The port of a `listen` that an ordinary client on 127.0.0.1 reaches: on all addresses of IPv4 or on that one, and without the
  /// PROXY protocol before the request.
  private static func loopbackPort(_ listen: Directive) -> UInt16? {
    guard let address = listen.arguments.first, !listen.arguments.contains("proxy_protocol"),
      !listen.arguments.contains("quic"), !address.hasPrefix("[")
    else { return nil }
    let host = address.split(separator: ":").first.map(String.init) ?? ""
    let isReached =
      UInt16(host) != nil || ["*", "0.0.0.0", "localhost"].contains(host) || host.hasPrefix("127.")
    return isReached ? port(of: address, isListener: true) : nil
  }

  // MARK: - Reading

  private func read(_ path: String, depth: Int) -> [Directive] {
    // Nginx itself refuses files that include themselves; this is for a dump that somebody made.
    guard depth < 20, let bytes = files[path] else { return [] }
    var tokens = Self.tokens(bytes)[...]
    return block(&tokens, file: path, depth: depth)
  }

  private func block(
    _ tokens: inout ArraySlice<Token>, file: String, depth: Int
  ) -> [Directive] {
    var found: [Directive] = []
    var words: [String] = []
    while let token = tokens.popFirst() {
      switch token {
      case .word(let word): words.append(word)
      case .end:
        if words.first == "include", words.count == 2 {
          for path in included(words[1]) { found += read(path, depth: depth + 1) }
        } else if let name = words.first {
          found.append(Directive(name: name, arguments: Array(words.dropFirst()), file: file))
        }
        words = []
      case .open:
        let inside = depth < 40 ? block(&tokens, file: file, depth: depth + 1) : []
        if let name = words.first {
          found.append(
            Directive(name: name, arguments: Array(words.dropFirst()), block: inside, file: file))
        }
        words = []
      case .close: return found
      }
    }
    return found
  }

  /// The files that an `include` names, in Nginx's order: a path, or a pattern with `*` and `?` within names.
  private func included(_ name: String) -> [String] {
    let path = name.hasPrefix("/") ? name : folder + "/" + name
    if files[path] != nil { return [path] }
    return files.keys.filter { Self.matches(Array($0.utf8)[...], Array(path.utf8)[...]) }.sorted()
  }

  private static func matches(_ text: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
    guard let first = pattern.first else { return text.isEmpty }
    if first == 0x2A {
      if matches(text, pattern.dropFirst()) { return true }
      guard let byte = text.first, byte != 0x2F else { return false }
      return matches(text.dropFirst(), pattern)
    }
    guard let byte = text.first, first == byte || first == 0x3F && byte != 0x2F else {
      return false
    }
    return matches(text.dropFirst(), pattern.dropFirst())
  }

  private enum Token {
    case word(String)
    case open, close, end
  }

  /// Words, quoted or not, and the three marks between them; comments are left out. A brace within a word, as in a regular
  /// expression or `${name}`, is the word's.
  private static func tokens(_ bytes: [UInt8]) -> [Token] {
    var found: [Token] = []
    var index = 0
    func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
    while index < bytes.count {
      let byte = bytes[index]
      if isSpace(byte) {
        index += 1
      } else if byte == 0x23 {
        while index < bytes.count, bytes[index] != 0x0A { index += 1 }
      } else if byte == 0x3B || byte == 0x7B || byte == 0x7D {
        found.append(byte == 0x3B ? .end : byte == 0x7B ? .open : .close)
        index += 1
      } else {
        var word: [UInt8] = []
        let quote = byte == 0x22 || byte == 0x27 ? byte : 0
        if quote != 0 { index += 1 }
        while index < bytes.count {
          let byte = bytes[index]
          if byte == 0x5C, index + 1 < bytes.count {
            word += bytes[index...(index + 1)]
            index += 2
            continue
          }
          if quote != 0 ? byte == quote : isSpace(byte) || byte == 0x3B { break }
          if quote == 0, byte == 0x7B, word.last != 0x24 { break }
          word.append(byte)
          index += 1
        }
        if quote != 0 { index += 1 }
        found.append(.word(String(decoding: word, as: UTF8.self)))
      }
    }
    return found
  }
}
