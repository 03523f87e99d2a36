/* Draws the day of test_scaling_day.c as SVG: node tests/sim/scaling_chart.mjs day.csv > scaling.svg
 * (make scaling-chart does both). */
import { readFileSync } from 'node:fs';

const WIDTH = 900;
const PANEL = 120;
const GAP = 34;
const LEFT = 60;
const rows = readFileSync(process.argv[2], 'utf8').trim().split('\n').slice(1).map((line) => line.split(',').map(Number));

const PANELS = [
  { title: 'jobs that come, a second (logarithmic)', column: 1, isLog: true, colour: '#4c72b0' },
  { title: 'jobs that wait (logarithmic)', column: 2, isLog: true, colour: '#c44e52' },
  { title: 'age of the oldest, seconds; the target is 30', column: 3, colour: '#8172b2', line: 30 },
  { title: 'workers that are wanted, and that run (dark; logarithmic)', column: 4, second: 5, isLog: true, colour: '#dd8452' },
];

const x = (second) => LEFT + (second / 86_400) * (WIDTH - LEFT - 10);

function panel({ title, column, second, isLog, colour, line }, index) {
  const top = GAP + index * (PANEL + GAP);
  const scaled = (value) => (isLog ? Math.log10(1 + value) : value);
  const most = Math.max(line ?? 0, ...rows.map((row) => Math.max(row[column], second ? row[second] : 0)));
  const y = (value) => top + PANEL - (scaled(value) / scaled(most)) * PANEL;
  const path = (at) => rows.map((row, i) => `${i ? 'L' : 'M'}${x(row[0]).toFixed(1)} ${y(row[at]).toFixed(1)}`).join('');
  return [
    `<text x="${LEFT}" y="${top - 8}">${title}</text>`,
    `<rect x="${LEFT}" y="${top}" width="${WIDTH - LEFT - 10}" height="${PANEL}" fill="none" stroke="#ccc"/>`,
    `<text x="${LEFT - 6}" y="${top + 10}" text-anchor="end">${most}</text><text x="${LEFT - 6}" y="${top + PANEL}" text-anchor="end">0</text>`,
    line ? `<path d="M${LEFT} ${y(line)}H${WIDTH - 10}" stroke="#999" stroke-dasharray="4"/>` : '',
    `<path d="${path(column)}" fill="none" stroke="${colour}"/>`,
    second ? `<path d="${path(second)}" fill="none" stroke="#333"/>` : '',
  ].join('\n');
}

const bottom = GAP + PANELS.length * (PANEL + GAP) - 12;
const hours = Array.from({ length: 13 }, (_, i) => `<text x="${x(i * 7200)}" y="${bottom}" text-anchor="middle">${i * 2}:00</text>`);
process.stdout.write(
  `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${bottom + 12}" font-family="sans-serif" font-size="11">\n<rect width="100%" height="100%" fill="white"/>\n${PANELS.map(panel).join('\n')}\n${hours.join('\n')}\n</svg>\n`,
);
