using System.Globalization;

namespace LabelLoad;

/// <summary>What to do.</summary>
internal sealed record LoadOptions(string Store, double Minutes, int Labelers, int Prompts, int Overlap, double KillSeconds, int Port, bool Json)
{
    public static LoadOptions Parse(string[] args)
    {
        var json = args.Contains("--json");
        var given = args.Where(arg => arg != "--json").Chunk(2).ToDictionary(pair => pair[0].TrimStart('-'), pair => pair[1]);
        double Number(string name, double otherwise) => given.TryGetValue(name, out var text) ? double.Parse(text, CultureInfo.InvariantCulture) : otherwise;
        return new LoadOptions(
            given["store"], Number("minutes", 5), (int)Number("labelers", 50), (int)Number("prompts", 20_000), (int)Number("overlap", 3), Number("kill", 0),
            (int)Number("port", 8477), json);
    }
}
