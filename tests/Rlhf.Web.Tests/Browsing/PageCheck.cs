using Microsoft.Playwright;

namespace Rlhf.Web.Tests.Browsing;

/// <summary>What must hold of every page at every width, in light and dark: nothing is wider than the window, no word is broken, every text can be told from
/// its ground, and axe-core, where it is installed, finds nothing.</summary>
internal static class PageCheck
{
    // Words of letters and digits; what is longer than this may break, as nothing else helps.
    private const string Script =
        """
        () => {
          const longest = 24, wrong = new Set(), seen = [];
          if (document.documentElement.scrollWidth > innerWidth) {
            wrong.add(`the page is ${document.documentElement.scrollWidth} wide and the window ${innerWidth}`);
          }
          const numbers = color => (color.match(/[\d.]+/g) ?? []).map(Number);
          const luminance = rgb => {
            const [r, g, b] = rgb.map(value => value / 255).map(value => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const over = (top, alpha, ground) => ground.map((value, i) => top[i] * alpha + value * (1 - alpha));
          const groundOf = element => {
            const layers = [];
            for (let at = element; at; at = at.parentElement) {
              const [r, g, b, alpha = 1] = numbers(getComputedStyle(at).backgroundColor);
              layers.unshift([[r, g, b], alpha]);
            }
            const page = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
            return layers.reduce((ground, [color, alpha]) => over(color, alpha, ground), page);
          };
          const contrast = element => {
            const ground = groundOf(element), style = getComputedStyle(element);
            const [r, g, b, alpha = 1] = numbers(style.fill !== "rgb(0, 0, 0)" && element.closest("svg") ? style.fill : style.color);
            let opacity = alpha;
            for (let at = element; at; at = at.parentElement) {
              opacity *= Number(getComputedStyle(at).opacity);
            }
            const [light, dark] = [luminance(over([r, g, b], opacity, ground)), luminance(ground)].sort((one, other) => other - one);
            return (light + 0.05) / (dark + 0.05);
          };
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          for (let node = walker.nextNode(); node; node = walker.nextNode()) {
            const element = node.parentElement;
            if (node.data.trim() === "" || element.closest("script, style, option, template, .unseen, [inert]") || !element.checkVisibility({ visibilityProperty: true })) {
              continue;
            }
            for (const word of [...node.data.matchAll(/[\p{L}\p{N}]+/gu)].slice(0, 300)) {
              // A token is a part of a word, and of a random model's answer maybe of a very long one.
              if (word[0].length > longest || element.matches(".token")) {
                continue;
              }
              const range = document.createRange();
              range.setStart(node, word.index);
              range.setEnd(node, word.index + word[0].length);
              const lines = new Set([...range.getClientRects()].filter(box => box.width > 0).map(box => Math.round(box.top / 4)));
              if (lines.size > 1) {
                wrong.add(`"${word[0]}" is broken in <${element.localName} class="${element.className}">`);
              }
            }
            if (!element.closest("button:disabled, [aria-disabled=true]")) {
              const ratio = contrast(element);
              if (ratio < 4.5) {
                wrong.add(`"${node.data.trim().slice(0, 40)}" has a contrast of ${ratio.toFixed(2)} in <${element.localName} class="${element.className}">`);
              }
            }
          }
          return [...wrong];
        }
        """;

    private const int Tablet = 768;

    private static readonly string? Folder = Environment.GetEnvironmentVariable("RLHF_LAYOUT_PICTURES");

    /// <summary>The widths of a phone, a tablet and a laptop, in both schemes.</summary>
    public static TheoryData<int, ColorScheme> Screens
    {
        get
        {
            var screens = new TheoryData<int, ColorScheme>();
            foreach (var width in (int[])[390, Tablet, 1280])
            {
                screens.Add(width, ColorScheme.Light);
                screens.Add(width, ColorScheme.Dark);
            }

            return screens;
        }
    }

    /// <summary>Looks at a page as it stands. With <c>RLHF_LAYOUT_PICTURES</c> it is also kept as a picture in that folder.</summary>
    public static async Task Look(IPage page, string name, ColorScheme colors)
    {
        if (Folder is { Length: > 0 })
        {
            await page.ScreenshotAsync(
                new PageScreenshotOptions
                {
                    Path = Path.Combine(Folder, $"{name}-{page.ViewportSize!.Width}-{(colors == ColorScheme.Dark ? "dark" : "light")}.png"),
                    FullPage = true,
                });
        }

        var wrong = await page.EvaluateAsync<string[]>(Script);
        var place = $"{name}, {page.ViewportSize!.Width} px, {colors}";
        Assert.True(wrong.Length == 0, $"{place}: {string.Join("; ", wrong.Take(8))}");
        // A tablet has the elements of a phone or of a laptop: axe-core, which takes longer than all else, looks at these two.
        if (AxeCheck.IsInstalled && page.ViewportSize!.Width != Tablet)
        {
            await AxeCheck.Look(page, place);
        }
    }
}
