using System.Diagnostics;

namespace Rlhf.Web.Tests.Serving;

/// <summary>The official OpenAI client for Node against our server. Its tests stand in tests/openai-client.</summary>
public sealed class OpenAiClientTests
{
    private const string Key = "key-of-the-tests-0123";

    [NodeFact]
    public async Task The_official_client_understands_the_server()
    {
        await using var server = await TinyServer.Start(apiKey: Key);
        var start = new ProcessStartInfo("node", ["--test", "--test-reporter=tap", "client.test.mjs"])
        {
            WorkingDirectory = NodeFactAttribute.Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["RLHF_TEST_URL"] = server.Client.BaseAddress!.ToString().TrimEnd('/');
        start.Environment["RLHF_TEST_KEY"] = Key;
        using var node = Process.Start(start)!;
        var (output, error) = (node.StandardOutput.ReadToEndAsync(), node.StandardError.ReadToEndAsync());
        await node.WaitForExitAsync();

        Assert.True(node.ExitCode == 0, await output + await error);
        Assert.Contains("# fail 0", await output, StringComparison.Ordinal);
    }
}

/// <summary>A fact that needs Node and the client; skipped, and says so, where they are not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NodeFactAttribute : FactAttribute
{
    public NodeFactAttribute()
    {
        if (!Directory.Exists(Path.Combine(Folder, "node_modules", "openai")))
        {
            Skip = "the OpenAI client is not installed (npm ci in tests/openai-client)";
        }
    }

    public static string Folder { get; } = FindFolder();

    private static string FindFolder()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Rlhf.slnx")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("The tests run inside the repository.");
        }

        return Path.Combine(folder, "tests", "openai-client");
    }
}
