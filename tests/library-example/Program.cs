using Rlhf.Compute;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Sampling;
using Rlhf.Stages.Sft;
using Rlhf.Text.Templates;
using Rlhf.Training;

// A folder, a GGUF file, an adapter's folder, or a name on the hub.
var checkpoint = Checkpoint.Open(args[0]);
using var device = Devices.Create();
using var arena = new Arena(device); // memory for activations, which all that follow use in turn
using var model = checkpoint.Load(device, HeadKind.Language, trainable: true);

// A prompt with an answer, in the model's own format: token ids, and which of them are trained.
var encoder = new SequenceEncoder(checkpoint.Tokenizer, checkpoint.Format, new EncodingOptions(), new Ledger("example"));
var answer = new Message("assistant", "Lisbon.");
var row = encoder.EncodeAnswer(new Demonstration("row 1", Prompt.FromText("Capital of Portugal?"), answer, TrainOnAllTurns: false, default))!;

using var scorer = new Scorer(model, rowBudget: 4096, arena);
float LogProbability() => scorer.ResponseLogProbabilities([row.Tokens], [row.PromptLength]).LogProbabilities.Sum();
Console.WriteLine($"log p of the answer: {LogProbability():F4}");

using var generator = new Generator(model, arena);
var settings = new GenerationSettings { MaxNewTokens = 16, EndIds = encoder.EndIds, Seed = 1 };
var sampled = generator.Generate([row.Tokens[..row.PromptLength]], settings)[0];
Console.WriteLine($"sampled: {AnswerText.Of(checkpoint.Tokenizer, sampled)}");

using var trainer = new SupervisedTrainer(new SftOptions { LearningRate = 1e-3 }, model, [row], [], seed: 1, new SilentHost(), arena);
trainer.TrainStep(1);
Console.WriteLine($"log p after one step: {LogProbability():F4}");
Checkpoint.Save(model, args[1], checkpoint.Source, asReward: false);
