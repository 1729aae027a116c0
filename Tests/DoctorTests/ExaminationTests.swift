import Doctor
import Foundation
import Testing

@Suite("Examination of an installation")
struct ExaminationTests {
  /// A sound installation in a folder of its own; each test breaks one thing.
  final class Installation: Sendable {
    let root: String

    init() throws {
      root = FileManager.default.temporaryDirectory.path + "/doctor-\(UUID().uuidString)"
      try write("/run/systemd/system/x", "")
      try write("/etc/nginx/nginx.conf", "")
      try write("/var/lib/martlet/models/spam-0123456789ab/config.json", "{}")
      try FileManager.default.createSymbolicLink(
        atPath: root + "/var/lib/martlet/model",
        withDestinationPath: "models/spam-0123456789ab")
      try write("/proc/sys/net/core/somaxconn", "4096\n")
      try write("/proc/77/limits", "Max open files            65536                65536   files\n")
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    func write(_ path: String, _ text: String) throws {
      let url = URL(fileURLWithPath: root + path)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: url)
    }

    /// What `nginx -T` prints for the site as shipped, with TLS.
    static let dump = """
      # configuration file /etc/nginx/nginx.conf:
      http { include /etc/nginx/sites-enabled/*; }
      # configuration file /etc/nginx/sites-enabled/martlet.conf:
      include snippets/martlet-upstream.conf;
      server { listen 80; server_name api.example.org; location / { return 308 https://$host$request_uri; } }
      server {
        listen 443 ssl http2;
        server_name api.example.org;
        ssl_certificate /c.pem;
        include snippets/martlet-server.conf;
      }
      # configuration file /etc/nginx/snippets/martlet-upstream.conf:
      upstream martlet { server 127.0.0.1:5000 max_fails=0; keepalive 32; }
      # configuration file /etc/nginx/snippets/martlet-server.conf:
      location / { proxy_pass http://martlet; }
      """

    /// 2026-11-25 12:00:00 UTC.
    /// - Parameters:
    ///   - said: what programs print, by their command or its first word.
    ///   - failed: those that end with 1.
    func findings(
      said: [String: String] = [:], failed: Set<String> = [], statuses: [UInt16: Int] = [:],
      bodies: [String: String] = [:], free: Int = 50 << 30
    ) -> [Finding] {
      let sound = [
        "systemctl":
          "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNRestarts=0",
        "nginx": Self.dump, "openssl": "notAfter=Feb  3 12:00:00 2027 GMT", "sh": "0123456789ab",
        "timedatectl": "yes", "pgrep": "77\n78",
      ].merging(said) { $1 }
      let answers: [UInt16: Int] = [5000: 200, 5001: 200, 80: 200, 443: 400].merging(statuses) {
        $1
      }
      let examination = Examination(
        machine: Machine(
          root: root, now: Date(timeIntervalSince1970: 1_795_608_000),
          run: { command in
            let whole = command.joined(separator: " ")
            let isFailed = failed.contains(command[0]) || failed.contains(whole)
            return (sound[whole] ?? sound[command[0]]).map {
              .init(status: isFailed ? 1 : 0, output: $0)
            }
          },
          ask: { port, path, _ in
            answers[port].flatMap {
              $0 == 0 ? nil : .init(status: $0, body: Array((bodies[path] ?? "").utf8))
            }
          },
          space: { _ in (free, 100 << 30) }))
      // The folder goes when the last reference to this object does, which may be before the end of its scope.
      return withExtendedLifetime(self) { examination.findings() }
    }
  }

  func gravest(_ findings: [Finding], _ subject: String) -> Finding.Gravity? {
    findings.filter { $0.subject == subject }.map(\.gravity).max()
  }

  @Test("a sound installation has nothing to mend and exits with 0")
  func sound() throws {
    let findings = try Installation().findings()
    #expect(findings.allSatisfy { $0.gravity == .sound && $0.mend == nil }, "\(findings)")
    #expect(Examination.exitCode(findings) == 0)
    #expect(
      Set(findings.map(\.subject)) == [
        "unit", "listener", "admin", "nginx", "certificate", "model", "clock", "limits", "disk",
      ])
  }

  @Test(
    "each broken part is a finding of its own with a way to mend it",
    arguments: [
      ("unit", "systemctl", "LoadState=not-found\nActiveState=inactive", Finding.Gravity.failure),
      ("unit", "systemctl", "LoadState=loaded\nActiveState=failed", .failure),
      (
        "unit", "systemctl",
        "LoadState=loaded\nActiveState=active\nUnitFileState=disabled\nNRestarts=0", .warning
      ),
      (
        "unit", "systemctl",
        "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNRestarts=4", .warning
      ),
      ("certificate", "openssl", "notAfter=Nov 24 12:00:00 2026 GMT", .failure),
      ("certificate", "openssl", "notAfter=Nov 29 12:00:00 2026 GMT", .failure),
      ("certificate", "openssl", "notAfter=Dec  9 12:00:00 2026 GMT", .warning),
      ("model", "sh", "ba9876543210", .failure),
      ("clock", "timedatectl", "no", .warning),
    ])
  func broken(_ subject: String, _ program: String, _ output: String, _ gravity: Finding.Gravity)
    throws
  {
    let installation = try Installation()
    let findings = installation.findings(said: [program: output])
    #expect(gravest(findings, subject) == gravity)
    #expect(
      findings.filter { $0.gravity != .sound }.allSatisfy {
        $0.subject == subject && $0.mend != nil
      })
    #expect(Examination.exitCode(findings) == Int32(gravity.rawValue))
  }

  @Test("listeners that do not answer, and full disks, are failures")
  func unanswered() throws {
    let installation = try Installation()
    #expect(
      gravest(installation.findings(statuses: [5000: 0]), "listener") == .failure)
    #expect(
      gravest(installation.findings(statuses: [5000: 503]), "listener") == .failure)
    #expect(gravest(installation.findings(statuses: [5001: 0]), "admin") == .warning)
    #expect(gravest(installation.findings(statuses: [5001: 401]), "admin") == .sound)
    #expect(gravest(installation.findings(statuses: [443: 0]), "nginx") == .failure)
    #expect(gravest(installation.findings(statuses: [443: 502]), "nginx") == .failure)
    #expect(gravest(installation.findings(failed: ["pgrep -x nginx"]), "nginx") == .failure)
    #expect(gravest(installation.findings(free: 50 << 20), "disk") == .failure)
    #expect(gravest(installation.findings(free: 5 << 30), "disk") == .warning)
  }

  @Test(
    "a site of the reader's own is found by where it sends, and its certificate by its own name",
    arguments: [
      "proxy_pass http://127.0.0.1:5000;", "proxy_pass http://localhost:5000/;",
      "proxy_pass http://[::1]:5000;", "set $back \"127.0.0.1:5000\"; proxy_pass http://$back;",
      "proxy_pass http://pool/x; # }\n",
    ])
  func ownSite(_ pass: String) throws {
    let installation = try Installation()
    try FileManager.default.removeItem(atPath: installation.root + "/var/lib/martlet/model")
    let findings = installation.findings(
      said: [
        "nginx": """
        # configuration file /etc/nginx/nginx.conf:
        events {}
        http {
          upstream pool { least_conn; server 10.0.0.1:5000; }
          include sites-enabled/*;
          server { listen 81; location ~ "^/a{2}$" { proxy_pass http://127.0.0.1:9000; } }
        }
        # configuration file /etc/nginx/sites-enabled/mine:
        server {
          server_name mine.example.org;\r
          location /a/ { location /a/b { \(pass) } }
          listen [::]:443 ssl; # managed by Certbot
          ssl_certificate /etc/letsencrypt/live/mine.example.org/fullchain.pem;
        }
        """,
        "openssl": "notAfter=Nov 29 12:00:00 2026 GMT",
      ],
      bodies: ["/v1/models": #"{"data": [{"id": "reviews", "version": "7"}]}"#])
    let nginx = findings.filter { $0.subject == "nginx" }
    #expect(nginx.count == 2 && nginx.allSatisfy { $0.gravity == .sound }, "\(nginx)")
    #expect(
      nginx.last?.detail.contains("mine.example.org in /etc/nginx/sites-enabled/mine") == true)
    let certificate = findings.first { $0.subject == "certificate" }
    #expect(certificate?.gravity == .failure)
    #expect(certificate?.mend?.contains("--cert-name mine.example.org,") == true)
    let model = findings.first { $0.subject == "model" }
    #expect(model?.gravity == .sound && model?.detail == "it serves reviews (version 7)")
  }

  @Test(
    "a listener is asked where 127.0.0.1 reaches it, and no other is taken for dead",
    arguments: [
      ("listen 80;", true), ("listen *:80;", true), ("listen 0.0.0.0:80 default_server;", true),
      ("listen 127.0.0.1:80;", true), ("listen localhost;", true), ("", true),
      ("listen 192.0.2.5:80;", false), ("listen [::]:80;", false), ("listen [::1]:80;", false),
      ("listen unix:/run/x.sock;", false), ("listen 80 proxy_protocol;", false),
      ("listen [::]:80; listen 80;", true),
    ])
  func listeners(_ listen: String, _ isAsked: Bool) throws {
    let installation = try Installation()
    let dump = """
      # configuration file /etc/nginx/nginx.conf:
      http { server { \(listen) location / { proxy_pass http://127.0.0.1:5000; } } }
      """
    let nginx = installation.findings(said: ["nginx": dump], statuses: [80: 0])
      .filter { $0.subject == "nginx" }
    #expect(nginx.last?.gravity == (isAsked ? .failure : .sound), "\(nginx)")
  }

  @Test("where no server sends to the port, the mend is a thing that can be done")
  func noSite() throws {
    let installation = try Installation()
    let dump = "# configuration file /etc/nginx/nginx.conf:\nhttp { server { listen 80; } }\n"
    let without = installation.findings(said: ["nginx": dump]).filter { $0.subject == "nginx" }
    #expect(without.last?.gravity == .warning)
    #expect(without.last?.mend?.contains("ln -s") == false)
    try installation.write("/etc/nginx/sites-available/martlet.conf", "")
    let shipped = installation.findings(said: ["nginx": dump]).filter { $0.subject == "nginx" }
    #expect(shipped.last?.gravity == .failure)
    #expect(shipped.last?.mend?.contains("ln -s") == true)
  }

  @Test("a refused reload is a warning with the reason, by the ready file or the admin listener")
  func refusedReload() throws {
    let installation = try Installation()
    let reloads = #"{"reloads": {"done": 1, "refused": 1, "refusal": "config.json is missing"}}"#
    let asked = installation.findings(bodies: ["/monitor.json": "{\"pool\": \(reloads)}"])
    try installation.write("/run/martlet/ready.json", reloads)
    for findings in [asked, installation.findings()] {
      let finding = findings.first { $0.subject == "reload" }
      #expect(finding?.gravity == .warning && finding?.mend != nil)
      #expect(finding?.detail.hasSuffix("config.json is missing") == true)
    }
  }

  @Test("a configuration that Nginx refuses is a failure that quotes it")
  func nginxRefuses() throws {
    let findings = try Installation().findings(
      said: ["nginx": "unknown directive \"x\""], failed: ["nginx"]
    )
    let finding = findings.first { $0.subject == "nginx" && $0.gravity == .failure }
    #expect(finding?.detail.contains("unknown directive") == true)
  }

  @Test("small limits are warnings")
  func limits() throws {
    let installation = try Installation()
    try installation.write("/proc/sys/net/core/somaxconn", "128\n")
    try installation.write(
      "/proc/77/limits", "Max open files            1024                4096   files\n")
    let findings = installation.findings().filter { $0.subject == "limits" }
    #expect(findings.map(\.gravity) == [.warning, .warning])
  }

  @Test("what is not there is unknown, or a failure where it should be")
  func missing() throws {
    let installation = try Installation()
    for path in ["/run/systemd", "/etc/nginx", "/var/lib/martlet/model"] {
      try FileManager.default.removeItem(atPath: installation.root + path)
    }
    let findings = installation.findings()
    #expect(gravest(findings, "unit") == .unknown)
    #expect(gravest(findings, "nginx") == .unknown)
    #expect(gravest(findings, "certificate") == .unknown)
    #expect(gravest(findings, "model") == .failure)
  }

  @Test("this machine is examined without a crash, whatever is installed on it")
  func here() {
    let findings = Examination(machine: .this(), port: 1, adminPort: nil).findings()
    #expect(gravest(findings, "listener") == .failure)
    #expect(gravest(findings, "disk") != nil)
  }
}
