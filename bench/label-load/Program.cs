using LabelLoad;

// Many labelers at once on one ranking server: leases, edits, retries, disconnects, and in the kill mode the death of the server.
//
//     dotnet run -c Release --project bench/label-load -- --store load.db --minutes 5
//     dotnet run -c Release --project bench/label-load -- --store postgres://user@host/db --minutes 5 --kill 20 --json
//
// The store must be new. The server is the built program (./rlhf), started and ended here. Exit code 1 where anything was lost, stored twice or given to too
// many.
var options = LoadOptions.Parse(args);
using var server = new ServerProcess(options);
var tokens = server.Prepare();
server.Start();
using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(options.Minutes));
var killer = options.KillSeconds > 0 ? server.KillAgainAndAgain(TimeSpan.FromSeconds(options.KillSeconds), stop.Token) : Task.CompletedTask;
var auditor = Auditor.WatchAsync(options.Store, stop.Token);
var labelers = tokens.Select((token, index) => new Labeler(server.Address, token, index)).ToArray();
await Task.WhenAll(labelers.Select(labeler => labeler.WorkAsync(stop.Token)));
await killer;

var report = LoadReport.Of(options, labelers, server.Restarts, await auditor);
Console.WriteLine(options.Json ? report.ToJson() : report.ToText());
Array.ForEach(labelers, labeler => labeler.Dispose());
return report.IsRight ? 0 : 1;
