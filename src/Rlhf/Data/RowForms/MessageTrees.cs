using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rlhf.Data.RowForms;

/// <summary>
/// Trees of messages (OpenAssistant), a row a tree or a row a message in any order. Of each tree: a ranking of the ranked answers to each message, then a
/// demonstration of each path from the root to a last answer. Messages that are deleted or that reviewers refused are left out with all that hangs on them.
/// </summary>
internal static class MessageTrees
{
    private const int LargestFile = 512 << 20;

    /// <summary>The records of a row that is a tree.</summary>
    public static IEnumerable<JsonRow> OfTree(JsonRow row)
    {
        if (GroupedRows.Value(row) is not { } value || !value.Properties.TryGetValue("prompt", out var root) || TextOf(value, "message_tree_id") is not { } tree)
        {
            return [row];
        }

        return IsReady(value) && NodeOf(root) is { } node ? Records(row, tree, node) : [row];
    }

    /// <summary>The records of rows that are messages. All of them are in memory: a child may stand before its parent.</summary>
    public static IEnumerable<JsonRow> OfMessages(IEnumerable<JsonRow> rows)
    {
        List<(JsonRow Row, string Tree, Node Node)> roots = [];
        Dictionary<string, List<Node>> children = new(StringComparer.Ordinal);
        Dictionary<string, Node> nodes = new(StringComparer.Ordinal);
        var bytes = 0L;
        foreach (var row in rows)
        {
            bytes += row.Bytes.Length;
            if (bytes > LargestFile)
            {
                throw new InputException($"{row.Position}: messages of trees are held in memory to find their parents, and these are more than {LargestFile >> 20} MiB: give the file with a tree a row");
            }

            if (GroupedRows.Value(row) is not { } value || NodeOf(value) is not { } node || TextOf(value, "message_tree_id") is not { } tree || !IsReady(value)
                || !nodes.TryAdd(node.Id, node))
            {
                yield return row; // Its reader refuses it.
                continue;
            }

            if (TextOf(value, "parent_id") is { } parent)
            {
                (children.TryGetValue(parent, out var siblings) ? siblings : children[parent] = []).Add(node);
            }
            else
            {
                roots.Add((row, tree, node));
            }
        }

        foreach (var (parent, own) in children)
        {
            // So that the order of the rows does not matter.
            nodes.GetValueOrDefault(parent)?.Children.AddRange(own.OrderBy(node => node.Id, StringComparer.Ordinal));
        }

        foreach (var record in roots.SelectMany(root => Records(root.Row, root.Tree, root.Node)))
        {
            yield return record;
        }
    }

    private static IEnumerable<JsonRow> Records(JsonRow row, string tree, Node root)
    {
        List<JsonObject> rankings = [], paths = [];
        Walk(root, [], rankings, paths);
        foreach (var record in rankings.Concat(paths))
        {
            record["split_group"] = tree;
            yield return GroupedRows.Written(row, record);
        }
    }

    private static void Walk(Node node, JsonArray before, List<JsonObject> rankings, List<JsonObject> paths)
    {
        if (node.IsLeftOut || before.Count > 2 * JsonRow.MaximumNesting)
        {
            return;
        }

        JsonArray path = [.. before.Select(message => message!.DeepClone()), new JsonObject { ["role"] = node.Role, ["content"] = node.Text }];
        List<Node> kept = [.. node.Children.Where(child => !child.IsLeftOut)];
        List<Node> ranked = [.. kept.Where(child => child is { Role: "assistant", Rank: not null })];
        if (ranked.Count > 1)
        {
            rankings.Add(new JsonObject
            {
                ["prompt"] = path.DeepClone(),
                ["responses"] = new JsonArray([.. ranked.Select(child => JsonValue.Create(child.Text))]),
                ["ranking"] = GroupedRows.Tiers([.. ranked.Select(child => -child.Rank!.Value)]),
            });
        }

        if (node.Role == "assistant" && !kept.Any(child => child.Children.Any(answer => answer is { Role: "assistant", IsLeftOut: false })))
        {
            paths.Add(new JsonObject { ["messages"] = path.DeepClone() });
        }

        foreach (var child in kept)
        {
            Walk(child, path, rankings, paths);
        }
    }

    private static bool IsReady(RowValue value) => TextOf(value, "tree_state") is null or "ready_for_export";

    private static Node? NodeOf(RowValue value)
    {
        if (TextOf(value, "message_id") is not { } id || TextOf(value, "text") is not { } text || TextOf(value, "role") is not ("prompter" or "assistant"))
        {
            return null;
        }

        double? rank = value.Properties.TryGetValue("rank", out var number) && number.Kind == JsonValueKind.Number
            ? double.Parse(number.Text, CultureInfo.InvariantCulture)
            : null;
        var node = new Node(id, TextOf(value, "role") == "prompter" ? "user" : "assistant", text, rank, Is(value, "deleted", JsonValueKind.True)
            || Is(value, "review_result", JsonValueKind.False));
        foreach (var reply in value.Properties.TryGetValue("replies", out var replies) ? replies.Items : [])
        {
            if (NodeOf(reply) is not { } child)
            {
                return null;
            }

            node.Children.Add(child);
        }

        return node;
    }

    private static bool Is(RowValue value, string name, JsonValueKind kind) => value.Properties.TryGetValue(name, out var flag) && flag.Kind == kind;

    private static string? TextOf(RowValue value, string name) =>
        value.Properties.TryGetValue(name, out var text) && text.Kind == JsonValueKind.String ? text.Text : null;

    private sealed record Node(string Id, string Role, string Text, double? Rank, bool IsLeftOut)
    {
        public List<Node> Children { get; } = [];
    }
}
