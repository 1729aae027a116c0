extension DocumentationPage {
  /// Light and dark by the reader's setting; one column on a telephone.
  static let style = #"""
    :root {
      --ground: #fbfbfa; --panel: #fff; --ink: #1d2021; --faint: #5b6267; --line: #d9dcde; --accent: #0b5c8a;
      --good: #17653a; --bad: #a3241c; --code: #f1f3f4;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --ground: #15181a; --panel: #1d2124; --ink: #e6e8e9; --faint: #a2a9ae; --line: #363c40; --accent: #7cc4ee;
        --good: #7fd39c; --bad: #ff9a8f; --code: #25292d;
      }
    }
    * { box-sizing: border-box; }
    body { margin: 0 auto; max-width: 62rem; padding: 1rem; background: var(--ground); color: var(--ink);
      font: 1rem/1.5 system-ui, sans-serif; }
    h1 { margin: 0; font-size: 1.5rem; }
    h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; }
    h2 small { font-weight: normal; color: var(--faint); }
    p { margin: .25rem 0; }
    a { color: var(--accent); }
    .bar { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: center; margin-top: .5rem; }
    details { border: 1px solid var(--line); border-radius: .5rem; background: var(--panel); margin: .5rem 0; }
    summary { cursor: pointer; padding: .6rem .8rem; display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: baseline; }
    summary::-webkit-details-marker { display: none; }
    summary .method { font: 600 .8rem ui-monospace, monospace; color: var(--accent); width: 2.75rem; }
    summary .path { font: .95rem ui-monospace, monospace; overflow-wrap: anywhere; }
    summary .what { color: var(--faint); font-size: .9rem; }
    .inside { padding: 0 .8rem .8rem; }
    .fields { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: .5rem 1rem; margin: .5rem 0; }
    label { font-size: .85rem; color: var(--faint); }
    .fields label { display: block; }
    input, select, textarea, button { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line);
      border-radius: .35rem; padding: .4rem .5rem; }
    .fields input, .fields select, textarea { width: 100%; }
    textarea { font: .9rem/1.4 ui-monospace, monospace; min-height: 8rem; resize: vertical; margin-top: .25rem; }
    button { background: var(--accent); color: var(--panel); border-color: var(--accent); cursor: pointer; padding: .4rem 1.1rem; }
    button:disabled { opacity: .6; cursor: default; }
    :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
    pre { background: var(--code); border-radius: .35rem; padding: .6rem; margin: .5rem 0 0; overflow-x: auto;
      font: .85rem/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 24rem; }
    .status { font-weight: 600; }
    .status.good { color: var(--good); }
    .status.bad { color: var(--bad); }
    .answers { font-size: .85rem; color: var(--faint); margin-top: .5rem; }
    """#
}
