/**
 * How the picture of a chart looks. Colours are variables, so that a page can set them, and a picture in a file follows the
 * reader's scheme. The tones keep apart for readers who see colours differently, and are never told by colour alone: a
 * state that is active also has a filled lamp, a bold frame and a bold name.
 *
 * Classes: `chart`, then `light`, `dark` or neither (as the reader's system is); states `state`, `leaf`, `composite`,
 * `region`, `final`, `tone-*`; edges `edge`, labels `label`. For what a running actor does: `active` on states, `next` on
 * edges and labels that can be taken now, `taken` on those just taken.
 */
const light = `--chart-back:#fbfcfd;--chart-box:#fff;--chart-ink:#17202b;--chart-muted:#566372;--chart-line:#bfc9d4;
--chart-edge:#7d8a9a;--chart-composite:#f3f6f9;--chart-region:#eaeff4;
--chart-healthy:#0b7a5a;--chart-healthy-back:#d9f3e8;--chart-degraded:#945600;--chart-degraded-back:#ffedcc;
--chart-down:#b4321c;--chart-down-back:#fde2dc;--chart-transient:#1d5fb8;--chart-transient-back:#dcebfd;
--chart-plain:#414d5c;--chart-plain-back:#e6ebf1`;
const dark = `--chart-back:#0e1319;--chart-box:#171e27;--chart-ink:#e7edf4;--chart-muted:#9aa8b8;--chart-line:#3a4755;
--chart-edge:#75859a;--chart-composite:#131a22;--chart-region:#18212b;
--chart-healthy:#3fd0a0;--chart-healthy-back:#0f3a2d;--chart-degraded:#f3b13f;--chart-degraded-back:#40300d;
--chart-down:#ff8a70;--chart-down-back:#48201a;--chart-transient:#74b3ff;--chart-transient-back:#14324f;
--chart-plain:#b9c5d2;--chart-plain-back:#26313d`;

const tone = (name: string) =>
  `.chart .tone-${name}{--tone:var(--chart-${name});--tone-back:var(--chart-${name}-back)}`;

export const chartCss = `.chart{${light};
font-family:Inter,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","Liberation Sans",Arial,"DejaVu Sans Condensed",sans-serif}
@media (prefers-color-scheme:dark){.chart{${dark}}}
.chart.light{${light}}
.chart.dark{${dark}}
.chart .back{fill:var(--chart-back)}
.chart .title{font-size:16px;font-weight:600;fill:var(--chart-ink)}
.chart .about{font-size:11.5px;fill:var(--chart-muted)}
.chart .box{fill:var(--chart-box);stroke:var(--chart-line);stroke-width:1.2}
.chart .composite>.box{fill:var(--chart-composite)}
.chart .region>.box{fill:var(--chart-region);stroke-dasharray:5 4}
.chart .inner{fill:none;stroke:var(--chart-line)}
.chart .name{font-size:13px;font-weight:600;fill:var(--chart-ink)}
.chart .line,.chart .kind{font-size:10.5px;fill:var(--chart-muted)}
.chart .owner{font-style:italic}
.chart .icon{fill:none;stroke:var(--chart-muted);stroke-width:1.25;stroke-linecap:round;stroke-linejoin:round}
.chart .icon .solid{fill:var(--chart-muted);stroke:none}
.chart .lamp{fill:var(--tone);stroke:var(--tone);stroke-width:1.4;fill-opacity:.25}
.chart .final>.lamp{fill:none;stroke:var(--chart-line)}
.chart .start{fill:var(--chart-edge)}
.chart .edge{fill:none;stroke:var(--chart-edge);stroke-width:1.25}
.chart .arrow{fill:var(--chart-edge)}
.chart .pill{fill:var(--chart-box);stroke:var(--chart-line);stroke-width:.8}
.chart .anywhere rect{fill:none;stroke:var(--chart-edge);stroke-dasharray:3 3}
.chart .anywhere text{font-size:11px;font-style:italic;fill:var(--chart-muted)}
.chart .cause{font-size:11px;font-weight:500;fill:var(--chart-ink)}
.chart .guard,.chart .place,.chart .actions{font-size:10.5px;fill:var(--chart-muted)}
.chart .place{font-style:italic}
.chart .after .cause{fill:var(--chart-degraded)}.chart .after .icon{stroke:var(--chart-degraded)}
.chart .done .cause{fill:var(--chart-healthy)}.chart .done .icon{stroke:var(--chart-healthy)}
.chart .failed .cause{fill:var(--chart-down)}.chart .failed .icon{stroke:var(--chart-down)}
.chart .always .solid{fill:var(--chart-transient)}
${['healthy', 'degraded', 'down', 'transient', 'plain'].map((name) => tone(name)).join('')}
.chart .active>.box{stroke:var(--tone);stroke-width:2.2}
.chart .region.active>.box{stroke-width:1.4}
.chart .leaf.active>.box{fill:var(--tone-back)}
.chart .active>.lamp{fill:var(--tone);stroke:var(--tone);fill-opacity:1}
.chart .leaf.active>.name{fill:var(--tone)}
.chart .edge.next{stroke:var(--chart-ink);stroke-width:1.5}
.chart .label.next .pill{stroke:var(--chart-edge);stroke-width:1.1}
.chart .edge.taken{stroke:var(--chart-transient);stroke-width:2}
.chart .label.taken .pill{stroke:var(--chart-transient);stroke-width:1.5}`;
