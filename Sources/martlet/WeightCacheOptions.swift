import ArgumentParser
import Transformer

/// Whether packed weights are kept on disk.
struct WeightCacheOptions: ParsableArguments {
  @Flag(
    help: """
      Neither read nor write packed weights in MODEL/.martlet or, where that cannot be written, in \
      $XDG_CACHE_HOME/martlet.
      """)
  var noCache = false

  func validate() throws {
    if noCache { WeightCache.disable() }
  }
}
