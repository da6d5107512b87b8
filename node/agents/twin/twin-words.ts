/** What a person asks of their memory in plain words: "remember that …", "forget …", "what do you know about me?". */

export type TwinWish =
  | { readonly kind: 'remember'; readonly text: string }
  | { readonly kind: 'forget'; readonly about: string }
  | { readonly kind: 'forget-all' }
  | { readonly kind: 'recall'; readonly about: string | null }

const POLITE = String.raw`(?:(?:please|hey|ok|okay|and|also|so|now|twin|(?:can|could|would|will) you(?: please)?|i want you to|i'd like you to|i would like you to)[,:]?\s+)*`

const REMEMBER = [
  new RegExp(
    `^${POLITE}(?:remember|memori[sz]e|keep in mind|note(?: down)?|make a note|don[’']?t forget|do not forget)\\s*(?:,|:)?\\s*(?:that|this:?|of the fact that)?\\s*:?\\s+(.+)$`,
    'is',
  ),
  new RegExp(`^${POLITE}(?:remember|memori[sz]e|note|keep in mind)\\s*:\\s*(.+)$`, 'is'),
]
const FORGET_ALL = new RegExp(
  `^${POLITE}(?:forget|erase|delete|clear)\\s+(?:(?:all|everything|every thing)(?:\\s+(?:that\\s+)?you(?:\\s+\\w+){0,2}\\s+(?:know|remember|remembered|stored|have|learned)(?:\\s+about\\s+me)?|\\s+about\\s+me)?|all (?:of )?(?:my|your) memor(?:y|ies)(?: of me| about me)?|me)$`,
  'is',
)
const FORGET = new RegExp(
  `^${POLITE}forget\\s+(?:about\\s+|that\\s+|what i (?:said|told you) about\\s+|(?:the\\s+)?(?:fact|memory) (?:that|about)\\s+)?(.+)$`,
  'is',
)
const RECALL_ALL =
  /^(?:and\s+)?what (?:do|did|can) you (?:know|remember|recall|have stored)(?: (?:about|of) me)?(?: so far)?$|^what have i told you(?: so far)?$|^(?:show|list) (?:me )?(?:my memories|what you (?:know|remember) about me)$/i
const RECALL =
  /^(?:do you (?:remember|know|recall)|what do you (?:remember|know|recall) (?:about|of)|what did i (?:say|tell you) about)\s+(my .+|me .+|that i .+|what i .+|where i .+|when i .+|how i .+|which .+ i .+)$/i
/** Questions of memory that ask something else: "remember when …?" and "don't forget to compress it" are no facts. */
const NOT_A_FACT = /^(?:when|how|what|why|who|where|whether|if)\b.*\?$|^to\s+(?!be\b)/is

const MOST_CHARACTERS = 4_000

/** Null: the words are about something else. Pure. */
export function readTwinWords(text: string): TwinWish | null {
  const said = text.trim()
  if (said === '' || said.length > MOST_CHARACTERS) return null
  const bare = said.replace(/[.!?\s]+$/, '')
  if (FORGET_ALL.test(bare)) return { kind: 'forget-all' }
  if (RECALL_ALL.test(bare)) return { kind: 'recall', about: null }
  const recalled = RECALL.exec(bare)?.[1]
  if (recalled !== undefined) return { kind: 'recall', about: recalled.trim() }
  if (!/^\s*(?:.*\b(?:don[’']?t|do not)\s+forget)/is.test(bare)) {
    const about = FORGET.exec(bare)?.[1]
    if (about !== undefined && !/^(?:it|that|this)$/i.test(about))
      return { kind: 'forget', about: about.trim() }
  }
  for (const pattern of REMEMBER) {
    const fact = pattern.exec(said)?.[1]?.trim()
    if (fact !== undefined && fact !== '' && !NOT_A_FACT.test(fact)) return { kind: 'remember', text: fact }
  }
  return null
}
