import Foundation
import FuzzDriver
import JSON

exit(
  fuzz { bytes in
    guard let value = try? JSONValue(parsing: bytes) else { return }
    for pretty in [false, true] {
      let again = try? JSONValue(parsing: value.serializedBytes(pretty: pretty))
      precondition(again == value, "what is written reads back the same")
    }
  })
