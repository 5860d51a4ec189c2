using Rlhf.Reports;

namespace Rlhf.Tests.Runs;

public sealed class RunStatusTests : IDisposable
{
    private readonly TinyRun _run = new();

    public void Dispose() => _run.Dispose();

    [Fact]
    public void A_run_that_is_asked_to_stop_writes_a_checkpoint_ends_and_goes_on_to_the_same_result()
    {
        var asked = false;
        var checkpoints = Path.Combine(_run.Folder, "stages", "04-ppo", "checkpoints");
        Assert.Throws<OperationCanceledException>(() => _run.RunWatched(() =>
        {
            if (asked || !Directory.Exists(Path.Combine(checkpoints, "step-000001")))
            {
                return;
            }

            asked = true;
            Assert.Equal(RunState.Running, RunStatus.Read(_run.Folder)!.State);
            StopRequest.Make(_run.Folder);
            Assert.True(SpinWait.SpinUntil(() => RunStatus.Read(_run.Folder)!.Stopping, TimeSpan.FromMinutes(1)));
        }));

        var status = RunStatus.Read(_run.Folder)!;
        Assert.Equal((RunState.Stopped, null), (status.State, status.Work));
        Assert.Equal(["01-sft", "02-collect", "03-reward", "04-ppo"], status.Stages);
        Assert.Contains("asked to stop", _run.Lines.ToString(), StringComparison.Ordinal);
        Assert.True(Directory.Exists(Path.Combine(checkpoints, "step-000002")));
        Assert.False(StopRequest.IsMade(_run.Folder));

        _run.Run(resume: true);
        Assert.Equal(RunState.Finished, RunStatus.Read(_run.Folder)!.State);
        _run.Run(_run.PathOf("uninterrupted"));
        Assert.Equal(TinyRun.ResultsOf(_run.PathOf("uninterrupted")), TinyRun.ResultsOf(_run.Folder));
    }

    [Fact]
    public void A_request_from_before_the_run_is_forgotten()
    {
        _run.RunUpTo("collect");
        Assert.Equal(RunState.Failed, RunStatus.Read(_run.Folder)!.State);
        StopRequest.Make(_run.Folder);
        _run.Run(resume: true);
        Assert.Equal(RunState.Finished, RunStatus.Read(_run.Folder)!.State);
        Assert.False(StopRequest.IsMade(_run.Folder));
    }

    [Fact]
    public void While_a_stage_runs_its_ledger_is_there_and_a_mistake_in_its_rows_leaves_no_stage()
    {
        _run.RunWatched(() =>
        {
            if (Directory.Exists(Path.Combine(_run.Folder, "stages", "01-sft", "checkpoints")))
            {
                Assert.True(File.Exists(Path.Combine(_run.Folder, "stages", "01-sft", "ledger.json")));
            }
        });
        _run.Write("prompts.jsonl", ["{}"]);
        Assert.Throws<InputException>(() => _run.Run(_run.PathOf("other")));
        Assert.False(Directory.Exists(_run.PathOf("other")));
    }

    [Fact]
    public void An_alarm_is_told_at_the_step_that_gives_cause_and_once()
    {
        var model = Path.Combine(_run.Folder, "stages", "04-ppo", "model");
        var early = false;
        _run.RunWatched(() => early |= _run.Lines.ToString().Contains("alarm: KL", StringComparison.Ordinal) && !Directory.Exists(model), changes: "ppo.alarms.kl=1e-6");
        Assert.True(early);
        Assert.Equal(2, _run.Lines.ToString().Split("alarm: KL").Length);
        Assert.Equal("kl", Assert.Single(RunStatus.Read(_run.Folder)!.Alarms, alarm => alarm.Alarm.Name == "kl").Alarm.Name);
    }

    [Fact]
    public void A_status_that_cannot_be_written_ends_no_run()
    {
        if (!File.Exists("/dev/full"))
        {
            return;
        }

        _run.RunUpTo("sft", within: _ =>
        {
            File.Delete(Path.Combine(_run.Folder, RunStatus.FileName));
            File.CreateSymbolicLink(Path.Combine(_run.Folder, RunStatus.FileName + ".partial"), "/dev/full");
        });
        _run.Run(resume: true);
        Assert.Null(RunStatus.Read(_run.Folder));
    }
}
