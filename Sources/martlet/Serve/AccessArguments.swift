import ArgumentParser
import Serving

/// Who may ask, how often, and from which web pages.
struct AccessArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "File of tokens, one NAME:TOKEN a line, read anew at HUP; each request then needs one.",
      valueName: "file"))
  var tokenFile: String?
  @Option(
    help: ArgumentHelp(
      "Requests that each token may send, over all workers: 100/s, 1000/m, 100/s:20 for 20 at once.",
      valueName: "limit"))
  var rateLimit: String?
  @Option(
    help: ArgumentHelp(
      "Origin whose pages may call from a browser, such as https://app.example.org; may be repeated.",
      valueName: "origin"))
  var corsOrigin: [String] = []

  func settings() throws -> AccessSettings {
    try AccessSettings(
      tokenFile: tokenFile,
      rateLimit: rateLimit.map { text throws(ServingError) in
        try RateLimit(text, option: "--rate-limit")
      }, corsOrigins: corsOrigin)
  }
}
