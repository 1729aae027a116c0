import Foundation

/// Accuracy without labels: the mean chance of being right, as calibrated on the reference (confidence-based performance
/// estimation; Guillory 2021, NannyML's CBPE).
///
/// It is right as long as a text of some confidence is as often right as one of that confidence was on the reference: drift
/// of the input that the model itself feels. It cannot see a change of the labels' meaning; that takes feedback.
public enum AccuracyEstimate {
  /// The estimate, and an interval of 95 % from the sizes of window and reference.
  public static func estimate(
    confidences: [Double], labelled: ReferenceProfile.Labelled
  ) -> (value: Double, interval: Interval) {
    var moments = Moments()
    for confidence in confidences { moments.add(labelled.calibration(confidence)) }
    let value = moments.mean
    // The window's own sampling, and that of the labelled rows behind the calibration.
    let variance =
      value * (1 - value) / max(1, moments.count) + value * (1 - value) / Double(labelled.count)
    let half = 1.959963984540054 * variance.squareRoot()
    return (value, Interval(lower: max(0, value - half), upper: min(1, value + half)))
  }
}
