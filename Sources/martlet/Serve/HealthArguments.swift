import ArgumentParser
import Foundation
import Health
import History
import Serving

/// How the model's health is watched.
struct HealthArguments: ParsableArguments {
  @Option(help: "Watch the model's health: full, or none.") var monitor = "full"
  @Option(help: "Chance of a false drift alarm in 500 texts.") var driftLevel = 0.01
  @Option(
    help: "Most texts a second that the drift detector takes in; of more it takes a random sample.")
  var driftIntake = 20.0
  @Option(
    help: ArgumentHelp(
      "Share of texts that may fail a data check, such as empty=0.05; may be repeated.",
      valueName: "check=rate"))
  var qualityLimit: [String] = []
  @Option(help: "Milliseconds within which a request should be answered.") var latencyObjective =
    100.0
  @Option(help: "Share of requests that should be answered within --latency-objective.")
  var latencyTarget = 0.99
  @Option(help: "URL that each alert is posted to as JSON.") var alertWebhook: String?
  @Option(
    help: ArgumentHelp(
      "File with the secret that --alert-webhook's bodies are signed with.",
      discussion:
        "X-Martlet-Signature is then sha256= and the HMAC-SHA256, in hexadecimal, of X-Martlet-Timestamp, a full stop, and the body. Example: --alert-webhook https://hooks.example.org/martlet --alert-webhook-secret-file /etc/martlet/webhook-secret",
      valueName: "file"))
  var alertWebhookSecretFile: String?
  @Option(help: "URL of an Alertmanager that alerts are sent to, such as http://127.0.0.1:9093.")
  var alertmanager: String?
  @Flag(
    inversion: .prefixedNo,
    help: ArgumentHelp(
      "Keep texts in memory until their labels come, for --on-retrain to learn from.",
      discussion:
        "Without it no text leaves its worker. With --on-retrain, labelled texts are also in files that the daemon's user alone can read."
    ))
  var keepText = false
  @Option(
    help: ArgumentHelp(
      "Shell command that runs when the verdict is 'retrain'.",
      discussion:
        "The health process runs it without waiting; its environment has RETRAIN_MODEL, RETRAIN_FRESH, RETRAIN_EVIDENCE, RETRAIN_PID and others (docs/monitoring.md). Example: --keep-text --on-retrain 'deploy/retrain.sh --old train.tsv'",
      valueName: "command"))
  var onRetrain: String?
  @Option(help: "Seconds that the verdict must have stood before --on-retrain runs.")
  var retrainAfter = 60.0
  @Option(help: "Seconds from one run of --on-retrain to the next.") var retrainCooldown = 21_600.0
  @Option(help: "Seconds after which --on-retrain is stopped.") var retrainTimeout = 3600.0
  @Option(
    help:
      "With --keep-text: labelled texts that must have come since the verdict was last 'keep' before --on-retrain runs."
  )
  var retrainLabels = 200
  @Option(
    help: ArgumentHelp(
      "Folder for the runs of --on-retrain.",
      discussion:
        "By default `retrain` in $STATE_DIRECTORY or, where systemd gives none, in $XDG_STATE_HOME/martlet or ~/.local/state/martlet."
    ))
  var retrainFolder: String?

  @Option(
    help: ArgumentHelp(
      "Where history is kept: a file (SQLite), postgres://USER@HOST/DATABASE, or none (default: health.sqlite in the service's own folder under systemd, else none).",
      discussion: "Example: --store /var/lib/martlet/health.sqlite",
      valueName: "path|url|none"))
  var store: String?
  @Option(help: "Days that history is kept.") var storeDays = 30.0
  @Option(help: "Most megabytes that the store takes; then the oldest predictions are deleted.")
  var storeSize = 1024.0
  @Option(help: "Most predictions a second that are kept for their labels.")
  var storeRate = 2000
  @Flag(help: "Keep texts in the store as well; needs --keep-text.") var storeText = false

  /// Under systemd a service has a folder of its own; elsewhere no file is made that nobody asked for.
  private var storeName: String {
    if let store { return store }
    let folders = ProcessInfo.processInfo.environment["STATE_DIRECTORY"] ?? ""
    return folders.split(separator: ":").first.map { "\($0)/health.sqlite" } ?? "none"
  }

  private var makeHistory: @Sendable () -> (any HistoryWriter)? {
    var options = HistoryStore.Options()
    options.days = storeDays
    options.bytes = Int(storeSize * 1e6)
    options.predictionsPerSecond = storeRate
    options.keepsText = storeText
    let name = storeName
    return { [options] in (try? HistoryStore.named(name, options: options)) ?? nil }
  }

  func settings() throws -> MonitoringSettings {
    var settings = MonitoringSettings()
    settings.isOn = monitor != "none"
    settings.health.detector.level = driftLevel
    settings.health.intakePerSecond = driftIntake
    settings.health.latencyObjective = latencyObjective
    settings.health.latencyTarget = latencyTarget
    for (name, rate) in limits { settings.health.qualityLimits[name] = rate }
    (settings.webhook, settings.alertmanager) = (alertWebhook, alertmanager)
    settings.makeHistory = makeHistory
    settings.webhookSecret = try alertWebhookSecretFile.map { Array(try SecretFile.read($0).utf8) }
    settings.health.keepsText = keepText
    if let onRetrain {
      var options = RetrainHook.Options(
        command: onRetrain, folder: retrainFolder ?? Self.defaultRetrainFolder)
      options.trigger.holdSeconds = retrainAfter
      options.trigger.coolDownSeconds = retrainCooldown
      options.trigger.minimumLabels = retrainLabels
      options.timeoutSeconds = retrainTimeout
      settings.retraining = options
    }
    return settings
  }

  /// Where a daemon of systemd, or a user's own, keeps its state (XDG Base Directory 0.8).
  private static var defaultRetrainFolder: String {
    let environment = ProcessInfo.processInfo.environment
    if let folders = environment["STATE_DIRECTORY"], let first = folders.split(separator: ":").first
    {
      return first + "/retrain"
    }
    let home = environment["HOME"] ?? NSHomeDirectory()
    return (environment["XDG_STATE_HOME"] ?? home + "/.local/state") + "/martlet/retrain"
  }

  private var limits: [(String, Double)] {
    qualityLimit.compactMap { text in
      let parts = text.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, let rate = Double(parts[1]) else { return nil }
      return (String(parts[0]), rate)
    }
  }

  mutating func validate() throws {
    guard ["full", "none"].contains(monitor) else {
      throw ValidationError("--monitor \(monitor): use full or none")
    }
    _ = try HistoryStore.named(storeName)
    guard storeDays > 0, storeDays <= 36_500, storeSize >= 1, storeSize <= 1e7,
      (1...1_000_000).contains(storeRate)
    else {
      throw ValidationError(
        "--store-days needs a time above 0, --store-size at least 1 megabyte, --store-rate at least 1"
      )
    }
    guard driftLevel > 0, driftLevel < 1 else {
      throw ValidationError("--drift-level \(driftLevel): use a chance between 0 and 1")
    }
    guard driftIntake > 0 else {
      throw ValidationError("--drift-intake \(driftIntake): use a number above 0")
    }
    guard latencyObjective > 0, latencyTarget > 0, latencyTarget < 1 else {
      throw ValidationError(
        "--latency-objective needs a time above 0, --latency-target a share between 0 and 1")
    }
    guard retrainAfter >= 0, retrainCooldown >= 0, retrainTimeout > 0, retrainLabels >= 0 else {
      throw ValidationError(
        "--retrain-after, --retrain-cooldown and --retrain-labels must not be below 0, --retrain-timeout must be above"
      )
    }
    guard onRetrain != "" else {
      throw ValidationError("--on-retrain: give a command, or leave the option out")
    }
    let names = Set(QualityCheck.allCases.map(\.name))
    for text in qualityLimit {
      let parts = text.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, names.contains(String(parts[0])), let rate = Double(parts[1]),
        (0...1).contains(rate)
      else {
        throw ValidationError(
          "--quality-limit \(text): write CHECK=RATE with a rate from 0 to 1 and a check of: "
            + names.sorted().joined(separator: ", "))
      }
    }
  }
}
