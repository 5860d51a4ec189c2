namespace Rlhf.Text;

/// <summary>The chat templates that come with the program, written for it.</summary>
internal static class BuiltInTemplates
{
    /// <summary>What ends a turn of ChatML.</summary>
    public const string ChatMlEnd = "<|im_end|>";

    public const string ChatMl = """
        {%- for message in messages %}
            {{- '<|im_start|>' + message.role + '\n' }}
            {%- if message.role == 'assistant' %}
                {%- generation %}
                    {{- message.content + '<|im_end|>' }}
                {%- endgeneration %}
            {%- else %}
                {{- message.content + '<|im_end|>' }}
            {%- endif %}
            {{- '\n' }}
        {%- endfor %}
        {%- if add_generation_prompt %}
            {{- '<|im_start|>assistant\n' }}
        {%- endif %}
        """;

    /// <summary>A space stands between "Assistant:" and the answer, once: a sampled answer begins with it.</summary>
    public const string HumanAssistant = """
        {%- for message in messages %}
            {%- if message.role == 'user' %}
                {{- '\n\nHuman: ' + message.content }}
            {%- elif message.role == 'assistant' %}
                {{- '\n\nAssistant:' }}
                {%- generation %}
                    {%- if not (message.content.startswith(' ') or message.content.startswith('\n')
                        or message.content.startswith('\r') or message.content.startswith('\t')) %}
                        {{- ' ' }}
                    {%- endif %}
                    {{- message.content }}
                {%- endgeneration %}
            {%- elif message.role == 'system' and loop.first %}
                {{- message.content }}
            {%- else %}
                {{- raise_exception('the human-assistant form has no place for a message of role "' + message.role + '" here') }}
            {%- endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}
            {{- '\n\nAssistant:' }}
        {%- endif %}
        """;

    /// <summary>A custom format.</summary>
    /// <param name="prompt">The expression of its prompt, over the variable prompt.</param>
    /// <param name="response">The expression of its response, over the variable answer.</param>
    public static string Custom(string prompt, string response) => $$$"""
        {%- set asked = messages[:-1] if messages[-1].role == 'assistant' and not add_generation_prompt else messages %}
        {%- set marks = {'user': '\n\nHuman: ', 'assistant': '\n\nAssistant: ', 'system': '\n\nSystem: '} %}
        {%- set ns = namespace(text='') %}
        {%- for message in asked %}
            {%- if message.role not in marks %}
                {{- raise_exception('the form that this model was trained in has no place for a message of role "' + message.role + '"') }}
            {%- endif %}
            {%- set ns.text = ns.text + marks[message.role] + message.content %}
        {%- endfor %}
        {%- if asked | length == 1 and asked[0].role == 'user' %}
            {%- set prompt = asked[0].content %}
        {%- else %}
            {%- set prompt = ns.text + '\n\nAssistant:' %}
        {%- endif %}
        {{- {{{prompt}}} }}
        {%- if asked | length < messages | length %}
            {%- set answer = messages[-1].content %}
            {{- {{{response}}} }}
        {%- endif %}
        """;
}
