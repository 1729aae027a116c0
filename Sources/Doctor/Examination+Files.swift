import Foundation

extension Examination {
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
