/** Small sums in a story: `if I put away 45.50 every week for 52 weeks, how much is that?` → `45.50 * 52`. Null where it is no such thing. */
const N = String.raw`(\d+(?:[.,]\d+)*)`
const UNIT = '(?:gb|mb|kb|tb|gib|mib|kib|gigabytes?|megabytes?|kilobytes?)'
const ASKS =
  /\b(?:how (?:much|many|long)|what (?:is|do|does|will|would)|total|altogether|in all|comes? to)\b/i
const MAX_UNITS = 300

export function wordProblem(text: string): string | null {
  if (text.length > MAX_UNITS || !ASKS.test(text)) return null
  const plain = text.replaceAll(/(?<=\d),(?=\d{3}\b)/g, '').replaceAll(/[€$£]/g, '')
  const speed = new RegExp(
    String.raw`${N}\s*(${UNIT})\b.{0,60}?\b(?:at|with|over|on)\b.{0,30}?${N}\s*(${UNIT})\s*(?:/|per |a |each )\s*s(?:ec(?:ond)?)?\b`,
    'i',
  ).exec(plain)
  if (speed !== null) {
    const unit = /how many (\w+)|in (seconds|minutes|hours)/i.exec(plain)
    const into = /^(?:seconds?|minutes?|hours?|days?)$/i.test(unit?.[1] ?? unit?.[2] ?? '')
    const short = (name: string) =>
      name.replace(
        /^(k|m|g|t)\w*?(i?)b\w*$/i,
        (_, size: string, i: string) => `${/k/i.test(size) && i === '' ? 'k' : size.toUpperCase()}${i}B`,
      )
    return `(${speed[1]} ${short(speed[2]!)}) / (${speed[3]} ${short(speed[4]!)}/s)${into ? ` in ${unit?.[1] ?? unit?.[2]}` : ''}`
  }
  const every = new RegExp(
    String.raw`${N}\b.{0,40}?\b(?:every|per|an?|each)\s+(hour|day|night|week|month|year|person|piece|page|one|time|head|box|bag|row)\b.{0,60}?\b(?:for|over|in|during|times|and|with|of)\b.{0,20}?${N}`,
    'i',
  ).exec(plain)
  if (every !== null) return `${every[1]} * ${every[3]}`
  const of = new RegExp(
    String.raw`${N}\s+\w+.{0,30}?\b(?:at|for|costs?|cost me|weighs?|of|with|hold)\b\s*${N}.{0,12}?\b(?:each|apiece|an? \w+|per \w+|every)\b`,
    'i',
  ).exec(plain)
  if (of !== null) return `${of[1]} * ${of[2]}`
  // `24 pencils cost 3.60, what would 31 pencils cost`: in proportion.
  const rate = new RegExp(
    String.raw`${N}\s+(\w+?)s?\b.{0,15}?\b(?:costs?|for|weighs?|needs?|takes?|makes?|gives?)\s+${N}.{0,60}?\b(?:what|how (?:much|many|long))\b.{0,30}?${N}\s+\2s?\b`,
    'i',
  ).exec(plain)
  if (rate !== null) return `${rate[3]} / ${rate[1]} * ${rate[4]}`
  const each = new RegExp(String.raw`${N}\s+\w+.{0,20}?\beach\b.{0,30}?${N}`, 'i').exec(plain)
  if (each !== null) return `${each[1]} * ${each[2]}`
  const shared = new RegExp(
    String.raw`(?:share|split|divide|spread)\w*.{0,20}?${N}.{0,30}?\b(?:between|among|amongst|by|over|into)\b.{0,20}?${N}`,
    'i',
  ).exec(plain)
  return shared === null ? null : `${shared[1]} / ${shared[2]}`
}
