import Foundation
import HTTP

/// `/monitor`: one page that draws `/monitor.json`, without anything from elsewhere.
///
/// Charts are SVG of our own: they need no library, follow light and dark through CSS, and carry their figures as text for
/// screen readers. Every figure has `data-value` with the number as the API gave it.
enum MonitorPage {
  /// The page, with a nonce of its own for its one script and its one style.
  static func response() -> Response {
    var generator = SystemRandomNumberGenerator()
    let nonce = String(generator.next(), radix: 16) + String(generator.next(), radix: 16)
    var response = Response.text(.ok, page(nonce: nonce, data: "null"))
    response.contentType = "text/html; charset=utf-8"
    response.fields = [
      (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'nonce-\(nonce)'; style-src 'nonce-\(nonce)'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
      ),
      ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
      ("Cache-Control", "no-store"), ("Vary", "Accept"),
    ]
    return response
  }

  /// The page.
  /// - Parameter data: the JSON to draw once; `null` for a page that asks for it again and again.
  static func page(nonce: String, data: String) -> String {
    // `</script>` or `<!--` inside a text of the data must not be markup; in JSON, `<` stands in texts alone.
    let safe = data.replacingOccurrences(of: "<", with: "\\u003c")
    return """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>Model health – Martlet</title>
      <style nonce="\(nonce)">\(style)</style>
      </head>
      <body>
      <header>
      <h1>Model health</h1>
      <p id="verdict" role="status" aria-live="polite">Asking…</p>
      <p id="active"></p>
      <form id="controls"><label for="range">Time range</label>
      <select id="range"><option value="900">15 minutes</option><option value="3600" selected>1 hour</option>
      <option value="21600">6 hours</option><option value="86400">1 day</option><option value="604800">7 days</option></select>
      <span id="updated"></span></form>
      </header>
      <main id="main" tabindex="-1">
      <section aria-labelledby="h-evidence"><h2 id="h-evidence">Why</h2><ul id="evidence"></ul><p id="retraining" role="status"></p></section>
      <section aria-labelledby="h-traffic"><h2 id="h-traffic">Traffic and latency</h2><dl id="traffic"></dl><div id="latencies"></div><div class="charts" id="traffic-charts"></div></section>
      <section aria-labelledby="h-drift"><h2 id="h-drift">Drift: reference against now</h2><dl id="drift"></dl>
      <p class="key"><span class="key-a" aria-hidden="true">■</span> reference <span class="key-b" aria-hidden="true">■</span> now</p><div class="charts" id="features"></div><div id="components"></div></section>
      <section aria-labelledby="h-quality"><h2 id="h-quality">Data quality</h2><div id="quality"></div></section>
      <section aria-labelledby="h-predictions"><h2 id="h-predictions">Predictions</h2>
      <p class="key"><span class="key-a" aria-hidden="true">■</span> reference <span class="key-b" aria-hidden="true">■</span> now</p><div class="charts" id="predictions"></div></section>
      <section aria-labelledby="h-accuracy"><h2 id="h-accuracy">Accuracy</h2><dl id="accuracy"></dl><div class="charts" id="accuracy-charts"></div><div id="others"></div></section>
      <section aria-labelledby="h-resources"><h2 id="h-resources">Resources</h2><dl id="machine"></dl><div id="workers"></div><div class="charts" id="resource-charts"></div></section>
      <section aria-labelledby="h-alerts"><h2 id="h-alerts">Alerts</h2><div id="alerts"></div></section>
      </main>
      <script nonce="\(nonce)">const given = \(safe);
      \(script)</script>
      </body>
      </html>

      """
  }
}
