/** Few words without an order. */
import type { Clause } from './clause.ts'
import type { Outcome, PlanState } from './rules/rule.ts'

const PHRASE = { min: 1, max: 12 }

/** A few words and nothing else, such as `roof warranty`: what documents say about it. `paint the house` orders something unknown. */
export function barePhrase({ words, mood, text, source }: Clause, state: PlanState): Outcome | null {
  const last = words.at(-1)
  const isHeader =
    last !== undefined && (last.norm === ':' || /^\s*(?::|```)/.test(source.slice(last.end, last.end + 40)))
  const isPhrase =
    !isHeader &&
    !/^(?:here|steps?|tasks?|todo|plan|for|as|hello|dear)$/.test(words[0]!.norm) &&
    mood === 'statement' &&
    state.drafts.length === 0 &&
    words.length > PHRASE.min &&
    words.length <= PHRASE.max &&
    words.every(({ kind }) => /^(?:word|id|number|quoted|mark)$/.test(kind)) &&
    !words.some(({ form }) => form === 'plain') &&
    !/^(?:i|we|my|you|the|a|an|it|that|this|there)$/.test(words[0]!.norm) &&
    !/^(?:the|a|an|my|your|our|me|us|it|them|this|that|some|any|all)$/.test(words[1]!.norm)
  return isPhrase
    ? {
        calls: [
          {
            tool: 'knowledge_ask',
            arguments: { question: text },
            reason: 'Words without an order: what documents say about them.',
          },
        ],
      }
    : null
}

const HAS_SUBJECT =
  /^(?:<(?:id|path|quoted|number)>|i|he|she|they|we|it|that|this|these|those|there|here|(?:my|our|your|his|her|their|the|a|an|some|all|each|every|most|many|last|one|job|model|collection|run|round|file|folder|node|everything|everybody|everyone|nothing|nobody|somebody|someone|people) (?!,))/
export const TELLS =
  /(?:^| )(?:is|are|was|were|am|has|have|had|did|does|been|went|put|left|lives|live|lies|takes|took|says?|said|told|runs|ran|hangs|seems|seemed|looks|looked|keeps|kept|wants|wanted|gave|made|makes|sent|wrote|bought|moved|goes|came|comes|got|lost|thinks?|hear|heard|hate|hates|love|loves|works|worked|finished|failed|crashed|contains|holds|reads|uses|used|eats|costs|copied|saved|stored|downloaded|added|trained|compressed|created|died|broke|arrived|needs|forgot|changed|became|become|stands|stays|sits|ships|belongs|started|will be|may be|might be)(?: |$)/
const NAMES_ONLY =
  /^(?:(?:the|my|our|all|any|a|list|of|last|newest|latest|recent|current|<number>|two|three|five|ten|still|currently|recently) )*(?:(?:failed|finished|completed|running|cancelled|compressed|trained|known|indexed|granted|connected|active|queued) )*(?:jobs?|models?|runs|rounds?|evolution runs?|collections?|members?|folders?)(?: (?:of|in|on|that|which) (?:evolution|evolutions|(?:the|my|our|this) (?:village|node|machine|queue)|(?:have |are |is |were |has )*(?:failed|finished|running|run|indexed|granted|connected|online|active)))*(?: (?:now|today|so far|please))*$/

/** Says what is wanted, though it is a statement. */
export const WANTS =
  /(?:^| )(?:should|must|shall|ought|needs?|need to|has to|have to|had better|to be|want|wants|like|wish|prefer|require|requires|may|can|could|please|would)(?: |$)/

/** `the neighbours have run an evolution`: something is told; nothing is to be done for it. */
export function onlyTells({ words, mood, line }: Clause): boolean {
  if (mood !== 'statement') return false
  // `the failed jobs`, `the runs of evolution`: things are named, nothing is told of them.
  if (NAMES_ONLY.test(words.map(({ lower }) => lower).join(' '))) return false
  const said = saidBy(words)
  return hasSubject({ words, line }) && TELLS.test(said) && !WANTS.test(said)
}

const saidBy = (words: Clause['words']): string =>
  words.map(({ lower, kind }) => (/^(?:word|id)$/.test(kind) ? lower : `<${kind}>`)).join(' ')

/** Whether somebody or something that is told of stands first. */
export const hasSubject = ({ words, line }: Pick<Clause, 'words' | 'line'>): boolean =>
  HAS_SUBJECT.test(line) || HAS_SUBJECT.test(saidBy(words))
