/** The page's style sheet; light and dark. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --text: #1f2328; --soft: #656d76; --line: #d0d7de; --page: #fff; --panel: #f6f8fa;
  --done: #54aeff; --cached: #4ac26b; --error: #ff6b63; --canceled: #e09b13; --running: #d4a72c; --critical: #1f2328; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --soft: #8d96a0; --line: #30363d; --page: #0d1117; --panel: #161b22;
  --done: #1f6feb; --cached: #2ea043; --error: #da3633; --canceled: #9e6a03; --running: #bb8009; --critical: #e6edf3; } }
body { margin: 2rem auto; max-width: 80rem; padding: 0 1.5rem; font: 14px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); }
h1 { font-size: 1.5rem; margin-bottom: .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p.lead { color: var(--soft); margin: .25rem 0 1rem; max-width: 60rem; }
.facts { display: flex; flex-wrap: wrap; gap: .75rem; padding: 0; margin: 1rem 0; list-style: none; }
.facts li { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .5rem .9rem; }
.facts b { display: block; font-size: 1.2rem; } .facts span, .legend { color: var(--soft); font-size: .85rem; }
.legend i { display: inline-block; width: .9rem; height: .7rem; border-radius: 2px; margin: 0 .3rem 0 1rem; vertical-align: -1px; }
.legend i:first-child { margin-left: 0; } i.done { background: var(--done); } i.cached { background: var(--cached); }
i.error { background: var(--error); } i.canceled { background: var(--canceled); } i.critical { border: 2px solid var(--critical); box-sizing: border-box; }
.timeline { border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
.row { display: grid; grid-template-columns: minmax(8rem, 38%) 7.5rem 1fr; gap: .75rem; align-items: center; padding: .2rem .75rem; }
details + details > summary { border-top: 1px solid var(--line); } summary { cursor: pointer; list-style: none; }
summary:hover { background: var(--panel); } details[open] > summary { background: var(--panel); }
details:target > summary { outline: 2px solid var(--done); outline-offset: -2px; }
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } .critical .name { font-weight: 600; }
.time { text-align: right; color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
.track { position: relative; height: 1.1rem; margin-right: 1.5rem; }
.bar { position: absolute; top: .1rem; height: .9rem; min-width: 3px; border-radius: 3px; background: var(--done); box-sizing: border-box; }
.bar.task { top: .3rem; height: .5rem; opacity: .7; } .cached .bar { background: var(--cached); } .error .bar { background: var(--error); }
.canceled .bar { background: var(--canceled); } .running .bar { background: var(--running); } .critical .bar { border: 2px solid var(--critical); }
.error .name { color: var(--error); } .scale { color: var(--soft); font-size: .8rem; background: var(--panel); border-bottom: 1px solid var(--line); }
.tick { position: absolute; border-left: 1px solid var(--line); padding-left: .25rem; }
.more { padding: .25rem .75rem .75rem 1.75rem; } .more p { margin: .4rem 0; overflow-wrap: anywhere; } .more .row { padding: 0; }
.remark { font-weight: 600; } .warning { color: var(--canceled); }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .6rem .8rem; overflow: auto; max-height: 24rem; font-size: 12px; }
pre.error { border-color: var(--error); white-space: pre-wrap; overflow-wrap: anywhere; } a { color: inherit; }
.graph { overflow: auto; border: 1px solid var(--line); border-radius: 6px; padding: .5rem; max-height: 44rem; }
.node rect { fill: var(--panel); stroke: var(--done); stroke-width: 1.5; } .node text { font-size: 12px; fill: var(--text); } .node .note { fill: var(--soft); font-size: 11px; }
.node.cached rect { stroke: var(--cached); } .node.error rect { stroke: var(--error); } .node.canceled rect { stroke: var(--canceled); }
.node.critical rect { stroke-width: 3; } .edge { fill: none; stroke: var(--line); stroke-width: 1.5; } .edge.follows { stroke-dasharray: 5 4; }
.edge.critical { stroke: var(--critical); } table { border-collapse: collapse; width: 100%; table-layout: fixed; } th { width: auto; } td, th { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number { text-align: right; width: 4.5rem; white-space: nowrap; font-variant-numeric: tabular-nums; }
`;
