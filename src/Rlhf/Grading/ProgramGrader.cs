using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Reports;

namespace Rlhf.Grading;

/// <summary>
/// A program of the user gives answers their numbers: a JSON line <c>{"id", "prompt", "answer", "reference"}</c> for each on its standard input, a line
/// <c>{"id", "score"}</c> for each, in any order, on its standard output. It is started when it is first needed and stays; it is started again when it dies
/// or takes too long; what it says that is not to be understood ends the run, since a wrong number would be learned from.
/// </summary>
internal sealed class ProgramGrader : IGrader
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly RewardSourceOptions _options;
    private readonly string _key;
    private ProgramProcess? _process;
    private long _asked;
    private int _restarts;

    /// <summary>Prepares a program.</summary>
    /// <param name="options">Which, and how long it may take.</param>
    /// <param name="key">Its key in the recipe, for messages.</param>
    public ProgramGrader(RewardSourceOptions options, string key) => (_options, _key) = (options, $"{key}.program");

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Figure> Figures => new FigureTable { [GradingMetrics.ProgramRestarts] = new(_restarts) };

    /// <inheritdoc/>
    public float[] Grade(IReadOnlyList<GradedAnswer> answers, CancellationToken cancellation)
    {
        var scores = new float?[answers.Count];
        for (var attempt = 0; scores.Contains(null); attempt++)
        {
            if (Attempt(answers, scores, cancellation) is not { } problem)
            {
                break;
            }

            if (attempt >= _options.Restarts)
            {
                throw Failed($"{problem}, for the {attempt + 1}. time with these answers");
            }

            _restarts++;
        }

        return [.. scores.Select(static score => score!.Value)];
    }

    /// <inheritdoc/>
    public void Dispose() => Stop();

    /// <summary>Asks for the numbers that are not there yet.</summary>
    /// <returns>Why some are still not there; null where all are.</returns>
    private string? Attempt(IReadOnlyList<GradedAnswer> answers, float?[] scores, CancellationToken cancellation)
    {
        var open = new Dictionary<string, int>(StringComparer.Ordinal);
        var lines = new StringBuilder();
        for (var i = 0; i < scores.Length; i++)
        {
            if (scores[i] is null)
            {
                var id = (++_asked).ToString(CultureInfo.InvariantCulture);
                open.Add(id, i);
                lines.Append(LineOf(id, answers[i])).Append('\n');
            }
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(TimeSpan.FromSeconds(_options.TimeoutSeconds));
        try
        {
            _process ??= ProgramProcess.Start(_options.Program, _options.Folder, _key);
            _process.Send(Encoding.UTF8.GetBytes(lines.ToString()));
            while (open.Count > 0)
            {
                if (_process.NextLine(limit.Token) is not { } line)
                {
                    var problem = $"the program ended ({_process.WaitForEnd()}) with {open.Count} answers without a number{_process.ErrorText()}";
                    Stop();
                    return problem;
                }

                Take(line, open, scores);
            }

            return null;
        }
        catch (OperationCanceledException)
        {
            var said = _process?.ErrorText();
            Stop();
            cancellation.ThrowIfCancellationRequested();
            return FormattableString.Invariant($"the program gave no number to {open.Count} of {scores.Length} answers within {_options.TimeoutSeconds} s{said}");
        }
        catch
        {
            Stop();
            throw;
        }
    }

    private string LineOf(string id, GradedAnswer answer)
    {
        var row = new JsonObject { ["id"] = id, ["prompt"] = answer.Prompt.Text, ["answer"] = answer.Text, ["row"] = answer.Prompt.Id };
        if (_options.Reference is { } reference)
        {
            row["reference"] = answer.Prompt.References[reference];
        }

        return row.ToJsonString(Json);
    }

    private void Take(ReadOnlyMemory<byte> line, Dictionary<string, int> open, float?[] scores)
    {
        if (line.Length > Limits.ProgramLine)
        {
            throw Refused($"a line of more than {Limits.ProgramLine} bytes");
        }

        if (StrictJson.TryParse(line, Limits.ProgramLineDepth, allowDuplicates: false) is not { ValueKind: JsonValueKind.Object } row
            || !row.TryGetProperty("id", out var id) || !row.TryGetProperty("score", out var score) || IdOf(id) is not { } name)
        {
            throw Refused($"\"{Shown(line)}\" where a line {{\"id\": ..., \"score\": ...}} was expected (what else it has to say belongs on its standard error)");
        }

        if (score.ValueKind != JsonValueKind.Number || (float)score.GetDouble() is var number && !float.IsFinite(number))
        {
            throw Refused($"\"{Shown(line)}\", whose score is no finite number");
        }

        if (!open.Remove(name, out var place))
        {
            throw Refused($"a score for the id \"{VisibleText.Plain(name.Length > 40 ? name[..40] : name)}\", which it was not asked for or has scored before");
        }

        scores[place] = number;
    }

    // A program may read our ids as numbers.
    private static string? IdOf(JsonElement id) => id.ValueKind switch
    {
        JsonValueKind.String => id.GetString(),
        JsonValueKind.Number => id.GetRawText(),
        _ => null,
    };

    private static string Shown(ReadOnlyMemory<byte> line) =>
        VisibleText.Plain(Encoding.UTF8.GetString(line.Span[..Math.Min(line.Length, 200)])) + (line.Length > 200 ? "…" : "");

    private RunFailedException Refused(string what) => Failed($"the program wrote {what}{_process?.ErrorText()}");

    private RunFailedException Failed(string what) => new($"{_key} ({VisibleText.Plain(string.Join(' ', _options.Program))}): {what}.");

    private void Stop()
    {
        _process?.Dispose();
        _process = null;
    }
}
