/** Programs over lists: sorting, and the statistics of numbers that stand in the sentence. */
import { LONG_LIST, numbersIn, PRELUDE, type Program } from './program.ts'

const SORT = /\b(?:sort|order|arrange)\b/i
const DESCENDING =
  /\b(?:descending|decreasing|largest first|highest first|biggest first|from (?:large|largest|high|highest|big|biggest|z)|reverse)\b/i
const STATISTICS =
  /\b(?:statistics?|stats|standard deviation|stdev|variance|quartiles?|summar(?:y|ise|ize)|mean|median|average|mode)\b/i
const FILE = /\w\.(?:csv|tsv|txt|md|json)\b/i
const MAX_ITEMS = 2000
const MAX_ITEM = 200

/** After a colon or in lines; else after the word itself, parted by commas. */
function itemsOf(sentence: string): string[] | null {
  const [head = '', ...lines] = sentence.split('\n')
  const afterColon = head.includes(':') ? head.slice(head.indexOf(':') + 1) : ''
  const rest = lines
    .map((line) => line.replace(/^\s*(?:[-*]|\d+[.)])\s+/, '').trim())
    .filter((line) => line !== '')
  const bare = head
    .replace(SORT, '')
    .replace(
      /\b(?:please|can you|these|those|the|this|following|words|names|numbers|list|items|of|in)\b/gi,
      ' ',
    )
    .replace(
      /\b(?:alphabetically|alphabetical|ascending|descending|increasing|decreasing|order|reverse|by size)\b/gi,
      ' ',
    )
  const parts = (text: string) =>
    text
      .split(/[,;]|\band\b/)
      .map((part) => part.trim().replace(/[.?!]+$/, ''))
      .filter((part) => part !== '')
  const items = rest.length > 1 ? rest : parts(afterColon.trim() === '' ? bare : afterColon)
  return items.length < 2 || items.length > MAX_ITEMS || items.some((item) => item.length > MAX_ITEM)
    ? null
    : items
}

export const SORT_LIST: Program = {
  name: 'sort',
  help: 'a list in the sentence or below it, sorted by number or by letter',
  longest: LONG_LIST,
  read(sentence) {
    if (!SORT.test(sentence) || FILE.test(sentence)) return null
    const isDescending = DESCENDING.test(sentence)
    const items = itemsOf(sentence.replace(DESCENDING, ''))
    return items === null ? null : { input: { items, descending: isDescending } }
  },
  source: `${PRELUDE}
from decimal import Decimal, InvalidOperation
def number(text):
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
items = data['items']
numbers = [number(item) for item in items]
if all(value is not None for value in numbers):
    order = sorted(range(len(items)), key=lambda at: numbers[at], reverse=data['descending'])
else:
    order = sorted(range(len(items)), key=lambda at: (items[at].casefold(), items[at]), reverse=data['descending'])
found = [items[at] for at in order]
print((', ' if max(map(len, found)) < 30 else '\\n').join(found))
`,
}

export const STATISTICS_SOURCE = `
import math
from fractions import Fraction
def shown(value):
    return format(float(value), '.10g')
def statistics(values):
    """Of exact fractions; the deviation is that of a sample (n - 1)."""
    values = sorted(values)
    count = len(values)
    def at(share):
        place = share * (count - 1)
        low = math.floor(place)
        high = min(low + 1, count - 1)
        return values[low] + (values[high] - values[low]) * (place - low)
    mean = sum(values, Fraction(0)) / count
    rows = [('count', str(count)), ('sum', shown(sum(values, Fraction(0)))), ('mean', shown(mean))]
    rows += [('min', shown(values[0])), ('lower quartile', shown(at(Fraction(1, 4)))), ('median', shown(at(Fraction(1, 2))))]
    rows += [('upper quartile', shown(at(Fraction(3, 4)))), ('max', shown(values[-1]))]
    if count > 1:
        variance = sum(((value - mean) ** 2 for value in values), Fraction(0)) / (count - 1)
        rows += [('standard deviation', shown(math.sqrt(variance)))]
    return rows
`

export const NUMBER_STATISTICS: Program = {
  name: 'statistics',
  help: 'count, mean, median, quartiles and deviation of numbers in the sentence',
  longest: LONG_LIST,
  read(sentence) {
    if (!STATISTICS.test(sentence) || FILE.test(sentence)) return null
    const numbers = numbersIn(sentence, 3)
    return numbers === null ? null : { input: { numbers } }
  },
  source: `${PRELUDE}${STATISTICS_SOURCE}
for name, value in statistics([Fraction(text) for text in data['numbers']]):
    print(name + ':', value)
`,
}
