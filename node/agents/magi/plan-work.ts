/** What Magi does by rules with a message: a calculation, the asker's own code, or one of the programs that it has at hand. Pure. */
import type { ChatMessage } from '../chat/chat-model.ts'
import type { PlannedCall } from '../loop/policy.ts'
import { calculates } from './arithmetic-words.ts'
import { fencedCode } from './fenced-code.ts'
import { INPUT_FILE } from './programs/program.ts'
import { PROGRAMS } from './programs/table.ts'

export type Work =
  | { readonly kind: 'call'; readonly call: PlannedCall }
  /** Nothing that rules can do; `why` is for people. */
  | { readonly kind: 'none'; readonly why: string }

/** Code may be long; no rule reads more. */
const MAX_MESSAGE = 100_000
const USUAL_LENGTH = 1_000
const NO_RULE = `I have no rule for this. By rules I calculate ("17% of 300", "4 GB / (50 MB/s) in min"), run code that you put between \`\`\` fences, and have programs for: ${PROGRAMS.map(({ help }) => help).join('; ')}. For anything else give me the code, or a language model (agents.model).`

export function lastWords(messages: readonly ChatMessage[]): string {
  return messages.findLast(({ role }) => role === 'user')?.content ?? ''
}

const call = (tool: string, arguments_: PlannedCall['arguments'], reason: string): Work => ({
  kind: 'call',
  call: { tool, arguments: arguments_, reason },
})

/** `todayIso`: the date that "today" stands for, as 2026-01-31. */
export function planWork(message: string, todayIso: string): Work {
  const text = message.trim()
  if (text.length > MAX_MESSAGE)
    return { kind: 'none', why: `By rules I read at most ${MAX_MESSAGE} characters.` }
  const code = fencedCode(text)
  if (code === 'unknown-language')
    return { kind: 'none', why: 'I run Python, sh and JavaScript (Node): name one of them after the fence.' }
  if (code !== null)
    return call(
      'code_run',
      { language: code.language, code: code.code },
      'The message asks to run this code.',
    )
  const expression = calculates(text)
  if (expression !== null) return call('calculate', { expression }, 'The message is a calculation.')
  for (const { name, read, source, longest = USUAL_LENGTH } of PROGRAMS) {
    const found = text.length > longest ? null : read(text, todayIso)
    if (found === null) continue
    return call(
      'code_run',
      {
        language: 'python',
        code: source,
        files: { [INPUT_FILE]: JSON.stringify(found.input) },
        ...(found.paths === undefined ? {} : { paths: found.paths }),
      },
      `The program at hand for it is "${name}".`,
    )
  }
  return { kind: 'none', why: NO_RULE }
}
