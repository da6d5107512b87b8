/** What a person sees while an agent works: its text as it comes, a line for each call, and footnotes for what it cites. */
import type { JsonObject } from '../../json.ts'
import { printable, printableLines } from '../format.ts'
import { createWordWrap } from './wrap-words.ts'

export interface Screen {
  write(text: string): void
  /** A terminal that shows colours, and lines that are written over. */
  readonly styled: boolean
  /** Null: no terminal. */
  readonly columns: number | null
}

interface EvidenceItem {
  readonly number: number
  readonly title: string | null
  readonly source: string
  readonly page: number | null
}

/** The parts of AgentAnswer that are shown. */
export interface AnswerView {
  readonly text: string
  readonly finish: string
  readonly agent: string
  readonly model: string | null
  readonly evidence: { readonly items: readonly EvidenceItem[]; readonly confidence?: number } | null
  readonly usage: { readonly promptTokens: number; readonly completionTokens: number }
  readonly turns: number
  readonly tookMs: number
}

const DEFAULT_COLUMNS = 80
const SIGNS = { running: '…', done: '✓', failed: '✗', refused: '–' } as const
const COLOURS = { running: 2, done: 32, failed: 31, refused: 33 } as const
/** Erases the line that the cursor is in. */
const WRITE_OVER = '\r\u001b[K'

export function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(1, columns - 1))}…`
}

/** `query="tea", limit=3`: what a call is given, in one line. */
export function argumentsText(given: JsonObject): string {
  return printable(
    Object.entries(given)
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join(', '),
  )
}

/** The sources whose numbers stand in the text, each on a line. */
export function footnotes(text: string, items: readonly EvidenceItem[]): string[] {
  const cited = new Set([...text.matchAll(/\[(\d+)\]/g)].map(([, number]) => Number(number)))
  return items
    .filter(({ number }) => cited.has(number))
    .map(({ number, title, source, page }) => {
      const at = page === null ? '' : `, page ${page}`
      const named = title === null || title === '' || title === source ? source : `${title}${at} (${source})`
      return printable(`[${number}] ${named === source ? `${source}${at}` : named}`)
    })
}

export interface TurnView {
  text(text: string): void
  call(id: string, tool: string, given: JsonObject): void
  progress(id: string, message: string): void
  result(id: string, state: 'done' | 'failed' | 'refused', summary: string): void
  /** Whole lines between the rest. */
  line(text: string): void
  /** Writes what of the answer has not come as text, and the footnotes. */
  finish(answer: AnswerView): void
  /** Ends the line that was begun, where it ends otherwise. */
  end(): void
}

/** `notes` takes the lines of calls where standard output is no terminal: a pipe gets the answers alone. */
export function createTurnView(screen: Screen, notes: (line: string) => void): TurnView {
  const columns = (screen.columns ?? DEFAULT_COLUMNS) - 1
  const isTerminal = screen.columns !== null
  const calls = new Map<string, { tool: string; given: string }>()
  const wrap = createWordWrap(columns)
  let isInLine = false
  /** The call whose line is the last thing on the screen, and can be written over. */
  let open: string | null = null
  /** What came since the last call: the answer's own text, if it was streamed. */
  let streamed = ''

  const paint = (state: keyof typeof COLOURS, text: string) =>
    screen.styled ? `\u001b[${COLOURS[state]}m${text}\u001b[0m` : text

  /** A pipe gets the text as it is. */
  function write(text: string): void {
    const shown = isTerminal ? wrap.add(printableLines(text)) : printableLines(text)
    screen.write(shown)
    if (text !== '') isInLine = !text.endsWith('\n')
  }

  function freshLine(): void {
    const rest = isTerminal ? wrap.end() : ''
    if (rest !== '') screen.write(rest)
    if (open !== null || isInLine) screen.write('\n')
    open = null
    isInLine = false
  }

  function callLine(id: string, state: keyof typeof SIGNS, more: string): string {
    const { tool, given } = calls.get(id) ?? { tool: 'a tool', given: '' }
    const details = more === '' ? given : printable(more)
    return paint(state, cut(`${SIGNS[state]} ${tool}${details === '' ? '' : `  ${details}`}`, columns))
  }

  /** One line a call: it changes in place while nothing else is written below it. */
  function showCall(id: string, state: keyof typeof SIGNS, more: string): void {
    if (!isTerminal) {
      if (state !== 'running') notes(callLine(id, state, more))
      return
    }
    if (!screen.styled && state === 'running') return
    if (open === id) screen.write(WRITE_OVER)
    else freshLine()
    screen.write(callLine(id, state, more))
    if (state === 'running') open = id
    else {
      open = null
      screen.write('\n')
    }
  }

  return {
    text(text) {
      if (open !== null) freshLine()
      streamed += text
      write(text)
    },
    call(id, tool, given) {
      streamed = ''
      calls.set(id, { tool: printable(tool), given: argumentsText(given) })
      showCall(id, 'running', '')
    },
    progress(id, message) {
      if (open === id) showCall(id, 'running', message)
    },
    result: (id, state, summary) => showCall(id, state, summary),
    line(text) {
      if (!isTerminal) return notes(text)
      freshLine()
      screen.write(`${text}\n`)
    },
    finish(answer) {
      if (streamed.trim() !== answer.text.trim()) {
        freshLine()
        if (isTerminal) write(answer.text)
        else {
          screen.write(answer.text)
          isInLine = !answer.text.endsWith('\n')
        }
      }
      freshLine()
      for (const note of footnotes(answer.text, answer.evidence?.items ?? []))
        screen.write(`${isTerminal ? cut(note, columns) : note}\n`)
      if (answer.finish !== 'answer') notes(`ended before it was done: ${answer.finish}`)
    },
    end: freshLine,
  }
}
