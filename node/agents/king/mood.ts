/** Whether a clause orders, asks or only says something; and what politeness stands in front of it. */
import { lineOf, type Mood, type Word } from './clause.ts'

/** In front of a clause, one after the other; what stands in `orders` says that an order comes. All in the words that rules see. */
const FILLERS =
  /^(?:please|kindly|ok|okay|hey|hi|hello|king|sage|magi|well|so|now|alright|right|first of all|first off|first|firstly|second|secondly|third|thirdly|fourth|fifth|also|just|then|finally|next|lastly|maybe|perhaps|again|and|but|plus|or|simply|quickly|actually|really|basically|i guess|i think|if possible|if you can|if you could|for me|thanks|thank you|yes|yeah|yep|sure|no(?! need(?: |$))|hmm|um|uh|oh|afterwards|afterward|subsequently|thereafter|later|eventually|at the end|in the end|after that|after this|in addition|additionally|furthermore|moreover|dear|friend|quick one|sorry|good (?:morning|evening|afternoon|day)|quick question|step|task|to do|todo|btw|by the way|fyi|only|i wonder|i am wondering|i am curious|curious|<number>(?= [.):])|[-*•,.):;&>#!]|\n)(?= |$)/
const ORDERS =
  /^(?:(?:can|could|will|would) you(?: (?:please|kindly|maybe|possibly|also|just|then|be able to|be so kind as to|be so kind and))*|(?:would|will|do) you mind(?: to)?|(?:i|we) (?:would |will )?(?:like|love|want|need|wish|prefer)(?: for)?(?: you)? to|(?:i|we) (?:would |will )?(?:like|love|want|need) you|(?:i|we) (?:would )?(?:have|need|ought) to|let us|let (?=see )|you (?:should|must|can|could|may|need to|have to)|(?:we|i) (?:should|must)|(?:make|be) sure(?: that)?(?: to| you)?|do not forget to|remember to|(?:let|have|ask|tell|get) (?:king|sage|magi)(?: to)?|go ahead(?: and)?|go on and|go and|try and|try to|try(?= \S+ing)|help me(?: to| with)?|help us(?: to)?|start by|begin by|start with|it would (?:be )?(?:nice|great|good|lovely|helpful|cool) (?:if you (?:could|can|would)|to)|(?:i (?:was|am) )?wondering if you (?:could|can|would)|do you think you (?:could|can)|would it be possible to|(?:is there )?any chance (?:that )?you (?:could|can|would)|how about|what about(?= \S+ing)|your task is to|your job is to|the (?:task|goal|aim|plan) is to|goal|task|(?:i|we) am going to need you to|feel free to|you are to|time to|it is time to|got to|have to|need to|want you to|wanted to|in order to|to)(?= |$)/
const NOT =
  /^(?:under no circumstances(?: (?:should|must|may) you| (?:are|am) you (?:allowed )?to)?|on no account(?: (?:should|must) you)?|(?:nobody|no one|none of you|none) (?:should|must|may|shall|can|is (?:allowed )?to)|(?:please )?refrain from|do not|never|no need to|not|avoid|you (?:do )?(?:need|must|should|can|will) not(?: to)?|(?:i|we) (?:would )?do not (?:want|need|like)(?: you)?(?: to)?|there is no need to|must not|should not|no|please no|rather not|do not want(?: you)? to|(?:i|we) would (?:rather|prefer) (?:you )?(?:not|did not|do not))(?= |$)/
const QUESTION =
  /^(?:what|how|why|who|whom|whose|where|when|which|whether|is|are|was|were|am|do(?= (?:i|we|they|you|the|my|our|any|these|those|all|<\S+)(?: |$))|did|can|could|should|would|will|has|have(?= (?:i|we|you|they|the|any)(?: |$))|may|might|does|in (?:what|which)|to (?:what|which|whom)|on (?:what|which)|at (?:what|which)|for (?:what|how|which)|by (?:what|how|when)|since when|under (?:what|which))(?= |$)/
/** `does` and `did` are known words and read `do`. */
const AUXILIARY = /^(?:does|did|has|is|are|was|were)$/
const AUXILIARIES = /^(?:can|could|will|would|should|may|might|must|is|are|am|was|were|has|have|do)$/
/** Asked within an order: what follows is a question. */
const INDIRECT =
  /^(?:tell|explain|answer|describe|say|give|show|inform|let me know|know|find out|figure out|look up|check|see|report|work out|ask|summarise|remind me)(?: (?:me|us|my|sage|it|them))?(?: from (?:it|them|that|there|those|this))?(?: (?:briefly|exactly|quickly|out|in (?:short|brief|detail|a few words|one sentence)|again|please|about|of|on))*(?: [:,])? (?:(?:in|on|at|to|for|by|since|until|from|with) )?(?:what|how|why|who|whom|whose|where|when|which|whether|if)(?= |$)/

/** With a question mark and without `could you` they ask about it: `copy a to b? Is that safe?` */
const ONLY_WITH_A_FRAME = /^(?:cancel|delete|copy|forget|remember|write|save|move)$/

/** `have the new model continue "…"`: somebody is to do something. */
const LETS =
  /^have (?:the|any|my|our) (?:\S+ ){1,3}(?:write|continue|complete|generate|tell|say|finish|produce|read|compress|evaluate|add|summarise|explain|answer|check|measure) (?:<\S+>|a|an|the|this|that|it|some|from|two|three|on|with|what|how|me)(?: |$)/

/** `have the garden notes searched for blackfly`. */
const isCaused = (words: readonly Word[]): boolean =>
  /^(?:the|any|my|our)$/.test(words[1]?.norm ?? '') &&
  words
    .slice(3, 9)
    .some(
      ({ form, norm }) =>
        form === 'past' &&
        /^(?:compress|index|search|evaluate|check|measure|compare|merge|train|read|save|write|add|pull|cancel|list|summarise)$/.test(
          norm,
        ),
    )

export interface ReadMood {
  /** Words that are left when politeness is taken away. */
  readonly words: readonly Word[]
  readonly mood: Mood
  readonly isNegated: boolean
}

/** Takes politeness from the front until none is left: every turn takes a word at least, so it ends. `isWhole`: `all` is a whole sentence. */
export function readMood(all: readonly Word[], endsWithQuestionMark: boolean, isWhole = false): ReadMood {
  let words = all
  let isOrdered = false
  let isNegated = false
  for (;;) {
    const line = lineOf(words.slice(0, 14))
    const filler = FILLERS.exec(line)?.[0]
    const order = filler === undefined ? ORDERS.exec(line)?.[0] : undefined
    const not = filler === undefined && order === undefined ? NOT.exec(line)?.[0] : undefined
    const taken = filler ?? order ?? not
    if (taken === undefined || taken === '' || words.length === 0) break
    // `to what extent`: a question, not an order.
    if (
      order !== undefined &&
      QUESTION.test(line) &&
      /^(?:to|what|how) (?:what|which|whom|many|much)/.test(line)
    )
      break
    if (order !== undefined) isOrdered = true
    if (not !== undefined) isNegated = true
    words = words.slice(taken.split(' ').filter((part) => part !== '').length)
  }
  const line = lineOf(words)
  const head = words[0]
  if (head === undefined) return { words, mood: 'statement', isNegated }
  const headAsks =
    (QUESTION.test(line) || AUXILIARY.test(head.lower)) &&
    !(
      head.norm === 'have' &&
      head.lower === 'have' &&
      (isOrdered || (!endsWithQuestionMark && (LETS.test(line) || isCaused(words))))
    )
  // `I am out and can't look it up`: told, not asked.
  const deniesOnly = !endsWithQuestionMark && words[1]?.norm === 'not' && AUXILIARIES.test(head.norm)
  const mood: Mood = INDIRECT.test(line)
    ? 'question'
    : headAsks && !deniesOnly
      ? 'question'
      : isOrdered ||
          (head.form === 'plain' &&
            !(endsWithQuestionMark && isWhole && ONLY_WITH_A_FRAME.test(head.norm)) &&
            !(endsWithQuestionMark && /^(?:do|have)$/.test(head.norm)))
        ? 'order'
        : endsWithQuestionMark
          ? 'question'
          : 'statement'
  return { words, mood, isNegated }
}

/** Length in words of what only leads to the question: `tell me` of `tell me what it costs`. */
export function questionStart(words: readonly Word[]): number {
  const match = INDIRECT.exec(lineOf(words))
  return match === null ? 0 : match[0].split(' ').length - 1
}

/** `from the letters who paid for it`, behind `from the minutes when it was built`. */
function asksElsewhere(words: readonly Word[]): boolean {
  const place = words.findIndex(({ own }) => own?.collection !== undefined)
  return (
    place > 0 &&
    place < 4 &&
    /^(?:from|in|out of|according to)(?: (?:the|my|our))*$/.test(lineOf(words.slice(0, place))) &&
    /^(?:what|how|who|when|where|which|why|whether)$/.test(words[place + 1]?.norm ?? '')
  )
}

/** Whether a clause could begin at the start of `words`: a verb in its plain form with something to it, or a question. */
export function beginsClause(words: readonly Word[]): boolean {
  const { words: rest, mood } = readMood(words.slice(0, 16), false)
  const [head, next] = [rest[0], rest[1]]
  if (head === undefined) return false
  if (mood === 'question' || asksElsewhere(rest)) return true
  if (/^(?:can|could|would|will) you (?!not)/.test(lineOf(words.slice(0, 3)))) return rest.length > 1
  if (head.form !== 'plain') return false
  if (!ALSO_NOUNS.test(head.norm) && !ALSO_NOUNS.test(head.lower)) return true
  return next !== undefined && TAKES_OBJECT.test(next.norm)
}

/** Verbs that are as often nouns: `size and score`. */
const ALSO_NOUNS =
  /^(?:index|list|search|test|query|score|rate|grade|benchmark|average|mix|open|store|cat|watch|share|run|start|stop|end|report|call|name|copy|move|use|look|go|turn|load|book|order|answer|question|present|display|print|update|measure|check|wait|train|put|read|cut|trim|evaluate|show|import|export|mail|email|draft|say|finish|pause|scan|upload|install|upgrade|add|print)$/
const TAKES_OBJECT =
  /^(?:the|a|an|it|them|this|that|these|those|my|our|your|its|their|all|both|each|every|me|us|for|on|with|in|into|to|about|whether|how|what|if|which|who|when|where|again|until|till|up|out|over|any|<.*>|[a-z]+-doing|[:]|model|job|round|collection|folder|file|document|member|geometry|quality|result|code|program|time|status|perplexity|similarity|both|everything|everyone|[\p{L}]{4,})$/u
