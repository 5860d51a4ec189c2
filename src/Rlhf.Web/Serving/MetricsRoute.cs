using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Rlhf.Sampling;

namespace Rlhf.Web.Serving;

/// <summary><c>/metrics</c>: what the workers have done, in Prometheus' text form, under the names that vLLM's server gives them with <c>rlhf</c> in
/// front.</summary>
internal sealed class MetricsRoute(ServedModels models)
{
    private static readonly string[] Reasons = ["stop", "length", "abort"];

    public Task Write(HttpContext context)
    {
        context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        return context.Response.WriteAsync(Text(), context.RequestAborted);
    }

    private string Text()
    {
        var text = new StringBuilder();
        (string Labels, GenerationStatistics.ModelStatistics Own)[] all =
            [.. models.All.OfType<ServedLanguageModel>().Select(model => (LabelOf(model), model.Worker.Statistics.Models[model.Number]))];
        Simple("num_requests_running", "gauge", "Answers that are being generated.", own => own.Running);
        Simple("num_requests_waiting", "gauge", "Answers that wait for a place.", own => own.Waiting);
        Simple("prompt_tokens_total", "counter", "Tokens of prompts that went through the model.", own => own.Prompt);
        Simple("generation_tokens_total", "counter", "Tokens that were generated.", own => own.Generated);
        Head("request_success_total", "counter", "Answers that ended, by the reason why.");
        foreach (var (labels, own) in all)
        {
            foreach (var reason in Enum.GetValues<FinishReason>())
            {
                Line("request_success_total", $"{labels},finished_reason=\"{Reasons[(int)reason]}\"", own.FinishedBy(reason));
            }
        }

        Head("iteration_tokens_total", "histogram", "Tokens of each pass, of all models on the same weights.");
        foreach (var model in models.All.OfType<ServedLanguageModel>().DistinctBy(model => model.Worker))
        {
            Buckets("iteration_tokens_total", LabelOf(model), model.Worker.Statistics.PassTokens);
        }

        Histograms("time_to_first_token_seconds", "From the request to its first token.", own => own.TimeToFirstToken);
        Histograms("inter_token_latency_seconds", "From a token to the next one.", own => own.InterTokenLatency);
        Histograms("e2e_request_latency_seconds", "From the request to the end of its answer.", own => own.Latency);
        Histograms("request_queue_time_seconds", "From the request to its place.", own => own.QueueTime);
        Histograms("request_prompt_tokens", "Tokens of each prompt.", own => own.PromptTokens);
        Histograms("request_generation_tokens", "Tokens of each answer.", own => own.GeneratedTokens);
        return text.ToString();

        void Head(string name, string type, string help) =>
            text.Append(CultureInfo.InvariantCulture, $"# HELP rlhf:{name} {help}\n# TYPE rlhf:{name} {type}\n");

        void Line(string name, string labels, double value) => text.Append(CultureInfo.InvariantCulture, $"rlhf:{name}{{{labels}}} {value}\n");

        void Simple(string name, string type, string help, Func<GenerationStatistics.ModelStatistics, double> of)
        {
            Head(name, type, help);
            Array.ForEach(all, each => Line(name, each.Labels, of(each.Own)));
        }

        void Histograms(string name, string help, Func<GenerationStatistics.ModelStatistics, Histogram> of)
        {
            Head(name, "histogram", help);
            Array.ForEach(all, each => Buckets(name, each.Labels, of(each.Own)));
        }

        void Buckets(string name, string labels, Histogram histogram)
        {
            var (upTo, count, sum) = histogram.Read();
            for (var i = 0; i < upTo.Count; i++)
            {
                Line(name + "_bucket", string.Create(CultureInfo.InvariantCulture, $"{labels},le=\"{histogram.Bounds[i]}\""), upTo[i]);
            }

            Line(name + "_bucket", $"{labels},le=\"+Inf\"", count);
            Line(name + "_sum", labels, sum);
            Line(name + "_count", labels, count);
        }
    }

    private static string LabelOf(ServedLanguageModel model)
    {
        var name = new StringBuilder(model.Name).Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n");
        return $"model_name=\"{name}\"";
    }
}
