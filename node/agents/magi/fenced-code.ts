/** Code that the asker put between fences (CommonMark 0.31, section 4.5) to have it run. */
import type { CodeLanguage } from '../tools/code-tool.ts'

export interface FencedCode {
  readonly language: CodeLanguage
  readonly code: string
  /** The sentence around it. */
  readonly words: string
}

const OPEN = /^ {0,3}(`{3,}|~{3,})[ \t]*([A-Za-z0-9+#.-]*)[^`\n]*$/
const CLOSE = /^ {0,3}(`{3,}|~{3,})[ \t]*$/
const LANGUAGES: Readonly<Record<string, CodeLanguage>> = {
  py: 'python',
  python: 'python',
  python3: 'python',
  sh: 'sh',
  bash: 'sh',
  shell: 'sh',
  js: 'node',
  javascript: 'node',
  mjs: 'node',
  node: 'node',
}
const ASKS_TO_RUN =
  /\b(?:run|execute|try|test|evaluate|start|what (?:does|is|will|would)|prints?|outputs?|result)\b/i
const FORBIDS = /\b(?:do not|don't|don’t|never|without) (?:run|execut|try|start)/i
/** An order, at the beginning of a clause: "run this", "could you try it", "and then execute …". */
const ORDERS =
  /(?:^|[.!?;:,\n]|\b(?:please|and|then|to|let us|let's|let’s|(?:can|could|would|will) you))\s*(?:(?:please|now|just|first|then|also) )*(?:re-?)?(?:run|execute|evaluate|start|try|test)\b/i
/** Wants to know something of the code that is not what it prints here. */
const JUDGES =
  /\b(?:review|explain|describe|summari[sz]e|translate|check|audit|inspect|critique|comment|improve|format|understand|rate|safe(?:ly|ty)?|dangerous|harm\w*|malicious|malware|virus|what would|would happen|if i|when i|before i|should i|(?:safe|ok|okay|wise|good idea|dare) to)\b/i

/** Of the words around it, so many are read. */
const MAX_WORDS = 2_000

/** Running that is spoken of, not asked for. */
const JUDGED_RUN =
  /\b(?:if|when|before|whether|should|may|can) (?:i|we|one|it|somebody|someone) [^.!?;\n]{0,40}|\b(?:evaluate|test|try) (?:whether|if|how|to)\b|\b(?:safe|ok|okay|wise|good idea|dangerous|dare|harmful) to \w+/gi

/** Whether words around code ask to have it run; whoever asks what it is, or whether it is safe, does not. */
export function asksToRun(words: string): boolean {
  if (FORBIDS.test(words)) return false
  if (!JUDGES.test(words)) return ASKS_TO_RUN.test(words)
  return ORDERS.test(words.replaceAll(JUDGED_RUN, ''))
}

/** The first block between fences, line by line: the one that closes it is of the same sign and at least as long. */
function firstBlock(message: string): { language: string; code: string; words: string } | null {
  const lines = message.split('\n')
  const from = lines.findIndex((line) => OPEN.test(line))
  const [, fence = '', language = ''] = OPEN.exec(lines[from] ?? '') ?? []
  if (fence === '') return null
  const to = lines.findIndex(
    (line, index) => index > from && CLOSE.exec(line)?.[1]?.startsWith(fence) === true,
  )
  if (to < 0) return null
  const words = [...lines.slice(0, from), ...lines.slice(to + 1)].join('\n').slice(0, MAX_WORDS)
  return { language, code: `${lines.slice(from + 1, to).join('\n')}\n`, words }
}

export function fencedCode(message: string): FencedCode | 'unknown-language' | null {
  const block = firstBlock(message)
  if (block === null) return null
  const { words, code } = block
  if (!asksToRun(words)) return null
  const named = block.language.toLowerCase()
  const said = Object.keys(LANGUAGES).find((name) => new RegExp(`\\b${name}\\b`, 'i').test(words))
  const language = LANGUAGES[named === '' ? (said ?? '') : named]
  return language === undefined ? 'unknown-language' : { language, code, words }
}
