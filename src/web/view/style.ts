/** The style of all pages: the fonts of the system, one accent color, light and dark, screen, phone and paper. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: #f6f6f4; --surface: #ffffff; --line: #dddcd6; --strong-line: #b9b8b0;
  --text: #1d1e22; --muted: #5a5c66; --accent: #3f4fb5; --accent-ground: #e9ebfa;
  --good: #1c6b3c; --good-ground: #e2f2e7; --warn: #7a4f00; --warn-ground: #faeed3;
  --bad: #a3222f; --bad-ground: #fbe5e6; --plain-ground: #ebebe7;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #131418; --surface: #1b1d23; --line: #30333c; --strong-line: #4d515d;
    --text: #e7e7ea; --muted: #a3a6b2; --accent: #aab4ff; --accent-ground: #272c4d;
    --good: #86d6a2; --good-ground: #173223; --warn: #e8c26c; --warn-ground: #3a2d10;
    --bad: #ff9ea4; --bad-ground: #421d21; --plain-ground: #2a2c34;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  overflow-wrap: anywhere;
}
a { color: var(--accent); text-underline-offset: .15em; text-decoration-thickness: 1px; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
main:focus { outline: none; }
.skip { position: absolute; left: -100vw; top: 0; padding: .5rem 1rem; background: var(--surface); z-index: 1; }
.skip:focus { left: 0; }
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
header {
  display: flex; flex-wrap: wrap; align-items: center; gap: .35rem 1.5rem;
  padding-top: .75rem; padding-bottom: .75rem;
}
header .name { margin: 0; font-weight: 650; letter-spacing: -.01em; }
header .name a { color: inherit; text-decoration: none; }
header nav { flex: 1; }
header ul { display: flex; flex-wrap: wrap; gap: .15rem; margin: 0; padding: 0; list-style: none; }
header nav a { display: block; padding: .3rem .65rem; border-radius: 6px; color: var(--muted); text-decoration: none; }
header nav a:hover { color: var(--text); background: var(--plain-ground); }
header nav a[aria-current] { color: var(--accent); background: var(--accent-ground); font-weight: 600; }
.visitor { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem .6rem; color: var(--muted); font-size: .87rem; }
.visitor form { margin: 0; }
h1 { margin: .9rem 0 .6rem; font-size: 1.5rem; line-height: 1.2; letter-spacing: -.015em; }
h2 { margin: 1.9rem 0 .5rem; font-size: 1.05rem; }
p { margin: .5rem 0; max-width: 68ch; }
.lead { color: var(--muted); }
.nothing { color: var(--muted); }
.muted, .exact, .role { color: var(--muted); }
code, pre { font: .88em/1.4 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { unicode-bidi: isolate; }
pre { margin: 0; white-space: pre-wrap; }
button, input, select { font: inherit; color: inherit; }
button {
  padding: .3rem .8rem; border: 1px solid var(--strong-line); border-radius: 6px;
  background: var(--surface); cursor: pointer;
}
button:hover { border-color: var(--accent); }
button.primary { border-color: var(--accent); background: var(--accent); color: var(--surface); font-weight: 600; }
button.large { padding: .65rem 2rem; font-size: 1.05rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1rem 0; padding: 0; list-style: none; }
.tiles li { padding: .7rem .9rem; border: 1px solid var(--line); border-radius: 9px; background: var(--surface); }
.tiles b { display: block; font-size: 1.55rem; line-height: 1.15; font-weight: 620; font-variant-numeric: tabular-nums; }
.tiles a { color: inherit; text-decoration: none; }
.tiles a:hover { text-decoration: underline; }
.health { padding: .55rem .9rem; border: 1px solid var(--line); border-left: 4px solid var(--good); border-radius: 6px; background: var(--surface); max-width: none; }
.health.ill { border-left-color: var(--bad); }
.fault { padding: .55rem .9rem; border-radius: 6px; background: var(--bad-ground); color: var(--bad); }
table { width: 100%; border-collapse: separate; border-spacing: 0; border: 1px solid var(--line); border-radius: 9px; background: var(--surface); overflow: hidden; }
caption { padding: 0 0 .4rem; text-align: left; color: var(--muted); font-size: .87rem; }
th, td { padding: .42rem .75rem; text-align: left; vertical-align: top; }
thead th { background: var(--plain-ground); color: var(--muted); font-size: .8rem; font-weight: 600; white-space: nowrap; }
tbody tr + tr td { border-top: 1px solid var(--line); }
tbody tr:hover td { background: color-mix(in srgb, var(--accent) 5%, transparent); }
.number { text-align: right; font-variant-numeric: tabular-nums; }
th, td { overflow-wrap: break-word; }
td :is(code, bdi) { overflow-wrap: anywhere; }
td > div:has(> :is(code, bdi)) { min-width: 9.5rem; }
@media (max-width: 66rem) {
  th, td { padding-left: .45rem; padding-right: .45rem; }
  td > div:has(> :is(code, bdi)) { min-width: 7rem; }
}
td .exact { display: block; font-size: .82rem; }
@media (min-width: 70rem) { td .exact { display: inline; margin-left: .3rem; } }
td time, td .state { white-space: nowrap; }
.state { display: inline-block; padding: .02rem .5rem; border-radius: 99px; font-size: .8rem; font-weight: 600; }
.state.good { color: var(--good); background: var(--good-ground); }
.state.warn { color: var(--warn); background: var(--warn-ground); }
.state.bad { color: var(--bad); background: var(--bad-ground); }
.state.accent { color: var(--accent); background: var(--accent-ground); }
.state.plain { color: var(--muted); background: var(--plain-ground); }
dl { display: grid; gap: 0; margin: .75rem 0; border: 1px solid var(--line); border-radius: 9px; background: var(--surface); overflow: hidden; }
dl > div { display: grid; grid-template-columns: 11rem 1fr; gap: .25rem 1rem; padding: .42rem .75rem; }
dl > div + div { border-top: 1px solid var(--line); }
dt { color: var(--muted); }
dd { margin: 0; min-width: 0; }
details.quoted { margin: .35rem 0; }
summary { cursor: pointer; color: var(--accent); width: fit-content; }
blockquote { margin: .5rem 0; padding: .5rem .9rem; border-left: 3px solid var(--strong-line); background: var(--plain-ground); max-width: 76ch; border-radius: 0 6px 6px 0; }
.filters { display: flex; flex-wrap: wrap; align-items: end; gap: .6rem; margin: .75rem 0 1rem; }
.filters label { display: block; color: var(--muted); font-size: .82rem; }
.filters input, .filters select {
  display: block; width: 11rem; height: 2.15rem; margin-top: .15rem; padding: .25rem .5rem;
  border: 1px solid var(--strong-line); border-radius: 6px; background: var(--surface); color: var(--text);
}
.filters .short input, .filters .short select { width: 9.2rem; }
.filters [aria-invalid] { border: 2px solid var(--bad); }
.filters button { height: 2.15rem; }
.filters a { padding: .4rem 0; }
.pager { display: flex; gap: 1.5rem; margin: .9rem 0; }
.card { max-width: 32rem; margin: 2rem 0; padding: 1.25rem 1.5rem; border: 1px solid var(--line); border-radius: 12px; background: var(--surface); }
.card form { margin: 1.2rem 0 .4rem; }
footer { padding-top: 2.5rem; padding-bottom: 1.5rem; color: var(--muted); font-size: .82rem; }
@media screen and (max-width: 46rem) {
  header, main, footer { padding-left: .9rem; padding-right: .9rem; }
  header nav { order: 3; flex-basis: 100%; margin: 0 -.4rem; }
  header nav a { padding: .5rem .6rem; }
  .visitor { flex: 1; flex-wrap: nowrap; justify-content: flex-end; min-width: 0; }
  .visitor form, .visitor .role { flex: none; }
  .visitor code { min-width: 0; flex: 0 1 auto; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; overflow-wrap: normal; }
  .tiles { grid-template-columns: repeat(2, 1fr); }
  table, caption, tbody, tr, td { display: block; }
  thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; white-space: nowrap; }
  tbody tr { padding: .5rem 0; }
  tbody tr + tr { border-top: 1px solid var(--line); }
  tbody tr + tr td { border-top: 0; }
  td, td.number { display: grid; grid-template-columns: 6.2rem 1fr; gap: .6rem; padding: .14rem .75rem; text-align: left; }
  td::before { content: attr(data-title); color: var(--muted); font-size: .82rem; }
  td > div { min-width: 0; }
  td:has(> div:empty) { display: none; }
  td > div, td > div:has(> :is(code, bdi)) { min-width: 0; }
  td { overflow-wrap: anywhere; }
  td time { white-space: normal; }
  table { border: 0; background: none; border-radius: 0; overflow: visible; }
  caption { padding-left: .1rem; }
  tbody { border: 1px solid var(--line); border-radius: 9px; background: var(--surface); overflow: hidden; }
  dl > div { grid-template-columns: 1fr; gap: 0; }
  dt { font-size: .82rem; }
  .filters > * { flex: 1 1 45%; }
  .filters input, .filters select, .filters .short input, .filters .short select { width: 100%; font-size: 16px; }
  .filters button { flex: 1 1 45%; height: 2.6rem; }
  .pager a { padding: .5rem 0; }
}
@media (forced-colors: active) { .state { border: 1px solid; } }
@media print {
  :root {
    --ground: #fff; --surface: #fff; --line: #bbb; --strong-line: #777; --text: #000; --muted: #444; --accent: #000;
    --accent-ground: #fff; --good: #000; --good-ground: #fff; --warn: #000; --warn-ground: #fff; --bad: #000;
    --bad-ground: #fff; --plain-ground: #fff;
  }
  body { font-size: 10pt; }
  header, main, footer { max-width: none; padding-left: 0; padding-right: 0; }
  header nav, header form, footer form, .filters, .pager, .skip { display: none; }
  a { color: inherit; text-decoration: none; }
  tr, dl > div { break-inside: avoid; }
  th, td { padding: .25rem .4rem; }
  td > div:has(> :is(code, bdi)) { min-width: 6.5rem; }
  thead { display: table-header-group; }
  .state { padding: 0 .3rem; border: 1px solid #777; }
}
`;
