using Rlhf.Compute.Operations;

namespace Rlhf.Web.Serving;

/// <summary>How language models are served.</summary>
/// <param name="Parallel">Answers that one worker generates at once.</param>
/// <param name="Queue">Answers that may wait for it.</param>
/// <param name="Context">Tokens of prompt and answer at most; null for the model's own limit.</param>
/// <param name="Storage">What the matrices are kept in; null: what loses nothing.</param>
public sealed record ServingSettings(int Parallel, int Queue, int? Context = null, WeightStorage? Storage = null);
