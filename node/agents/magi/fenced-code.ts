/** Code that the asker put between fences (CommonMark 0.31, section 4.5) to have it run. */
import type { CodeLanguage } from '../tools/code-tool.ts'

export interface FencedCode {
  readonly language: CodeLanguage
  readonly code: string
  /** The sentence around it. */
  readonly words: string
}

const FENCE = /^ {0,3}(`{3,}|~{3,})[ \t]*([A-Za-z0-9+#.-]*)[^\n`]*\n([\s\S]*?)^ {0,3}\1[`~]*[ \t]*$/m
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

export function fencedCode(message: string): FencedCode | 'unknown-language' | null {
  const match = FENCE.exec(message)
  if (match === null) return null
  const words = message.replace(match[0], ' ')
  if (!ASKS_TO_RUN.test(words) || FORBIDS.test(words)) return null
  const named = match[2]!.toLowerCase()
  const said = Object.keys(LANGUAGES).find((name) => new RegExp(`\\b${name}\\b`, 'i').test(words))
  const language = LANGUAGES[named === '' ? (said ?? '') : named]
  return language === undefined ? 'unknown-language' : { language, code: match[3]!, words }
}
