using Rlhf.Text.Jinja;

namespace Rlhf.Core;

/// <summary>
/// What files, chat templates and requests of strangers may cost at most, all in one place; docs/limits.md shows the same figures. Each is far above what sound
/// input needs and far
/// below what a machine has, so that a damaged or hostile file ends with a sentence instead of with the machine.
/// </summary>
public static class Limits
{
    /// <summary>Requests whose texts are made into tokens at once; the others wait, and who leaves meanwhile is not worked for.</summary>
    public static int ParallelEncodings { get; } = Math.Max(1, Environment.ProcessorCount / 2);

    /// <summary>Characters of a chat template. The longest in use have about 20,000; a parsed one takes some hundred bytes a character at worst.</summary>
    public const int TemplateCharacters = 128 * 1024;

    /// <summary>Work of one rendering, see <see cref="TemplateBudget"/>: about half a second of a slow core. A conversation of 1,000 turns takes about a
    /// hundredth.</summary>
    public const long TemplateWork = 40_000_000;

    /// <summary>Bytes that one rendering makes, those that it has thrown away included: its process grows by at most twice as much.</summary>
    public const long TemplateBytes = 32L << 20;

    /// <summary>Characters of a text that a template makes: more than any model's context.</summary>
    public const int TemplateText = 4 << 20;

    /// <summary>Items of a list or dictionary that a template makes.</summary>
    public const int TemplateItems = 250_000;

    /// <summary>Items of a template's range(): the limit of Jinja's own sandbox.</summary>
    public const int TemplateRange = 100_000;

    /// <summary>How deep values and calls of macros may be nested: JSON that is read stops at 64.</summary>
    public const int TemplateDepth = 200;

    /// <summary>Bytes of tokenizer.json, vocab.json and merges.txt: the largest in use has 34 MB. Parsed JSON takes up to six times its size.</summary>
    public const long TokenizerFile = 64L << 20;

    /// <summary>Bytes of the other files of a tokenizer.</summary>
    public const long TokenizerSettingsFile = 16L << 20;

    /// <summary>Bytes of the normalizer, the pre-tokenizer or the decoder in tokenizer.json, and with them the steps that each text goes through.</summary>
    public const int TokenizerSteps = 64 * 1024;

    /// <summary>Characters of a pattern or replacement in tokenizer.json.</summary>
    public const int TokenizerPattern = 4_000;

    /// <summary>Characters that normalizing makes of a text: a row has 16 MiB at most.</summary>
    public const int NormalizedText = 64 << 20;

    /// <summary>Characters that a decoder makes of a token.</summary>
    public const int DecodedToken = 64 * 1024;

    /// <summary>Seconds that one match of a split pattern may take.</summary>
    public const double PatternSecondsPerMatch = 2;

    /// <summary>Seconds that a split pattern may take with all texts of a process, beyond those of <see cref="PatternSecondsPerCharacter"/>.</summary>
    public const double PatternSeconds = 10;

    /// <summary>Seconds that a split pattern may take for each character: a hundred times what the patterns in use take.</summary>
    public const double PatternSecondsPerCharacter = 20e-6;

    /// <summary>Bytes of config.json, generation_config.json and other small JSON files of a model folder.</summary>
    public const long ModelSettingsFile = 16L << 20;

    /// <summary>Bytes of an index of weights, and of a header of safetensors (the format's own limit is 100 MB): a model of a million tensors.</summary>
    public const int WeightsIndex = 64 << 20;

    /// <summary>Bytes of the description in front of a GGUF file's numbers, vocabulary included: the largest in use have about 12 MB.</summary>
    public const long GgufHeader = 128L << 20;

    /// <summary>Bytes of a text in a GGUF file's description; chat templates are the longest.</summary>
    public const long GgufText = 16L << 20;

    /// <summary>Bytes of a reply of the hub about a repository; a list of files comes in pages.</summary>
    public const int HubReply = 16 << 20;

    /// <summary>Files of a repository on the hub.</summary>
    public const int HubFiles = 100_000;

    /// <summary>Bytes of a row of data.</summary>
    public const int RowBytes = 16 << 20;

    /// <summary>Bytes of white space between two rows.</summary>
    public const int BlankBytes = 16 << 20;

    /// <summary>How many times its size a gzipped file may unpack to, beyond <see cref="BlankBytes"/>: text reaches about twenty.</summary>
    public const int UnpackedRatio = 300;

    /// <summary>How many times its size a Parquet or Arrow file may unpack to, beyond <see cref="BlankBytes"/>: dictionaries repeat whole texts.</summary>
    public const int TableRatio = 2_000;

    /// <summary>Bytes of the footer of a Parquet file: some hundred row groups of a hundred columns.</summary>
    public const int TableFooterBytes = 32 << 20;

    /// <summary>Bytes of a page of a Parquet file; writers make them of one or a few MiB.</summary>
    public const int TablePageBytes = 128 << 20;

    /// <summary>Bytes of a record batch of an Arrow file; of each one is in memory.</summary>
    public const long TableBatchBytes = 1L << 30;

    /// <summary>Rows that a part of a Parquet or Arrow file may have however small it is.</summary>
    public const int TableRows = 64 * 1024;

    /// <summary>Columns of a table.</summary>
    public const int TableColumns = 1_000;

    /// <summary>Bytes of a recipe, of instructions and of other texts that people write by hand.</summary>
    public const long HandWrittenFile = 4L << 20;

    /// <summary>Bytes of a file of a run that is read whole: summaries, ledgers, metrics, judgements.</summary>
    public const long RunFile = 512L << 20;

    /// <summary>Largest id of a token; the largest vocabularies have 262,144 entries.</summary>
    public const int TokenId = 4_000_000;

    /// <summary>Characters of an added token: matching walks at most this far from each position.</summary>
    public const int AddedToken = 1_000;

    /// <summary>Characters of a recipe.</summary>
    public const int RecipeCharacters = 1 << 20;

    /// <summary>Levels of a recipe.</summary>
    public const int RecipeDepth = 16;

    /// <summary>Bytes of a text or of prompts on standard input.</summary>
    public const long StandardInput = 64L << 20;

    /// <summary>Characters of a line of a prompt file.</summary>
    public const int PromptLine = 1 << 20;

    /// <summary>Bytes of a judge's reply.</summary>
    public const int JudgeReply = 1 << 20;

    /// <summary>Levels of a judge's reply.</summary>
    public const int JudgeReplyDepth = 32;

    /// <summary>Digits of a number that an answer is compared by.</summary>
    public const int NumberDigits = 1_000;

    /// <summary>Levels of an answer that is to be JSON, and of its schema.</summary>
    public const int AnswerJsonDepth = 64;

    /// <summary>Sources of a list of rewards.</summary>
    public const int RewardSources = 16;

    /// <summary>Bytes of a line of a program that gives rewards.</summary>
    public const int ProgramLine = 64 * 1024;

    /// <summary>Levels of such a line.</summary>
    public const int ProgramLineDepth = 16;

    /// <summary>Characters of such a program's standard error that are kept for messages: the last ones.</summary>
    public const int ProgramErrors = 2_000;

    /// <summary>Bytes of a request to a served model.</summary>
    public const long RequestBody = 4L << 20;

    /// <summary>Levels of a request to a served model.</summary>
    public const int RequestDepth = 32;

    /// <summary>Prompts of a request.</summary>
    public const int RequestPrompts = 128;

    /// <summary>Answers that a request has scored.</summary>
    public const int RequestAnswers = 128;

    /// <summary>Answers to each prompt of a request.</summary>
    public const int RequestChoices = 32;

    /// <summary>Stop texts of a request.</summary>
    public const int RequestStops = 16;

    /// <summary>Characters of a stop text.</summary>
    public const int RequestStopCharacters = 1_000;

    /// <summary>Tokens to whose logits a request adds something.</summary>
    public const int RequestBiases = 2_000;

    /// <summary>Most probable tokens that a request may ask for at each place.</summary>
    public const int RequestTopLogProbabilities = 20;

    /// <summary>Parts of a schema that answers are held to.</summary>
    public const int SchemaNodes = 2_000;

    /// <summary>Alternatives at one place of such a schema, and ways to read what an answer has so far: further ways are not followed.</summary>
    public const int SchemaAlternatives = 64;

    /// <summary>Bytes of all values that such a schema lists.</summary>
    public const int SchemaLiteralBytes = 64 * 1024;

    /// <summary>Objects and arrays in one another in an answer that is held to be JSON.</summary>
    public const int AnswerDepth = 32;

    /// <summary>Steps of a byte that finding the tokens for one place of such an answer may take: a string's takes as many as the vocabulary has
    /// bytes.</summary>
    public const int GrammarSteps = 8_000_000;

    /// <summary>Places of answers that a schema's automaton remembers.</summary>
    public const int GrammarStates = 2_048;

    /// <summary>Bytes of sets of tokens that a schema's automaton remembers.</summary>
    public const int GrammarMaskBytes = 8 << 20;

    /// <summary>Bytes of a row of metrics that the watching page takes: a stage logs some forty numbers.</summary>
    public const int WatchedRow = 64 * 1024;

    /// <summary>Bytes of a line of samples, of a status, and (four times as many) of a ledger or summary that the watching page takes.</summary>
    public const int WatchedText = 1 << 20;

    /// <summary>Bytes that the watching page reads of a growing file in one second.</summary>
    public const int WatchedPart = 4 << 20;

    /// <summary>Curves of a run that the watching page keeps.</summary>
    public const int WatchedCurves = 400;

    /// <summary>Columns of a curve that the watching page keeps: then columns become twice as wide.</summary>
    public const int WatchedColumns = 512;

    /// <summary>Runs on one watching page.</summary>
    public const int WatchedRuns = 6;

    /// <summary>Watching pages that are open at once.</summary>
    public const int WatchingPages = 32;

    /// <summary>Characters of a refusal that quotes the input.</summary>
    public const int MessageCharacters = 2_000;
}
