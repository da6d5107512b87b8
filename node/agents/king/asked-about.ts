/**
 * Whether a clause that reads like an order is asked about, denied or only spoken of: `copy it? No.`, `Quiz: cancel job 7f, yes or no?`, `stop talking about job 7f`.
 * What changes something then waits for a yes.
 */
import type { Clause } from './clause.ts'

/** A question with one of them asks for something to be done. */
const REQUEST =
  /\b(?:(?:can|could|would|will|won't|shall|can't|couldn't) (?:you|u|ya|king|somebody|someone|we|i)|(?:are|r) you able|please|pls|plz|kindly|mind|may i|might i|any chance|how about|what about|possible|wonder(?:ing)?|like you to|want you to|need you to|be so)\b/i
/** A sentence of its own behind a question: the asker's own answer to it. */
const DENIED =
  /^\s*(?:no|never|nope|nah|hardly|absurd|forget it|(?:certainly|of course|absolutely|definitely|surely|better|rather|please|obviously|probably) not|not (?:at all|ever|now|yet|really|likely|me|today)|not|under no circumstances|i (?:would|do|should) not|i (?:wouldn't|don't|shouldn't)(?: think so)?|no way|bad idea)(?=\s*(?:[.!?,;…]|$|\n))/i
const YES_OR_NO = /^[\s,;:–—-]*(?:yes or no|true or false|right or wrong|good or bad)\b/i
const SENTENCE_END = /[.!?…](?=\s)|\n/g

/** In the words that rules see. */
const SPOKEN_OF =
  /^(?:for example|such as|for instance) |^(?:stop|cancel|end) (?:\S+-doing|cancel|stop)(?: |$)|^(?:end|cancel|stop) of (?:the )?(?:job|<id>)|^(?:stop|cancel|end|delete|drop|kill) (?:.* )?about (?:.* )?(?:job|<id>)|(?:^| )(?<!that |which |it |what |how )(?:is|are|was|were) (?:fine|forbidden|ok|okay|allowed|prohibited|pointless|silly|needed|not)(?: |$)|(?:^| )without(?: the| my| any| all)*(?: (?:file|folder))? <path>|(?:^| )(?:suggest|suggested|recommended)(?: |$)/

export function isAskedAbout({ words, source, line }: Clause): boolean {
  const [first, last] = [words[0], words.at(-1)]
  if (first === undefined || last === undefined) return false
  if (SPOKEN_OF.test(line)) return true
  const behind = source.slice(last.end, last.end + 80)
  if (YES_OR_NO.test(behind)) return true
  const question = /^[\s"'”’)`]*\?/.exec(behind)
  if (question === null) return false
  if (DENIED.test(behind.slice(question[0].length))) return true
  const before = source.slice(0, first.start)
  const start = [...before.matchAll(SENTENCE_END)].at(-1)?.index ?? -1
  return !REQUEST.test(source.slice(start + 1, last.end))
}
