/** A program that reads the figures of a text file: one of each line, as lists and readings are written. */
import { STATISTICS_SOURCE } from './lists.ts'
import { PRELUDE, type Program } from './program.ts'

const ASKED: readonly (readonly [RegExp, string])[] = [
  [/\b(?:average|mean)\b/i, 'mean'],
  [/\bmedian\b/i, 'median'],
  [/\b(?:sum|total|add\b.{0,40}\bup|altogether)\b/i, 'sum'],
  [/\b(?:largest|highest|biggest|maximum|max)\b/i, 'max'],
  [/\b(?:smallest|lowest|minimum|min)\b/i, 'min'],
  [/\bstatistics?\b/i, 'all'],
]
/** A path in quotes, or one without spaces. */
const TEXT_FILE =
  /["'`]([^"'`\n]{1,900}\.(?:txt|md|text|log))["'`]|((?:[\w.~-]*\/)*[\w.-]+\.(?:txt|md|text|log))\b/i

export const FIGURES_OF_TEXT: Program = {
  name: 'figures',
  help: 'sum, mean, median, least and greatest of the figures in a text file of a granted folder, the last one of each line',
  read(sentence) {
    const asked = ASKED.filter(([pattern]) => pattern.test(sentence)).map(([, name]) => name)
    const match = TEXT_FILE.exec(sentence)
    const path = match?.[1] ?? match?.[2]
    if (asked.length === 0 || path === undefined) return null
    const named = path.split('/').at(-1) ?? path
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(named)) return null
    return { input: { file: named, asked }, paths: [path] }
  },
  source: `${PRELUDE}${STATISTICS_SOURCE}
import re
number = re.compile(r'(?<![\\w.,:/-])-?\\d{1,3}(?:,\\d{3})+(?:\\.\\d+)?(?![\\w:/-])|(?<![\\w.,:/-])-?\\d+(?:\\.\\d+)?(?![\\w:/-])')
values = []
for line in open(data['file'], encoding='utf-8-sig', errors='replace'):
    # What numbers the line, a date or a time of day is none of its figures.
    line = re.sub(r'^\\s*\\d+[.)]\\s+', '', line)
    found = number.findall(re.sub(r'(?<=\\d)\\s?(?=(?:kwh|kw|kg|km|m3|ml|cl|cm|mm|[glmh€£$%]|eur|usd|gbp)\\b)', ' ', line, flags=re.I))
    if found:
        values.append(Fraction(found[-1].replace(',', '')))
if values:
    rows = statistics(values)
    wanted = data['asked']
    for name, value in rows:
        if 'all' in wanted or name in wanted or name == 'count':
            print(name + ':', value)
else:
    print('No line of ' + data['file'] + ' has a figure.')
`,
}
