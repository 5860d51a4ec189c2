using Rlhf.Data;
using Rlhf.Text;

namespace Rlhf.Tests.Text.Jinja;

/// <summary>What Jinja2 3.1 makes of the same templates, set up as chat templates are (trim_blocks, lstrip_blocks, loopcontrols).</summary>
public class TemplateLanguageTests
{
    private static readonly Dictionary<string, object?> Variables = new()
    {
        ["text"] = "  Hello w\u00F6rld  ",
        ["n"] = 7,
        ["items"] = new[] { 3, 1, 2 },
        ["people"] = new[]
        {
            new Dictionary<string, object?> { ["name"] = "Ann", ["age"] = 41, ["tags"] = new[] { "a", "b" } },
            new Dictionary<string, object?> { ["name"] = "bob", ["age"] = 7, ["tags"] = Array.Empty<string>() },
            new Dictionary<string, object?> { ["name"] = "Cy", ["age"] = 19 },
        },
        ["d"] = new Dictionary<string, object?> { ["x"] = 1, ["y"] = new object?[] { true, null, 2.5 } },
        ["nothing"] = null,
        ["e"] = "a\U0001F600b",
    };

    [Theory]
    [InlineData(
        "{% if n > 3 %}\nyes\n{% endif %}\nend\n",
        "yes\nend")]
    [InlineData(
        "a\n   {% set x = 1 %}\n  b {%- if true -%}   c   {%- endif %} d\n",
        "a\n  bc d")]
    [InlineData(
        "x {# note #}\n  {# another #}\ny {#- third -#}  z",
        "x yz")]
    [InlineData(
        "  {%+ if true %}keep{% endif +%}\nline",
        "  keep\nline")]
    [InlineData(
        "{{ n }}{{ n -}}   \n  {{- n }}",
        "777")]
    [InlineData(
        "{% raw %}\n{{ not }} {% this %}{% endraw %}|",
        "\n{{ not }} {% this %}|")]
    [InlineData(
        "{{ 1 + 2 * 3 ** 2 // 4 % 5 - -1 }} {{ 7 / 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 10 }} {{ 1.5 * 2 }} {{ 1e20 }} {{ 0.00001 }} {{ 1e15 }} {{ 123456789012345680.0 }}",
        "6 3.5 -4 2 1024 3.0 1e+20 1e-05 1000000000000000.0 1.2345678901234568e+17")]
    [InlineData(
        "{{ 'a' ~ 1 ~ none ~ true ~ 2.0 }} {{ 'ab' * 3 }} {{ [1] + [2, 'q'] }} {{ (1,) }} {{ {'k': [1, \"it's\"]} }}",
        "a1NoneTrue2.0 ababab [1, 2, 'q'] (1,) {'k': [1, \"it's\"]}")]
    [InlineData(
        "{{ 1 < 2 < 3 }} {{ 1 < 2 > 3 }} {{ 'a' in 'cat' }} {{ 3 in items }} {{ 'x' in d }} {{ 'z' not in d }} {{ not n == 7 }} {{ 1 == 1.0 }} {{ true == 1 }}",
        "True False True True True True False True True")]
    [InlineData(
        "{{ n if n > 5 else 0 }}{{ 'gone' if n > 50 }}|{{ nothing or 'other' }} {{ n and 'also' }}",
        "7|other also")]
    [InlineData(
        "{{ items[0] }} {{ items[-1] }} {{ items[1:] }} {{ items[::-1] }} {{ items[:-1] }} {{ text[2:7] }} {{ text[::-1] }} {{ e[1] }} {{ e | length }} {{ e[::-1] }} {{ items[5] is defined }} {{ items[10:2:-1] }} {{ items[-2::-1] }}",
        "3 2 [1, 2] [2, 1, 3] [3, 1] Hello   dlr\u00F6w olleH   \uD83D\uDE00 3 b\uD83D\uDE00a False [] [1, 3]")]
    [InlineData(
        "{% for p in people if p.age > 10 %}{{ loop.index }}/{{ loop.length }}:{{ p.name }}{{ ',' if not loop.last }}{{ loop.revindex0 }}{% else %}none{% endfor %}",
        "1/2:Ann,12/2:Cy0")]
    [InlineData(
        "{% for p in [] %}x{% else %}empty{% endfor %}",
        "empty")]
    [InlineData(
        "{% for a, b in d.items() %}{{ a }}={{ b }};{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for k, v in d | items %}{{ k }}{% endfor %}",
        "x=1;y=[True, None, 2.5];xyxy")]
    [InlineData(
        "{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{{ loop.cycle('a', 'b') }}{% endfor %}",
        "0a2a")]
    [InlineData(
        "{% set ns = namespace(total=0) %}{% for i in items %}{% set ns.total = ns.total + i %}{% set inner = i %}{% endfor %}{{ ns.total }} {{ inner is defined }}",
        "6 False")]
    [InlineData(
        "{% set x = 1 %}{% for i in items %}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}",
        "4 2 3 1")]
    [InlineData(
        "{% if false %}{% elif n == 7 %}seven{% else %}other{% endif %}",
        "seven")]
    [InlineData(
        "{% macro greet(name, mark='!') %}Hi {{ name }}{{ mark }}{% endmacro %}{{ greet('Ann') }} {{ greet('Bob', mark='?') }} {{ greet(mark='.', name='Cy') | upper }}",
        "Hi Ann! Hi Bob? HI CY.")]
    [InlineData(
        "{% set block %}\n some {{ n }}\n{% endset %}[{{ block | trim }}]{% set f | upper %}low{% endset %}{{ f }}{% filter upper | replace('O', '0') %}loop{% endfilter %}",
        "[some 7]LOWL00P")]
    [InlineData(
        "{{ text | trim }}|{{ text.strip() }}|{{ text.lstrip() }}|{{ text.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'xyaxy'.lstrip('yx') }}",
        "Hello w\u00F6rld|Hello w\u00F6rld|Hello w\u00F6rld  |  Hello w\u00F6rld|a|axy")]
    [InlineData(
        "{{ 'a,b,,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ ' a  b c '.split() }} {{ ' a  b  c '.split(none, 1) }} {{ 'a.b.c'.rsplit('.', 1) }} {{ 'one\\ntwo\\n'.splitlines() }}",
        "['a', 'b', '', 'c'] ['a', 'b,c'] ['a', 'b', 'c'] ['a', 'b  c '] ['a.b', 'c'] ['one', 'two']")]
    [InlineData(
        "{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x', 'c')) }} {{ 'aaa'.replace('a', 'b', 2) }} {{ 'hello world'.title() }} {{ 'hELLO'.capitalize() }} {{ 'abc'.find('c') }} {{ 'abcb'.count('b') }} {{ '-'.join(['a', 'b']) }} {{ 'abc'.removeprefix('a') }}",
        "True True bba Hello World Hello 2 2 a-b bc")]
    [InlineData(
        "{{ d.get('x') }} {{ d.get('q') }} {{ d.get('q', 5) }} {{ d.keys() | list }} {{ d['x'] }} {{ d.x }} {{ d.q is defined }} {{ d['y'][2] }}",
        "1 None 5 ['x', 'y'] 1 1 False 2.5")]
    [InlineData(
        "{{ d | tojson }} {{ 'quo\"te\\n\\u00e9<&>' | tojson }} {{ [1.0, none] | tojson(indent=2) }} {{ {} | tojson(indent=2) }}",
        "{\"x\": 1, \"y\": [true, null, 2.5]} \"quo\\\"te\\n\u00E9<&>\" [\n  1.0,\n  null\n] {}")]
    [InlineData(
        "{{ people | map(attribute='name') | join(', ') }} {{ people | selectattr('age', 'gt', 10) | map(attribute='name') | list }} {{ people | rejectattr('tags', 'defined') | list | length }} {{ people | selectattr('tags') | list | count }} {{ items | select('odd') | list }} {{ items | reject('equalto', 3) | list }} {{ ['a', 'b'] | map('upper') | join }}",
        "Ann, bob, Cy ['Ann', 'Cy'] 1 1 [3, 1] [1, 2] AB")]
    [InlineData(
        "{{ items | sort }} {{ items | sort(reverse=true) }} {{ people | sort(attribute='name') | map(attribute='name') | list }} {{ items | first }} {{ items | last }} {{ items | reverse | list }} {{ 'abc' | reverse }} {{ [1, 2, 1] | unique | list }}",
        "[1, 2, 3] [3, 2, 1] ['Ann', 'bob', 'Cy'] 3 2 [2, 1, 3] cba [1, 2]")]
    [InlineData(
        "{{ missing | default('x') }} {{ '' | default('y', true) }} {{ nothing | default('z') }} {{ missing }}|{{ missing is defined }} {{ nothing is none }}",
        "x y None |False True")]
    [InlineData(
        "{{ '12' | int + 1 }} {{ 'q' | int }} {{ '1.5' | float }} {{ 3.7 | int }} {{ -3 | abs }} {{ 2.567 | round(1) }} {{ 12 | string + '!' }} {{ 'a' | length }} {{ [] | length }}",
        "13 0 1.5 3 3 2.6 12! 1 0")]
    [InlineData(
        "{{ text is string }} {{ d is mapping }} {{ items is iterable }} {{ items is sequence }} {{ n is number }} {{ n is integer }} {{ 1.5 is float }} {{ true is boolean }} {{ n is odd }} {{ n is divisibleby 7 }} {{ n is divisibleby(2) }} {{ true is true }} {{ 1 is true }} {{ n is not none }} {{ 2 is in [1, 2] }} {{ d is string }} {{ 'a' is lower }} {{ n is eq 7 }}",
        "True True True True True True True True True True False True False True True False True True")]
    [InlineData(
        "{{ 'a\\nb\\n\\nc' | indent(2) }}|{{ 'x' 'y' }}|{{ \"d'q\" }}|{{ '\\x41\\u0042\\t.' }}",
        "a\n  b\n\n  c|xy|d'q|AB\t.")]
    [InlineData(
        "{% for a in items %}{% for b in items %}{{ loop.index0 }}{% endfor %}{{ loop.previtem is defined }}{{ loop.nextitem }};{% endfor %}",
        "012False1;012True2;012True;")]
    [InlineData(
        "{% for p in people %}{% if loop.changed(p.tags is defined) %}{{ p.name }}{% endif %}{% endfor %}",
        "AnnCy")]
    [InlineData(
        "{% set a, b = 1, 2 %}{{ b }}{{ a }} {{ (1, 2) | join('-') }} {{ [[1, 2], [3]] | map('length') | list }} {{ {'b': 1, 'a': 2} | dictsort }}",
        "21 1-2 [2, 1] [('a', 2), ('b', 1)]")]
    [InlineData(
        "{{ -n | abs }} {{ -(n) }} {{ +n }} {{ not (n and 0) }} {{ 'a' < 'b' }} {{ [1, 2] == [1, 2] }} {{ {'a': 1} == {'a': 1} }} {{ none == none }}",
        "7 -7 7 True True True True True")]
    [InlineData(
        "{%- for m in people -%}\n  {{ m.name }}\n{%- endfor -%}\n\n",
        "AnnbobCy")]
    [InlineData(
        "line {% if true %}\n  inside\n  {% endif %}\nafter\r\nlast",
        "line   inside\nafter\nlast")]
    public void Templates_render_as_in_Jinja2(string template, string expected) =>
        Assert.Equal(expected, ChatTemplate.Parse(template).Render(Array.Empty<Message>(), addGenerationPrompt: false, Variables));
}
