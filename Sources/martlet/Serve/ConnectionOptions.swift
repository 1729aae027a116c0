import ArgumentParser
import HTTP

/// What a client may send, and how slowly.
struct ConnectionOptions: ParsableArguments {
  @Option(help: "Seconds that an idle connection is kept.") var keepAlive = 75.0
  @Option(help: "Longest request line in bytes.") var limitRequestLine = 4094
  @Option(help: "Most header fields in a request.") var limitRequestFields = 100
  @Option(
    name: .customLong("limit-request-field_size"), help: "Longest header field in bytes.")
  var limitRequestFieldSize = 8190
  @Option(help: "Longest request body in bytes.") var limitRequestBody = 10_000_000

  func validate() throws {
    let values = [
      ("line", limitRequestLine), ("fields", limitRequestFields),
      ("field_size", limitRequestFieldSize), ("body", limitRequestBody),
    ]
    for (name, value) in values where !(1...1 << 30).contains(value) {
      throw ValidationError("--limit-request-\(name) \(value): use a number from 1 to 1073741824")
    }
  }

  func apply(to configuration: inout HTTPServerConfiguration) {
    configuration.keepAliveTimeout = keepAlive
    configuration.limits.requestLine = limitRequestLine
    configuration.limits.requestFields = limitRequestFields
    configuration.limits.requestFieldSize = limitRequestFieldSize
    configuration.limits.requestBody = limitRequestBody
    configuration.limits.requestHead = max(
      configuration.limits.requestHead, limitRequestLine + limitRequestFieldSize)
  }
}
