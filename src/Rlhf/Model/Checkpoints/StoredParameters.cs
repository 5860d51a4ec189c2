namespace Rlhf.Model.Checkpoints;

/// <summary>The parameters of a stored model one after the other, for writers: the one that was asked for last stays in memory.</summary>
internal sealed class StoredParameters(IStoredModel model)
{
    private readonly ParameterLayout _layout = new(model.Config);
    private Parameter? _held;
    private float[] _numbers = [];

    /// <summary>Where each parameter lies.</summary>
    public ParameterLayout Layout => _layout;

    /// <summary>All numbers of a parameter.</summary>
    public float[] Of(Parameter parameter)
    {
        if (_held != parameter)
        {
            var numbers = _numbers = new float[checked((int)parameter.Length)];
            model.Read(
                new ParameterRange(parameter.Offset, parameter.Length),
                (offset, values) => values.CopyTo(numbers.AsSpan((int)(offset - parameter.Offset))));
            _held = parameter;
        }

        return _numbers;
    }

    /// <summary>Numbers of the flat buffer that lie in one parameter.</summary>
    public void Read(long first, Span<float> destination)
    {
        var parameter = _held is { } held && first >= held.Offset && first < held.Offset + held.Length
            ? held
            : _layout.Parameters.Last(candidate => candidate.Offset <= first);
        Of(parameter).AsSpan((int)(first - parameter.Offset), destination.Length).CopyTo(destination);
    }
}
