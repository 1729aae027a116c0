import Foundation
import Glibc

/// What `/proc` says of one process.
public struct ProcessReading: Sendable, Equatable {
  /// Seconds of processor time, user and system.
  public var processorSeconds = 0.0
  /// Bytes in memory.
  public var residentBytes = 0.0
  /// Bytes in memory, shared pages divided among those that share them.
  public var proportionalBytes = 0.0
  /// Threads.
  public var threads = 0
  /// Open file descriptors.
  public var descriptors = 0
  /// Context switches: the process waited, or was made to wait.
  public var switches: (voluntary: Int, forced: Int) = (0, 0)

  /// Reads `/proc/PID`; nil for a process that is not there.
  /// - Parameter measuresSharing: whether `proportionalBytes` is read, for which the kernel holds up the process while it
  ///   walks its pages.
  public init?(_ processIdentifier: Int32, measuresSharing: Bool = true, root: String = "/proc") {
    let folder = "\(root)/\(processIdentifier)"
    guard let stat = try? String(contentsOfFile: folder + "/stat", encoding: .utf8),
      let end = stat.lastIndex(of: ")")
    else { return nil }
    // The name may hold spaces and parentheses; the fields behind it do not. Field 3 is the first.
    let fields = stat[stat.index(after: end)...].split(separator: " ")
    guard fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]),
      let threads = Int(fields[17]), let pages = Double(fields[21])
    else { return nil }
    processorSeconds = (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    residentBytes = pages * Double(sysconf(Int32(_SC_PAGESIZE)))
    self.threads = threads
    descriptors =
      ((try? FileManager.default.contentsOfDirectory(atPath: folder + "/fd")) ?? []).count
    if measuresSharing {
      proportionalBytes = Self.number("Pss:", folder + "/smaps_rollup").map { $0 * 1024 } ?? 0
    }
    let status = folder + "/status"
    switches = (
      Int(Self.number("voluntary_ctxt_switches:", status) ?? 0),
      Int(Self.number("nonvoluntary_ctxt_switches:", status) ?? 0)
    )
  }

  private static func number(_ key: String, _ path: String) -> Double? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix(key) {
      return line.dropFirst(key.count).split(whereSeparator: { $0 == " " || $0 == "\t" }).first
        .flatMap { Double($0) }
    }
    return nil
  }

  /// Equal figures.
  public static func == (left: ProcessReading, right: ProcessReading) -> Bool {
    left.processorSeconds == right.processorSeconds && left.residentBytes == right.residentBytes
      && left.switches == right.switches
  }
}
