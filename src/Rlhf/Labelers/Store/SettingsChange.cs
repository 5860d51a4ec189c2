namespace Rlhf.Labelers.Store;

/// <summary>What an owner's page changes of the settings: the fields that it names, and no others.</summary>
/// <param name="Overlap">See <see cref="LabelSettings.Overlap"/>.</param>
/// <param name="LeaseMinutes">See <see cref="LabelSettings.LeaseMinutes"/>.</param>
/// <param name="CalibrationShare">See <see cref="LabelSettings.CalibrationShare"/>.</param>
/// <param name="Paused">See <see cref="LabelSettings.Paused"/>.</param>
/// <param name="Instructions">See <see cref="LabelSettings.Instructions"/>.</param>
/// <param name="Criteria">See <see cref="LabelSettings.Criteria"/>.</param>
/// <param name="Reason">See <see cref="LabelSettings.Reason"/>.</param>
/// <param name="Reviews">See <see cref="LabelSettings.Reviews"/>.</param>
/// <param name="Was">What the page believes these fields to be now. A field that is something else was changed by somebody else, whose change is not
/// overwritten in silence.</param>
public sealed record SettingsChange(
    int? Overlap = null, double? LeaseMinutes = null, double? CalibrationShare = null, bool? Paused = null, string? Instructions = null,
    string? Criteria = null, string? Reason = null, bool? Reviews = null,
    SettingsChange? Was = null)
{
    /// <summary>The settings after it.</summary>
    public LabelSettings AppliedTo(LabelSettings settings) => settings with
    {
        Overlap = Overlap ?? settings.Overlap,
        LeaseMinutes = LeaseMinutes ?? settings.LeaseMinutes,
        CalibrationShare = CalibrationShare ?? settings.CalibrationShare,
        Paused = Paused ?? settings.Paused,
        Instructions = Instructions ?? settings.Instructions,
        Criteria = Criteria ?? settings.Criteria,
        Reason = Reason ?? settings.Reason,
        Reviews = Reviews ?? settings.Reviews,
    };

    /// <summary>The fields that somebody else has meanwhile changed to something else.</summary>
    public IReadOnlyList<string> ConflictsWith(LabelSettings now)
    {
        (string Name, object? Wanted, object? Was, object Now)[] fields =
        [
            ("overlap", Overlap, Was?.Overlap, now.Overlap),
            ("lease_minutes", LeaseMinutes, Was?.LeaseMinutes, now.LeaseMinutes),
            ("calibration_share", CalibrationShare, Was?.CalibrationShare, now.CalibrationShare),
            ("paused", Paused, Was?.Paused, now.Paused),
            ("instructions", Instructions, Was?.Instructions, now.Instructions),
            ("criteria", Criteria, Was?.Criteria, now.Criteria),
            ("reason", Reason, Was?.Reason, now.Reason),
            ("reviews", Reviews, Was?.Reviews, now.Reviews),
        ];
        return [.. fields.Where(field => field is { Wanted: not null, Was: not null } && !field.Now.Equals(field.Was) && !field.Now.Equals(field.Wanted))
            .Select(field => field.Name)];
    }
}
