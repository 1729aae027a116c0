import HTTP
import JSON

extension JSONWriter {
  /// What was written, as an answer's body.
  ///
  /// - Throws: the problem of numbers that are not finite, for which there is no JSON.
  func finished() throws(Problem) -> [UInt8] {
    do throws(JSONValue.NotFinite) { return try bytes() } catch {
      throw Problem(
        status: .internalServerError, detail: "The answer holds a number that is not finite.",
        mend: "Tell the operator the request id: the model's weights are not sound.")
    }
  }
}
