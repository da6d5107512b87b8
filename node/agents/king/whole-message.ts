/**
 * Whether a message is understood as a whole. What changes something runs without a question only then: each clause is an order, a question, something that is
 * told or politeness, and nothing about an order (what leads to it, what it leaves out, when it is to be done) is left unread.
 */
import { isAskedAbout } from './asked-about.ts'
import { type Clause, lineOf, type Word } from './clause.ts'
import { findVerb } from './find-verb.ts'
import { intentOf, NOTHING_ASKED } from './intent/clause-intent.ts'
import { hasSubject, onlyTells, TELLS } from './phrases.ts'
import { isCodec, methodOf } from './slots.ts'

/** What the rules made of a clause. `context`: nothing, but it may say what others are about. */
export type Reading = 'change' | 'other' | 'context'

/** Said to be polite, or about the asker's haste and mood; nothing hangs on it. */
const POLITE =
  /^(?:(?:please|thanks|thank|you|ta|cheers|hi|hello|hey|dear|good|morning|day|evening|afternoon|everyone|all|there|again|king|sage|magi|sorry|ok|okay|well|so|now|much|very|a lot|lot|lots|many|in advance|yes|yep|sure|great|nice|cool|perfect|right|alright|bye|and|for|your|help|kindly|it is urgent|urgent|in a hurry|no hurry|hurry|rush|take your time|that is (?:all|it)|this is important|important|by the way|oh|ah|hmm|um|uh|,|[.!-])(?: |$))+$/
/** Leads that only say that orders follow. */
const LEADS =
  /^(?:(?:please|kindly|now|ok|okay|so|hi|hello|hey|king|dear) )*(?:(?:my|the|a|your|our|today's|quick|small|short|following|next|two|three|four|five|few|some|<number>|these|this|all|here|is|are|do|does|have|i|we|want|need|like|would|you|to|could|can|please|for|me|us|following|in|order|that|what|be|answer|things?|tasks?|steps?|todo|to-do|list|plan|goals?|jobs?|job|orders?|requests?|instructions?|wish|wishes|work|workflow|pipeline|agenda|first|second|third|then|next|last|finally|one|question|as follows|follows?|programme?|king|sage|magi|must|should|today|now|for my [a-z]+|:|,)(?: |$))+$/
/** Only points at what comes next, or at a result that comes with a step anyway. */
const POINTS =
  /^(?:(?:take|look at|open|consider|here (?:is|are)|use) (?:(?:the|my|a|an|this|that|these|file|folder|model|both|in|at|from|collection|and|,|<id>|<path>|<quoted>|encoder|document|of|with)(?: |$))+|(?:read|show|give|say) (?:it|them|that|both|this|all)(?: (?:out|back|again|to me|me|aloud|first|please))*|answer (?:this|that|me|it)(?: question)?|be (?:most |very |so )?(?:grateful|thankful|obliged|glad))$/
/** What is left out, put off or tied to something, in words that no rule has taken. */
const LEFT_OUT =
  /(?:^| )(?:not|no|never|except|excepting|excluding|minus|save for|rather|other than|apart from|besides|but|only (?:after|when|once|if|with)|after my|until|till|unless|once|whenever|kidding|joking|second thoughts?|take (?:that|it) back|<path> save <path>)(?: |$)/
const KNOWN_NOT =
  /(?:^| )(?:(?:no|not) (?:more|less|larger|bigger|smaller|worse|lower|higher|over|under|above|below|greater|fewer|later|longer|need|matter)|why not|not only|there is (?:an|the) (?:old|existing)|but (?:keep|keeping|still|also|with|make|leave|hold|at|now|only)|(?:at once|once (?:more|again|with|at|to|in|by|using))|without)(?= |$)/g
/** In front of an order that is told rather than given: `I need …`, `the encoder should be …`. */
const SUBJECT_OF_ORDER =
  /^(?:i|we|<id>|<path>|it|they|both|this|that|these|those|the|my|our|your|all|each|every|encoder|everything|model|in|on|with|using|for|from|into|by|to|of|at|next|first|second|last|time|and|,)(?: |$)/

const OTHERS = /^(?:one|he|she|they|someone|somebody|people|anyone|anybody|according|as)(?: |$)/

/** `leave encoder itself alone`: nothing is to be done for it. */
const STAYS =
  /^(?:leave|keep) (?!.*(?:<path>|job|run|round|collection|file|folder)(?: |$)).*(?:alone|untouched|unchanged|in peace|as (?:it|they) (?:is|are))(?: |$)/

/** Told about the order rather than a part of it: who says so, that it is doubtful, or when it is for. */
const TOLD_OF =
  /(?:^| )(?:he|she|they|(?<!that |which |it |what |how |model |encoder )(?:is|are|was|were) (?:a|an|the|what|wrong|bad|dangerous|stupid|rude|not)|said|says|cried|asked|ask (?:me|us)|wrote|typed|maybe|perhaps|possibly|when(?= (?!it|you|that|done|ready|they))|as soon as|in (?:an?|<number>|half an|two|three|five|ten|a few) (?:minutes?|hours?|days?|weeks?)|tomorrow|tonight|later|would|might)(?: |$)/
/** A statement with one of them may hand in what somebody else says. */
const SPEECH =
  /(?:^| )(?:said|says|say|saying|told|wrote|write|writes|written|typed|types|shouts?|shouted|asks|asked|cried|cries|yells?|yelled|posted|posts|replied|replies|suggests?|suggested|quotes?|quoted|reads|joke|joking|kidding|testing|example|novel|story|scene|riddle|poem|song|lyrics|attacker|hacker|spam|scam|phishing)(?: |$)/
const REMEMBERS = /^(?:remember|note)(?: |$)/
const before = (words: readonly Word[], at: number): string => lineOf(words.slice(0, at))

/** A colon, or a list behind a question. */
const LEADS_ON = /^\s*(?::|\?\s*\n\s*(?:[-*•(]|\d+[.)]))/
/** `What does this line mean` and then the line. */
const UNMARKED = /^[ \t]*\n/
/** Whether what comes next belongs to the words. */
const leads = ({ words, source, mood }: Clause): boolean => {
  const [first, last] = [words[0], words.at(-1)]
  if (first === undefined || last === undefined) return false
  // A question that is itself a line of a list leads nothing.
  const isListed = /(?:^|\n)\s*(?:[-*•]|\d+[.)])\s*$/.test(
    source.slice(Math.max(0, first.start - 12), first.start),
  )
  const behind = source.slice(last.end, last.end + 12)
  return (
    last.norm === ':' ||
    (!isListed && (LEADS_ON.test(behind) || (mood === 'question' && UNMARKED.test(behind))))
  )
}

/** Null: understood; else the words of the clause that are not. */
export function unclearIn(clause: Clause, reading: Reading): string | null {
  const { words, line, mood, text } = clause
  if (POLITE.test(`${line} `) || POLITE.test(words.map(({ lower }) => lower).join(' '))) return null
  if (/^ask (?:me|us)(?: (?:first|before|again))?$/.test(line)) return text
  if (leads(clause) && reading !== 'change') return LEADS.test(line) || POINTS.test(line) ? null : text
  if (STAYS.test(line)) return null
  if (reading === 'change') return isPlainOrder(clause) && !isAskedAbout(clause) ? null : text
  if (clause.isOff)
    return findVerb(clause).verb !== null || words.some(({ kind }) => kind !== 'word' && kind !== 'mark')
      ? null
      : text
  if (reading === 'other' || mood === 'question') return null
  if (SPEECH.test(words.map(({ lower }) => lower).join(' '))) return text
  if (isBackground(clause)) return null
  return onlyTells(clause) || LEADS.test(line) || POINTS.test(line) ? null : text
}

/** The share of `none` from which on a clause is taken for background. */
const SURELY_BACKGROUND = 0.9
const MIN_BACKGROUND_WORDS = 3
/** Told of oneself, of somebody or of a thing: `I can only keep one`, `the board meets tonight`. */
const ABOUT_ONESELF = /^(?:i|we)$/

/**
 * What a clause tells besides orders, in words that no rule knows: it has a subject, asks for nothing by the classifier, and none of its words leaves anything out, puts
 * it off, or says that something was said.
 */
function isBackground(clause: Clause): boolean {
  const { words, line, source } = clause
  if (words.length < MIN_BACKGROUND_WORDS || LEFT_OUT.test(line.replace(KNOWN_NOT, ' '))) return false
  if (TOLD_OF.test(line) || HAS_A_SAY.test(words.map(({ lower }) => lower).join(' '))) return false
  const wished =
    /\b(?:I|we)(?:'d| would)?(?: really| just)? (?:want|like|need|wish|love|hope)(?: to)? $/i.test(
      source.slice(Math.max(0, words[0]!.start - 24), words[0]!.start),
    )
  if (!wished && !ABOUT_ONESELF.test(words[0]!.norm) && !hasSubject(clause) && !hasNamedSubject(words))
    return false
  const { tool, share } = intentOf(clause)
  return tool === NOTHING_ASKED && share >= SURELY_BACKGROUND
}
/** `Priya shared it with everybody`, `Granny's recipes are in …`. */
const hasNamedSubject = ([name, ...words]: Clause['words']): boolean =>
  name !== undefined &&
  name.form === null &&
  /^\p{Lu}\p{Ll}+/u.test(name.text) &&
  words.slice(0, 3).some(({ form, lower }) => form === 'past' || TELLS.test(lower))
/** Points at the orders themselves, says what ought to be, or that somebody has a say in it: no mere background. */
const HAS_A_SAY =
  /(?:^| )(?:back|mistake|wrong|instead|actually|wait|stop|test|pretend|imagine|suppose|this(?! (?:time|week|month|year|morning|evening|weekend|machine|node|village))|these|those|nobody|must|ought|should|shall|may|(?:has|have|had|needs?) to|allow\S*|agree\S*|decide\S*|refus\S*|hope\S*|dare\S*|trick\S*|resist\S*|forbid\S*|permit\S*|object\S*|play\S*|games?|fun|dictat\S*|fails?|prank\S*|jok\S*)(?: |$)/

/** `all of /data minus /data/secret`: what is left out lies in what is taken, and no tool can leave it out. */
export function leftOutOf(all: readonly Word[], kept: readonly Word[]): string | null {
  const isPath = ({ kind }: Word): boolean => kind === 'path'
  const taken = kept.filter(isPath).map(({ text }) => `${text.replace(/\/+$/, '')}/`)
  const stays = new Set(kept.map(({ start }) => start))
  const out = all.find(
    (word) => isPath(word) && !stays.has(word.start) && taken.some((one) => word.text.startsWith(one)),
  )
  return out?.text ?? null
}

/** `an int8 version of x`, `geometry measurement of both`: what is to be done stands among the first words. */
const namesDoing = (words: Clause['words']): boolean =>
  words
    .slice(0, 4)
    .some((word) => isCodec(word) || methodOf([word]) !== null || word.norm.endsWith('-doing')) &&
  !words.slice(0, 4).some(({ form }) => form !== null)

function isPlainOrder(clause: Clause): boolean {
  const { words, line, mood } = clause
  const { at } = findVerb(clause)
  // What is to be remembered may say `not`.
  // A question asks for all that it says: `how many days until 24 December`.
  if (mood === 'question') return !TOLD_OF.test(line)
  const plain = line.replace(KNOWN_NOT, ' ').replace(/^(?:i|we) would (?:like|love|prefer) /, 'i want ')
  if (!REMEMBERS.test(line) && (LEFT_OUT.test(plain) || TOLD_OF.test(plain))) return false
  if (mood === 'order' && at === 0) return true
  if (mood === 'statement' && namesDoing(words) && !TELLS.test(line)) return true
  const ahead = before(words, at)
  return !OTHERS.test(line) && (ahead === '' || SUBJECT_OF_ORDER.test(`${ahead} `) || words[0]!.form !== null)
}
