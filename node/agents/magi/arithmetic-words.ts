/**
 * Finds the calculation in a sentence: "what is 17% of 300?", "how many MB are in 3 GiB", "how long do 4 GB take at 50 MB/s". A sentence
 * that holds more than a calculation holds none.
 */
import { parseExpression, type Tree } from './calculate/parse.ts'

const MAX_SENTENCE = 500

const OPENING =
  /^(?:(?:hi|hello|hey|ok|okay|so|and|now|then|please|kindly|can you|could you|would you|will you|tell me|quickly|just)[\s,]+)*(?:(?:please\s+)?(?:what(?:['’]?s| is| are| does| would be)|how much (?:is|are|does)|calculate|compute|work out|evaluate|solve|convert|figure out|add up)\s+)?(?:the (?:value|result|answer) of\s+)?/i
const CLOSING =
  /(?:\s+(?:equal|equals|come to|make|be|please|exactly|for me|thanks|thank you))*\s*[=?!.]*\s*$/i

/** In words → in signs; in this order. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/\bdivided by\b|\bover\b/gi, '/'],
  [/\bmultiplied (?:by|with)\b|\btimes\b/gi, '*'],
  [/\bplus\b|\badded to\b/gi, '+'],
  [/\bminus\b|\bless\b/gi, '-'],
  [/\b(?:raised )?to the power (?:of\s+)?/gi, '^'],
  [/\b(?:modulo|mod)\b/gi, ' mod '],
  [/\s*\bsquared\b/gi, '^2'],
  [/\s*\bcubed\b/gi, '^3'],
  [/\bper ?cent\b/gi, '%'],
  [/\bthe (?:square )?root of ([\d.,]+)/gi, 'sqrt($1)'],
  [/\bsquare root of ([\d.,]+)/gi, 'sqrt($1)'],
  [/\bcube root of ([\d.,]+)/gi, 'cbrt($1)'],
  [/\bthe (?=sqrt|cbrt)/gi, ''],
  [/\b(?:the )?factorial of (\d+)/gi, '$1!'],
  [/\b(\d+) factorial\b/gi, '$1!'],
  [/\bhalf (?:of|a|the)?\s*(?=[\d.(])/gi, '1/2 of '],
  [/\b(?:a|one) third of\b/gi, '1/3 of '],
  [/\b(?:a|one) quarter of\b/gi, '1/4 of '],
  [/\bdouble\s+(?=[\d.(])/gi, '2 * '],
  [/\bmegabytes?\b/gi, 'MB'],
  [/\bgigabytes?\b/gi, 'GB'],
  [/\bterabytes?\b/gi, 'TB'],
  [/\bkilobytes?\b/gi, 'kB'],
  [/\bmebibytes?\b/gi, 'MiB'],
  [/\bgibibytes?\b/gi, 'GiB'],
  [/\bhrs?\b/gi, 'h'],
  [/\bmins\b/gi, 'min'],
  [/\bsecs\b/gi, 's'],
]

/** Words of money and taxes say what a number is, and nothing about how to reckon with it. */
const OF_MONEY =
  /(?<=\d\s*%?\s*)(?:euros?|eur|dollars?|usd|pounds?|gbp|francs?|chf|kronor|yen|€|\$|£)(?![\w])|[€$£](?=\s*\d)|(?<=%\s*)(?:vat|tax|tip|discount|interest)\b/gi

const FUNCTION_OF =
  /^(?:the )?(mean|average|median|sum|gcd|lcm|min|minimum|max|maximum|smallest|largest|greatest common divisor|least common multiple)(?: value| number)? of (.+)$/i
const FUNCTION_NAMES: Readonly<Record<string, string>> = {
  minimum: 'min',
  smallest: 'min',
  maximum: 'max',
  largest: 'max',
  'greatest common divisor': 'gcd',
  'least common multiple': 'lcm',
}
const MANY_IN =
  /^how many ([a-z]+) (?:are |is )?(?:there )?(?:in|make(?: up)?|does it take for) (?:an? )?(.+)$/i
const LONG_TAKES =
  /^how long (?:do|does|will|would) (.+?) (?:take|need)(?: to (?:load|copy|download|send|move))? (?:at|with) (.+)$/i
/** A date would be read as a subtraction. */
const DATE = /\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b/

/** More than a number: something to be worked out. */
function isWork(tree: Tree): boolean {
  if (tree.kind === 'number' || tree.kind === 'name') return false
  if (tree.kind === 'percent' || tree.kind === 'unit' || tree.kind === 'negate') return isWork(tree.of)
  return true
}

function isCalculation(expression: string): boolean {
  try {
    return /\d/.test(expression) && isWork(parseExpression(expression))
  } catch {
    return false // what cannot be read is no calculation; the calculator says why where one was asked for
  }
}

function inSigns(text: string): string {
  let signs = text.replaceAll(OF_MONEY, '')
  for (const [pattern, sign] of WORDS) signs = signs.replaceAll(pattern, sign)
  return signs.replaceAll(/\s+/g, ' ').trim()
}

function candidates(sentence: string): string[] {
  const bare = sentence.replace(CLOSING, '').replace(OPENING, '')
  const many = MANY_IN.exec(bare)
  if (many !== null) {
    const amount = inSigns(many[2]!)
    return [`${/^\d/.test(amount) ? amount : `1 ${amount}`} in ${inSigns(many[1]!)}`]
  }
  const long = LONG_TAKES.exec(bare)
  if (long !== null) return [`(${inSigns(long[1]!)}) / (${inSigns(long[2]!)})`]
  const named = FUNCTION_OF.exec(bare)
  if (named !== null) {
    const name = named[1]!.toLowerCase()
    const list = named[2]!.replaceAll(/\s*(?:,\s*)?\band\b\s*/gi, ',').replaceAll(/\s*[,;]\s*|\s+/g, ',')
    return [`${FUNCTION_NAMES[name] ?? name}(${list})`]
  }
  return [inSigns(bare)]
}

/** The expression, or null where the sentence is not just a calculation. Pure; reads at most 500 characters. */
export function calculates(sentence: string): string | null {
  const text = sentence.trim()
  if (text.length > MAX_SENTENCE || DATE.test(text)) return null
  return candidates(text).find(isCalculation) ?? null
}
