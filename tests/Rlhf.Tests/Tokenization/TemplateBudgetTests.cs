using Rlhf.Tokenization.Jinja;

namespace Rlhf.Tests.Tokenization;

/// <summary>What a chat template may cost. The counters are the measure: they do not depend on the machine.</summary>
public class TemplateBudgetTests
{
    // All that is allocated, so that what is resident stays below, however late it is collected.
    private const long Most = 64L << 20;
    private const string Long = "{% set s = 'x' * 4000000 %}";
    private const string Shared = "{% set ns = namespace(a=[1,1]) %}{% for i in range(40) %}{% set ns.a = [ns.a,ns.a] %}{% endfor %}";
    private const string SharedDictionary = "{% set ns = namespace(a={'k': 1}) %}{% for i in range(40) %}{% set ns.a = {'k': ns.a, 'l': ns.a} %}{% endfor %}";
    private const string Deep = "{% set ns = namespace(a=[], b=[]) %}{% for i in range(90000) %}{% set ns.a = [ns.a] %}{% set ns.b = [ns.b] %}{% endfor %}";
    private const string Again = "{% for i in range(100000) %}{% for j in range(100000) %}";
    private const string End = "{% endfor %}{% endfor %}";

    [Theory]
    // Values that share their parts are small in memory and without end in print.
    [InlineData(Shared + "{{ ns.a }}")]
    [InlineData(Shared + "{% set b = ns.a == ns.a %}")]
    [InlineData(Shared + "{% set b = ns.a != ns.a %}")]
    [InlineData(Shared + "{{ ns.a in [0, ns.a] }}")]
    [InlineData(Shared + "{{ [ns.a, ns.a] | unique | list | length }}")]
    [InlineData(Shared + "{{ [ns.a].index(ns.a) }}")]
    [InlineData(Shared + "{{ [ns.a].count(ns.a) }}")]
    [InlineData(Shared + "{{ ns.a | tojson | length }}")]
    [InlineData(Shared + "{{ ns.a | tojson(indent=4) | length }}")]
    [InlineData(Shared + "{{ ns.a | string | length }}")]
    [InlineData(Shared + "{{ ns.a | upper }}")]
    [InlineData(Shared + "{{ ns.a | trim }}")]
    [InlineData(Shared + "{{ ns.a | join }}")]
    [InlineData(Shared + "{{ ('' ~ ns.a) | length }}")]
    [InlineData(Shared + "{{ raise_exception(ns.a) }}")]
    [InlineData(Shared + "{{ ns.a is sameas ns.a }}")]
    [InlineData(Shared + "{{ ns.a is eq ns.a }}")]
    [InlineData(Shared + "{{ [ns.a] | select('equalto', ns.a) | list | length }}")]
    [InlineData(Shared + "{{ ns.a | indent }}")]
    [InlineData(Shared + "{{ ns.a | replace('1', '2') | length }}")]
    [InlineData(Shared + "{% for i in [1, 2] %}{{ loop.changed(ns.a) }}{% endfor %}")]
    [InlineData(SharedDictionary + "{{ ns.a }}")]
    [InlineData(SharedDictionary + "{{ ns.a == ns.a }}")]
    [InlineData(SharedDictionary + "{{ ns.a | tojson }}")]
    [InlineData(Deep + "{{ ns.a }}")]
    [InlineData(Deep + "{{ ns.a == ns.b }}")]
    [InlineData(Deep + "{{ ns.a | tojson }}")]
    [InlineData(Deep + "{{ ns.a | map('map', 'map', 'map', 'upper') | list }}{{ ns.a }}")]
    // Long texts, looked through again and again.
    [InlineData(Long + Again + "{% set t = s.upper() %}" + End)]
    [InlineData(Long + Again + "{% set t = s | lower %}" + End)]
    [InlineData(Long + Again + "{% set t = s.title() %}" + End)]
    [InlineData(Long + Again + "{% set t = s == s ~ '' %}" + End)]
    [InlineData(Long + Again + "{% set t = s < s %}" + End)]
    [InlineData(Long + Again + "{% set t = 'y' in s %}" + End)]
    [InlineData(Long + Again + "{% set t = s.find('y') %}" + End)]
    [InlineData(Long + Again + "{% set t = s.count('y') %}" + End)]
    [InlineData(Long + Again + "{% set t = s.startswith(s) %}" + End)]
    [InlineData(Long + Again + "{% set t = s.endswith((s, s)) %}" + End)]
    [InlineData(Long + Again + "{% set t = s.strip('x') %}" + End)]
    [InlineData(Long + Again + "{% set t = s.split('y') %}" + End)]
    [InlineData(Long + Again + "{% set t = s.rsplit('y', 1) %}" + End)]
    [InlineData(Long + Again + "{% set t = s.split() %}" + End)]
    [InlineData(Long + Again + "{% set t = s.splitlines() %}" + End)]
    [InlineData(Long + Again + "{% set t = s.replace('y', 'z') %}" + End)]
    [InlineData(Long + Again + "{% set t = s.isalpha() %}" + End)]
    [InlineData(Long + Again + "{% set t = s | length %}" + End)]
    [InlineData(Long + Again + "{% set t = s[1:] %}" + End)]
    [InlineData(Long + Again + "{% set t = s[-1] %}" + End)]
    [InlineData(Long + Again + "{% set t = s is lower %}" + End)]
    [InlineData(Long + Again + "{% set t = {s: 1} %}" + End)]
    [InlineData(Long + Again + "{% set t = s | int %}" + End)]
    [InlineData(Long + Again + "{% set t = s.removeprefix('x') %}" + End)]
    [InlineData(Long + Again + "{{ s }}" + End)]
    // A search that begins to match at every place.
    [InlineData("{% set s = 'x' * 2000000 %}{% set t = 'x' * 1000000 ~ 'y' ~ 'x' * 9 %}{{ t in s }}")]
    [InlineData("{% set s = 'x' * 2000000 %}{% set t = 'x' * 1000000 ~ 'y' ~ 'x' * 9 %}{{ s.replace(t, '') }}")]
    [InlineData("{% set s = 'x' * 2000000 %}{% set t = 'x' * 1000000 ~ 'y' ~ 'x' * 9 %}{{ s.split(t) }}")]
    // Lists and texts that grow.
    [InlineData(Long + "{{ s | list | length }}")]
    [InlineData(Long + "{% for c in s %}{% endfor %}")]
    [InlineData("{{ ('x,' * 2000000).split(',') | length }}")]
    [InlineData("{{ ('x,' * 2000000).rsplit(',') | length }}")]
    [InlineData("{{ ('x ' * 2000000).split() | length }}")]
    [InlineData("{{ ('x\\n' * 2000000).splitlines() | length }}")]
    [InlineData("{{ ('x\\n' * 1000000) | indent(1000) | length }}")]
    [InlineData("{{ 'x' * 9999999999 }}")]
    [InlineData("{{ ('x' * 100000).replace('x', 'y' * 100000) | length }}")]
    [InlineData("{{ ([0] * 3) }}{{ range(100000) | join('x' * 100000) }}")]
    [InlineData("{% set ns = namespace(l=[1]) %}{% for i in range(40) %}{% set ns.l = ns.l + ns.l %}{% endfor %}")]
    [InlineData("{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}")]
    [InlineData("{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = ns.l + [i] %}{% endfor %}")]
    [InlineData("{% set ns = namespace(l=[]) %}{% for i in range(1000) %}{% set ns.l = ns.l + [range(100000)] %}{% endfor %}")]
    [InlineData("{% set l = range(100000) | list %}" + Again + "{% set t = l[::-1] %}" + End)]
    [InlineData("{% set l = range(100000) | list %}" + Again + "{% set t = l | sort(reverse=true) %}" + End)]
    [InlineData("{% set l = range(100000) | list %}" + Again + "{% set t = -1 in l %}" + End)]
    [InlineData("{% set l = range(100000) | list %}{{ l | unique | list | length }}")]
    [InlineData("{% set l = range(100000) | list %}" + Again + "{% set t = l | map('string') | list %}" + End)]
    [InlineData("{% set l = range(100000) | list %}" + Again + "{% set t = l | map(attribute='a.b.c.d') | list %}" + End)]
    // Loops, blocks and macros.
    [InlineData(Again + "{% for k in range(100000) %}{% endfor %}" + End)]
    [InlineData(Again + "{% set f %}x{% endset %}" + End)]
    [InlineData(Again + "{% macro m() %}{% endmacro %}{{ m() }}" + End)]
    [InlineData(Again + "{% filter upper %}x{% endfilter %}" + End)]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}")]
    [InlineData("{% macro m(a) %}{{ m(a + a) }}{% endmacro %}{{ m('x') }}")]
    [InlineData("{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}")]
    [InlineData("{% set ns = namespace() %}{% for i in range(100000) %}{% set ns.f = namespace(f=ns.f) %}{% set ns.g = {'a': ns.g, 'b': range(100)} %}{% endfor %}")]
    [InlineData("{{ 2 ** 999999999999 }}")]
    public void A_template_that_takes_more_than_its_share_is_refused(string template)
    {
        var (budget, allocated, failure) = Run(template);
        Assert.IsType<InputException>(failure);
        Assert.True(failure.Message.Length < 3_000, "the message quotes too much");
        Assert.True(budget.Work <= 2 * Limits.TemplateWork, $"work {budget.Work}");
        Assert.True(budget.Bytes <= Limits.TemplateBytes + 2L * Limits.TemplateText + 48L * Limits.TemplateItems, $"bytes {budget.Bytes}");
        Assert.True(allocated < Most, $"{allocated >> 20} MiB, thrown away ones included");
    }

    [Theory]
    [InlineData("{% for i in range(100000) %}{% set t = i ~ '' %}{% endfor %}{% for i in range(100000) %}{% set t = i ~ '' %}{% endfor %}{% for i in range(100000) %}{% set t = i ~ '' %}{% endfor %}")]
    [InlineData("" + Again + "{% set t = i * 2.5 %}" + End + "")]
    [InlineData("" + Again + "{% set t = [i] %}" + End + "")]
    [InlineData("" + Again + "{% set t = [] %}" + End + "")]
    [InlineData("" + Again + "{% set t = {} %}" + End + "")]
    [InlineData("" + Again + "{% set t = {'a': i} %}" + End + "")]
    [InlineData("" + Again + "{% set t = dict(a=i) %}" + End + "")]
    [InlineData("" + Again + "{% set t = 'a'.upper %}" + End + "")]
    [InlineData("" + Again + "{% set t = 'a'.upper() %}" + End + "")]
    [InlineData("" + Again + "{% set t = 'a' | upper %}" + End + "")]
    [InlineData("" + Again + "{% set t = 'a' is string %}" + End + "")]
    [InlineData("" + Again + "{% set t = i | string %}" + End + "")]
    [InlineData("" + Again + "{% set t = [i] | tojson %}" + End + "")]
    [InlineData("" + Again + "{% set t = {'a': {'b': [i]}} | tojson(indent=2) %}" + End + "")]
    [InlineData("" + Again + "{% set t = 'a b'.split() %}" + End + "")]
    [InlineData("" + Again + "{% set t = 'a b'.split(' ') %}" + End + "")]
    [InlineData("" + Again + "{% set t = 'a b'.split(' ')[0] %}" + End + "")]
    [InlineData("" + Again + "{% set t = namespace(a=i) %}" + End + "")]
    [InlineData("" + Again + "{% set t = range(1) %}" + End + "")]
    [InlineData("" + Again + "{% set t = i | abs %}" + End + "")]
    [InlineData("" + Again + "{% set t = 'abc'[::-1] %}" + End + "")]
    [InlineData("" + Again + "{% set t = 'abc'[1] %}" + End + "")]
    [InlineData("" + Again + "{% set t = ' abc ' | trim %}" + End + "")]
    [InlineData("" + Again + "{% set t = ' abc '.strip(' ') %}" + End + "")]
    [InlineData("" + Again + "{% set t = 'a'.replace('a', 'b') %}" + End + "")]
    [InlineData("" + Again + "{% set t = '' | indent %}" + End + "")]
    [InlineData("" + Again + "{% set t = 'a' | list %}" + End + "")]
    [InlineData("" + Again + "{% set t = [i] | map('string') %}" + End + "")]
    [InlineData("" + Again + "{% set t = [i] | map('string') | select | join %}" + End + "")]
    [InlineData("" + Again + "{% set t = [i] | select('equalto', 1) %}" + End + "")]
    [InlineData("" + Again + "{% set t = [{'a': i}] | selectattr('a') %}" + End + "")]
    [InlineData("" + Again + "{% set t = [{'a': i}] | map(attribute='a') %}" + End + "")]
    [InlineData("" + Again + "{% set t = [i] | sort %}" + End + "")]
    [InlineData("" + Again + "{% set t = [i] | unique %}" + End + "")]
    [InlineData("" + Again + "{% set t = {'a': i} | items %}" + End + "")]
    [InlineData("" + Again + "{% set t = {'a': i} | dictsort %}" + End + "")]
    [InlineData("" + Again + "{% set t = {'a': i}.items() %}" + End + "")]
    [InlineData("" + Again + "{% set t = loop.cycle(1, 2) %}" + End + "")]
    [InlineData("" + Again + "{% set t = loop.changed(i) %}" + End + "")]
    [InlineData("" + Again + "{% set t = strftime_now('%Y') %}" + End + "")]
    [InlineData("" + Again + "{% set t = 'a' | title %}" + End + "")]
    [InlineData("" + Again + "{% set t = [i] + [i] %}" + End + "")]
    [InlineData("" + Again + "{% set t = [i, i][::-1] %}" + End + "")]
    [InlineData("" + Again + "{% set t = i == 1 %}" + End + "")]
    [InlineData("" + Again + "{% set t = i is odd %}" + End + "")]
    [InlineData("" + Again + "{% set t = 1.5 | string %}" + End + "")]
    [InlineData("" + Again + "{% set t = 'a\\nb'.splitlines() %}" + End + "")]
    [InlineData("" + Again + "{% set t = 'a,b' | replace(',', ';') | upper | lower | title | trim | length %}" + End + "")]
    [InlineData("" + Again + "{% for k in 'a' %}{% endfor %}" + End + "")]
    [InlineData("" + Again + "{% for k in {'a': 1} %}{% endfor %}" + End + "")]
    [InlineData("" + Again + "{% for k in [1] if k %}{% endfor %}" + End + "")]
    [InlineData("" + Again + "{% macro m(a=1, b=2, c=3, d=4, e=5) %}{% endmacro %}{% set t = m() %}" + End + "")]
    [InlineData("{% macro m(a, b, c) %}{% endmacro %}" + Again + "{% set t = m(1, b=2, c=3) %}" + End + "")]
    [InlineData("{% macro m(a) %}{{ a }}{% endmacro %}" + Again + "{% set t = m(i) | trim | length %}" + End + "")]
    [InlineData("" + Again + "{% set t %}x{% endset %}" + End + "")]
    [InlineData("" + Again + "{% filter trim %}x{% endfilter %}" + End + "")]
    [InlineData("" + Again + "{% generation %}x{% endgeneration %}" + End + "")]
    [InlineData("" + Again + "{% set a, b = 1, 2 %}{% set c, d = 1, 2 %}{% set e, f = 1, 2 %}{% set g, h = 1, 2 %}" + End + "")]
    [InlineData("" + Again + "{{ i }}" + End + "")]
    [InlineData("" + Again + "{{ [i] }}" + End + "")]
    [InlineData("" + Again + "{{ {'a': i} }}" + End + "")]
    [InlineData("{% set s = 'x' * 3900000 %}{{ s[::-1] }}{{ s[::-1] }}")]
    [InlineData("{% set s = '😀' * 1900000 %}{{ s[1:] }}{{ s[::2] }}")]
    [InlineData("{% set s = '😀' * 1000000 %}{{ s | list }}")]
    [InlineData("{% set s = ' ' ~ 'x' * 4000000 ~ ' ' %}{% set t = s | trim %}{% set t = s | trim %}{% set t = s | trim %}{% set t = s | trim %}{% set t = s | trim %}{% set t = s | trim %}")]
    [InlineData("{% set s = 'x\\r\\n' * 1300000 %}{% set t = s.splitlines()  %}")]
    [InlineData("{% set s = 'x' * 3900000 ~ '\\r\\n' %}{% set t = s.splitlines() %}{% set t = s.splitlines() %}{% set t = s.splitlines() %}")]
    [InlineData("{% set s = '\\x01' * 1000000 %}{% set t = s | tojson %}{% set t = s | tojson %}")]
    [InlineData("{% set s = '\\\\' * 2000000 %}{% set t = s | tojson %}{% set t = [s] | string %}{% set t = [s] | string %}")]
    [InlineData("{% set l = range(100000) | list %}{% set t = l | sort %}{% set t = l | sort %}{% set t = l | sort %}")]
    [InlineData("{% set s = 'ab ' * 60000 %}{% set l = s.split() %}{% set t = l | sort %}{% set t = l | sort %}{% set t = l | sort %}{% set t = l | map('upper') | list %}")]
    [InlineData("{% set l = range(100000) | list %}{% set t = l | tojson(indent=100) %}{% set t = l | tojson(indent=100) %}")]
    [InlineData("{% set ns = namespace(a=1) %}{% for i in range(100000) %}{% set ns.a = [ns.a, 'x'.upper] %}{% endfor %}{% for i in range(100000) %}{% set ns.a = [ns.a, 'x'.upper] %}{% endfor %}{% for i in range(100000) %}{% set ns.a = [ns.a, 'x'.upper] %}{% endfor %}")]
    [InlineData("{% set ns = namespace(a=1) %}{% for j in range(10) %}{% for i in range(100000) %}{% set ns.a = {'a': ns.a} %}{% endfor %}{% endfor %}")]
    [InlineData("{% set ns = namespace(a=1) %}{% for j in range(10) %}{% for i in range(100000) %}{% set ns.a = {'a': ns.a, 'b': {}, 'c': {}, 'd': {}} %}{% endfor %}{% endfor %}")]
    [InlineData("{% set ns = namespace(a=1) %}{% for j in range(10) %}{% for i in range(100000) %}{% set ns.a = namespace(a=ns.a) %}{% endfor %}{% endfor %}")]
    [InlineData("{% set ns = namespace(a=1) %}{% for j in range(10) %}{% for i in range(100000) %}{% set ns.a = namespace({'a': ns.a}) %}{% endfor %}{% endfor %}")]
    [InlineData("{% set ns = namespace(a=1) %}{% for j in range(10) %}{% for i in range(100000) %}{% set ns.a = dict(a=ns.a, b=1.5, c=2.5) %}{% endfor %}{% endfor %}")]
    [InlineData("{% set ns = namespace(a=1) %}{% for j in range(10) %}{% for i in range(100000) %}{% set ns.a = [ns.a, [], [], [], []] %}{% endfor %}{% endfor %}")]
    [InlineData("{% set ns = namespace(a=1) %}{% for j in range(10) %}{% for i in range(100000) %}{% set ns.a = [ns.a, i ~ 'x', i * 1.5, i + 1] %}{% endfor %}{% endfor %}")]
    [InlineData("{% set ns = namespace(a=1) %}{% for j in range(10) %}{% for i in range(100000) %}{% macro m() %}{% endmacro %}{% set ns.a = [ns.a, m] %}{% endfor %}{% endfor %}")]
    [InlineData("{% set ns = namespace(a=1) %}{% for j in range(10) %}{% for i in range(100000) %}{% set ns.a = [ns.a, 'a,b,c,d'.split(',')] %}{% endfor %}{% endfor %}")]
    [InlineData("{% set ns = namespace(a=1) %}{% for j in range(10) %}{% for i in range(100000) %}{% set ns.a = [ns.a, 'abcd' | list] %}{% endfor %}{% endfor %}")]
    [InlineData("{% set l = ('a' * 240000) | list %}{{ l | join('x') }}{{ l | map('upper') | list }}{{ l | unique }}")]
    [InlineData("{% set d = {'a': 1} %}" + Again + "{% set t = d.a.b is defined %}" + End + "")]
    [InlineData("{{ 'x' * 8000000 }}{{ 'x' * 8000000 }}")]
    [InlineData("{{ ('x' * 8000) * 1000 }}{{ '%s' % 'x' }}")]
    [InlineData("{{ range(100000) | map('string') | join(',') | length }}{{ range(100000) | map('string') | join(',') | length }}{{ range(100000) | map('string') | join(',') | length }}{{ range(100000) | map('string') | join(',') | length }}{{ range(100000) | map('string') | join(',') | length }}")]
    public void Whatever_a_template_makes_and_throws_away_stays_below_64_MiB(string template)
    {
        var (budget, allocated, failure) = Run(template);
        Assert.True(failure is InputException or null, failure?.ToString());
        Assert.True(budget.Work <= 2 * Limits.TemplateWork, $"work {budget.Work}");
        Assert.True(allocated < Most, $"{allocated >> 20} MiB");
    }

    [Theory]
    [InlineData("{s: 1}")]
    [InlineData("namespace({s: 1})")]
    [InlineData("namespace(a=1)[s]")]
    [InlineData("'a'[s]")]
    [InlineData("[1][s]")]
    [InlineData("{'a': 1}[s]")]
    [InlineData("{'a': 1}.get(s)")]
    [InlineData("s in {'a': 1}")]
    [InlineData("[{'a': 1}] | map(attribute=s) | list")]
    public void A_key_is_charged_by_its_length(string lookup)
    {
        var alone = Run(Long).Budget.Work;
        Assert.True(Run(Long + "{% set t = " + lookup + " %}").Budget.Work > alone + 4_000_000 / 8, "a long key costs nothing");
    }

    [Theory]
    [InlineData("bomb-print.jinja")]
    [InlineData("bomb-upper.jinja")]
    public void Templates_that_once_took_all_memory_are_refused(string name)
    {
        var file = ReferenceFiles.DataPathOf("..", "cases", name);
        if (File.Exists(file))
            Assert.IsType<InputException>(Run(File.ReadAllText(file)).Failure);
    }

    [Theory]
    [InlineData("{{ '", 300_000, "' }}")]
    [InlineData("{% set s = '", 300_000, "' %}")]
    [InlineData("", 300_000, "")]
    public void A_template_of_more_characters_than_any_in_use_is_not_parsed(string before, int length, string after) =>
        Assert.Contains("characters", Assert.Throws<InputException>(() => TemplateParser.Parse(new TemplateSource("t", before + new string('x', length) + after))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("{%- if 1 -%}", "{%- endif -%}", 5_000, " ")]
    [InlineData("{#- -#}", "", 7_000, "          ")]
    [InlineData("{{- 1 -}}", "", 7_000, "     ")]
    public void Parsing_takes_time_in_proportion_to_the_length(string open, string close, int count, string between)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var source = string.Concat(Enumerable.Repeat(open + between + close, count));
        TemplateParser.Parse(new TemplateSource("t", source));
        // A copy of the rest at each tag would be gigabytes.
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 64L << 20);
    }

    [Fact]
    public void A_long_conversation_takes_a_small_part_of_the_budget()
    {
        const string Template =
            "{% for message in messages %}{% if message['role'] == 'system' and loop.first %}{{ '<s>' + message['content'] | trim + '</s>' }}"
            + "{% elif '</think>' in message.content %}{{ message.content.split('</think>')[-1].lstrip('\\n') }}"
            + "{% else %}{{ '<|' ~ message.role ~ '|>' ~ message.content.strip() ~ '<|end|>' }}{% endif %}{% endfor %}";
        var messages = Enumerable.Range(0, 2_000).Select(i => new Dictionary<string, object?> { ["role"] = i % 2 == 0 ? "user" : "assistant", ["content"] = $" {new string('a', 500)} " }).ToList();
        var (budget, _, failure) = Run(Template, new() { ["messages"] = messages });
        Assert.Null(failure);
        Assert.True(budget.Work < Limits.TemplateWork / 10, $"work {budget.Work}");
        Assert.True(budget.Bytes < Limits.TemplateBytes / 2, $"bytes {budget.Bytes}");
    }

    private static (TemplateBudget Budget, long Allocated, Exception? Failure) Run(string template, Dictionary<string, object?>? variables = null)
    {
        var source = new TemplateSource("template", template);
        var body = TemplateParser.Parse(source);
        var budget = new TemplateBudget(source);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var failure = Record.Exception(() => TemplateInterpreter.Render(source, body, variables ?? [], TimeProvider.System, budget));
        return (budget, GC.GetAllocatedBytesForCurrentThread() - before, failure);
    }
}
