/** Dates in chat templates: the directives of C's strftime that they use, in English. */

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const
const SHORT = 3
const MAX_FORMAT = 200
const DAY_MS = 86_400_000

const two = (value: number) => String(value).padStart(2, '0')

function dayOfYear(date: Date): number {
  const day = Date.UTC(date.getFullYear(), date.getMonth(), date.getDate())
  return (day - Date.UTC(date.getFullYear(), 0, 1)) / DAY_MS + 1
}

const DIRECTIVES: Readonly<Record<string, (date: Date) => string>> = {
  Y: (date) => String(date.getFullYear()),
  y: (date) => two(date.getFullYear() % 100),
  m: (date) => two(date.getMonth() + 1),
  d: (date) => two(date.getDate()),
  e: (date) => String(date.getDate()).padStart(2, ' '),
  H: (date) => two(date.getHours()),
  I: (date) => two(date.getHours() % 12 || 12),
  M: (date) => two(date.getMinutes()),
  S: (date) => two(date.getSeconds()),
  p: (date) => (date.getHours() < 12 ? 'AM' : 'PM'),
  A: (date) => DAYS[date.getDay()]!,
  a: (date) => DAYS[date.getDay()]!.slice(0, SHORT),
  B: (date) => MONTHS[date.getMonth()]!,
  b: (date) => MONTHS[date.getMonth()]!.slice(0, SHORT),
  j: (date) => String(dayOfYear(date)).padStart(3, '0'),
  '%': () => '%',
}

/** `date` in local time by a format such as `%d %b %Y`; a directive that is not known stays as it is. */
export function strftime(date: Date, format: string): string {
  return format
    .slice(0, MAX_FORMAT)
    .replace(/%(.)/g, (whole: string, directive: string) =>
      Object.hasOwn(DIRECTIVES, directive) ? DIRECTIVES[directive]!(date) : whole,
    )
}
