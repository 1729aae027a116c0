import Foundation

extension Examination {
  /// The certificate that the site names, and how many days it has left.
  func certificate() -> Finding {
    guard let site = machine.text("/etc/nginx/sites-enabled/martlet.conf"),
      let path = Self.value(of: "ssl_certificate", in: site)
    else {
      return Finding(
        "certificate", .unknown, "the site has no TLS (sudo deploy/enable-https.sh -d DOMAIN)")
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
    let mend =
      "sudo certbot renew --cert-name martlet, then see /var/log/letsencrypt/letsencrypt.log"
    if days < 0 {
      return Finding("certificate", .failure, "it ended \(-days) days ago", mend: mend)
    }
    if days < certificateDays {
      return Finding(
        "certificate", days < 7 ? .failure : .warning,
        "\(days) days are left, so renewal has failed",
        mend: mend)
    }
    return Finding("certificate", .sound, "\(days) days are left")
  }

  /// Whether the served model is complete, and is what its folder's name says.
  func model() -> Finding {
    let path = "/var/lib/martlet/model"
    guard machine.exists(path + "/config.json") else {
      return Finding(
        "model", .failure, "\(path) holds no model", mend: "sudo deploy/install.sh --model DIR")
    }
    guard
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: machine.root + path),
      let expected = target.split(separator: "-").last, expected.count == 12,
      expected.allSatisfy(\.isHexDigit)
    else {
      return Finding("model", .unknown, "its folder's name holds no checksum to compare with")
    }
    // The sum that deploy/install.sh names the folder by.
    let sum = """
      cd "$0" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-12
      """
    guard let shown = machine.run(["sh", "-c", sum, machine.root + path + "/"]), shown.status == 0
    else {
      return Finding("model", .unknown, "its checksum could not be made")
    }
    return shown.output == expected
      ? Finding("model", .sound, "\(target) has the checksum that it was installed with")
      : Finding(
        "model", .failure, "\(target) was changed: its checksum is \(shown.output)",
        mend: "remove the folder and run sudo deploy/install.sh --model DIR again")
  }

  /// A wrong clock makes certificates invalid and drift windows wrong.
  func clock() -> Finding {
    guard machine.hasSystemd,
      let shown = machine.run(["timedatectl", "show", "--property=NTPSynchronized", "--value"]),
      shown.status == 0
    else { return Finding("clock", .unknown, "systemd does not say whether the clock is kept") }
    return shown.output == "yes"
      ? Finding("clock", .sound, "it is kept by a time server")
      : Finding(
        "clock", .warning, "no time server keeps it",
        mend: "sudo apt-get install systemd-timesyncd && sudo timedatectl set-ntp true")
  }

  /// Open files of the running daemon, and the length of the kernel's queue of connections.
  func limits() -> [Finding] {
    var found: [Finding] = []
    if let length = machine.text("/proc/sys/net/core/somaxconn").flatMap({
      Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
    }) {
      found.append(
        length >= 1024
          ? Finding("limits", .sound, "somaxconn is \(length)")
          : Finding(
            "limits", .warning, "somaxconn is \(length), so bursts of connections are refused",
            mend:
              "echo net.core.somaxconn=4096 | sudo tee /etc/sysctl.d/60-martlet.conf && sudo sysctl --system"
          ))
    }
    if let processes = machine.run(["pgrep", "-x", "martlet"]),
      let first = processes.output.split(whereSeparator: \.isNewline).first,
      let lines = machine.text("/proc/\(first)/limits"),
      let line = lines.split(whereSeparator: \.isNewline).first(where: {
        $0.hasPrefix("Max open files")
      })
    {
      let soft = line.split(separator: " ").dropFirst(3).first.flatMap { Int($0) } ?? .max
      found.append(
        soft >= 4096
          ? Finding("limits", .sound, "the daemon may open \(soft) files")
          : Finding(
            "limits", .warning, "the daemon may open only \(soft) files, one for each connection",
            mend: "sudo systemctl edit martlet: [Service] LimitNOFILE=16384"))
    }
    return found
  }

  /// What is left on the disks that history and logs are written to.
  func disk() -> [Finding] {
    ["/var/lib/martlet", "/var/log"].compactMap { path in
      guard let (free, total) = machine.space(machine.root + path), total > 0 else { return nil }
      let share = Double(free) / Double(total)
      let detail = "\(path) has \(free >> 20) MiB left (\(Int(share * 100)) %)"
      if free < 100 << 20 || share < 0.02 {
        return Finding(
          "disk", .failure, detail, mend: "make room: du -xh \(path) | sort -h | tail")
      }
      return Finding(
        "disk", free < 1 << 30 || share < 0.1 ? .warning : .sound, detail,
        mend: free < 1 << 30 || share < 0.1
          ? "make room soon: du -xh \(path) | sort -h | tail" : nil)
    }
  }

  /// The value of the first directive of a name in an Nginx file: `ssl_certificate /a/b;` gives `/a/b`.
  static func value(of directive: String, in text: String) -> String? {
    for line in text.split(whereSeparator: \.isNewline) {
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
      guard words.count >= 2, words[0] == directive else { continue }
      return words[1].hasSuffix(";") ? String(words[1].dropLast()) : String(words[1])
    }
    return nil
  }

  /// The time in `notAfter=Nov 25 03:00:00 2027 GMT`, as openssl prints it.
  static func date(ofEnd line: String) -> Date? {
    guard let text = line.split(separator: "=").last else { return nil }
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(secondsFromGMT: 0)
    formatter.dateFormat = "MMM d HH:mm:ss yyyy zzz"
    // A day below ten has two spaces before it.
    return formatter.date(from: text.split(separator: " ").joined(separator: " "))
  }
}
