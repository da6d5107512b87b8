/** Programs that make tables, or read one: statistics of a CSV file. */
import { STATISTICS_SOURCE } from './lists.ts'
import { countOf, PRELUDE, type Program } from './program.ts'

const MOST_ROWS = 1000
const OF_WHAT: readonly (readonly [RegExp, string])[] = [
  [/\bsquares?\b/i, 'square'],
  [/\bcubes?\b/i, 'cube'],
  [/\bsquare roots?\b/i, 'root'],
  [/\bfactorials?\b/i, 'factorial'],
  [/\breciprocals?\b/i, 'reciprocal'],
]
const POWERS = /\bpowers? of (\d{1,4})\b/i
const TIMES = /\b(?:multiplication|times) table(?: of| for)? (\d{1,6})\b|\b(\d{1,6}) times table\b/i
const RANGE =
  /\bfrom\s+(\d{1,9})\s+(?:to|until|through)\s+(\d{1,9})\b|\bbetween\s+(\d{1,9})\s+and\s+(\d{1,9})\b/i
const UP_TO = /\b(?:up to|to|until)\s+(\d{1,9})\b/i
const FIRST = /\bfirst\s+(\d{1,9})\b/i
const TABLE = /\btable|\blist|\bfirst\b|\bshow|\bprint|\bgive/i

function rangeOf(sentence: string, from: number, to: number): readonly [number, number] | null {
  const range = RANGE.exec(sentence)
  const first = countOf(FIRST.exec(sentence)?.[1])
  const until = countOf(UP_TO.exec(sentence)?.[1])
  const low = range === null ? from : countOf(range[1] ?? range[3])
  const high =
    range === null ? (first === null ? (until ?? to) : from + first - 1) : countOf(range[2] ?? range[4])
  return low === null || high === null || high < low || high - low >= MOST_ROWS ? null : [low, high]
}

export const NUMBER_TABLE: Program = {
  name: 'table',
  help: 'tables of squares, cubes, roots, factorials, reciprocals, powers, or a multiplication table',
  read(sentence) {
    if (!TABLE.test(sentence)) return null
    const times = TIMES.exec(sentence)
    const powers = POWERS.exec(sentence)
    const roots = /\bsquare roots?\b/i.test(sentence)
    const kind =
      times !== null
        ? 'times'
        : powers !== null
          ? 'power'
          : roots
            ? 'root'
            : OF_WHAT.find(([pattern]) => pattern.test(sentence))?.[1]
    if (kind === undefined) return null
    const range = rangeOf(sentence, kind === 'power' ? 0 : 1, 10)
    if (range === null) return null
    const [from, to] = range
    // Their digits grow with the row.
    if ((kind === 'factorial' || kind === 'power') && to > 300) return null
    return { input: { kind, from, to, base: Number(times?.[1] ?? times?.[2] ?? powers?.[1] ?? 0) } }
  },
  source: `${PRELUDE}
import math
kind, base = data['kind'], data['base']
def value(n):
    if kind == 'square':
        return n * n
    if kind == 'cube':
        return n ** 3
    if kind == 'root':
        return format(math.sqrt(n), '.10g')
    if kind == 'factorial':
        return math.factorial(n)
    if kind == 'reciprocal':
        return format(1 / n, '.10g') if n else 'none'
    return base ** n if kind == 'power' else base * n
heads = {'square': 'n^2', 'cube': 'n^3', 'root': 'sqrt(n)', 'factorial': 'n!', 'reciprocal': '1/n', 'power': str(base) + '^n', 'times': str(base) + ' * n'}
print('| n |', heads[kind], '|')
print('|---|---|')
for n in range(data['from'], data['to'] + 1):
    print('|', n, '|', value(n), '|')
`,
}

const STATISTICS =
  /\b(?:statistics?|stats|mean|average|median|standard deviation|summar(?:y|ise|ize)|describe|columns?|analyse|analyze|sum|total)\b/i
/** A path in quotes, or one without spaces. */
const CSV = /["'`]([^"'`\n]{1,900}\.(?:csv|tsv))["'`]|((?:[\w.~-]*\/)*[\w.-]+\.(?:csv|tsv))\b/i

export const CSV_STATISTICS: Program = {
  name: 'csv',
  help: 'statistics of the columns of a CSV file in a granted folder',
  read(sentence) {
    if (!STATISTICS.test(sentence)) return null
    const match = CSV.exec(sentence)
    const path = match?.[1] ?? match?.[2]
    if (path === undefined) return null
    const named = path.split('/').at(-1) ?? path
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(named)) return null
    return { input: { file: named }, paths: [path] }
  },
  source: `${PRELUDE}${STATISTICS_SOURCE}
import csv
text = open(data['file'], encoding='utf-8-sig', newline='').read()
lines = text.splitlines()
head = lines[0] if lines else ''
mark = max(',;\\t|', key=head.count)
rows = [row for row in csv.reader(text.splitlines(keepends=True), delimiter=mark) if any(cell.strip() for cell in row)]
def number(cell):
    # A German file has decimal commas and semicolons between its cells.
    cell = cell.strip().replace(' ', '')
    if mark != ',' and cell.count(',') == 1 and '.' not in cell:
        cell = cell.replace(',', '.')
    try:
        return Fraction(cell) if '/' not in cell and len(cell) < 40 else None
    except (ValueError, ZeroDivisionError):
        return None
if not rows:
    print('The file has no rows.')
else:
    width = max(map(len, rows))
    has_head = not any(number(cell) is not None for cell in rows[0] if cell.strip())
    names = rows[0] if has_head else []
    body = rows[1:] if has_head else rows
    print(len(body), 'rows,', width, 'columns')
    for at in range(min(width, 50)):
        cells = [row[at].strip() for row in body if at < len(row) and row[at].strip()]
        name = names[at].strip()[:60] if at < len(names) and names[at].strip() else 'column ' + str(at + 1)
        values = [value for value in map(number, cells) if value is not None]
        if cells and len(values) == len(cells):
            print(name + ':', ', '.join(key + ' ' + value for key, value in statistics(values)))
        elif len(values) * 2 > len(cells):
            print(name + ':', ', '.join(key + ' ' + value for key, value in statistics(values)) + ';', len(cells) - len(values), 'cells are no numbers')
        else:
            print(name + ':', len(cells), 'texts,', len(set(cells)), 'different')
`,
}
