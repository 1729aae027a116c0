import Foundation
import SmallHub

/// `small-hub FOLDER [LOG]`: serves each folder FOLDER/ORGANISATION/NAME as a model, prints what HF_ENDPOINT is to be, and appends each
/// request to LOG, until standard input ends.
@main
struct SmallHubProgram {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count > 1 else { throw CocoaError(.fileNoSuchFile) }
    let hub = try SmallHub()
    let manager = FileManager.default
    for organisation in try manager.contentsOfDirectory(atPath: arguments[1]) {
      for name in try manager.contentsOfDirectory(atPath: "\(arguments[1])/\(organisation)") {
        try hub.add(
          "\(organisation)/\(name)", directory: "\(arguments[1])/\(organisation)/\(name)")
      }
    }
    if arguments.count > 2, manager.createFile(atPath: arguments[2], contents: nil) {
      let log = FileHandle(forWritingAtPath: arguments[2])
      hub.setFault { request, _ in
        let host = request.isStorage ? "storage" : "hub"
        try? log?.write(contentsOf: Data("\(host) \(request.method) \(request.target)\n".utf8))
        return nil
      }
    }
    print(hub.endpoint)
    fflush(nil)
    while readLine() != nil {}
    withExtendedLifetime(hub) {}
  }
}
