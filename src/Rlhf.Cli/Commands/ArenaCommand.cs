using System.CommandLine;
using System.Globalization;
using Rlhf.Evaluation;
using Rlhf.Labelers.Store;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf arena</c>: people compare models blind, on the ranking page; results of the votes.</summary>
internal static class ArenaCommand
{
    private const string Question = "Read the prompt and both answers. Say which one is better, or that it is a tie.";

    private static readonly Option<string> Store = RankingServer.StoreOption();
    private static readonly Option<string[]> Models = new("--model")
    {
        Description = "A language model's folder; NAME= in front gives the name under which results show it. Two or more: of each pair the wins of the one that is named first are counted.",
        HelpName = "[NAME=]DIR",
        DefaultValueFactory = _ => [],
    };
    private static readonly Option<string?> Prompts = new("--prompts")
    {
        Description = "The prompts: JSON rows with prompt, instruction, messages or comparisons, or a .txt file with one a line; - for standard input.",
        HelpName = "FILE",
    };

    private static readonly Option<double> HeldOut = ModelArguments.HeldOut();
    private static readonly Option<int?> Limit = ModelArguments.OptionalNumber("--limit", 2, "Takes at most this many of the prompts. Default: all.");
    private static readonly Option<int> MaxTokens = ModelArguments.Number("--max-tokens", 128, 1, "Cuts an answer after this many tokens.");
    private static readonly Option<int?> Pairs = ModelArguments.OptionalNumber(
        "--pairs", 1, "Pairs of models that are compared on each prompt, in turn, so that every pair meets equally often. Default: every pair on every prompt.");
    private static readonly Option<string?> Round =
        new("--round") { Description = "Nobody gets a prompt twice in a round. Default: 'FIRST against SECOND'.", HelpName = "NAME" };
    private static readonly Option<string[]> Fields = ModelArguments.Fields();
    private static readonly Option<string[]> Ignore = ModelArguments.Ignore();
    private static readonly Option<bool> Quiet = ModelArguments.Quiet();

    public static Command Create()
    {
        var (sampling, format, server) = (new SamplingArguments(), new FormatArguments(), new RankingServer());
        var command = new Command("arena", "People compare models' answers in the browser, blind and in pairs: samples them, and opens the page.")
        {
            Store,
            Models,
            Prompts,
            HeldOut,
            Limit,
            MaxTokens,
            Pairs,
            Round,
            Results(),
        };
        sampling.AddTo(command);
        format.AddTo(command);
        server.AddTo(command);
        command.Add(Fields);
        command.Add(Ignore);
        command.Add(Quiet);
        return command
            .WithExamples(
                "rlhf arena --model sft=runs/demo/stages/01-sft/model --model ppo=runs/demo/stages/04-ppo/model --prompts prompts.jsonl --store arena.db",
                "rlhf arena --model ppo --model sft --prompts prompts.txt --limit 100 --store arena.db --overlap 3",
                "rlhf label --store arena.db",
                "rlhf arena results --store arena.db")
            .Does((parsed, cancellation) =>
            {
                NamedModel[] models = [.. parsed.GetValue(Models)!.Select(NamedModel.Of)];
                if (models.Length < 2 || parsed.GetValue(Prompts) is not { } file)
                {
                    throw new InputException(
                        "An arena needs two or more models, and prompts: --model DIR --model DIR --prompts FILE. To open the page again: rlhf label --store STORE. To see the votes: rlhf arena results --store STORE.");
                }

                NamedModel.RequireDifferentNames(models);
                var source = ModelArguments.SourceOf(
                    parsed.GetValue(Fields)!, parsed.GetValue(Ignore)!) with
                { Format = format.Of(parsed, Checkpoint.Open(models[0].Folder)) };
                var records = PromptFile.ForEvaluation(PromptFile.Read(file, source), parsed.GetValue(HeldOut), parsed.GetValue(Limit), parsed.Error());
                var instructions = server.InstructionsOf(parsed);
                var store = RankingStore.Open(parsed.GetValue(Store)!);
                var sampler = new ModelAnswers(format, sampling.Of(parsed), sampling.SeedOf(parsed), parsed.GetValue(MaxTokens));
                var pairs = new ArenaPairs(models.Length, parsed.GetValue(Pairs), parsed.GetValue(Round));
                var rows = sampler.Arena(parsed, parsed.GetValue(Quiet), models, records, pairs, cancellation);
                Fill(parsed, store, rows);
                server.Run(parsed, store, instructions, cancellation);
            });
    }

    private static void Fill(ParseResult parsed, RankingStore store, IReadOnlyList<ImportRow> rows)
    {
        var result = store.Import(rows);
        var identical = rows.Count(row => row.Answers.HasIdenticalAnswers);
        parsed.Error().WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"rlhf: {result.Added} new pairs, {result.Known} that were there already; {identical} have the same answer twice and count as ties without a question"));
        store.Change(settings => settings.Instructions == new LabelSettings().Instructions ? settings with { Instructions = Question } : settings);
    }

    private static Command Results()
    {
        var json = ModelArguments.Json("The figures as one JSON object.");
        return new Command("results", "Prints strengths of all models with intervals, who won against whom, and of each pair the win rate, position bias and agreement.") { json }
            .WithExamples("rlhf arena results --store arena.db", "rlhf arena results --store arena.db --json")
            .Does((parsed, _) =>
            {
                var store = RankingStore.OpenToRead(parsed.GetValue(Store)!);
                var (arenas, table) = (ArenaReport.Of(store), ArenaTable.Of(store));
                if (parsed.GetValue(json))
                {
                    ModelArguments.WriteDocument(parsed.Output(), new { arenas, table });
                    return;
                }

                if (arenas.Count == 0)
                {
                    throw new InputException("The store has no arena. Make one: rlhf arena --model DIR --model DIR --prompts FILE --store STORE");
                }

                if (table is not null)
                {
                    Write(parsed.Output(), table);
                }

                foreach (var arena in arenas)
                {
                    Write(parsed.Output(), arena);
                }
            });
    }

    private static void Write(TextWriter output, ArenaTable table)
    {
        output.WriteLine("Bradley-Terry strengths (log odds, mean 0; 95 % intervals over prompts), and wins of each row against each column, ties a half");
        output.WriteLine();
        var text = new TextTable(["model", "strength", "interval", "votes", .. table.Models.Select(model => $"over {model}")]);
        foreach (var (row, model) in table.Models.Index())
        {
            var strength = table.Strengths[row];
            text.AddRow([
                model, FormattableString.Invariant($"{strength.Value:F2}"), FormattableString.Invariant($"[{strength.Low:F2}, {strength.High:F2}]"),
                FormattableString.Invariant($"{strength.Count}"),
                .. table.Wins[row].Select((wins, column) => column == row ? "-" : wins.ToString("0.#", CultureInfo.InvariantCulture))]);
        }

        text.Write(output);
        output.WriteLine();
    }

    private static void Write(TextWriter output, ArenaReport arena)
    {
        output.WriteLine(FormattableString.Invariant(
            $"{arena.Model} against {arena.Versus}: {arena.Prompts} prompts, {arena.Identical} with the same answer twice (ties without a question), {arena.Judged} of {arena.Prompts - arena.Identical} judged; 95 % intervals over prompts"));
        output.WriteLine();
        var table = new TextTable("figure", "value", "interval");
        if (arena.Votes is { } votes)
        {
            table.AddRow("votes: wins, ties, losses", FormattableString.Invariant($"{votes.Wins}, {votes.Ties}, {votes.Losses}"));
        }

        table.AddRow([$"{arena.Model} wins, ties a half", .. Cells(arena.WinRate)]);
        table.AddRow(["of votes without ties, for the answer on the left", .. Cells(arena.FirstShown)]);
        table.AddRow(["votes on which two labelers say the same", .. Cells(arena.Agreement)]);
        table.AddRow("not judged", arena.NotJudged.ToString(CultureInfo.InvariantCulture));
        table.Write(output);
        output.WriteLine();
        var labelers = new TextTable("labeler", "wins", "ties", "losses", "left", "agreement with others");
        foreach (var own in arena.Labelers)
        {
            labelers.AddRow(own.Name, FormattableString.Invariant($"{own.Wins}"), FormattableString.Invariant($"{own.Ties}"),
                FormattableString.Invariant($"{own.Losses}"), string.Join(' ', Cells(own.FirstShown)), string.Join(' ', Cells(own.Agreement)));
        }

        labelers.Write(output);
        output.WriteLine();
    }

    private static string[] Cells(Estimate? estimate) =>
        estimate is null ? ["-", ""] : [NumberText.Percent(estimate.Value), $"[{NumberText.Percent(estimate.Low)}, {NumberText.Percent(estimate.High)}]"];
}
