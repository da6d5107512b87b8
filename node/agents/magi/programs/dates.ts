/** A program about dates: days between two, a date so many days away, and days of the week. Gregorian, ISO 8601. */
import { countOf, PRELUDE, type Program } from './program.ts'

const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
] as const

const MONTH =
  '(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)'
const DATE = new RegExp(
  `\\b(\\d{4})-(\\d{2})-(\\d{2})\\b|\\b(\\d{1,2})(?:st|nd|rd|th)?(?: of)? ${MONTH}\\b(?:\\.?,? (\\d{4})\\b)?|\\b${MONTH}\\.? (\\d{1,2})(?:st|nd|rd|th)?\\b(?:,? (\\d{4})\\b)?|\\b(today|now|tomorrow|yesterday)\\b`,
  'gi',
)
const BETWEEN =
  /\b(?:days?|weeks?|long|time)\b.*\b(?:between|from|since|until|till|to)\b|\bdays? (?:between|from|since|until|till)\b/i
const WEEKDAY = /\b(?:what|which) (?:day|weekday)\b|\bday of the week\b|\bweekday\b/i
const AWAY =
  /\b(\d{1,7})\s+(days?|weeks?|months?|years?)\s+(after|before|from|later than|earlier than|prior to|past)\b/i
const AGO = /\b(\d{1,7})\s+(days?|weeks?|months?|years?)\s+ago\b/i

const shift = (iso: string, days: number) =>
  new Date(Date.parse(`${iso}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10)

function isoOf(year: string, month: number, day: string): string | null {
  const iso = `${year}-${String(month).padStart(2, '0')}-${day.padStart(2, '0')}`
  const time = Date.parse(`${iso}T00:00:00Z`)
  // 31 February rolls over, and is no date.
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== iso || year === '0000'
    ? null
    : iso
}

/** Of a day without a year: the next one, of `since` the last. Null where it is in neither year (29 February). */
function nearest(month: number, day: string, todayIso: string, isPast: boolean): string | null {
  const year = Number(todayIso.slice(0, 4))
  const [here, other] = [year, isPast ? year - 1 : year + 1].map((one) => isoOf(String(one), month, day))
  const isFit = here !== null && here !== undefined && (isPast ? here <= todayIso : here >= todayIso)
  return (isFit ? here : other) ?? null
}

/** Dates of a sentence in its order; null where one of them does not exist. */
function datesIn(sentence: string, todayIso: string): string[] | null {
  const found: string[] = []
  const isPast = /\b(?:since|ago)\b/i.test(sentence)
  for (const match of sentence.matchAll(DATE)) {
    const [, year, month, day, dayFirst, monthAfter, yearAfter, monthFirst, dayAfter, yearLast, word] = match
    const near = word?.toLowerCase()
    const named = (name: string) =>
      MONTHS.findIndex((full) => full.startsWith(name.toLowerCase().slice(0, 3))) + 1
    const iso =
      near !== undefined
        ? shift(todayIso, near === 'tomorrow' ? 1 : near === 'yesterday' ? -1 : 0)
        : year !== undefined
          ? isoOf(year, Number(month), day!)
          : monthAfter !== undefined
            ? yearAfter === undefined
              ? nearest(named(monthAfter), dayFirst!, todayIso, isPast)
              : isoOf(yearAfter, named(monthAfter), dayFirst!)
            : yearLast === undefined
              ? nearest(named(monthFirst!), dayAfter!, todayIso, isPast)
              : isoOf(yearLast, named(monthFirst!), dayAfter!)
    if (iso === null) return null
    found.push(iso)
  }
  return found
}

export const DATES: Program = {
  name: 'dates',
  help: 'days between dates, a date so many days, weeks, months or years away, days of the week',
  read(sentence, todayIso) {
    const dates = datesIn(sentence, todayIso)
    if (dates === null) return null
    const away = AWAY.exec(sentence)
    const ago = AGO.exec(sentence)
    const step = away ?? ago
    if (step !== null) {
      const count = countOf(step[1])
      const start = dates[0] ?? (ago === null ? undefined : todayIso)
      if (count === null || start === undefined || dates.length > 1) return null
      const isBack = ago !== null || /^(?:before|earlier|prior)/i.test(step[3] ?? '')
      const unit = step[2]!.toLowerCase().replace(/s$/, '')
      return { input: { kind: 'away', start, unit, count: isBack ? -count : count } }
    }
    if (dates.length === 2 && BETWEEN.test(sentence))
      return { input: { kind: 'between', start: dates[0]!, end: dates[1]! } }
    if (dates.length === 1 && /\b(?:until|till|since|to)\b/i.test(sentence) && /\bdays?\b/i.test(sentence))
      return /\bsince\b/i.test(sentence)
        ? { input: { kind: 'between', start: dates[0]!, end: todayIso } }
        : { input: { kind: 'between', start: todayIso, end: dates[0]! } }
    if (dates.length === 1 && WEEKDAY.test(sentence)) return { input: { kind: 'weekday', start: dates[0]! } }
    return null
  },
  source: `${PRELUDE}
import calendar, datetime
start = datetime.date.fromisoformat(data['start'])
try:
    if data['kind'] == 'between':
        end = datetime.date.fromisoformat(data['end'])
        days = (end - start).days
        weeks, rest = divmod(abs(days), 7)
        print(days, 'days from', start, 'to', end, '(%d weeks and %d days)' % (weeks, rest))
    elif data['kind'] == 'weekday':
        print(start, 'is a', calendar.day_name[start.weekday()])
    else:
        count, unit = data['count'], data['unit']
        if unit in ('day', 'week'):
            end = start + datetime.timedelta(days=count * (7 if unit == 'week' else 1))
        else:
            months = start.year * 12 + start.month - 1 + count * (12 if unit == 'year' else 1)
            year, month = divmod(months, 12)
            # The last day of a shorter month.
            end = datetime.date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))
        print(end, '(a %s)' % calendar.day_name[end.weekday()])
except (OverflowError, ValueError):
    print('That date lies outside the years 1 to 9999.')
`,
}
