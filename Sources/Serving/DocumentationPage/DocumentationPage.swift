import HTTP

/// `/docs`: one page without anything from elsewhere, to read the API and to try it from. It is drawn from `/openapi.json`, so
/// it shows the endpoints that there are.
enum DocumentationPage {
  /// The page, with a nonce of its own for its one script and its one style (Content Security Policy 3, section 2.3.1): nothing
  /// else on it can run or be loaded, and it speaks to this server alone.
  static func response() -> Response {
    let nonce = Self.nonce()
    var response = Response.text(.ok, page(nonce: nonce))
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

  private static func page(nonce: String) -> String {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Martlet API</title>
    <style nonce="\(nonce)">
    \(style)
    </style>
    </head>
    <body>
    <header>
    <h1>Martlet API</h1>
    <p id="about"></p>
    <div class="bar">
    <a href="/openapi.json">openapi.json</a>
    <label id="token" hidden>Token <input type="password" autocomplete="off" spellcheck="false" size="24"></label>
    </div>
    </header>
    <main id="main"><p>Reading /openapi.json …</p></main>
    <noscript><p>This page is drawn by a script. The description itself is at <a href="/openapi.json">/openapi.json</a>.</p></noscript>
    <script nonce="\(nonce)">
    \(script)
    </script>
    </body>
    </html>

    """
  }
}
