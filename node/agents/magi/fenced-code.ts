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

/** Of the words around it, so many are read. */
const MAX_WORDS = 2_000

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
  if (!ASKS_TO_RUN.test(words) || FORBIDS.test(words)) return null
  const named = block.language.toLowerCase()
  const said = Object.keys(LANGUAGES).find((name) => new RegExp(`\\b${name}\\b`, 'i').test(words))
  const language = LANGUAGES[named === '' ? (said ?? '') : named]
  return language === undefined ? 'unknown-language' : { language, code, words }
}
