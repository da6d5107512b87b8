/**
 * Sums of every day that are told in a sentence or two: `Six of us had dinner for 187.40 and want to leave 12 % on top. What does each of us owe?` →
 * `187.40 * (1 + 12%) / 6`. A story is solved only where every number in it has a part in the sum; else it is none. Pure.
 */
import { numbersInDigits } from './number-words.ts'

const MAX_UNITS = 500
const MAX_NUMBERS = 6

const PEOPLE =
  /^(?:of (?:us|them)|people|persons?|friends|guests|children|kids|ways|neighbours|members|families|housemates|flatmates|colleagues|adults|players|households|cousins|brothers|sisters|siblings|students|pupils|workers|volunteers|helpers|grandchildren|equal (?:parts|shares)|parts|shares|portions|jars|bags|boxes|pieces)\b/
const RATE =
  /^(?:\w+ ){0,3}?(?:each|apiece|per (?:\w+)|an? (?:hour|day|night|week|month|year|person|piece|page|head|box|bag|row|kilo|kilogram|litre|metre|mile|km|minute|second|ticket|pound|pack|tin|jar|bottle|plant|tray)|every (?:\w+)|hourly|daily|weekly|monthly|yearly)\b/
const MORE =
  /\b(?:on top|tip|service|vat|tax|interest|increase|increases|raise|rise|rises|rose|more|added|plus|up|extra|surcharge|went up|goes up)\b/
const LESS =
  /\b(?:off|discount|less|reduced|reduction|cheaper|sale|down|decrease|drop|drops|dropped|rebate|fell|lower|deducted|shrinks|loses)\b/
const ASKS_LEFT =
  /\b(?:left|remains?|remaining|still (?:have|need|owe|missing|to)|change (?:do|will|should)|short|to go|more (?:do|will|must) (?:i|we|you|they)|over)\b/
const ASKS_SHARE =
  /\b(?:each|per (?:person|head)|apiece|every(?:one|body)|does one|go(?:es)? into|one of (?:us|them)|split|shares?)\b/
const ASKS_LONG =
  /\b(?:how long|how many (?:hours|days|minutes|weeks|months|trips|boxes|bags|packs|tins|jars|bottles|trays|loads|rolls|pots|tables|cars|buses|pages|times|rows|tiles|sacks))\b/
const ASKS_TOTAL =
  /\b(?:altogether|in total|in all|total|how (?:much|many|far)|what (?:do|does|did|will|would|is|are)|costs?|pay|owe|spend|comes? to|add(?:s)? up)\b/
const IS_ASKED =
  /\?|\b(?:how (?:much|many|long|far|fast)|what (?:do|does|did|will|would|is|are)|work out|calculate|figure out)\b/

const HOLDS =
  /\b(?:has|have|holds?|contains?|seats?|fits?|carr(?:y|ies)|comes? in \w+ of|packs? of|boxes of|bags of)(?: only| about)?$/
const OF_TIME = /^(?:times|days?|weeks?|months?|years?|hours?|minutes?|nights?)\b/

interface Quantity {
  readonly value: string
  readonly kind: 'percent' | 'people' | 'rate' | 'plain'
  /** Words behind it, up to the next number. */
  readonly behind: string
  readonly ahead: string
}

function quantitiesIn(text: string): Quantity[] {
  const found = [...text.matchAll(/(?<![\w.])(\d+(?:\.\d+)?)(\s*(?:%|percent\b|per cent\b))?/g)]
  return found.map((match, at): Quantity => {
    const end = match.index + match[0].length
    const behind = text.slice(end, found[at + 1]?.index ?? text.length).trim()
    const last = at === 0 ? 0 : found[at - 1]!.index + found[at - 1]![0].length
    const ahead = text.slice(last, match.index).trim()
    const kind =
      match[2] !== undefined
        ? 'percent'
        : RATE.test(behind.replace(/[^\w\s].*$/, ''))
          ? 'rate'
          : PEOPLE.test(behind)
            ? 'people'
            : 'plain'
    return { value: match[1]!, kind, behind, ahead }
  })
}

/** An expression, or null where the text is no such story. Reads at most 500 characters. */
export function storySum(source: string): string | null {
  if (source.length > MAX_UNITS) return null
  const text = plain(source)
  if (!IS_ASKED.test(text)) return null
  const all = quantitiesIn(text)
  if (all.length < 2 || all.length > MAX_NUMBERS) return null
  const asked = text.split(/(?<=[.!;])\s+/).at(-1)!
  const question = /\b(?:how|what|work out|calculate|figure out)\b.*$/.exec(asked)?.[0] ?? asked
  return (
    risen(text, all) ??
    scaled(text, all) ??
    proportion(text, all) ??
    perAmount(text, all) ??
    covered(text, all) ??
    reckoned(all, question)
  )
}

const plain = (source: string): string =>
  numbersInDigits(source)
    .toLowerCase()
    .replaceAll(/\s+/g, ' ')
    .replaceAll('’', "'")
    .replaceAll(/(?<=\d),(?=\d{3}\b)/g, '')
    .replaceAll(/[€$£]\s?(?=\d)|(?<=\d)\s?[€$£]/g, '')
    .replaceAll(/(?<=\d)(?=(?:kg|g|km|ml|cl|l|m|cm|mm|mph|kwh|p|h)\b)/g, ' ')
    .replaceAll(/\b(?:both|the two) of us\b/g, '2 of us')

/** `The recipe is for 4 and needs 300 g of flour. How much for 10?`: both counts of portions and one amount. */
function scaled(text: string, all: readonly Quantity[]): string | null {
  if (all.length !== 3) return null
  const base = all.findIndex(({ ahead }) =>
    /\b(?:for|serves?|feeds?|makes?|enough for|meant for|yields?)(?: about| around)?$/.test(ahead),
  )
  const last = all[2]!
  const isFor = /\b(?:for|serves?|feed|make|bake|cook(?: for)?|want|need)(?: only| about| it for)?$/.test(
    last.ahead,
  )
  if (base < 0 || base === 2 || !isFor || !/\b(?:how (?:much|many)|what)\b/.test(text)) return null
  if (all.some(({ kind }) => kind === 'percent' || kind === 'rate')) return null
  const amount = all[base === 0 ? 1 : 0]!
  return `${amount.value} / ${all[base]!.value} * ${last.value}`
}

/** `from 80 to 92: by how many percent?` */
function risen(text: string, all: readonly Quantity[]): string | null {
  const [first, second] = all
  const isAsked = /\b(?:how many|what|how much (?:is that )?in) (?:percent|per cent|percentage|%)/.test(text)
  return isAsked && all.length === 2 && /\bfrom$/.test(first!.ahead) && /\bto$/.test(second!.ahead)
    ? `(${second!.value} - ${first!.value}) / ${first!.value} * 100`
    : null
}

const unitOf = ({ behind }: Quantity): string => (/^[a-z]+/.exec(behind)?.[0] ?? '').replace(/s$/, '')

/** `2.5 kg make 5 loaves. How many from 10 kg?`: two amounts of one thing, one of the other. */
function proportion(text: string, all: readonly Quantity[]): string | null {
  if (all.length !== 3 || all.some(({ kind }) => kind === 'percent' || kind === 'rate')) return null
  if (!/\bhow (?:many|much|long|far)\b/.test(text)) return null
  const last = all[2]!
  const base = all.findIndex((one, at) => at < 2 && unitOf(one) !== '' && unitOf(one) === unitOf(last))
  const other = all[1 - base]
  if (base < 0 || other === undefined || unitOf(other) === unitOf(last)) return null
  if (
    !/\b(?:makes?|gives?|yields?|takes?|costs?|needs?|lasts?|feeds?|serves?|does|for|in|weighs?|burns?|uses?|fills?)\b/.test(
      all[1]!.ahead,
    )
  )
    return null
  return `${other.value} / ${all[base]!.value} * ${last.value}`
}

/** `6.5 litres per 100 km, 420 km`. */
function perAmount(text: string, all: readonly Quantity[]): string | null {
  if (all.length < 3 || all.length > 4) return null
  const per = all.findIndex(({ ahead }) => /\b(?:per|for every|every|for each|to every|on)$/.test(ahead))
  if (per < 1 || all.some(({ kind }) => kind === 'percent' || kind === 'people')) return null
  if (!/\b(?:how (?:much|many|far)|what)\b/.test(text)) return null
  const [amount, unit] = [all[per - 1]!, all[per]!]
  const rest = all.filter((_, at) => at !== per && at !== per - 1)
  const noun = /^[a-z]+/.exec(unit.behind)?.[0]
  const measured = rest.find(({ behind }) => noun !== undefined && behind.startsWith(noun.replace(/s$/, '')))
  if (measured === undefined) return null
  const price = rest.filter((one) => one !== measured)
  if (price.some(({ kind, ahead }) => kind !== 'rate' && !/\b(?:costs?|at|is)$/.test(ahead))) return null
  return `${amount.value} / ${unit.value} * ${measured.value}${price.map(({ value }) => ` * ${value}`).join('')}`
}

/** `a room of 4.2 by 3.5 metres`, and what a tin covers. */
function covered(text: string, all: readonly Quantity[]): string | null {
  const at = all.findIndex(({ behind }) =>
    /^(?:m |metres? |meters? |cm |feet |ft )?(?:by|x|times)$/.test(behind),
  )
  if (
    at < 0 ||
    all[at + 1] === undefined ||
    !/\b(?:area|square|how (?:many|much|big)|paint|carpet|tiles?)\b/.test(text)
  )
    return null
  const sides = all.slice(
    at,
    at + (/^(?:m |metres? |meters? |cm |feet |ft )?(?:by|x)$/.test(all[at + 1]!.behind) ? 3 : 2),
  )
  const product = sides.map(({ value }) => value).join(' * ')
  const rest = all.filter((one) => !sides.includes(one))
  if (rest.length === 0) return product
  const [one] = rest
  if (rest.length > 1) return null
  if (/\bcovers?\b/.test(one!.ahead)) return `${product} / ${one!.value}`
  return one!.kind === 'rate' || /\b(?:costs?|at)$/.test(one!.ahead) ? `${product} * ${one!.value}` : null
}

/** Amounts, rates, shares and percents by what is asked. */
function reckoned(all: readonly Quantity[], question: string): string | null {
  const percents = all.filter(({ kind }) => kind === 'percent')
  const people = all.filter(({ kind }) => kind === 'people')
  const rates = all.filter(({ kind }) => kind === 'rate')
  const amounts = all.filter(({ kind }) => kind === 'plain')
  if (percents.length > 1 || people.length > 1 || rates.length > 2) return null
  const [percent] = percents
  const said = percent === undefined ? '' : `${percent.ahead.slice(-40)} ${percent.behind}`
  const change =
    percent === undefined ? '' : signOf(said) === null ? null : ` * (1 ${signOf(said)} ${percent.value}%)`
  if (change === null) return null
  const isLeft = ASKS_LEFT.test(question)
  const values = amounts.map(({ value }) => value)
  const [head] = people
  if (rates.length > 0) {
    const counts = [...values, ...people.map(({ value }) => value)]
    // `12 tins at 1.80 each and 3 loaves at 2.50 each`: as many counts as rates.
    if (rates.length === 2) {
      if (counts.length !== 2 || isLeft) return null
      const pairs = counts.map((count, at) => `${count} * ${rates[at]!.value}`)
      return `${change === '' ? pairs.join(' + ') : `(${pairs.join(' + ')})`}${change}`
    }
    const rate = rates[0]!.value
    if (isLeft && counts.length === 2 && change === '') {
      const [whole, count] = Number(counts[0]) >= Number(counts[1]) ? counts : [counts[1], counts[0]]
      return `${whole} - ${count} * ${rate}`
    }
    if (ASKS_LONG.test(question) && counts.length === 1 && change === '') return `${counts[0]} / ${rate}`
    if (counts.length === 0 || counts.length > 2 || isLeft || !ASKS_TOTAL.test(question)) return null
    const held = [...amounts, ...people].find(({ ahead }) => HOLDS.test(ahead))
    // `14 people eat 2.5 slices each; a pizza has 8`: as many of what holds them.
    if (held !== undefined) {
      const others = counts.filter((count) => count !== held.value)
      return /\bhow many\b/.test(question) && others.length === 1 && change === '' && rates[0] !== held
        ? `${others[0]} * ${rate} / ${held.value}`
        : null
    }
    // Two counts and a rate are a product only where one of them says how often or for how many.
    if (counts.length === 2 && people.length === 0 && !amounts.some(({ behind }) => OF_TIME.test(behind)))
      return null
    return `${[...counts, rate].join(' * ')}${change}`
  }
  if (head !== undefined && (ASKS_SHARE.test(question) || /\b(?:between|among|amongst)\b/.test(head.ahead))) {
    if (values.length === 0) return null
    const sum = values.length === 1 ? values[0]! : `(${values.join(' + ')})`
    return `${sum}${change} / ${head.value}`
  }
  if (people.length > 0) return null
  if (isLeft && values.length >= 2) return `${values.join(' - ')}${change}`
  if (percent !== undefined && values.length === 1) return `${values[0]}${change}`
  if (
    percent === undefined &&
    values.length >= 2 &&
    /\b(?:altogether|in total|in all|total|add(?:s)? up|sum)\b/.test(question)
  )
    return values.join(' + ')
  return null
}

const signOf = (said: string): '+' | '-' | null =>
  LESS.test(said) === MORE.test(said) ? null : MORE.test(said) ? '+' : '-'
