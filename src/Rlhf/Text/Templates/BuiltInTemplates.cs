namespace Rlhf.Text.Templates;

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

    public const string HumanAssistant = """
        {%- for message in messages %}
            {%- if message.role == 'user' %}
                {{- '\n\nHuman: ' + message.content }}
            {%- elif message.role == 'assistant' %}
                {{- '\n\nAssistant:' }}
                {%- generation %}
                    {{- ' ' + message.content }}
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
}
