using System.Text.Json;

namespace Rlhf.Data.RowForms;

/// <summary>Row forms that are known and not read, and what to do with them.</summary>
internal static class RefusedForms
{
    private static readonly (Func<RowFields, bool> Fits, string Advice)[] Forms =
    [
        (row => row.Has("message_tree_id") || (row.Has("message_id") && row.Has("role")),
            "messages of a tree (OASST): write each path from root to leaf as messages, and the ranked answers to one message as responses with ranking"),
        (row => row.Has("kto_tag") || (row.Has("label") && (row.Has("completion") || row.Has("response") || row.Has("output"))),
            "single answers marked good or bad (KTO): no stage learns from them; write the good ones without the mark as demonstrations, or a good and a bad one to the same prompt as chosen and rejected"),
        (row => row.Has("helpfulness") && row.Has("correctness") && row.Has("response"),
            "answers with scores in rows of their own (HelpSteer2): write the answers to one prompt as responses with ranking, best first"),
        (row => row.Has("completions") && row.Peek("labels") is { Kind: JsonValueKind.Array },
            "labels of steps (process supervision): no stage reads them"),
        (row => row.Has("question") && row.Has("answer"),
            "a question with its answer: name them with fields, {prompt: question, response: answer}"),
    ];

    /// <summary>What to do with a row that is of such a form; else nothing.</summary>
    public static string AdviceFor(RowFields row) => Forms.FirstOrDefault(form => form.Fits(row)).Advice is { } advice ? $" ({advice})" : "";
}
