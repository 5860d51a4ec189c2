using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Rlhf.Labelers.Store;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf label</c>: people rank, write and review answers in the browser; users, import and export of the store.</summary>
internal static class LabelCommand
{
    private static readonly Option<string> Store = RankingServer.StoreOption();

    private static readonly Option<string?> Round =
        new("--round") { Description = "The round of the loop: of imported rows that name none, or the only one to export.", HelpName = "NAME" };

    private static readonly Option<string?> Kind = new("--kind")
    {
        Description = $"What is to be done with imported rows that do not say it: {string.Join(", ", TaskKinds.Names)}; rank without it.",
        HelpName = "KIND",
    };

    public static Command Create()
    {
        var import = new Option<string[]>("--import")
        {
            Description = "Tasks: answers to rank, prompts to answer, demonstrations to review. JSON lines as collect and label export write them.",
            HelpName = "FILE",
            DefaultValueFactory = _ => [],
        };
        var server = new RankingServer();
        var command = new Command("label", "People rank, write and review answers in the browser.") { Store, import, Round, Kind, Users(), Export(), Import() };
        server.AddTo(command);
        return command
            .WithExamples(
                "rlhf label --store rankings.db --import runs/demo/stages/02-collect/rankings.jsonl",
                "rlhf label --store work.db --import prompts.jsonl --kind write",
                "rlhf label users add ann --store rankings.db",
                "rlhf label --store rankings.db --host 0.0.0.0 --overlap 3",
                "rlhf label export --store rankings.db --out rankings.jsonl")
            .Does((parsed, cancellation) =>
            {
                var instructions = server.InstructionsOf(parsed);
                var store = RankingStore.Open(parsed.GetValue(Store)!);
                foreach (var file in parsed.GetValue(import)!)
                {
                    ImportFile(parsed, store, file, calibration: false);
                }

                TellOfNew(parsed, store);
                server.Run(parsed, store, instructions, cancellation);
            });
    }

    private static Command Users()
    {
        var name = new Argument<string>("NAME") { Description = "Stands in exported rankings as the labeler." };
        var role = new Option<UserRole>("--role") { Description = "labeler or owner.", HelpName = "ROLE", CustomParser = RoleOf };
        return new Command("users", "Tokens with which people sign in.")
        {
            new Command("add", "Adds somebody and prints their token, which cannot be shown again.") { name, role }
                .WithExamples("rlhf label users add ann --store rankings.db", "rlhf label users add me --role owner --store rankings.db")
                .Does((parsed, _) =>
                {
                    var store = RankingStore.Open(parsed.GetValue(Store)!);
                    TellOfNew(parsed, store);
                    parsed.Output().WriteLine(store.AddUser(parsed.GetValue(name)!, parsed.GetValue(role)));
                }),
            new Command("list", "Prints everybody and their roles.")
                .WithExamples("rlhf label users list --store rankings.db")
                .Does((parsed, _) =>
                {
                    foreach (var user in RankingStore.OpenToRead(parsed.GetValue(Store)!).Users())
                    {
                        parsed.Output().WriteLine($"{user.Name}\t{(user.Role == UserRole.Owner ? "owner" : "labeler")}{(user.Revoked ? "\trevoked" : "")}");
                    }
                }),
            new Command("revoke", "Takes somebody's token back; their rankings stay.") { name }
                .WithExamples("rlhf label users revoke ann --store rankings.db")
                .Does((parsed, _) => RankingStore.OpenExisting(parsed.GetValue(Store)!).Revoke(parsed.GetValue(name)!)),
        }
        .WithExamples("rlhf label users add ann --store rankings.db", "rlhf label users list --store rankings.db");
    }

    private static UserRole RoleOf(ArgumentResult result)
    {
        var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
        if (text.Equals("owner", StringComparison.OrdinalIgnoreCase))
        {
            return UserRole.Owner;
        }

        if (!text.Equals("labeler", StringComparison.OrdinalIgnoreCase))
        {
            result.AddError($"--role: expected labeler or owner, found '{text}'.");
        }

        return UserRole.Labeler;
    }

    private static TaskKind KindOf(string? name) => name is null ? TaskKind.Rank
        : TaskKinds.Find(name) ?? throw new InputException($"--kind: expected one of {string.Join(", ", TaskKinds.Names)}, found '{name}'.");

    private static Command Export()
    {
        var file = new Option<string?>("--out") { Description = "The file to write; standard output without it.", HelpName = "FILE" };
        var everything = new Option<bool>("--everything")
        {
            Description = "A whole copy for label import: also tasks without a ranking, what could not be judged, and calibration items.",
        };
        var rows = new Option<string?>("--as")
        {
            Description = "What the rows are for: comparisons (rankings, the usual), demonstrations (written, mended, accepted), prompts (written ones) or labeled (answers that were accepted or rejected, thumbs up and down).",
            HelpName = "ROWS",
        };
        return new Command("export", "Writes what people did as JSON lines: for reward, for sft, as prompts, for KTO.") { file, Round, rows, everything }
            .WithExamples(
                "rlhf label export --store rankings.db --out rankings.jsonl",
                "rlhf label export --store work.db --as demonstrations --out demonstrations.jsonl",
                "rlhf label export --store feedback.db --as labeled --out labeled.jsonl")
            .Does((parsed, _) =>
            {
                var store = RankingStore.OpenToRead(parsed.GetValue(Store)!);
                var options = new ExportOptions
                {
                    Round = parsed.GetValue(Round),
                    Everything = parsed.GetValue(everything),
                    As = ExportedRowNames.Find(parsed.GetValue(rows), "--as"),
                };
                if (parsed.GetValue(file) is not { } path)
                {
                    RankingExport.Write(store, parsed.Output(), options);
                    return;
                }

                DurableFiles.WriteAtomically(path, stream =>
                {
                    using var writer = new StreamWriter(stream, leaveOpen: true);
                    parsed.Error()
                        .WriteLine(string.Create(CultureInfo.InvariantCulture, $"rlhf: {RankingExport.Write(store, writer, options)} rows to {path}"));
                });
            });
    }

    private static Command Import()
    {
        var files = new Argument<string[]>("FILE") { Description = "JSON lines of tasks or rankings.", Arity = ArgumentArity.OneOrMore };
        var calibration = new Option<bool>("--calibration") { Description = "The rankings are right: the rows become calibration items." };
        var drafts = new DraftArguments();
        var command = new Command("import", "Adds answers to rank, prompts to answer, demonstrations to review, or rankings.") { files, Round, Kind, calibration };
        drafts.AddTo(command);
        return command
            .WithExamples(
                "rlhf label import answers.jsonl --store rankings.db --round 2", "rlhf label import demonstrations.jsonl --kind review --store work.db",
                "rlhf label import prompts.jsonl --kind write --draft-model runs/demo/stages/01-sft/model --store work.db",
                "rlhf label import known.jsonl --calibration --store rankings.db")
            .Does((parsed, cancellation) =>
            {
                var store = RankingStore.Open(parsed.GetValue(Store)!);
                foreach (var file in parsed.GetValue(files)!)
                {
                    ImportFile(parsed, store, file, parsed.GetValue(calibration), rows => drafts.AddTo(parsed, rows, cancellation));
                }
            });
    }

    // A name that was written wrongly would otherwise look like a store that has lost everything.
    private static void TellOfNew(ParseResult parsed, RankingStore store)
    {
        if (store.IsNew)
        {
            parsed.Error().WriteLine("rlhf: --store names a new store, which was empty until now");
        }
    }

    private static void ImportFile(
        ParseResult parsed, RankingStore store, string file, bool calibration, Func<IEnumerable<ImportRow>, IEnumerable<ImportRow>>? change = null)
    {
        var kind = KindOf(parsed.GetValue(Kind));
        var rows = RankingRows.Read(file, round: parsed.GetValue(Round), calibration: calibration, kind: kind);
        var result = store.Import(change?.Invoke(rows) ?? rows);
        parsed.Error().WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"rlhf: {file}: {result.Added} new tasks, {result.Known} that were there already, {result.Rankings} new rankings"));
        if (result.Note is { } note)
        {
            parsed.Error().WriteLine($"rlhf: {file}: {note}");
        }
    }
}
