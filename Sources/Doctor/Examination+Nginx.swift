import Foundation

/// Nginx as it is configured, by whomever: which of its servers sends to the daemon, and with which certificate.
extension Examination {
  /// What Nginx says of itself and of its servers for the daemon.
  func nginx() -> [Finding] {
    guard machine.exists("/etc/nginx/nginx.conf") else {
      return [
        Finding("nginx", .unknown, "Nginx is not installed; the daemon is asked directly"),
        Finding("certificate", .unknown, "there is no Nginx whose certificate could end"),
      ]
    }
    guard let dumped = machine.run(["nginx", "-T", "-q"]) else {
      return [Finding("nginx", .unknown, "no nginx here")]
    }
    let unknown = Finding("certificate", .unknown, "Nginx's configuration does not say which")
    if dumped.status != 0 {
      return dumped.output.contains("Permission denied")
        ? [
          Finding(
            "nginx", .unknown, "only root may read the configuration", mend: "sudo martlet doctor"),
          unknown,
        ]
        : [
          Finding(
            "nginx", .failure, "nginx -t says: \(dumped.output.prefix(300))",
            mend: "mend the line that it names, then: sudo nginx -t && sudo systemctl reload nginx"),
          unknown,
        ]
    }
    var found = [running()]
    found += dumped.output.split(whereSeparator: \.isNewline).filter { $0.contains(" [warn] ") }
      .prefix(3).map {
        Finding(
          "nginx", .warning, "nginx -t says: \($0.prefix(200))",
          mend: "sudo nginx -t names the file and the line")
      }
    let servers = NginxConfiguration(dump: dumped.output)?.servers(to: port) ?? []
    if servers.isEmpty { return found + [siteMissing(), unknown] }
    for server in servers { found += answers(server) }
    let certificates = servers.flatMap(\.certificates)
    if certificates.isEmpty {
      found.append(
        Finding(
          "certificate", .unknown,
          "no server for port \(port) has TLS (sudo martlet-enable-https or deploy/enable-https.sh -d DOMAIN)"
        ))
    }
    return found + Set(certificates).sorted().map(certificate)
  }

  private func running() -> Finding {
    guard let processes = machine.run(["pgrep", "-x", "nginx"]) else {
      return Finding("nginx", .unknown, "no pgrep here to see whether Nginx runs")
    }
    return processes.status == 0
      ? Finding("nginx", .sound, "Nginx runs, and its configuration is valid")
      : Finding(
        "nginx", .failure, "Nginx does not run", mend: "sudo systemctl start nginx")
  }

  private func siteMissing() -> Finding {
    let isInstalled = machine.exists("/etc/nginx/sites-available/martlet.conf")
    return isInstalled
      ? Finding(
        "nginx", .failure, "the site is not enabled: no server of Nginx sends to port \(port)",
        mend:
          "sudo ln -s ../sites-available/martlet.conf /etc/nginx/sites-enabled/ && sudo systemctl reload nginx"
      )
      : Finding(
        "nginx", .warning, "no server of Nginx sends to port \(port)",
        mend:
          "sudo deploy/install.sh adds a site; or one of yours with proxy_pass http://127.0.0.1:\(port); see docs/nginx.md"
      )
  }

  /// Whether a server's ports answer, and whether what answers reaches the daemon.
  private func answers(_ server: NginxConfiguration.Server) -> [Finding] {
    let place = "\(server.title) in \(server.file)"
    if server.ports.isEmpty {
      return [
        Finding(
          "nginx", .sound,
          "\(place) sends to port \(port); it listens where this machine's 127.0.0.1 does not ask")
      ]
    }
    return server.ports.map { listener in
      // A TLS port answers a plain question with 400, which is a sign of life as well.
      switch machine.ask(listener, "/healthz", server.names.first ?? "localhost")?.status {
      case nil:
        Finding(
          "nginx", .failure,
          "\(place) sends to port \(port), but nothing answers on port \(listener)",
          mend: "sudo systemctl reload nginx; is the port another program's? ss -ltnp")
      case let status? where (502...504).contains(status):
        Finding(
          "nginx", .failure, "\(place) answers \(status) on port \(listener)",
          mend: "it does not reach the daemon: see the listener above, and /var/log/nginx/error.log"
        )
      case _?:
        Finding("nginx", .sound, "\(place) sends to port \(port); port \(listener) answers")
      }
    }
  }

  /// How many days a certificate has left.
  private func certificate(_ path: String) -> Finding {
    if path.contains("$") {
      return Finding("certificate", .unknown, "\(path) depends on the request")
    }
    guard
      let shown = machine.run(["openssl", "x509", "-in", machine.root + path, "-noout", "-enddate"])
    else { return Finding("certificate", .unknown, "no openssl here") }
    guard shown.status == 0, let end = Self.date(ofEnd: shown.output) else {
      return Finding(
        "certificate", shown.output.contains("Permission denied") ? .unknown : .failure,
        "\(path) cannot be read: \(shown.output.prefix(200))",
        mend: "sudo martlet doctor; if it is missing: sudo deploy/enable-https.sh -d DOMAIN")
    }
    let days = Int((end.timeIntervalSince(machine.now) / 86_400).rounded(.down))
    let parts = path.split(separator: "/").map(String.init)
    // certbot keeps a certificate in live/NAME, and that is what it calls it.
    let mend =
      parts.count > 2 && parts[parts.count - 3] == "live"
      ? "sudo certbot renew --cert-name \(parts[parts.count - 2]), then see /var/log/letsencrypt/letsencrypt.log"
      : "put a new certificate in its place, then: sudo systemctl reload nginx"
    if days < 0 {
      return Finding("certificate", .failure, "\(path) ended \(-days) days ago", mend: mend)
    }
    if days < certificateDays {
      return Finding(
        "certificate", days < 7 ? .failure : .warning,
        "\(path) has \(days) days left, so renewal has failed", mend: mend)
    }
    return Finding("certificate", .sound, "\(path) has \(days) days left")
  }
}
