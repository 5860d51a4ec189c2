namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>Words of the format, as llama.cpp writes them.</summary>
internal static class GgufKeys
{
    public const string Ending = ".gguf";
    public const string Alignment = "general.alignment";
    public const string Architecture = "general.architecture";
    public const string FileType = "general.file_type";
    public const string Name = "general.name";
    public const string QuantizationVersion = "general.quantization_version";
    public const string RotaryFactors = "rope_freqs.weight";
    public const string Splits = "split.count";
    public const string SplitNumber = "split.no";
    public const string SplitTensors = "split.tensors.count";

    public const string TokenizerModel = "tokenizer.ggml.model";
    public const string TokenizerPre = "tokenizer.ggml.pre";
    public const string Tokens = "tokenizer.ggml.tokens";
    public const string TokenTypes = "tokenizer.ggml.token_type";
    public const string Scores = "tokenizer.ggml.scores";
    public const string Merges = "tokenizer.ggml.merges";
    public const string Beginning = "tokenizer.ggml.bos_token_id";
    public const string End = "tokenizer.ggml.eos_token_id";
    public const string EndOfTurn = "tokenizer.ggml.eot_token_id";
    public const string Unknown = "tokenizer.ggml.unknown_token_id";
    public const string Padding = "tokenizer.ggml.padding_token_id";
    public const string AddBeginning = "tokenizer.ggml.add_bos_token";
    public const string AddEnd = "tokenizer.ggml.add_eos_token";
    public const string AddSpace = "tokenizer.ggml.add_space_prefix";
    public const string ChatTemplate = "tokenizer.chat_template";

    /// <summary>The value of <see cref="TokenizerModel"/> for a file without one.</summary>
    public const string NoVocabulary = "no_vocab";

    public static ReadOnlySpan<byte> Magic => "GGUF"u8;
}
