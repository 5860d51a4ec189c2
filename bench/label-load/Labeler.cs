using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace LabelLoad;

/// <summary>A labeler who works fast: takes tasks, ranks, changes earlier rankings, sends twice, goes away without a word.</summary>
internal sealed class Labeler(Uri address, string token, int number) : IDisposable
{
    /// <summary>How often a ranking is changed at most.</summary>
    public const int MostEdits = 1;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private readonly HttpClient _client = new(new SocketsHttpHandler { UseCookies = false })
    {
        BaseAddress = address,
        Timeout = TimeSpan.FromSeconds(20),
        DefaultRequestHeaders = { { "Cookie", $"rlhf_token={token}" } },
    };

    private readonly Random _random = new(number);

    private sealed record Given(long Id, string Kind, string[] Responses);

    private sealed record NextAnswer(Given? Task);

    public string Name => ServerProcess.NameOf(number);

    /// <summary>Task to what the server last acknowledged.</summary>
    public Dictionary<long, string> Acknowledged { get; } = [];

    /// <summary>Tasks whose last submission had no answer: it may be stored or not.</summary>
    public Dictionary<long, string> Unknown { get; } = [];

    public List<double> NextMilliseconds { get; } = [];

    public List<double> SubmitMilliseconds { get; } = [];

    public int Failures { get; private set; }

    public async Task WorkAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await WorkOnce();
            }
            catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException or IOException or JsonException)
            {
                Failures++;
                await Task.Delay(200, CancellationToken.None);
            }
        }
    }

    public void Dispose() => _client.Dispose();

    private async Task WorkOnce()
    {
        var begun = Stopwatch.GetTimestamp();
        using var response = await _client.PostAsJsonAsync("/api/next", new { holding = Array.Empty<long>() });
        var next = await response.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<NextAnswer>(Json);
        NextMilliseconds.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        if (next?.Task is not { } task)
        {
            await Task.Delay(500);
            return;
        }

        await Task.Delay(_random.Next(100, 400));
        if (_random.Next(20) == 0)
        {
            // Away for longer than the lease.
            await Task.Delay(_random.Next(1000, 8000));
        }

        await Submit(task, edit: false);
        if (_random.Next(5) == 0 && Acknowledged.ContainsKey(task.Id))
        {
            await Submit(task, edit: true);
        }
    }

    private async Task Submit(Given given, bool edit)
    {
        var task = given.Id;
        var (judgement, said) = Work.Of(given.Kind, given.Responses, _random);
        var body = new { task, key = Guid.NewGuid().ToString(), judgement, seconds = 1.5, edit };
        if (_random.Next(10) == 0)
        {
            // The client hangs up while the ranking is under way, and sends it again.
            using var hangUp = new CancellationTokenSource(_random.Next(1, 6));
            await _client.PostAsJsonAsync("/api/rankings", body, hangUp.Token)
                .ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }

        for (var attempt = 0; attempt < 40; attempt++)
        {
            var begun = Stopwatch.GetTimestamp();
            try
            {
                using var answer = await _client.PostAsJsonAsync("/api/rankings", body);
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    SubmitMilliseconds.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
                    Acknowledged[task] = said;
                    Unknown.Remove(task);
                    return;
                }

                if (answer.StatusCode is HttpStatusCode.Conflict)
                {
                    return;
                }
            }
            catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
            {
                Unknown[task] = said;
            }

            Failures++;
            await Task.Delay(250);
        }
    }
}
