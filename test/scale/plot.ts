// The plot of docs/scale.md: three charts in one SVG, legible on light and dark pages.
import type { Scale } from './measure.ts';

const WIDTH = 900;
const HEIGHT = 300;
const CHART = { width: 240, height: 190, top: 50, left: 50, gap: 55 };
const GRIDS = 4;

export interface Line {
  /** A class of the style below. */
  kind: 'first' | 'second';
  title: string;
  of: (scale: Scale) => number;
  points: readonly Scale[];
}

export interface Chart {
  title: string;
  lines: readonly Line[];
  /** A limit that the page names, in the unit of the chart. */
  limit?: number;
}

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #444 }
  .title { font-weight: 600; fill: #222 }
  .grid { stroke: #d8d8d8 } .limit { stroke: #b3261e; stroke-dasharray: 4 3 }
  .line { fill: none; stroke-width: 2 }
  .first { stroke: #1f5fbf } .second { stroke: #b45f06 }
  .first-mark { fill: #1f5fbf } .second-mark { fill: #b45f06 }
  @media (prefers-color-scheme: dark) {
    text { fill: #c4c4c4 } .title { fill: #eee } .grid { stroke: #484848 } .limit { stroke: #f2867c }
    .first { stroke: #7fb2ff } .second { stroke: #f0a95c }
    .first-mark { fill: #7fb2ff } .second-mark { fill: #f0a95c }
  }`;

/** The least of 1, 2, 5 times a power of ten that four steps of reach the value. */
function step(highest: number): number {
  const rough = highest / GRIDS;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) as number);
}

const short = (value: number): string => (value >= 1000 ? `${value / 1000}k` : String(Number(value.toPrecision(3))));

function chart({ title, lines, limit }: Chart, index: number): string {
  const { width, height, top, left, gap } = CHART;
  const x0 = left + index * (width + gap);
  const all = lines.flatMap(({ points, of }) => points.map(of));
  const size = step(Math.max(...all, limit ?? 0));
  const most = size * GRIDS;
  const widest = Math.max(...lines.flatMap(({ points }) => points.map(({ inodes }) => inodes)));
  const x = (inodes: number): number => x0 + (inodes / widest) * width;
  const y = (value: number): number => top + height - (value / most) * height;
  const parts = [`<text class="title" x="${x0}" y="${top - 30}">${title}</text>`];
  for (let i = 0; i <= GRIDS; i++) {
    const at = y(i * size).toFixed(1);
    parts.push(`<line class="grid" x1="${x0}" x2="${x0 + width}" y1="${at}" y2="${at}"/>`);
    parts.push(`<text x="${x0 - 6}" y="${Number(at) + 4}" text-anchor="end">${short(i * size)}</text>`);
  }
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const text = short(part * widest);
    parts.push(`<text x="${x(part * widest).toFixed(1)}" y="${top + height + 18}" text-anchor="middle">${text}</text>`);
  }
  if (limit !== undefined) {
    parts.push(`<line class="limit" x1="${x0}" x2="${x0 + width}" y1="${y(limit)}" y2="${y(limit)}"/>`);
  }
  for (const [i, { kind, title: name, points, of }] of lines.entries()) {
    const path = points.map((point) => `${x(point.inodes).toFixed(1)},${y(of(point)).toFixed(1)}`);
    parts.push(`<polyline class="line ${kind}" points="${path.join(' ')}"/>`);
    for (const at of path) {
      const [cx, cy] = at.split(',');
      parts.push(`<circle class="${kind}-mark" r="2.5" cx="${cx}" cy="${cy}"/>`);
    }
    const lx = x0 + i * 105;
    parts.push(`<circle class="${kind}-mark" r="4" cx="${lx + 4}" cy="${top - 14}"/>`);
    parts.push(`<text x="${lx + 13}" y="${top - 10}">${name}</text>`);
  }
  return parts.join('\n');
}

/** The whole picture. */
export function plot(charts: readonly Chart[], description: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${description}">
<style>${STYLE}</style>
${charts.map(chart).join('\n')}
<text x="${CHART.left}" y="${HEIGHT - 12}">inodes in the tree; the dashed line is the limit for 100,000</text>
</svg>
`;
}
