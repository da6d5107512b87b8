/** Programs and calculations. */
import { calculates } from '../../magi/arithmetic-words.ts'
import { planWork } from '../../magi/plan-work.ts'
import { lineOf } from '../clause.ts'
import { numbersInDigits } from '../number-words.ts'
import { pathsOf } from '../slots.ts'
import { storySum } from '../story-sums.ts'
import { wordProblem } from '../word-problems.ts'
import { call, draft, from, NOTHING_MORE, type Rule, type RuleInput, wordsFrom } from './rule.ts'

const LANGUAGES: Readonly<Record<string, string>> = {
  py: 'python',
  python: 'python',
  python3: 'python',
  js: 'node',
  javascript: 'node',
  node: 'node',
  sh: 'sh',
  bash: 'sh',
  shell: 'sh',
}
const extensionOf = (path: string): string => /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? ''
const PROGRAM = /(?:^| )(?:program|script|code|python|snippet|algorithm|javascript|shell|bash)(?: |$)/

export const programming: Rule = ({ clause, verb, state }) => {
  const { words, line, mood, source } = clause
  const code = words.find(({ kind }) => kind === 'code')
  if (
    code !== undefined &&
    (mood !== 'question' || /what (?:do|does|will) (?:it|this)/.test(line)) &&
    /^(?:run|test|try|start|calculate|check|use|see|do|what|tell|give|show)$/.test(verb ?? words[0]!.norm)
  )
    return call(
      'code_run',
      {
        language: LANGUAGES[code.language ?? ''] ?? languageOf(line) ?? 'python',
        code: code.text.replace(/\n$/, ''),
      },
      'A program of the asker is to be run.',
    )
  if (mood === 'question') return null
  const file = pathsOf(words).find((path) => Object.hasOwn(LANGUAGES, extensionOf(path)))
  if (file !== undefined && /^(?:run|start|test|try)$/.test(verb ?? ''))
    return {
      calls: [
        draft('file_read', { path: file }, 'The program is in a file.'),
        draft(
          'code_run',
          { language: LANGUAGES[extensionOf(file)]!, code: from(state.drafts.length + 1, 'text') },
          'A program of the asker is to be run.',
        ),
      ],
    }
  const quoted = words.find(({ kind }) => kind === 'quoted')
  if (quoted !== undefined && verb === 'run' && languageOf(line) !== null)
    return call(
      'code_run',
      { language: languageOf(line)!, code: quoted.text },
      'A program of the asker is to be run.',
    )
  if (
    /^(?:run|test|try|start)(?: (?:it|that|this|the (?:program|code|script)|them))*(?: (?:in|inside) (?:the|a) sandbox)?$/.test(
      line,
    ) &&
    state.drafts.at(-1)?.tool === 'code_run'
  )
    return NOTHING_MORE
  // `write and run a program that …`: one step does both.
  const before = state.drafts.at(-1)
  if (
    verb === 'run' &&
    before?.tool === 'code_run' &&
    typeof before.arguments.task === 'string' &&
    before.arguments.task.endsWith(wordsFrom(words, 1, source) ?? '\n')
  )
    return NOTHING_MORE
  if (
    !PROGRAM.test(line) ||
    !/^(?:write|make|use|create|generate|run|calculate|code|program|do|give|need|want|let|build|find|solve|get|try)$/.test(
      verb ?? '',
    )
  )
    return null
  if (pathsOf(words).length > 0 && verb === 'write' && state.drafts.length > 0) return null
  // In the asker's words: whoever programs finds the program for it.
  const task = wordsFrom(words, 0, source)
  return task === null
    ? null
    : call(
        'code_run',
        { task, language: languageOf(line), paths: filesFor(words) },
        'It is to be found by a program.',
      )
}

export const languageOf = (line: string): string | null => {
  const named = /(?:^| )(python3?|javascript|node|bash|shell|sh)(?: |$)/.exec(line)?.[1]
  return named === undefined ? null : LANGUAGES[named]!
}

/** Files that the program is to read. */
export function filesFor(words: RuleInput['clause']['words']): string[] | null {
  const paths = pathsOf(words).filter((path) => /\.(?:csv|tsv|txt|md|json|jsonl|log|text)$/i.test(path))
  return paths.length === 0 ? null : paths
}

/** Any day will do: only whether there is a program for it is asked here. */
const ANY_DAY = '2000-01-01'

/** What Magi has a program for: sorting, primes, dates, statistics of a table. It is told in the asker's words. */
export const solvable: Rule = ({ clause: { words, source } }) => {
  const task = wordsFrom(words, 0, source)
  if (task === null) return null
  const work = planWork(task, ANY_DAY)
  return work.kind === 'call' && work.call.tool === 'code_run'
    ? call(
        'code_run',
        { task, language: languageOf(lineOf(words)), paths: filesFor(words) },
        'There is a program for it.',
      )
    : null
}

/** The calculation in a clause, by the words of the asker; of `that`, on top of the calculation before. */
export const calculating: Rule = ({ clause, verb, state }) => {
  const { words, line, source } = clause
  if (
    clause.mood !== 'question' &&
    verb !== null &&
    !/^(?:calculate|convert|tell|give|find|solve|what|multiply|divide|subtract|add|average|evaluate|work|show|figure|get|take|let|check|know|say|do|use|run|make|double|answer)$/.test(
      verb,
    )
  )
    return null
  const said = wordsFrom(words, 0, source)
  if (said === null) return null
  const whole = inFigures(
    said.replace(
      /^(?:quick(?:ly)?(?: (?:one|question|sum))?|question|sums?|maths?|calculation)\s*[:,]\s*/i,
      '',
    ),
  )
  const problem =
    clause.mood === 'order' ? null : (toldSum(clause, state.drafts.length) ?? wordProblem(whole))
  if (problem !== null) return call('calculate', { expression: problem }, 'It is to be calculated.')
  if (
    !/\d|^how many \S+ (?:are |is )?(?:there )?(?:in|make) (?:an? )?\S+$|(?:^| )(?:it|that|result|double|half|twice|square|pi)(?: |$)/.test(
      line + whole,
    )
  )
    return null
  for (const text of readings(whole, line, state.expression)) {
    const expression = calculates(text)
    if (expression !== null && /[^\d\s.,]/.test(expression))
      return call('calculate', { expression }, 'It is to be calculated.')
  }
  return null
}

const MAX_SENTENCES = 4

/** The sum of a clause with what was told before it, where no step came between. */
function toldSum({ words, source }: RuleInput['clause'], steps: number): string | null {
  const end = words.at(-1)!.end
  const told = source.slice(0, end + 1).trim()
  if (steps > 0) return storySum(source.slice(words[0]!.start, end + 1))
  const sentences = told.split(/(?<=[.!?])\s+/).slice(-MAX_SENTENCES)
  for (let from = 0; from < sentences.length; from++) {
    const story = sentences.slice(from).join(' ')
    const sum =
      storySum(story) ??
      (from < sentences.length - 1 || (from === 0 && told.length > end - words[0]!.start + 1)
        ? wordProblem(inFigures(story))
        : null)
    if (sum !== null) return sum
  }
  return null
}

/** Digits for words, and years in days. */
const inFigures = (text: string): string =>
  numbersInDigits(text)
    .replace(/\b(?:a )?leap years?\b/i, '366 days')
    .replace(/\b(?:a |one )?(?:common |normal |ordinary |non-leap |regular )?year\b(?=\W*$)/i, '365 days')
    .replace(/\ba fortnight\b/i, '14 days')
    .replace(
      /,?\s*(?:and )?(?:please )?round(?:ed)?(?: it)?(?: off| up| down)? to (?:the nearest |a |the )?(?:whole|full|round|next) (?:number|one|unit|euro|cent)s?\b/i,
      '',
    )
    .replace(
      /\s+(?:to|with|in) \d+ (?:significant )?(?:digits|decimals|decimal places|places|figures)\b/i,
      '',
    )
    .replace(/(?<=\d) ?(?:euros?|dollars?|francs?|kronor|kroner|yen|rupees|€|£|¥)(?![\p{L}])/giu, '')
    .replace(/\b(?:rounded|exactly|precisely|roughly|approximately)\b\s*/gi, '')

/** Units that the calculator does not know say what a number is of. */
const withoutMeasures = (text: string): string =>
  text.replace(
    /(?<=\d) ?(?:ha|hectares?|t|tonnes?|kg|kilos?|g|grams?|lbs?|oz|km|cm|mm|m|metres?|l|ml|litres?|m²|m2|pieces?|boxes|bags?|hours?|h)(?![\p{L}\d])/giu,
    '',
  )

/** `3 weeks and 2 days` is one length of time. */
const withDurations = (text: string): string =>
  text.replace(
    /\b(\d+(?:\.\d+)?) ?(weeks?|days?|hours?|h|minutes?|min)(?:,| and|, and)? (\d+(?:\.\d+)?) ?(days?|hours?|h|minutes?|min|seconds?|s)\b/i,
    '($1 $2 + $3 $4)',
  )

function readings(whole: string, line: string, previous: string | null): string[] {
  const plain = whole.replace(
    /^(?:tell me|give me|show me|find|get|check|find out|let me know|figure out|work out|i want to know|use the calculator to(?: compute| calculate)?|do the math(?: for| on)?|run the numbers on)[\s:,]+/i,
    '',
  )
  const bare = plain
    .replace(/^(?:what(?:'s| is)|how much is|calculate|compute|evaluate|work out)\s+/i, '')
    .replace(/^what\s+(.*?\d.*?)\s+(?:is|are|makes?|comes to|equals?|would be)\W*$/i, '$1')
    .replace(/^(?:the (?:result|value|answer|sum|product|difference|quotient) of)\s+/i, '')
  const forms = [whole, plain, bare].map(withDurations)
  const list = (pattern: RegExp, joiner: string, wrap: (sum: string, count: number) => string) => {
    const match = pattern.exec(bare) ?? pattern.exec(plain)
    const numbers = match?.[1]?.match(/-?\d+(?:\.\d+)?/g)
    if (numbers !== null && numbers !== undefined && numbers.length > 1)
      forms.push(wrap(numbers.join(joiner), numbers.length))
  }
  list(/^(?:the )?(?:sum|total) of (.+)$/i, ' + ', (sum) => sum)
  list(/^add(?: up)? (.+)$/i, ' + ', (sum) => sum)
  list(/^(?:multiply|the product of) (.+)$/i, ' * ', (sum) => sum)
  list(/^(?:the )?(?:average|mean)(?: of)? (.+)$/i, ' + ', (sum, count) => `(${sum}) / ${count}`)
  list(/^divide (.+)$/i, ' / ', (sum) => sum)
  const counted = /^how many (\w+) (?:are|is|do|does|make|fit)(?: there)?(?: in| into)? (.+)$/i.exec(
    withDurations(plain),
  )
  if (counted !== null) forms.push(`${counted[2]} in ${counted[1]}`)
  const subtract = /^subtract (\S+) from (\S+)$/i.exec(plain)
  if (subtract !== null) forms.push(`${subtract[2]} - ${subtract[1]}`)
  const converted = /^convert (.+?) (?:to|into|in) (\S+)$/i.exec(plain)
  if (converted !== null) forms.push(`${converted[1]} in ${converted[2]}`)
  const product = /^(?:the )?product of (\S+) and (\S+)$/i.exec(bare)
  if (product !== null) forms.push(`${product[1]} * ${product[2]}`)
  if (previous !== null) {
    const onTop = bare.replace(
      /\b(?:it|that|this|the (?:result|answer|sum|total|product))\b/i,
      `(${previous})`,
    )
    const by = /^(multiply|divide) \((.+)\) by (\S+)$/i.exec(onTop)
    if (by !== null) forms.push(`(${by[2]}) ${by[1]!.toLowerCase() === 'multiply' ? '*' : '/'} ${by[3]}`)
    const added = /^add (\S+) to \((.+)\)$/i.exec(onTop)
    if (added !== null) forms.push(`(${added[2]}) + ${added[1]}`)
    const less = /^subtract (\S+) from \((.+)\)$/i.exec(onTop)
    if (less !== null) forms.push(`(${less[2]}) - ${less[1]}`)
    if (onTop !== bare) forms.push(onTop)
  }
  return line.length > 400 ? [] : [...forms, ...forms.map(withoutMeasures)]
}
