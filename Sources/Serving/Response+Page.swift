import HTTP
import Pages

extension Response {
  /// `page` with a nonce of its own for its one script and its one style (Content Security Policy 3, section 2.3.1): nothing else on
  /// it can run or be loaded, and it speaks to this server alone.
  static func page(_ page: Page, _ values: [String: String] = [:]) -> Response {
    let nonce = Self.nonce()
    var response = Response.text(.ok, page.document(nonce: nonce, values))
    response.contentType = "text/html; charset=utf-8"
    response.fields = [
      (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'nonce-\(nonce)'; style-src 'nonce-\(nonce)'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
      ),
      ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
      ("Cache-Control", "no-store"),
    ]
    return response
  }

  /// 128 random bits in hexadecimal.
  private static func nonce() -> String {
    var generator = SystemRandomNumberGenerator()
    return (0..<2).map { _ in
      let digits = String(generator.next(), radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
