using Rlhf.Data;
using Rlhf.Labelers.Store;
using Rlhf.Reports;

namespace Rlhf.Labelers;

/// <summary>
/// People write answers in the browser: demonstrations. The prompts lie in a store; the stage waits, or stops, until enough answers are in. What is there
/// then is frozen in a file, so that a repeated stage reads the same, whatever people change later.
/// </summary>
/// <param name="settings">How they are asked.</param>
/// <param name="stage">The stage, for people.</param>
internal sealed class PeopleWriters(PeopleSettings settings, string stage)
{
    /// <summary>The file's name in the folder of a stage.</summary>
    public const string FileName = "demonstrations.jsonl";

    /// <summary>Asks for answers to prompts, and writes them to a file, whole or not at all; a file that is there stays.</summary>
    /// <param name="prompts">The prompts.</param>
    /// <param name="file">Where the demonstrations go.</param>
    /// <param name="round">The run, under which they stand in the store.</param>
    /// <param name="progress">Tells how far it is.</param>
    /// <param name="cancellation">Asks for the end.</param>
    /// <exception cref="RunPausedException">People are to write first.</exception>
    public void Collect(IEnumerable<PromptRecord> prompts, string file, string round, ProgressReporter progress, CancellationToken cancellation)
    {
        if (File.Exists(file))
        {
            return;
        }

        var tasks = prompts.Select(prompt => new AnswerSet(
            round, prompt.Prompt.Text, prompt.Prompt.AsMessages(), [], PromptRow.Of(prompt), Kind: TaskKind.Write));
        var posted = PostedTasks.Post(settings.Store, tasks, settings.PerPrompt);
        var people = new PeopleWait(settings, stage, "demonstrations", "write");
        people.Until(posted, progress, cancellation);
        DurableFiles.WriteAtomically(file, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true);
            if (posted.WriteDemonstrations(writer) == 0)
            {
                throw people.NothingUsable();
            }
        });
    }
}
