/* The bench's results as people read them, and whether a target is met. Pure but for printing. */

import { COUNTERPARTS } from './systems.mjs';

const COLUMN = 12;

/* [{text, isMet}] of a row with a target, one for each of ours that has a value and, where the target
 * is a multiple, a counterpart that has one. */
export function verdictsOf({ target, values }) {
  if (!target) return [];
  return Object.entries(COUNTERPARTS).flatMap(([name, other]) => {
    const value = values[name];
    if (value === undefined) return [];
    if (target.kind === 'atMost') return [{ text: `<= ${target.value}`, isMet: value <= target.value }];
    if (target.kind === 'atLeastPart') {
      const least = Math.round(target.base[name] * target.factor);
      return [{ text: `>= ${least}`, isMet: value >= least }];
    }
    if (values[other] === undefined) return [];
    const times = value / values[other];
    const isMet = target.kind === 'atLeastTimes' ? times >= target.factor : times <= target.factor;
    const sign = target.kind === 'atLeastTimes' ? '>=' : '<=';
    return [{ text: `${sign} ${target.factor} x ${other}; is ${times.toFixed(2)} x`, isMet }];
  });
}

const number = (value, digits) =>
  value === undefined
    ? '-'
    : value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

export function printTable(rows, names, machine, runs) {
  const width = Math.max(...rows.map(({ label }) => label.length), 10);
  const line = (cells) =>
    `${cells[0].padEnd(width)} ${cells[1].padEnd(7)}${cells
      .slice(2, 2 + names.length)
      .map((cell) => cell.padStart(COLUMN))
      .join('')}  ${cells[2 + names.length] ?? ''}`.trimEnd();
  const out = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}; medians of ${runs} runs`,
    '',
    line(['', 'unit', ...names, 'target']),
  ];
  let group;
  for (const row of rows) {
    if (row.group !== group) out.push('');
    group = row.group;
    const verdict = row.verdicts.map(({ isMet, text }) => `${isMet ? 'met   ' : 'MISSED'} ${text}`).join('  ');
    out.push(line([row.label, row.unit, ...names.map((name) => number(row.values[name], row.digits)), verdict]));
  }
  process.stdout.write(`${out.join('\n')}\n`);
}
