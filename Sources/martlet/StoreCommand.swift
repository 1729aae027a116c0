import ArgumentParser
import Files
import Foundation
import History

/// What can be done with history, whether a server runs or not.
struct Store: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "store", abstract: "Work on the history that 'serve --store' keeps.",
    subcommands: [Backup.self, Migrate.self])

  /// Says how many rows a copy has.
  private static func report(_ verb: String, _ counts: HistoryMigration.Counts) throws {
    Console.showProgress("")
    try Console.report(
      """
      \(verb) \(counts.predictions) predictions, \(counts.minutes) minutes, \(counts.alerts) alerts and \
      \(counts.snapshots) snapshots
      """)
  }

  /// Copies history into one file.
  struct Backup: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Copy history and labels into one file, while the server runs.",
      discussion: """
        The file appears whole or not at all, for its owner alone, and takes the place of one that is there. To restore, copy it back \
        with 'martlet store migrate FILE STORE', which may be done while the server runs too.

        Examples:
          sudo martlet store backup /var/lib/martlet/state/health.sqlite /var/backups/martlet.sqlite
          martlet store backup postgres://martlet@db.example.org/martlet martlet.sqlite
        """)

    @Argument(help: "The store, as for 'serve --store'.") var store: String
    @Argument(help: "The file to write.") var file: String

    func run() throws {
      let counts = try HistoryMigration.backup(of: store, to: file) { counts in
        Console.showProgress("\(counts.predictions) predictions")
      }
      try Store.report("saved", counts)
    }
  }

  /// Copies history.
  struct Migrate: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Copy history from one store to another.",
      discussion: """
        Stores are named as for 'serve --store': a file, or postgres://USER@HOST/DATABASE. The first store stays as it is.
        Where both have a row, the newer one stays. So a copy can be made again, and while both are in use.

        Examples:
          martlet store migrate /var/lib/martlet/state/health.sqlite postgres://martlet@db.example.org/martlet
          martlet store migrate postgres://martlet@db.example.org/martlet copy.sqlite
        """)

    @Argument(help: "The store to copy from.") var from: String
    @Argument(help: "The store to copy to; made if it is not there.") var to: String

    func run() throws {
      let counts = try HistoryMigration.copy(from: from, to: to) { counts in
        Console.showProgress("\(counts.predictions) predictions")
      }
      try Store.report("copied", counts)
    }
  }
}
