namespace Rlhf.Core;

/// <summary>Words of the field that this program does not know by that name, and what to use instead: a better answer than the name that is spelt
/// alike.</summary>
public static class KnownWords
{
    private const string OtherObjectives =
        "is not one of this program's stages: it trains a reward model on the comparisons ('reward') and then the policy against it ('ppo'), or the policy on the comparisons ('dpo')";
    private const string LossOfDpo = "is a loss of the stage 'dpo' here: dpo: {loss: ...}";
    private const string Adapters = "is called adapter here: --adapter DIR reads one, adapter: {rank: 16} in a recipe's stage trains one (docs/models.md)";
    private const string SmallWeights = "is said where weights are only read: --storage of commands, base_storage of an adapter, frozen_precision of a recipe";

    private static readonly Dictionary<string, string> Advice = new(StringComparer.OrdinalIgnoreCase)
    {
        ["ipo"] = LossOfDpo,
        ["kto"] = LossOfDpo,
        ["orpo"] = LossOfDpo,
        ["simpo"] = LossOfDpo,
        ["cpo"] = LossOfDpo,
        ["apo"] = "is two losses of the stage 'dpo' here: apo_zero and apo_down",
        ["rpo_alpha"] = "is called likelihood_coefficient here",
        ["cpo_alpha"] = "is called likelihood_coefficient here",
        ["simpo_gamma"] = "is called gamma here",
        ["ld_alpha"] = "is called extra_token_weight here",
        ["loss_type"] = "is called loss here",
        ["grpo"] = OtherObjectives,
        ["rloo"] = OtherObjectives,
        ["reinforce"] = OtherObjectives,
        ["lora"] = Adapters,
        ["qlora"] = Adapters,
        ["peft"] = Adapters,
        ["quantize"] = SmallWeights,
        ["quantization"] = SmallWeights,
        ["gguf"] = "files are read by their path, as a model's folder is, and written by 'export'",
        ["load_in_4bit"] = SmallWeights,
        ["load_in_8bit"] = SmallWeights,
        ["gpu"] = "is not used: this program computes on the processor",
        ["cuda"] = "is not used: this program computes on the processor",
        ["device"] = "is said by the environment variable RLHF_DEVICE, or by the key device of a recipe",
        ["rows"] = "is called limit here: the first so many rows of a source",
        ["csv"] = "files are read by their path, as JSON lines are (docs/data.md)",
        ["parquet"] = "files are read by their path, as JSON lines are (docs/data.md)",
        ["train"] = "is one of the steps here: 'sft', 'reward' and 'ppo', or 'dpo', or 'run' for all stages of a recipe",
        ["finetune"] = "is called 'sft' here",
        ["fine-tune"] = "is called 'sft' here",
        ["rm"] = "is called 'reward' here",
        ["rlhf"] = "is the name of the program: leave it out once",
        ["infer"] = "is called 'generate' here",
        ["inference"] = "is called 'generate' here",
        ["complete"] = "is called 'generate' here",
        ["sample"] = "is called 'generate' here",
        ["ask"] = "is called 'chat' here, or 'generate' for one answer",
        ["api"] = "is called 'serve' here",
        ["ui"] = "is in the browser: 'serve' to chat, 'label' to rank",
        ["web"] = "is in the browser: 'serve' to chat, 'label' to rank",
        ["annotate"] = "is called 'label' here",
        ["rank"] = "is called 'label' here",
        ["validate"] = "is called 'data check' for data and 'plan' for recipes",
        ["check"] = "is called 'data check' for data and 'plan' for recipes",
        ["show"] = "is called 'data show' here",
        ["benchmark"] = "is called 'bench' here",
        ["resume"] = "is an option: 'run --resume --out DIR'",
        ["download"] = "is called 'pull' here, and is done by itself where a name of the hub stands for a model or a data file",
        ["help"] = "is an option: --help, of the program and of every command",
        ["version"] = "is an option: --version",
        ["lr"] = "is called learning_rate here",
        ["batch_size"] = "is called batch here (of ppo: rollouts_per_step and minibatch)",
        ["per_device_train_batch_size"] = "is called batch here (of ppo: rollouts_per_step and minibatch)",
        ["num_train_epochs"] = "is called epochs here",
        ["num_epochs"] = "is called epochs here",
        ["max_length"] = "is called max_tokens here",
        ["max_seq_length"] = "is called max_tokens here",
        ["max_new_tokens"] = "is called max_new_tokens in collect and ppo, and --max-tokens on the command line",
        ["beta"] = "is called kl_coefficient here (in dpo beta)",
        ["kl_coef"] = "is called kl_coefficient here",
        ["init_kl_coef"] = "is called kl_coefficient here",
        ["bf16"] = "is a value: precision: bf16",
        ["fp16"] = "is not a precision here: precision is f32 or bf16",
        ["model_name_or_path"] = "is called base.model here",
        ["dataset"] = "is called data.demonstrations, data.comparisons or data.prompts here",
        ["dataset_name"] = "is called data.demonstrations, data.comparisons or data.prompts here",
    };

    /// <summary>The sentence about a word, which begins with the word; null where it is not one of these.</summary>
    public static string? Find(string word) => Advice.TryGetValue(word.TrimStart('-'), out var advice) ? $"'{word}' {advice}" : null;
}
