namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>The parameters of a decoder in a GGUF file, given in our order whatever theirs is.</summary>
internal sealed partial class GgufWeights
{
    private const int MostNamed = 20;

    private readonly GgufFile _file;
    private readonly DecoderConfig _config;
    private readonly ParameterLayout _layout;
    private readonly Dictionary<string, GgufPlace> _places;

    /// <summary>Finds the parameters.</summary>
    /// <param name="file">The file.</param>
    /// <param name="layout">The parameters that its configuration asks for.</param>
    /// <param name="turnsNeighbours">Whether rotary pairs are neighbours in the file.</param>
    /// <exception cref="InputException">The tensors are not those of the configuration.</exception>
    public GgufWeights(GgufFile file, ParameterLayout layout, bool turnsNeighbours)
    {
        (_file, _config, _layout) = (file, layout.Config, layout);
        if (layout.Config.Layers > file.Tensors.Count)
        {
            throw new InputException($"{file.Path}: it announces {layout.Config.Layers} layers, but has only {file.Tensors.Count} tensors.");
        }

        _places = GgufTensorNames.Of(layout.Config, turnsNeighbours);
        Check();
    }

    /// <summary>Gives the parameters that lie in a part of the flat buffer, a few megabytes at a time.</summary>
    /// <param name="range">Holds whole parameters.</param>
    /// <param name="take">Gets numbers and where they lie in the flat buffer.</param>
    /// <exception cref="InputException">The file cannot be read, or has a number that is not finite.</exception>
    public void Read(ParameterRange range, Action<long, ReadOnlySpan<float>> take)
    {
        using var reader = new GgufTensorReader(_file);
        foreach (var parameter in _layout.Parameters.Where(parameter => parameter.Offset >= range.Offset && parameter.Offset < range.Offset + range.Length))
        {
            var place = _places[parameter.Name];
            var tensor = _file.Tensors[place.Name];
            switch (place.Order)
            {
                case GgufOrder.Neighbours:
                    ReadNeighbours(reader, tensor, place.Heads, parameter, take);
                    break;
                case GgufOrder.Transposed:
                    ReadTransposed(reader, tensor, parameter, take);
                    break;
                default:
                    ReadSame(reader, tensor, parameter, place.HasOneMore ? 1 : 0, take);
                    break;
            }
        }
    }

    private static void ReadSame(GgufTensorReader reader, GgufTensor tensor, Parameter parameter, float more, Action<long, ReadOnlySpan<float>> take)
    {
        var buffer = new float[Math.Min(GgufNumbers.Chunk, parameter.Length)];
        for (var done = 0L; done < parameter.Length; done += buffer.Length)
        {
            var values = buffer.AsSpan(0, (int)Math.Min(buffer.Length, parameter.Length - done));
            reader.Read(tensor, done, values);
            for (var i = 0; more != 0 && i < values.Length; i++)
            {
                values[i] -= more;
            }

            take(parameter.Offset + done, values);
        }
    }

    // A head at a time: row i D/2 + j of ours is row 2j + i of theirs.
    private void ReadNeighbours(GgufTensorReader reader, GgufTensor tensor, int heads, Parameter parameter, Action<long, ReadOnlySpan<float>> take)
    {
        var (headWidth, rowLength) = (_config.HeadWidth, (int)(parameter.Length / heads / _config.HeadWidth));
        var (theirs, ours) = (new float[headWidth * rowLength], new float[headWidth * rowLength]);
        var whole = tensor.Shape.Length == 1 ? new float[parameter.Length] : null; // a bias: too short for blocks of a head
        if (whole is not null)
        {
            reader.Read(tensor, 0, whole);
        }

        for (var head = 0; head < heads; head++)
        {
            var first = (long)head * theirs.Length;
            if (whole is null)
            {
                reader.Read(tensor, first, theirs);
            }
            else
            {
                whole.AsSpan((int)first, theirs.Length).CopyTo(theirs);
            }

            for (var row = 0; row < headWidth; row++)
            {
                theirs.AsSpan(row * rowLength, rowLength).CopyTo(ours.AsSpan(((row % 2 * headWidth / 2) + (row / 2)) * rowLength, rowLength));
            }

            take(parameter.Offset + first, ours);
        }
    }

    // Ours are [in, out]: a few of our rows at a time, each a column of theirs.
    private static void ReadTransposed(GgufTensorReader reader, GgufTensor tensor, Parameter parameter, Action<long, ReadOnlySpan<float>> take)
    {
        var (inputs, outputs) = (parameter.Shape[0], parameter.Shape[1]);
        var theirs = new float[parameter.Length];
        reader.Read(tensor, 0, theirs);
        var rows = Math.Max(1, GgufNumbers.Chunk / outputs);
        var ours = new float[Math.Min(rows, inputs) * outputs];
        for (var first = 0; first < inputs; first += rows)
        {
            var count = Math.Min(rows, inputs - first);
            for (var output = 0; output < outputs; output++)
            {
                for (var row = 0; row < count; row++)
                {
                    ours[(row * outputs) + output] = theirs[((long)output * inputs) + first + row];
                }
            }

            take(parameter.Offset + ((long)first * outputs), ours.AsSpan(0, count * outputs));
        }
    }

    private void Check()
    {
        var known = new HashSet<string>(StringComparer.Ordinal) { GgufKeys.RotaryFactors, GgufHead.Name };
        var (missing, misshapen) = (new List<string>(), new List<string>());
        foreach (var parameter in _layout.Parameters)
        {
            var place = _places[parameter.Name];
            known.Add(place.Name);
            var shape = place.Order == GgufOrder.Transposed ? parameter.Shape.Reverse().ToArray() : parameter.Shape;
            if (_file.Find(place.Name) is not { } tensor)
            {
                missing.Add(place.Name);
            }
            else if (!tensor.Shape.SequenceEqual(shape.Select(size => (long)size)))
            {
                misshapen.Add($"{place.Name} is [{string.Join(", ", tensor.Shape)}] instead of [{string.Join(", ", shape)}]");
            }
        }

        string[] problems =
        [
            .. Listed("missing", missing),
            .. Listed("unexpected", _file.Tensors.Keys.Where(name => !known.Contains(name)).Select(GgufMetadata.Shown)),
            .. Listed("of a shape that does not fit the metadata", misshapen),
        ];
        if (problems.Length > 0)
        {
            throw new InputException($"{_file.Path}: the tensors are not those of the model in the metadata:\n{string.Join('\n', problems)}");
        }
    }

    private static IEnumerable<string> Listed(string what, IEnumerable<string> names)
    {
        var list = names.Order(StringComparer.Ordinal).ToList();
        var more = list.Count > MostNamed ? $" and {list.Count - MostNamed} more" : string.Empty;
        return list.Count == 0 ? [] : [$"  {what}: {string.Join(", ", list.Take(MostNamed))}{more}"];
    }
}
