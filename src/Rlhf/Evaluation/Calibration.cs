namespace Rlhf.Evaluation;

/// <summary>Predictions of one range and what came true of them.</summary>
/// <param name="Low">Lower end of the range of predicted probabilities.</param>
/// <param name="High">Upper end.</param>
/// <param name="Predicted">Mean predicted probability.</param>
/// <param name="Observed">Share that came true, with interval.</param>
public sealed record CalibrationBin(double Low, double High, double Predicted, Estimate Observed);

/// <summary>How far predicted win probabilities can be believed.</summary>
/// <param name="Bins">Ranges that hold at least one prediction, lowest first.</param>
/// <param name="ExpectedCalibrationError">Mean over predictions of |predicted - observed| of their bin (Naeini 2015).</param>
public sealed record Calibration(IReadOnlyList<CalibrationBin> Bins, double ExpectedCalibrationError)
{
    /// <summary>Sorts predictions into equal ranges.</summary>
    /// <param name="predictions">Predicted probability and what happened (1 true, 0 false), at least one.</param>
    /// <param name="low">Where the first range begins: 0, or 0.5 for probabilities of the side held for the likelier.</param>
    /// <param name="ranges">Number of ranges from there to 1.</param>
    public static Calibration Of(IReadOnlyCollection<(double Predicted, double Observed)> predictions, double low, int ranges)
    {
        if (predictions.Count == 0)
        {
            throw new ArgumentException("Calibration needs at least one prediction.", nameof(predictions));
        }

        var width = (1 - low) / ranges;
        var bins = predictions
            .GroupBy(p => Math.Clamp((int)((p.Predicted - low) / width), 0, ranges - 1))
            .OrderBy(bin => bin.Key)
            .Select(bin => new CalibrationBin(
                low + bin.Key * width, low + (bin.Key + 1) * width, bin.Average(p => p.Predicted), Intervals.Wilson(bin.Sum(p => p.Observed), bin.LongCount())))
            .ToList();
        return new Calibration(bins, bins.Sum(b => b.Observed.Count * Math.Abs(b.Predicted - b.Observed.Value)) / predictions.Count);
    }
}
