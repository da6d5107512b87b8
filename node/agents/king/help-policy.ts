/** What King says to a greeting or a question for help, where no language model decides: what this node can do, and what it holds. */
import { isJsonObject, type JsonValue } from '../../json.ts'
import type { Policy } from '../loop/policy.ts'
import { countOf, numberOf, objectsOf } from './tell/figures.ts'

const GREETING =
  '(?:hi|hello|hey|hello there|hi there|hey there|good (?:morning|afternoon|evening|day)|greetings)'
const ASKED =
  '(?:help|help me|i need help|what can (?:you|i|this node) do(?: here| for me| with this| with you)?|what do you do|what are you able to do|who are you|what are you|how do(?:es)? (?:this|i use (?:this|you)|you) work|how do i (?:start|begin|use this)|what is this|what now|commands|start|usage|what can i (?:ask|say|ask you|say to you))'
const WHOLE = new RegExp(
  `^(?:${GREETING}|(?:${GREETING}[,.!]? )?(?:please |can you |could you )?${ASKED}(?: please)?|thanks|thank you)$`,
)
const MAX_UNITS = 80

/** Whether the whole message is a greeting or asks what there is to do: nothing that a document could answer. */
export function asksForHelp(text: string): boolean {
  if (text.length > MAX_UNITS) return false
  const plain = text
    .toLowerCase()
    .replaceAll('’', "'")
    .replace(/\bwhat's\b/g, 'what is')
    .replace(/[\s,.!?:;/)(]+/g, ' ')
    .replace(/\b(?:king|village)\b/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return WHOLE.test(plain)
}

/** Sentences that the rules carry out as they stand. */
export const HELP_EXAMPLES = [
  'Index ~/Documents and tell me what it says about the heating',
  'Compress encoder to int4 and check its quality',
  'What is 17% of 340?',
] as const

/** `collections`: content of knowledge_collections; null: it could not be asked. */
export function helpText(collections: JsonValue): string {
  const all = isJsonObject(collections) ? objectsOf(collections.collections) : null
  const documents = (all ?? []).reduce((sum, one) => sum + (numberOf(one.documents) ?? 0), 0)
  const stands =
    all === null
      ? []
      : all.length === 0
        ? ['No documents are indexed yet: `village index PATH`, or the first example, does it.']
        : [
            `There ${all.length === 1 ? 'is' : 'are'} ${countOf(all.length, 'collection')} with ${countOf(documents, 'document')} to ask about.`,
          ]
  return [
    'I answer questions from your documents, work with models and jobs, calculate, run programs, read and write files of granted folders, and remember what you tell me. For example:',
    ...HELP_EXAMPLES.map((example) => `- ${example}`),
    ...stands,
  ].join('\n')
}

/** Looks what there is to ask about, then says what can be done. */
export function createHelpPolicy(tools: readonly string[]): Policy {
  return {
    model: null,
    async next({ observations }, signal, onText) {
      signal.throwIfAborted()
      const tool = 'knowledge_collections'
      const [seen] = observations
      if (seen === undefined && tools.includes(tool))
        return {
          action: { kind: 'call', calls: [{ tool, arguments: {}, reason: 'What there is to ask about.' }] },
          usage: null,
        }
      const text = helpText(seen?.outcome.kind === 'result' ? seen.outcome.result.content : null)
      onText(text)
      return { action: { kind: 'answer', text }, usage: null }
    },
  }
}
