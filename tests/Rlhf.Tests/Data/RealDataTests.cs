using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Tests.Data;

/// <summary>What other programs counted on the real data, and what a PyTorch reference did with it.</summary>
public sealed class RealDataTests
{
    /// <summary>The text that the reference run gave its model.</summary>
    private static readonly FormatOptions Instruction = new()
    {
        Template = FormatTemplate.Custom,
        Prompt = "Instruction: {instruction}\n[[Input: {input}\n]]Answer:",
        Response = " {response}",
    };

    private readonly Ledger _ledger = new("test");

    [DataFact("polite/comparisons.jsonl")]
    public void The_split_of_polite_is_the_references()
    {
        var rows = DataReader.Demonstrations(Polite with { Take = DemonstrationPick.Chosen }, ReferenceFiles.DataFolder, _ledger).ToList();
        var split = rows.ToLookup(row => PromptSplit.IsHeldOut(row.Prompt.SplitKey, 0.1));
        Assert.Equal((816, 90), (split[false].Count(), split[true].Count()));
        Assert.Equal((797, 86), (Prompts(split[false]), Prompts(split[true])));

        static int Prompts(IEnumerable<Demonstration> rows) => rows.Select(row => row.Prompt.Text).Distinct().Count();
    }

    [DataFact("polite/comparisons.jsonl")]
    public void Mixed_demonstrations_of_polite_are_the_references()
    {
        var rows = DataReader.Demonstrations(Polite with { Take = DemonstrationPick.Mixed }, ReferenceFiles.DataFolder, _ledger);
        var chosen = DataReader.Demonstrations(Polite with { Take = DemonstrationPick.Chosen }, ReferenceFiles.DataFolder, _ledger);
        var train = rows.Zip(chosen).Where(pair => !PromptSplit.IsHeldOut(pair.First.Prompt.Text, 0.1)).ToList();
        Assert.Equal(419, train.Count(pair => PromptSplit.PicksChosen(pair.First.Prompt.Text, pair.Second.Response)));
        Assert.All(train,
            pair => Assert.True(!PromptSplit.PicksChosen(pair.First.Prompt.Text, pair.Second.Response) || pair.First.Response == pair.Second.Response));
        Assert.Equal(816, train.Count);
    }

    [DataFact("polite/comparisons.jsonl")]
    public void Four_comparisons_of_polite_have_identical_answers()
    {
        var rankings = DataReader.Rankings(Polite, ReferenceFiles.DataFolder, _ledger).ToList();
        var heldOut = rankings.Select(row => PromptSplit.IsHeldOut(row.Prompt.SplitKey, 0.1)).ToList();
        Assert.Equal((813, 89), (heldOut.Count(isHeldOut => !isHeldOut), heldOut.Count(isHeldOut => isHeldOut)));
        Assert.Equal(4, _ledger.DroppedByReason["identical answers"]);
    }

    [DataFact("stories260k/tokenizer.json")]
    public void Answers_of_polite_encode_as_in_the_reference_apart_from_the_prompt_and_together_with_it()
    {
        var tokenizer = Stories;
        foreach (var format in new[] { Instruction, new FormatOptions() })
        {
            var encoder = new SequenceEncoder(tokenizer, format, new EncodingOptions(), _ledger);
            foreach (var row in DataReader.Rankings(Polite, ReferenceFiles.DataFolder, _ledger))
            {
                var encoded = encoder.Encode(row)!;
                for (var i = 0; i < 2; i++)
                {
                    Assert.Equal([1, .. tokenizer.Encode(encoded.PromptText + " " + row.Responses[i]), 2], encoded.Answers[i].Tokens);
                    Assert.Equal([1, .. tokenizer.Encode(encoded.PromptText)], encoded.Answers[i].Tokens[..encoded.Answers[i].PromptLength]);
                }
            }
        }
    }

    [DataFact("stories260k/tokenizer.json")]
    public void The_cuts_of_polite_are_the_references()
    {
        var limits = new EncodingOptions { MaxPromptTokens = 160, MaxResponseTokens = 96, OnOverlong = OverlongPolicy.Truncate };
        Assert.Equal(47, Cut(DemonstrationPick.Chosen));
        Assert.Equal(28, Cut(DemonstrationPick.Rejected));

        int Cut(DemonstrationPick pick)
        {
            var encoder = new SequenceEncoder(Stories, Instruction, limits, _ledger);
            return DataReader.Demonstrations(Polite with { Take = pick }, ReferenceFiles.DataFolder, _ledger).SelectMany(row => encoder.Encode(row))
                .Count(sequence => sequence is { Truncated: true, ResponseLength: 96 } && sequence.Tokens[^1] != 2);
        }
    }

    [DataFact("hh-rlhf")]
    public void All_transcripts_of_hh_are_read()
    {
        var source = new DataSource { Path = ["hh-rlhf/*.jsonl.gz"] };
        var rankings = DataReader.Rankings(source, ReferenceFiles.DataFolder, _ledger).ToList();
        Assert.Equal(2354 + 2749 + 2312, _ledger.RowsIn);
        Assert.Equal((34, 8), (_ledger.DroppedByReason["identical answers"], _ledger.DroppedByReason["empty answer"]));
        Assert.Equal(_ledger.RowsKept, rankings.Count);
        Assert.All(rankings, row => Assert.Equal(row.Prompt.Text, Transcript.Write(row.Prompt.Messages!)));
    }

    [DataFact("qa-feedback/rankings.jsonl.gz")]
    public void All_rankings_of_qa_feedback_are_read()
    {
        var rankings = DataReader.Rankings(new DataSource { Path = ["qa-feedback/rankings.jsonl.gz"] }, ReferenceFiles.DataFolder, _ledger).ToList();
        Assert.Equal((500, 2616, 384), (rankings.Count, rankings.Sum(row => row.Pairs.Count), rankings.Sum(row => row.Ties.Count)));
        Assert.All(rankings, row => Assert.Equal(4, row.Responses.Count));
    }

    [DataFact("gsm8k/train.jsonl.gz")]
    public void Gsm8k_is_read_by_a_mapping_of_its_fields()
    {
        var source = new DataSource
        {
            Path = ["gsm8k/train.jsonl.gz"],
            Fields = new Dictionary<string, string> { ["prompt"] = "question", ["response"] = "answer" },
        };
        var rows = DataReader.Demonstrations(source, ReferenceFiles.DataFolder, _ledger).ToList();
        Assert.Equal(7473, rows.Count);
        Assert.All(rows, row => Assert.Contains("\n#### ", row.Response, StringComparison.Ordinal));
    }

    [DataFact("tinystories/train.jsonl.gz")]
    public void Tinystories_is_read_as_text() =>
        Assert.Equal(700, DataReader.Texts(new DataSource { Path = ["tinystories/train.jsonl.gz"] }, ReferenceFiles.DataFolder, _ledger).Count());

    private static DataSource Polite { get; } = new() { Path = ["polite/comparisons.jsonl"] };

    private static Tokenizer Stories => Tokenizer.Load(ReferenceFiles.DataPathOf("stories260k"));
}
