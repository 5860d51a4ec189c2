namespace Rlhf.Reports.Page;

/// <summary>The page's style sheet: light and dark, from phone to desktop, and on paper.</summary>
internal static class ReportStyle
{
    /// <summary>The colours, light and dark.</summary>
    public const string Palette =
        """
        :root{color-scheme:light dark;--ground:#fbfbfa;--card:#fff;--ink:#1d2125;--soft:#5c6570;--line:#dfe2e6;--accent:#0b62b8;--warn:#8a3c00;--warn-ground:#fff3e2;--warn-line:#e8a552;
        --s0:#0b62b8;--s1:#c2500a;--s2:#12805c;--s3:#93368f;--s4:#8a6a00;--s5:#4b5563}
        @media (prefers-color-scheme:dark){:root{--ground:#14171a;--card:#1c2024;--ink:#e6e9ec;--soft:#9aa4af;--line:#343a41;--accent:#6db3f8;--warn:#ffc58a;--warn-ground:#33230f;--warn-line:#a8692a;
        --s0:#62aef7;--s1:#f59a57;--s2:#4ac79b;--s3:#dd8bd9;--s4:#d9b949;--s5:#a5afba}}

        """;

    /// <summary>What drawings need.</summary>
    public const string Drawing =
        """
        svg{display:block;width:100%;height:auto;font:11px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
        .grid{stroke:var(--line);fill:none}.tick,.axis{fill:var(--soft)}.mark{fill:var(--ink);font-size:10.5px;paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}.reference{stroke:var(--soft);fill:none;stroke-dasharray:4 4}
        .raw{fill:none;stroke-width:1;opacity:.4}.line{fill:none;stroke-width:2.2;stroke-linejoin:round}.bar-line{fill:none;stroke-width:1.4}.hover{fill:transparent}.hover:hover{fill:var(--ink);fill-opacity:.25}
        .bar{opacity:.85}rect.s0{fill:var(--s0);stroke:none}rect.bar{stroke:none}circle.dot{stroke:none}
        .s0{stroke:var(--s0)}.s1{stroke:var(--s1)}.s2{stroke:var(--s2)}.s3{stroke:var(--s3)}.s4{stroke:var(--s4)}.s5{stroke:var(--s5)}
        path.line.s1,path.raw.s1{stroke-dasharray:7 3}path.line.s2,path.raw.s2{stroke-dasharray:2 3}path.line.s3,path.raw.s3{stroke-dasharray:8 3 2 3}
        circle.s0{fill:var(--s0)}circle.s1{fill:var(--s1)}circle.s2{fill:var(--s2)}circle.s3{fill:var(--s3)}circle.s4{fill:var(--s4)}circle.s5{fill:var(--s5)}

        """;

    public const string Css = Palette + Drawing +
        """
        *{box-sizing:border-box}
        body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;overflow-wrap:anywhere}
        main{max-width:1240px;margin:0 auto;padding:1rem 1rem 2.5rem}
        header .kind,header .meta,.note,small,.unit{color:var(--soft)}
        header .kind{margin:0;font-size:.85rem;letter-spacing:.03em}header .meta{margin:.1rem 0 0;font-size:.9rem}
        h1{margin:.1rem 0;font-size:1.8rem;line-height:1.2}h2{margin:0 0 .6rem;font-size:1.25rem;line-height:1.3}h3{margin:1.4rem 0 .5rem;font-size:1.02rem}h3 small{font-weight:400;margin-left:.4rem}
        section{margin-top:1.5rem}.note{margin:.1rem 0 .8rem;max-width:75ch;font-size:.92rem}
        html{scroll-padding-top:3rem}nav{position:sticky;top:0;z-index:2;display:flex;gap:.2rem 1rem;overflow-x:auto;background:var(--ground);border-bottom:1px solid var(--line);margin:.8rem 0 0;padding:.45rem 0;font-size:.92rem;white-space:nowrap}a{color:var(--accent)}
        #summary{margin-top:1.4rem}.lead{margin:.35rem 0;max-width:75ch}.lead:first-of-type{font-size:1.15rem}
        .warning{margin:.6rem 0;max-width:78ch;padding:.55rem .8rem;border:1px solid var(--warn-line);border-left-width:5px;border-radius:6px;background:var(--warn-ground)}.warning strong{color:var(--warn);margin-right:.3rem}
        .cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(132px,1fr));gap:.6rem}
        .card{display:flex;flex-direction:column;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.5rem .6rem;line-height:1.35}
        .card span{font-size:.86rem;color:var(--soft)}.card b{font-size:1.25rem;font-variant-numeric:tabular-nums}.card small{font-size:.8rem}.card .meaning{color:var(--soft);font-size:.76rem;line-height:1.3;margin-top:.2rem}.card .where{margin-top:auto;padding-top:.25rem}
        .wide{overflow-x:auto;margin:.6rem 0}
        table{border-collapse:collapse;font-size:.9rem}caption{text-align:left;color:var(--soft);padding:.2rem 0}
        th,td{padding:.3rem .9rem .3rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line);overflow-wrap:normal}thead th{color:var(--soft);font-weight:600;font-size:.84rem;white-space:nowrap}
        td.number{font-variant-numeric:tabular-nums;white-space:nowrap}thead th{text-align:left}tbody th{font-weight:600;white-space:nowrap}.facts{width:100%}.facts>tbody>tr>td{overflow-wrap:anywhere;width:100%}.facts th{color:var(--soft);font-weight:400}.quality{margin-top:.4rem}
        .text,.phrase{white-space:pre-wrap;unicode-bidi:isolate;overflow-wrap:anywhere}.text{contain:paint}.phrase{font-weight:600}
        .prompt{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.75rem .9rem;margin:.8rem 0}.question{font-weight:600;max-height:12rem;overflow:auto;margin-bottom:.5rem}
        .answers{display:grid;grid-template-columns:repeat(auto-fit,minmax(240px,1fr));gap:.6rem 1.2rem}.answer{border-top:2px solid var(--line);padding-top:.35rem;min-width:0}.answer .text{max-height:20rem;overflow:auto}
        .model{font-size:.86rem}.score{display:inline-block;margin-left:.5rem;color:var(--soft);font-variant-numeric:tabular-nums}.cut{color:var(--warn)}
        .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,280px),1fr));gap:.8rem}
        figure.chart{margin:0;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.6rem .6rem .5rem}figcaption{font-weight:600;font-size:.92rem;padding:0 .2rem .2rem}.unit{font-weight:400;font-size:.84rem}
        figure .meaning{margin:.15rem .2rem 0;color:var(--soft);font-size:.78rem;line-height:1.3}
        .legend{display:flex;flex-wrap:wrap;gap:.1rem .9rem;font-size:.82rem;padding:.2rem .2rem 0}.legend i{display:inline-block;width:1.4em;height:0;border-top:3px solid;vertical-align:middle;margin-right:.35em}
        .legend i.s0{border-color:var(--s0)}.legend i.s1{border-color:var(--s1);border-top-style:dashed}.legend i.s2{border-color:var(--s2);border-top-style:dotted}.legend i.s3{border-color:var(--s3);border-top-style:dashed}.legend i.s4{border-color:var(--s4)}.legend i.s5{border-color:var(--s5)}
        details{margin:.4rem 0}details>.charts{margin-top:.7rem}summary{cursor:pointer;color:var(--accent)}
        pre{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.7rem .9rem;overflow:auto;font-size:.84rem;white-space:pre-wrap}code{font-size:.86em}.hash{overflow-wrap:anywhere}
        .pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,250px),1fr));gap:0 1.5rem}
        .steps{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,205px),1fr));gap:.7rem;margin:.6rem 0 0;padding:0;list-style-position:inside}
        .steps>li{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.6rem .8rem;min-width:0}.steps h3{display:inline;margin:0}.steps .note{margin:.1rem 0 .5rem;font-size:.82rem;line-height:1.35}.steps p{margin:.3rem 0}.steps .text{max-height:12rem;overflow:auto}
        .ranking{font-variant-numeric:tabular-nums}.letters{display:grid;grid-template-columns:auto 1fr;gap:.15rem .6rem;margin:.3rem 0}.letters dt{font-weight:600}.letters dd{margin:0;min-width:0}.letters .score{margin-left:0}
        #curves>details,#learned>details{display:inline-block;vertical-align:top;margin-right:1.4rem}#curves>details[open],#learned>details[open]{display:block;margin-right:0}
        @media (min-width:1000px){main{display:flex;flex-wrap:wrap;align-items:flex-start;column-gap:2rem}main>*{flex:1 1 100%;min-width:0}#summary{columns:2;column-gap:2.5rem}#summary h2{column-span:all}#summary p{break-inside:avoid}
        #learned,#frontier{flex:1 1 46%}#ledger,#rounds,#lineage,#data,#setup{flex:1 1 17%}#ledger:has(details[open]),#rounds:has(details[open]),#lineage:has(details[open]),#data:has(details[open]),#setup:has(details[open]),#learned:has(>details[open]){flex-basis:100%}}
        .rose{color:var(--s2)}.fell{color:var(--s1)}
        @media (max-width:600px){h1{font-size:1.45rem}.cards{grid-template-columns:repeat(2,minmax(0,1fr))}main{padding:1rem .8rem 3rem}}
        @media print{body{background:#fff}.prompt,figure.chart,.card{break-inside:avoid}nav{display:none}}
        """;
}
