using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Rlhf.Labelers;

namespace Rlhf.Tests.Labelers;

/// <summary>A server that speaks as much of the OpenAI chat API as a judge needs, and misbehaves as it is told.</summary>
internal sealed partial class FakeJudge : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Func<Asked, Reply> _answer;
    private int _count;

    public FakeJudge(Func<Asked, Reply> answer)
    {
        _answer = answer;
        using (var probe = new TcpListener(IPAddress.Loopback, 0))
        {
            probe.Start();
            Url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}/v1");
        }

        _listener.Prefixes.Add(Url + "/");
        _listener.Start();
        _ = Task.Run(Listen);
    }

    /// <summary>A question that came in.</summary>
    internal sealed record Asked(int Number, string Prompt, string First, string Second, string? Authorization, JsonObject Body);

    /// <summary>What goes back.</summary>
    internal sealed record Reply(string Body, int Status = 200, string? Header = null, string? Value = null, int DelayMilliseconds = 0);

    public string Url { get; }

    /// <summary>Every question that came in.</summary>
    public ConcurrentQueue<Asked> Questions { get; } = new();

    /// <summary>Options that ask this server, in the form that it reads.</summary>
    public JudgeOptions Options =>
        new() { Url = Url, Model = "fake", Prompt = "P<{prompt}>A<{first}>B<{second}>", BackoffSeconds = 0.001, Retries = 3, PromptPrice = 2, ReplyPrice = 10 };

    /// <summary>A well-formed reply; a question costs 100 tokens, a reply 3.</summary>
    public static Reply Says(string text) => new(new JsonObject
    {
        ["choices"] = new JsonArray(new JsonObject { ["message"] = new JsonObject { ["role"] = "assistant", ["content"] = text } }),
        ["usage"] = new JsonObject { ["prompt_tokens"] = 100, ["completion_tokens"] = 3 },
    }.ToJsonString());

    /// <summary>The reply of a judge that scores answers.</summary>
    public static Reply Compares(Asked asked, Func<string, string, double> score)
    {
        var (first, second) = (score(asked.Prompt, asked.First), score(asked.Prompt, asked.Second));
        return Says(first > second ? "Let me think.\n**A**." : second > first ? "b" : "[[Tie]]\n\n");
    }

    public void Dispose() => _listener.Close();

    private async Task Listen()
    {
        while (_listener.IsListening)
        {
            try
            {
                var context = await _listener.GetContextAsync();
                _ = Task.Run(() => Handle(context));
            }
            catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task Handle(HttpListenerContext context)
    {
        try
        {
            using var reader = new StreamReader(context.Request.InputStream, Encoding.UTF8);
            var body = JsonNode.Parse(await reader.ReadToEndAsync())!.AsObject();
            var question = Form().Match((string)body["messages"]!.AsArray()[^1]!["content"]!);
            var asked = new Asked(
                Interlocked.Increment(ref _count), question.Groups[1].Value, question.Groups[2].Value, question.Groups[3].Value,
                context.Request.Headers["Authorization"], body);
            Questions.Enqueue(asked);
            var reply = _answer(asked);
            await Task.Delay(reply.DelayMilliseconds);
            context.Response.StatusCode = reply.Status;
            if (reply.Header is { } header)
            {
                context.Response.Headers[header] = reply.Value;
            }

            context.Response.Close(Encoding.UTF8.GetBytes(reply.Body), willBlock: true);
        }
        catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException or IOException)
        {
            // The judge's client has gone.
        }
    }

    [GeneratedRegex("^P<(.*)>A<(.*)>B<(.*)>$", RegexOptions.Singleline)]
    private static partial Regex Form();
}
