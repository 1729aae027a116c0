import Foundation
import FuzzDriver
import JSON

exit(
  fuzz(hostileJSON) { bytes in
    let limits = JSONLimits(fileBytes: bytes.count)
    guard
      let value = try? bounded(
        by: 4, of: bytes.count, { try JSONValue(parsing: bytes, limits: limits) })
    else { return }
    for pretty in [false, true] {
      let again = try? JSONValue(parsing: value.serializedBytes(pretty: pretty))
      precondition(again == value, "what is written reads back the same")
    }
  })
