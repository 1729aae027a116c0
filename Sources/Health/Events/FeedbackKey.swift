/// What predictions and their labels find each other by.
public enum FeedbackKey {
  /// The key of a request to a model. Models other than the default one are part of it, so that one request id may have been
  /// used for several.
  /// - Parameter model: nil for the default model.
  public static func of(requestID: String, model: String?) -> UInt64 {
    guard let model else { return RequestHash.of(requestID) }
    return RequestHash.of("\(model)\u{1F}\(requestID)")
  }

  /// The number that stands for a model in events; 0 for the default one.
  public static func tag(model: String?) -> UInt32 {
    guard let model else { return 0 }
    return UInt32(truncatingIfNeeded: RequestHash.of(model)) | 1
  }
}
