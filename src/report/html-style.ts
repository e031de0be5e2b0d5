/** The look of the page, inside of it: an artefact must not need anything from elsewhere in ten years. */
export const style = `
:root { color-scheme: light dark; --ink: #1b2430; --soft: #5a6675; --line: #d9dee5; --paper: #ffffff; --tint: #f5f7f9;
  --good: #10683f; --good-tint: #e6f4ec; --bad: #a3211b; --bad-tint: #fcebea; --wait: #7a5200; --wait-tint: #fdf3dc; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #9ba7b5; --line: #333c48; --paper: #14181d;
  --tint: #1c2229; --good: #6fd3a0; --good-tint: #12301f; --bad: #ff9d96; --bad-tint: #3b1715; --wait: #f0c66a;
  --wait-tint: #352a10; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { font-size: 1.1rem; font-weight: 600; color: var(--soft); margin: 0 0 1rem; }
h2 { font-size: 1.25rem; margin: 2.75rem 0 .75rem; }
p { margin: .5rem 0; max-width: 46rem; }
.verdict { border-left: .4rem solid; border-radius: .35rem; padding: 1rem 1.25rem; margin: 0 0 1.5rem; }
.verdict strong { display: block; font-size: 1.75rem; line-height: 1.2; }
.verdict ul { margin: .5rem 0 0; padding-left: 1.2rem; }
.pass { color: var(--good); background: var(--good-tint); }
.fail { color: var(--bad); background: var(--bad-tint); }
.in_progress { color: var(--wait); background: var(--wait-tint); }
.verdict p, .verdict li { color: var(--ink); }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: .75rem; margin: 0; }
.numbers div { background: var(--tint); border: 1px solid var(--line); border-radius: .35rem; padding: .7rem .9rem; }
.numbers dt { color: var(--soft); font-size: .85rem; }
.numbers dd { margin: 0; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
table.facts th { width: 15rem; }
code, pre, .name { font: .86em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
code, .name { overflow-wrap: anywhere; }
pre { background: var(--tint); border: 1px solid var(--line); border-radius: .35rem; padding: .8rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.bad { color: var(--bad); }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --tint: #fff;
  --good: #10683f; --good-tint: #fff; --bad: #a3211b; --bad-tint: #fff; --wait: #7a5200; --wait-tint: #fff; }
  body { font-size: 10.5pt; } main { max-width: none; padding: 0; } .verdict { border: 2px solid; }
  h2 { break-after: avoid; } tr, .numbers div { break-inside: avoid; } thead { display: table-header-group; } }
`;
