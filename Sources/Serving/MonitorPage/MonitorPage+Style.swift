extension MonitorPage {
  /// Colours meet WCAG's contrast of 4.5 on both grounds.
  static let style = """
    :root { color-scheme: light dark; --ground: #fff; --ink: #1b1f24; --soft: #59636e; --line: #d1d9e0; --a: #0b5cad; --b: #b34700;
      --good: #116329; --warn: #8a5a00; --bad: #b3261e; --card: #f6f8fa; }
    @media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --ink: #e6edf3; --soft: #9ba6b2; --line: #3d444d; --a: #6cb6ff;
      --b: #ffab70; --good: #56d364; --warn: #e3b341; --bad: #ff8f87; --card: #161b22; } }
    * { box-sizing: border-box; }
    body { margin: 0; font: 16px/1.5 system-ui, sans-serif; background: var(--ground); color: var(--ink); }
    header, main { max-width: 75rem; margin: 0 auto; padding: 0 1rem; }
    h1 { margin: 1rem 0 0; font-size: 1.4rem; } h2 { font-size: 1.1rem; border-bottom: 1px solid var(--line); }
    h3 { font-size: .95rem; margin: 0; overflow-wrap: anywhere; }
    #verdict { font-size: 1.3rem; font-weight: 600; margin: .5rem 0; padding: .5rem .8rem; border-left: .4rem solid var(--soft); background: var(--card); }
    #verdict.keep { border-color: var(--good); } #verdict.watch { border-color: var(--warn); } #verdict.retrain { border-color: var(--bad); }
    #updated { color: var(--soft); margin-left: .5rem; }
    .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr)); gap: .8rem; margin: .8rem 0; align-items: start; }
    figure { margin: 0; padding: .6rem; background: var(--card); border: 1px solid var(--line); border-radius: .4rem; min-width: 0; }
    figure.drifted { border-color: var(--bad); border-width: 2px; }
    figcaption { font-size: .85rem; color: var(--soft); }
    svg { width: 100%; height: 7rem; display: block; }
    svg text { fill: var(--soft); font-size: 10px; }
    .a { fill: var(--a); stroke: var(--a); } .b { fill: var(--b); stroke: var(--b); }
    path.a, path.b { fill: none; stroke-width: 1.8; stroke-linecap: round; } .grid { stroke: var(--line); }
    .key { margin: .3rem 0; color: var(--soft); font-size: .9rem; } a { color: var(--a); }
    details { font-size: .85rem; } summary { color: var(--soft); cursor: pointer; }
    .key-a { color: var(--a); } .key-b { color: var(--b); }
    dl { display: flex; flex-wrap: wrap; gap: .4rem 1.6rem; margin: .5rem 0; } dl div { min-width: 7rem; }
    dt { color: var(--soft); font-size: .85rem; } dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
    .scroll { overflow-x: auto; } .scroll table { min-width: 36rem; } #alerts td:last-child { min-width: 24rem; } #quality td:last-child { min-width: 14rem; } #components summary { font-size: 1rem; margin: .8rem 0; } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
    th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
    td.number { font-variant-numeric: tabular-nums; } .bad { color: var(--bad); font-weight: 600; } .good { color: var(--good); }
    select, button { font: inherit; } :focus-visible { outline: 3px solid var(--a); outline-offset: 2px; }
    """
}
