/* The bench's results as people read them, and whether a target is met. Pure but for printing. */

const COLUMN = 12;

/* {text, isMet} of a row with a target and our value; undefined otherwise. */
export function verdictOf({ target, values, digits }) {
  const ours = values.cartrita;
  if (!target || ours === undefined) return undefined;
  const { kind, factor, value } = target;
  if (kind === 'atMost') return { text: target.text ?? `<= ${value}`, isMet: ours <= value };
  if (kind === 'atLeast') return { text: target.text ?? `>= ${value}`, isMet: ours >= value };
  if (values.bull === undefined) return undefined;
  const times = ours / values.bull;
  const isMet = kind === 'atLeastTimesBull' ? times >= factor : times <= factor;
  const sign = kind === 'atLeastTimesBull' ? '>=' : '<=';
  return { text: `${sign} ${factor} x bull; is ${times.toFixed(2)} x`, isMet, digits };
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
    const verdict = row.verdict && `${row.verdict.isMet ? 'met   ' : 'MISSED'} ${row.verdict.text}`;
    out.push(line([row.label, row.unit, ...names.map((name) => number(row.values[name], row.digits)), verdict]));
  }
  process.stdout.write(`${out.join('\n')}\n`);
}
