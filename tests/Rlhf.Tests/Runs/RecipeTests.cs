using Rlhf.Data;
using Rlhf.Objectives;
using Rlhf.Runs;
using Rlhf.Stages;
using Rlhf.Stages.Collect;
using Rlhf.Stages.Ppo;
using Rlhf.Stages.Pretrain;
using Rlhf.Stages.Reward;
using Rlhf.Stages.Sft;
using Rlhf.Training;
using Rlhf.World;

namespace Rlhf.Tests.Runs;

public class RecipeTests
{
    [Theory]
    [InlineData("format.date=none", "name=x")]
    [InlineData("sft.reward_model=none", "sft.keep_best=none")]
    [InlineData("reward.second_model.seed=none", "reward.second_model.drop_fraction=0")]
    public void A_key_that_the_command_line_sets_to_none_asks_for_nothing_and_so_needs_no_effect(string change, string other) =>
        Assert.NotNull(Parse(Polite, change, other));

    [Fact]
    public void A_key_without_effect_may_be_set_to_none_but_not_misspelt()
    {
        Assert.Contains("has no effect", Assert.Throws<InputException>(() => Parse(Polite, "sft.reward_model=x")).Message, StringComparison.Ordinal);
        Assert.Contains("unknown key", Assert.Throws<InputException>(() => Parse(Polite, "sft.reward_modle=none")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sft.dropout=default", true)]
    [InlineData("sft.dropout=0.2", false)]
    [InlineData("sft.dropout=0", false)]
    public void Dropout_that_nobody_chose_is_told_where_a_pretrained_model_is_trained(string change, bool isTold)
    {
        var recipe = Parse(Polite, change);
        var note = SftStage.DropoutNote(recipe, recipe.Find<SftOptions>()!);
        Assert.Equal(isTold, note is not null);
        Assert.Contains(isTold ? "sft.dropout is 0.2 by default" : "", note ?? "", StringComparison.Ordinal);
    }

    /// <summary>The settings of the polite recipe: what every key can say.</summary>
    private const string Polite = """
        name: polite
        seed: 7
        base:
          model: ../data/stories260k
        format:
          template: custom
          prompt: "Instruction: {instruction}\n[[Input: {input}\n]]Answer:"
          add_bos: true
        data:
          demonstrations: {path: polite.jsonl, take: mixed, held_out: 0.1}
          comparisons: {path: [polite.jsonl, more.jsonl], held_out: 0.1}
          prompts: {path: polite.jsonl, held_out: 0.1}
        sft:
          epochs: 3
          batch: 16
          learning_rate: 2e-3
          warm_up_steps: 20
          dropout: 0
          adam: {weight_decay: 0.01}
          limits: {max_prompt_tokens: 160, max_response_tokens: 96, on_overlong: truncate}
        reward:
          epochs: 2
          batch: 16
          learning_rate: 1e-3
          final_learning_rate_fraction: 0
          warm_up_steps: 10
          limits: {max_prompt_tokens: 160, max_response_tokens: 96, on_overlong: truncate}
          second_model: {seed: 11, drop_fraction: 0.1}
        ppo:
          steps: 60
          rollouts_per_step: 128
          minibatch: 32
          max_new_tokens: 48
          learning_rate: 1e-4
          value_learning_rate: 3e-4
          warm_up_steps: 5
          kl_coefficient: 0.05
          score_normalization: sft_samples
          missing_eos_penalty: 1
          ema: none
        """;

    private static readonly string Folder = Path.GetFullPath("/recipes"); // on Windows with the drive before it

    private static Recipe Parse(string text, params string[] overrides) => RecipeReader.Parse(text, "recipe.yaml", Folder, overrides);

    [Fact]
    public void A_key_of_the_file_can_be_taken_away()
    {
        Assert.Equal(1, Parse("rounds: 3\n" + Polite, "rounds=default").Rounds);
        Assert.Equal(new SftOptions().Epochs, Parse(Polite, "sft.epochs=default").Find<SftOptions>()!.Epochs);
        Assert.Contains("no such key", Assert.Throws<InputException>(() => Parse(Polite, "sft.nothing=default")).Message, StringComparison.Ordinal);
        Assert.Equal("default", Parse(Polite, "name='default'").Name);
    }

    [Fact]
    public void A_path_on_the_command_line_is_seen_from_the_current_folder_where_it_is_there_alone()
    {
        using var folder = new TestFolder();
        var file = folder.Write("typed.jsonl", "{}");
        var typed = Path.GetRelativePath(Environment.CurrentDirectory, file);
        Assert.Equal([file], Parse(Polite, $"data.prompts.path={typed}").Data.Prompts!.Path.Select(Path.GetFullPath));
        var pattern = Path.Combine(Path.GetDirectoryName(typed)!, "*.jsonl");
        Assert.Equal([Path.Combine(folder.Path, "*.jsonl")], Parse(Polite, $"data.prompts.path=['{pattern}']").Data.Prompts!.Path.Select(Path.GetFullPath));
        Assert.Equal([Path.Combine(Folder, "absent.jsonl")], Parse(Polite, "data.prompts.path=absent.jsonl").Data.Prompts!.Path);
        Assert.Equal([Path.Combine(Folder, "polite.jsonl")], Parse(Polite, "data.prompts.limit=3").Data.Prompts!.Path);
    }

    [Fact]
    public void A_minibatch_above_the_rollouts_is_one_mistake() =>
        Assert.Single(ErrorsOf(Polite, "ppo.rollouts_per_step=8", "ppo.minibatch=48", "ppo.rollouts_per_prompt=1"));

    private static string[] ErrorsOf(string text, params string[] overrides) =>
        Assert.Throws<InputException>(() => Parse(text, overrides)).Message.Split(Environment.NewLine);

    [Fact]
    public void A_recipe_sets_what_it_names_and_keeps_the_other_defaults()
    {
        var recipe = Parse(Polite);

        Assert.Equal(Path.GetFullPath("/data/stories260k"), recipe.Base.Model);
        Assert.Equal(DemonstrationPick.Mixed, recipe.Data.Demonstrations!.Take);
        Assert.Equal([Path.Combine(Folder, "polite.jsonl"), Path.Combine(Folder, "more.jsonl")], recipe.Data.Comparisons!.Path);
        Assert.Equal(2e-3, recipe.Find<SftOptions>()!.LearningRate);
        Assert.Equal(0.95, recipe.Find<SftOptions>()!.Adam.Beta2);
        Assert.Equal(OverlongPolicy.Truncate, recipe.Find<RewardOptions>()!.Limits.OnOverlong);
        Assert.Equal(11ul, recipe.Find<RewardOptions>()!.SecondModel!.Seed);
        Assert.Equal(ScoreNormalization.SftSamples, recipe.Find<PpoOptions>()!.ScoreNormalization);
        Assert.Null(recipe.Find<PpoOptions>()!.Ema);
        Assert.Equal(0.2, recipe.Find<PpoOptions>()!.ClipRange);
        Assert.Equal(0, recipe.Find<PpoOptions>()!.Adam.WeightDecay);
    }

    [Fact]
    public void A_resolved_recipe_reads_back_as_itself()
    {
        var resolved = RecipeWriter.Write(Parse(Polite));

        Assert.Contains("  clip_range: 0.2\n", resolved, StringComparison.Ordinal);
        Assert.Contains("  ema: none\n", resolved, StringComparison.Ordinal);
        Assert.DoesNotContain("value_coefficient", resolved, StringComparison.Ordinal);
        Assert.Equal(resolved, RecipeWriter.Write(Parse(resolved)));
    }

    [Fact]
    public void The_shipped_recipes_are_valid()
    {
        var folder = Path.Combine(ReferenceFiles.Repository, "recipes");
        foreach (var file in Directory.Exists(folder) ? Directory.GetFiles(folder, "*.yaml") : [])
        {
            RecipeReader.Read(file);
        }
    }

    [Theory]
    [InlineData("nam: x", "recipe.yaml:1:1: unknown key 'nam'; did you mean 'name'?")]
    [InlineData("zzzzzzzz: x",
        "recipe.yaml:1:1: unknown key 'zzzzzzzz'; of the 18 keys here the nearest are base, collect, data, device, distill, dpo, format, name, ppo, pretrain ('rlhf recipe' prints all)")]
    [InlineData("grpo: {}",
        "recipe.yaml:1:1: unknown key 'grpo': 'grpo' is a preset of the stage 'ppo' here: ppo: {preset: ...}")]
    [InlineData("kto: {}", "recipe.yaml:1:1: unknown key 'kto': 'kto' is a loss of the stage 'dpo' here: dpo: {loss: ...}")]
    [InlineData("epochs: 2", "recipe.yaml:1:1: unknown key 'epochs'; there is pretrain.epochs, sft.epochs, reward.epochs, dpo.epochs, rejection.epochs")]
    [InlineData("sft: {lr: 1e-5}", "recipe.yaml:1:7: unknown key 'sft.lr': 'lr' is called learning_rate here")]
    [InlineData("ppo:\n  clip_rnage: 0.1", "recipe.yaml:2:3: unknown key 'ppo.clip_rnage'; did you mean 'clip_range'?")]
    [InlineData("sft:\n  epochs: many", "recipe.yaml:2:11: sft.epochs: expected a whole number, found 'many'")]
    [InlineData("sft:\n  epochs: \"3\"", "recipe.yaml:2:11: sft.epochs: expected a whole number, found the text \"3\"")]
    [InlineData("sft:\n  epochs: 1.5", "recipe.yaml:2:11: sft.epochs: expected a whole number, found '1.5'")]
    [InlineData("sft:\n  epochs:", "recipe.yaml:2:10: sft.epochs: expected a whole number, found nothing")]
    [InlineData("sft: {learning_rate: .nan}", "recipe.yaml:1:22: sft.learning_rate: expected a number, found '.nan'")]
    [InlineData("sft: {schedule: cosin}", "recipe.yaml:1:17: sft.schedule: expected one of constant, linear, cosine, found 'cosin'; did you mean 'cosine'?")]
    [InlineData("ppo: {ema: [1]}", "recipe.yaml:1:12: ppo.ema: expected a number or none, found a list")]
    [InlineData("ppo: {whiten_rewards: yes}", "recipe.yaml:1:23: ppo.whiten_rewards: expected true or false, found 'yes'")]
    [InlineData("frozen_precision: bf6", "recipe.yaml:1:19: frozen_precision: expected one of f32, bf16, int8, q4, found 'bf6'; did you mean 'bf16'?")]
    [InlineData("seed: -1", "recipe.yaml:1:7: seed: expected a whole number, 0 or above, found '-1'")]
    [InlineData("sft:\nname: x", "recipe.yaml:1:5: 'sft' is empty; write {} for its defaults")]
    [InlineData("sft: 3", "recipe.yaml:1:6: expected keys below 'sft', found '3'")]
    [InlineData("[1]", "recipe.yaml:1:1: expected keys below the recipe, found a list")]
    [InlineData("name: a\nname: b", "recipe.yaml:2:1: the key 'name' stands here a second time")]
    [InlineData("name: &a b", "recipe.yaml:1:7: anchors (&), aliases (*) and tags (!) are not used in recipes; write the value out")]
    [InlineData("data: {prompts: {fields: {prompt: [a]}}}", "recipe.yaml:1:26: data.prompts.fields: expected names with texts, {ours: theirs}, found keys")]
    public void A_wrong_key_or_value_is_told_with_its_place(string text, string message) =>
        Assert.Contains(message, ErrorsOf(text));

    [Theory]
    [InlineData("name: [a\nb: }", "recipe.yaml:1:7: not valid YAML")]
    [InlineData("name: a\n  b: c", "recipe.yaml:2:4: not valid YAML")]
    [InlineData("name: \"a", "recipe.yaml:1:7: not valid YAML")]
    public void Broken_yaml_is_told_with_its_place(string text, string message) =>
        Assert.StartsWith(message, ErrorsOf(text)[0], StringComparison.Ordinal);

    [Fact]
    public void Deep_nesting_is_refused() =>
        Assert.Contains("nested deeper", ErrorsOf(new string('[', 5000))[0], StringComparison.Ordinal);

    [Fact]
    public void All_errors_come_at_once()
    {
        var errors = ErrorsOf("nam: x\nsft:\n  epochs: many\n  batsh: 3");

        Assert.Equal(3, errors.Length);
    }

    [Theory]
    [InlineData("sft.epochs=0", "--set sft.epochs=0: sft.epochs: must be above 0, found 0")]
    [InlineData("ppo.minibatch=48", "--set ppo.minibatch=48: ppo.minibatch: must divide rollouts_per_step (128) without a rest, found 48")]
    [InlineData("ppo.rollouts_per_prompt=3",
        "--set ppo.rollouts_per_prompt=3: ppo.rollouts_per_prompt: must divide minibatch (32) without a rest, found 3: the rollouts of a prompt belong to one optimizer step")]
    [InlineData("sft.dropout=1", "--set sft.dropout=1: sft.dropout: must be at least 0 and below 1, found 1")]
    [InlineData("ppo.adaptive_kl={target: -1}", "--set ppo.adaptive_kl={target: -1}: ppo.adaptive_kl.target: must be above 0, found -1")]
    [InlineData("data.prompts=none", "--set data.prompts=none: data.prompts: is missing; ppo needs it")]
    [InlineData("rounds=2", "--set rounds=2: rounds: above 1 repeats collect, reward and ppo, or collect and dpo, and the recipe must have all of them; or rejection, or distill")]
    [InlineData("sft.epocs=2", "--set sft.epocs=2: unknown key 'sft.epocs'; did you mean 'epochs'?")]
    [InlineData("name.x=2", "--set name.x=2: there are no keys below the value at recipe.yaml:1:7")]
    [InlineData("sft", "--set sft: expected key=value, for example --set sft.epochs=3")]
    public void Wrong_values_are_told_where_they_stand(string change, string message) => Assert.Contains(message, ErrorsOf(Polite, change));

    [Theory]
    [InlineData("ppo.value_coefficient=0.1", "ppo.value_coefficient: has no effect without shared_trunk: true; use value_learning_rate")]
    [InlineData("ppo.start_from=sft", "ppo.start_from: has no effect with one round")]
    [InlineData("ppo.reward_model=x", "ppo.reward_model: has no effect beside the recipe's reward stage")]
    [InlineData("ppo.final_learning_rate_fraction=0",
        "ppo.final_learning_rate_fraction: has no effect with schedule: constant; remove it or choose cosine or linear")]
    [InlineData("ppo.limits.max_tokens=3", "ppo.limits.max_tokens: has no effect here, where answers are sampled; use max_prompt_tokens and max_new_tokens")]
    [InlineData("sft.reward_model=x", "sft.reward_model: has no effect without keep_best: reward")]
    [InlineData("data.text.path=x", "data.text: has no effect in this recipe: no stage reads it")]
    [InlineData("data.prompts.take=chosen", "data.prompts.take: has no effect here, only on data.demonstrations")]
    [InlineData("base.tokenizer=x", "base.tokenizer: has no effect beside model, whose folder has the tokenizer")]
    [InlineData("format.template=plain", "format.prompt: has no effect without template: custom")]
    [InlineData("collect={labeler: gold, store: x.db}", "collect.store: has no effect without labeler: people")]
    [InlineData("reward.round_weights=[1]", "reward.round_weights: has no effect with one round")]
    public void A_key_that_nothing_reads_is_an_error_even_with_its_default(string change, string message) =>
        Assert.Contains(ErrorsOf(Polite, change),
            error => error.EndsWith(message, StringComparison.Ordinal) || error.Contains(message + "; --set ", StringComparison.Ordinal));

    [Theory]
    [InlineData("labeler: people, answers_per_prompt: 10", "collect.answers_per_prompt: must be 2 to 9 with labeler: people: the ranking page shows no more")]
    [InlineData("labeler: people, enough: 1.5", "collect.enough: must be a share above 0 and at most 1, or a whole number above 1")]
    [InlineData("labeler: people, rankings_per_prompt: 0", "collect.rankings_per_prompt: must be between 1 and 100, found 0")]
    [InlineData("labeler: people, store: \"postgres://me:pass:@word@host/db\"",
        "collect.store: must hold no password: the run folder and the report show the recipe; leave it out and set the environment variable PGPASSWORD")]
    [InlineData("labeler: judge", "collect.judge: is missing; labeler: judge needs its url and model: judge: {url: https://host/v1, model: NAME}")]
    [InlineData("labeler: gold, judge: {url: \"http://host/v1\", model: m}", "collect.judge: has no effect without labeler: judge")]
    [InlineData("labeler: judge, judge: {url: \"https://me:secret@host/v1\", model: m}",
        "collect.judge.url: must be an address such as https://host/v1, without user, password or query")]
    [InlineData("labeler: judge, judge: {url: host, model: m}",
        "collect.judge.url: must be an address such as https://host/v1, without user, password or query")]
    [InlineData("labeler: judge, judge: {url: \"https://host/v1\"}", "collect.judge.model: is missing: the model's name at the server")]
    [InlineData("labeler: judge, judge: {url: \"https://host/v1\", model: m, api_key_variable: sk-abc}",
        "collect.judge.api_key_variable: must be the name of an environment variable, not the key itself")]
    [InlineData("labeler: judge, judge: {url: \"https://host/v1\", model: m, prompt: \"{first} {second} {thrid}\"}",
        "collect.judge.prompt: there is no field {thrid}; the fields are {prompt}, {first} and {second}")]
    [InlineData("labeler: judge, judge: {url: \"https://host/v1\", model: m, prompt: \"{first}\"}",
        "collect.judge.prompt: must have the fields {first} and {second}")]
    [InlineData("labeler: judge, judge: {url: \"https://host/v1\", model: m, first: \"*a*\", second: A}",
        "collect.judge.first: first, second and tie must be three different words")]
    public void What_is_wrong_with_a_labeler_is_told_before_the_run(string collect, string message) =>
        Assert.Contains(ErrorsOf(Polite, $"collect={{{collect}}}"), error => error.EndsWith(message, StringComparison.Ordinal));

    [Fact]
    public void A_labeler_that_is_no_folder_suggests_the_nearest_word() =>
        Assert.Contains(
            ErrorsOf(Polite, "collect={labeler: peple}"),
            error => error.EndsWith($"collect.labeler: there is no folder {Path.Combine(Folder, "peple")}; did you mean 'people'?", StringComparison.Ordinal));

    [Theory]
    [InlineData("[0.5, 0]", "must be numbers, 0 or above, the last one (the newest round's) above 0")]
    [InlineData("[-1, 1]", "must be numbers, 0 or above, the last one (the newest round's) above 0")]
    [InlineData("[1, 1, 1]", "has more weights than there are rounds")]
    [InlineData("[1, x]", "expected a list of numbers, found a list")]
    [InlineData("2", "expected a list of numbers, found '2'")]
    public void Weights_of_rounds_that_make_no_sense_are_refused(string weights, string message) =>
        Assert.Contains(ErrorsOf(Polite, "collect={labeler: gold}", "rounds=2", $"reward.round_weights={weights}"),
            error => error.EndsWith($"reward.round_weights: {message}", StringComparison.Ordinal));

    [Fact]
    public void The_last_weight_is_the_newest_rounds_and_the_first_that_of_all_older_ones()
    {
        var recipe = Parse(Polite, "collect={labeler: gold}", "rounds=3", "reward.round_weights=[0.25, 1]");

        Assert.Equal([1, 0.25, 0.25], Enumerable.Range(0, 3).Select(age => RankedRows.WeightOfRound(recipe.Find<RewardOptions>()!, age)));
        Assert.Equal(1, RankedRows.WeightOfRound(new RewardOptions(), 5));
        Assert.Contains("  round_weights: [0.25, 1]\n", RecipeWriter.Write(recipe), StringComparison.Ordinal);
    }

    [Fact]
    public void A_store_is_a_file_seen_from_the_recipe_or_a_server()
    {
        Assert.Equal(Path.Combine(Folder, "labels.db"), Parse(Polite, "collect={labeler: people, store: labels.db}").Find<CollectOptions>()!.Store);
        Assert.Equal("postgres://me@host/db", Parse(Polite, "collect={labeler: people, store: \"postgres://me@host/db\"}").Find<CollectOptions>()!.Store);
    }

    [Fact]
    public void Overrides_replace_add_and_remove()
    {
        var recipe = Parse(Polite, "sft.epochs=5", "ppo.adaptive_kl.target=4", "reward.second_model=none", "name=a b");

        Assert.Equal(5, recipe.Find<SftOptions>()!.Epochs);
        Assert.Equal(new AdaptiveKlOptions { Target = 4 }, recipe.Find<PpoOptions>()!.AdaptiveKl);
        Assert.Null(recipe.Find<RewardOptions>()!.SecondModel);
        Assert.Equal("a b", recipe.Name);
    }

    [Fact]
    public void Stages_stand_in_the_order_of_the_recipe()
    {
        var errors = ErrorsOf(Polite.Replace("sft:", "pretrain: {}\nsft:", StringComparison.Ordinal));
        Assert.Contains("recipe.yaml:9:1: data.text: is missing; pretrain needs it", errors);

        var reversed = Polite[Polite.IndexOf("reward:", StringComparison.Ordinal)..];
        Assert.Contains(ErrorsOf(Polite[..Polite.IndexOf("sft:", StringComparison.Ordinal)] + reversed + "\nsft: {}\n"),
            error => error.EndsWith("sft: stands after ppo; the order is pretrain, sft, collect, reward, dpo, rejection, distill, ppo", StringComparison.Ordinal));
    }

    [Fact]
    public void Rounds_repeat_collect_reward_and_ppo()
    {
        var once = Parse(Polite, "collect={labeler: gold}");
        Assert.Equal(["01-sft", "02-collect", "03-reward", "04-ppo"], StageStep.Of(once).Select(step => step.Name));

        var twice = Parse(Polite, "collect={labeler: gold}", "rounds=2");
        Assert.Equal(["05-collect-2", "06-reward-2", "07-ppo-2"], StageStep.Of(twice).Skip(4).Select(step => step.Name));
    }

    /// <summary>The InstructGPT column of the table of defaults (Ouyang 2022, App. C and E).</summary>
    [Fact]
    public void Defaults_are_those_of_InstructGPT()
    {
        var sft = new SftOptions();
        Assert.Equal((16, 9.65e-6, ScheduleShape.Cosine, 0.2), (sft.Epochs, sft.LearningRate, sft.Schedule, sft.Dropout));

        var reward = new RewardOptions();
        Assert.Equal((1, 9e-6, ScheduleShape.Cosine, 0.1), (reward.Epochs, reward.LearningRate, reward.Schedule, reward.FinalLearningRateFraction));
        Assert.Equal((64, TieRule.Drop, NormalizeOn.Demonstrations), (reward.Batch, reward.Ties, reward.NormalizeOn));
        Assert.Equal(HeadInitialization.Normal, reward.HeadInitialization);

        var ppo = new PpoOptions();
        Assert.Equal((512, 64, 1), (ppo.RolloutsPerStep, ppo.Minibatch, ppo.InnerEpochs));
        Assert.Equal((ScheduleShape.Constant, 10, 0.1), (ppo.Schedule, ppo.WarmUpSteps, ppo.LearningRates(500).At(1) / ppo.LearningRate));
        Assert.True(ppo.LearningRate < 8.05e-6);
        Assert.Equal((9e-6, 0.2, 1.0, 0.02, 1.0), (ppo.ValueLearningRate, ppo.ClipRange, ppo.Gamma, ppo.KlCoefficient, ppo.Temperature));
        Assert.Equal((0.992, KlEstimator.K1, false), (ppo.Ema, ppo.KlEstimator, ppo.SharedTrunk));
        Assert.Equal((27.8, 8.0), (new PtxOptions().Coefficient, new PtxOptions().BatchRatio));
        Assert.Null(ppo.Ptx);

        foreach (TrainingOptions options in new TrainingOptions[] { sft, reward, ppo })
        {
            Assert.Equal((0.9, 0.95), (options.Adam.Beta1, options.Adam.Beta2));
        }
    }

    [Fact]
    public void Default_options_are_valid()
    {
        var errors = new OptionErrors();
        new SftOptions().Validate(errors);
        new PretrainOptions().Validate(errors);
        new RewardOptions { SecondModel = new SecondModelOptions() }.Validate(errors);
        new PpoOptions { AdaptiveKl = new AdaptiveKlOptions(), Ptx = new PtxOptions() }.Validate(errors);
        new CollectOptions().Validate(errors);

        Assert.Empty(errors.All);
    }
}
