using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Dpo;

/// <summary>
/// log p of all ranked answers under the model that the stage starts from: measured once before the first update by the policy itself, whose bits they have,
/// and kept in the stage's folder. So no second model is in memory, and a resumed stage has the same reference, and does not measure again what was measured.
/// </summary>
internal static class ReferenceLogProbabilities
{
    private const string Folder = "reference";
    private const string PartsFolder = "reference-parts";
    private const string File = "log_probabilities.safetensors";
    private const string Values = "log_probabilities";
    private const int SequencesAtOnce = 256;

    /// <summary>What was measured.</summary>
    private sealed record Measured(long Tokens);

    /// <summary>The rows with their reference, and held-out rows with their start.</summary>
    /// <param name="context">The stage.</param>
    /// <param name="options">The stage's options.</param>
    /// <param name="policy">The policy, as it starts.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="arena">Memory for activations.</param>
    public static DpoRows Attach(StageContext context, DpoOptions options, Decoder policy, DpoRows rows, Arena arena)
    {
        var hasReference = options.ToLoss().HasReference;
        EncodedSequence[] sequences =
        [
            .. hasReference ? rows.Train.SelectMany(static row => row.Answers) : [],
            .. hasReference ? rows.Train.SelectMany(static row => row.Mismatched) : [],
            .. rows.HeldOut.SelectMany(static row => row.Answers), .. rows.HeldOut.SelectMany(static row => row.Mismatched),
        ];
        var tokens = sequences.Sum(static sequence => (long)sequence.ResponseLength);
        if (tokens == 0)
        {
            return rows;
        }

        var folder = Path.Combine(context.Folder, Folder);
        StageTools.Once(context, "reference-measured", () => Write(folder, Measure(context, options, policy, sequences, arena)), folder);
        ReferenceParts.Delete(Path.Combine(context.Folder, PartsFolder));
        using var file = SafetensorsFile.Open(Path.Combine(folder, File));
        ReadOnlyMemory<float> left = file.ReadFloats(Values);
        if (left.Length != tokens)
        {
            throw new InputException(
                $"{file.Path}: holds {left.Length} log-probabilities, and the answers have {tokens} tokens. Delete {context.Folder} to do the stage again.");
        }

        ReadOnlyMemory<float> Take(IEnumerable<EncodedSequence> own)
        {
            var count = own.Sum(static sequence => sequence.ResponseLength);
            var taken = left[..count];
            left = left[count..];
            return taken;
        }

        PreferenceRow[] train = [.. rows.Train], heldOut = [.. rows.HeldOut];
        if (hasReference)
        {
            train = Array.ConvertAll(train, row => row with { Reference = Take(row.Answers) });
            train = Array.ConvertAll(train, row => row with { MismatchedReference = Take(row.Mismatched) });
        }

        heldOut = Array.ConvertAll(heldOut, row => row with { Start = Take(row.Answers) });
        heldOut = Array.ConvertAll(
            heldOut, row => row with { Reference = hasReference ? row.Start : default, MismatchedReference = Take(row.Mismatched) });
        return rows with { Train = train, HeldOut = heldOut };
    }

    private static float[] Measure(StageContext context, DpoOptions options, Decoder policy, EncodedSequence[] sequences, Arena arena)
    {
        using var scorer = new Scorer(policy, options.MicroBatchTokens, arena);
        using var progress = context.Progress.Start($"{context.Step.Name} reference", sequences.Length, "answers");
        var (values, parts) = (new List<float>(), new ReferenceParts(Path.Combine(context.Folder, PartsFolder)));
        foreach (var (number, part) in sequences.Chunk(SequencesAtOnce).Index())
        {
            context.Cancellation.ThrowIfCancellationRequested();
            values.AddRange(parts.Of(number, part.Sum(static one => one.ResponseLength), () => scorer.ResponseLogProbabilities(
                [.. part.Select(static one => one.Tokens)], [.. part.Select(static one => one.PromptLength)]).LogProbabilities));
            progress.Advance(part.Length, "");
        }

        return [.. values];
    }

    private static Measured Write(string folder, float[] values)
    {
        DurableFiles.ReplaceFolderAtomically(folder, path =>
        {
            using var stream = new FileStream(Path.Combine(path, File), FileMode.CreateNew, FileAccess.Write);
            SafetensorsWriter.Write(stream, [new TensorToWrite(Values, [values.Length], TensorType.F32, (first, destination) =>
                values.AsSpan((int)first, destination.Length).CopyTo(destination))]);
        });
        return new Measured(values.Length);
    }
}
