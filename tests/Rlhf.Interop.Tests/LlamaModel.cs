using System.Text;
using LLama.Exceptions;
using LLama.Native;

using Rlhf.Tests;

namespace Rlhf.Interop.Tests;

/// <summary>A model in llama.cpp, on the CPU.</summary>
internal sealed class LlamaModel : IDisposable
{
    private const int Context = 512;

    private readonly SafeLlamaModelHandle _model;
    private readonly SafeLLamaContextHandle _context;

    public LlamaModel(string path)
    {
        var parameters = LLamaModelParams.Default();
        parameters.n_gpu_layers = 0;
        _model = SafeLlamaModelHandle.LoadFromFile(path, parameters);
        var settings = LLamaContextParams.Default();
        (settings.n_ctx, settings.n_batch, settings.n_ubatch) = ((uint)Math.Min(Context, _model.ContextSize), Context, Context);
        (settings.n_threads, settings.n_threads_batch) = (Environment.ProcessorCount, Environment.ProcessorCount);
        (settings.type_k, settings.type_v) = (GGMLType.GGML_TYPE_F32, GGMLType.GGML_TYPE_F32);
        _context = SafeLLamaContextHandle.Create(_model, settings);
    }

    /// <summary>Why llama.cpp cannot be used here, or null.</summary>
    public static string? Missing { get; } = Load();

    /// <summary>Ids of a text, special tokens in it recognised, none put around it.</summary>
    public int[] Encode(string text) => [.. _model.Tokenize(text, addBos: false, special: true, Encoding.UTF8).Select(id => (int)id)];

    /// <summary>The most probable ids after a prompt, up to an end or a number of them.</summary>
    public int[] Greedy(int[] prompt, IReadOnlyList<int> ends, int most)
    {
        _context.MemoryClear(true);
        var batch = new LLamaBatch();
        var row = 0;
        for (var t = 0; t < prompt.Length; t++)
        {
            row = batch.Add(prompt[t], t, LLamaSeqId.Zero, t == prompt.Length - 1);
        }

        var ids = new List<int>();
        while (ids.Count < most)
        {
            Assert.Equal(DecodeResult.Ok, _context.Decode(batch));
            var logits = _context.GetLogitsIth(row);
            var best = 0;
            for (var id = 1; id < logits.Length; id++)
            {
                best = logits[id] > logits[best] ? id : best;
            }

            ids.Add(best);
            if (ends.Contains(best))
            {
                break;
            }

            batch.Clear();
            row = batch.Add(best, prompt.Length + ids.Count - 1, LLamaSeqId.Zero, true);
        }

        return [.. ids];
    }

    public void Dispose()
    {
        _context.Dispose();
        _model.Dispose();
    }

    private static string? Load()
    {
        try
        {
            NativeLibraryConfig.All.WithLogCallback((_, _) => { });
            NativeApi.llama_empty_call();
            return null;
        }
        catch (Exception exception) when (exception is RuntimeError or DllNotFoundException or TypeInitializationException or BadImageFormatException)
        {
            return exception.Message;
        }
    }
}

/// <summary>A test that needs llama.cpp, and perhaps a file below <c>../shared/data</c>; skipped, and says so, where one is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class LlamaFactAttribute : FactAttribute
{
    public LlamaFactAttribute(string? dataFile = null)
    {
        var path = dataFile is null ? null : ReferenceFiles.DataPathOf(dataFile.Split('/'));
        Skip = path is not null && !File.Exists(path) ? $"{path} is absent" : LlamaModel.Missing is { } why ? $"llama.cpp cannot be loaded: {why}" : null;
    }
}
