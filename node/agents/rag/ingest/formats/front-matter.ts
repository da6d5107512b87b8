/** YAML between two lines of `---` at the beginning of a Markdown file (YAML 1.2, core schema). */
import { yaml } from '../../../../on-demand.ts'

const MAX_CHARACTERS = 64 * 1024
/** Deeper than any front matter, shallower than the stack. */
const MAX_NESTING = 32

export interface FrontMatter {
  readonly values: Readonly<Record<string, unknown>>
  /** What follows it; all of the text where there is none. */
  readonly body: string
  readonly warning: string | null
}

/** Brackets that could be open at once at most: a bound on nesting that costs no parse. Indents nest as well. */
function nesting(text: string): number {
  let open = 0
  let deepest = 0
  for (const character of text) {
    if (character === '[' || character === '{') deepest = Math.max(deepest, ++open)
    else if (character === ']' || character === '}') open = Math.max(0, open - 1)
  }
  for (const line of text.split('\n')) {
    const indent = /^[ -]*/.exec(line)![0]
    deepest = Math.max(deepest, indent.length >> 1)
  }
  return deepest
}

/** Anchors and aliases are not followed (a few lines of them unfold to gigabytes); what cannot be read is a warning. */
export function readFrontMatter(text: string): FrontMatter {
  const none = { values: {}, body: text, warning: null }
  if (!/^---[ \t]*\n/.test(text.slice(0, 80))) return none
  const end = /\n(---|\.\.\.)[ \t]*(\n|$)/.exec(text.slice(0, MAX_CHARACTERS))
  if (end === null) return none
  const source = text.slice(text.indexOf('\n') + 1, end.index + 1)
  const body = text.slice(end.index + end[0].length)
  const failed = (why: string) => ({ values: {}, body, warning: `The front matter was left out: ${why}.` })
  if (nesting(source) > MAX_NESTING) return failed('it is nested too deeply')
  const document = yaml().parseDocument(source, { schema: 'core', logLevel: 'silent', uniqueKeys: false })
  if (document.errors.length > 0) return failed('it is not valid YAML')
  try {
    const value: unknown = document.toJS({ maxAliasCount: 0 })
    if (value === null) return { values: {}, body, warning: null }
    if (typeof value !== 'object' || Array.isArray(value))
      return failed('it is not a list of names and values')
    return { values: value as Record<string, unknown>, body, warning: null }
  } catch {
    return failed('it uses aliases')
  }
}
