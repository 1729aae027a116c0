import ArgumentParser
import Files
import Foundation
import History

/// What can be done with history while no server runs.
struct Store: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "store", abstract: "Work on the history that 'serve --store' keeps.",
    subcommands: [Migrate.self])

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
      Console.showProgress("")
      try Console.report(
        """
        copied \(counts.predictions) predictions, \(counts.minutes) minutes, \(counts.alerts) alerts and \
        \(counts.snapshots) snapshots
        """)
    }
  }
}
