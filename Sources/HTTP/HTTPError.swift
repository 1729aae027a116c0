import Foundation

/// What can go wrong in the server itself, as opposed to in a request (`Refusal`).
public enum HTTPError: Error, Sendable, Equatable, LocalizedError {
  /// A system call failed.
  case system(call: String, code: Int32)
  /// A route's template is malformed.
  case badTemplate(String)
  /// Text that is neither an address nor a network.
  case badAddress(String)
  /// TLS cannot be set up; the file that is at fault, if one is.
  case tls(file: String?, reason: String)
  /// No cipher suite of TLS 1.2 is left in a list.
  case tlsCiphers(String)

  /// What is wrong.
  public var errorDescription: String? {
    switch self {
    case .system(let call, let code): "\(call) failed: \(String(cString: strerror(code)))."
    case .badTemplate(let template): "The route '\(template)' is malformed."
    case .badAddress(let text): "'\(text)' is no IP address or network."
    case .tls(let file?, let reason): "\(file): \(reason)."
    case .tls(nil, let reason): "TLS cannot be set up: \(reason)."
    case .tlsCiphers(let list): "--ciphers '\(list)' names no cipher suite of TLS 1.2."
    }
  }

  /// How to mend it.
  public var recoverySuggestion: String? {
    switch self {
    case .system: "Look at the limits of the process (ulimit -n) and the kernel's log."
    case .badTemplate: "Begin it with '/', and write parameters as '{name}'."
    case .badAddress: "Write for example: 127.0.0.1,::1,10.0.0.0/8"
    case .tls:
      "Give --certfile a PEM chain and --keyfile its unencrypted PEM key, both readable by the server."
    case .tlsCiphers: "Leave --ciphers out, or use names that 'openssl ciphers' prints."
    }
  }
}
