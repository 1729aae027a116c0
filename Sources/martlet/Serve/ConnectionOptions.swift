import ArgumentParser
import HTTP

/// What a client may send, and how slowly.
struct ConnectionOptions: ParsableArguments {
  @Option(help: "Seconds for which an idle connection is kept.") var keepAlive = 75.0
  @Option(help: "Longest request line in bytes (Gunicorn has 4094).") var limitRequestLine = 8190
  @Option(help: "Most header fields in a request.") var limitRequestFields = 100
  @Option(
    name: .customLong("limit-request-field_size"), help: "Longest header field in bytes.")
  var limitRequestFieldSize = 8190
  @Option(help: "Longest request body in bytes, as sent and inflated.")
  var limitRequestBody = 10_000_000
  @Option(help: "How many times as long a gzip or deflate body may become when it is inflated.")
  var limitInflationRatio = 100
  @Option(help: "Most connections of one worker at once; more wait.") var workerConnections = 16384
  @Option(
    help: "Most connections of one worker from one address; more are closed (default: no cap).")
  var maxConnectionsPerPeer: Int?
  @Option(help: "Seconds for a TLS handshake or a PROXY header.") var handshakeTimeout = 10.0
  @Option(help: "Seconds for the head of a request, from its first byte.") var headerTimeout = 10.0
  @Option(help: "Seconds for a body, beyond what --min-rate allows.") var bodyTimeout = 10.0
  @Option(help: "Seconds for a client to take its answer, beyond what --min-rate allows.")
  var writeTimeout = 10.0
  @Option(help: "Least average rate of a body or an answer, in bytes a second.")
  var minRate = 1024.0
  @Option(
    help: "Bytes from which answers are compressed for clients that take gzip; 0 for never.")
  var compressMinSize = 1024

  func validate() throws {
    let values = [
      ("line", limitRequestLine), ("fields", limitRequestFields),
      ("field_size", limitRequestFieldSize), ("body", limitRequestBody),
    ]
    for (name, value) in values where !(1...1 << 30).contains(value) {
      throw ValidationError("--limit-request-\(name) \(value): use a number from 1 to 1073741824")
    }
    let counts = [
      ("limit-inflation-ratio", limitInflationRatio), ("worker-connections", workerConnections),
      ("max-connections-per-peer", maxConnectionsPerPeer ?? 1),
    ]
    for (name, value) in counts where !(1...1 << 20).contains(value) {
      throw ValidationError("--\(name) \(value): use a number from 1 to 1048576")
    }
    let times = [
      ("keep-alive", keepAlive), ("handshake-timeout", handshakeTimeout),
      ("header-timeout", headerTimeout), ("body-timeout", bodyTimeout),
      ("write-timeout", writeTimeout), ("min-rate", minRate),
    ]
    for (name, value) in times where !(0.1...1e9).contains(value) {
      throw ValidationError("--\(name) \(value): use a number from 0.1 to 1000000000")
    }
    if compressMinSize < 0 { throw ValidationError("--compress-min-size must not be negative") }
  }

  func apply(to configuration: inout HTTPServerConfiguration) {
    configuration.keepAliveTimeout = keepAlive
    configuration.limits.requestLine = limitRequestLine
    configuration.limits.requestFields = limitRequestFields
    configuration.limits.requestFieldSize = limitRequestFieldSize
    configuration.limits.requestBody = limitRequestBody
    configuration.limits.inflationRatio = limitInflationRatio
    configuration.maximumConnections = workerConnections
    configuration.maximumConnectionsPerPeer = maxConnectionsPerPeer
    configuration.handshakeTimeout = handshakeTimeout
    configuration.headTimeout = headerTimeout
    configuration.bodyTimeout = bodyTimeout
    configuration.writeTimeout = writeTimeout
    configuration.minimumRate = minRate
    configuration.compressionMinimumSize = compressMinSize == 0 ? nil : compressMinSize
    configuration.limits.requestHead = max(
      configuration.limits.requestHead, limitRequestLine + limitRequestFieldSize)
  }
}
