/** Searching and asking. */
import { lineOf, type Word } from '../clause.ts'
import { collectionOf } from '../collection-names.ts'
import { questionStart } from '../mood.ts'
import { ownCollections } from '../named-words.ts'
import { numberWord } from '../number-words.ts'
import { isOwnMatter } from '../own-matters.ts'
import { pathsOf } from '../slots.ts'
import { call, draft, NOTHING_MORE, type PlanState, type Rule, wordsFrom } from './rule.ts'

const PASSAGES =
  /(?:^| )(?:passage|passages|hits|mention|mentions|mentioned|mentioning|occurrences|snippets|excerpts|quotes|references|hits|keyword|keywords|phrase|where)(?: |$)/
const IN_DOCUMENTS =
  /(?: |^)(?:in|from|through|across|within|among|of|over) (?:(?:the|my|our|all|all of|your|these|every) )*(?:\S+ )?(?:document|note|collection|file|knowledge|library|index|folder|village|archive|everything|here)s?(?: .*)?$/

/** `anything about Margit in the letters? Show me up to ten passages`: the passages for the question before. */
const ITS_PASSAGES =
  /^(?:show|give|list|find|get|want|need|see|tell)(?: (?:me|us|the|its?|up|to|at|most|more|than|no|only|just|best|top|first|relevant|matching|all|any|some|few|a|<number>|two|three|four|five|six|eight|ten|passages?|excerpts?|snippets?|hits|quotes?|places|spots|please|for|that|it))+$/

export const searching: Rule = ({ clause, verb, state }) => {
  const { words, line, source: text } = clause
  if (clause.mood === 'question') return null
  const asked = state.drafts.at(-1)
  if (asked?.tool === 'knowledge_ask' && ITS_PASSAGES.test(line) && PASSAGES.test(line)) {
    const [collection] = Array.isArray(asked.arguments.collections) ? asked.arguments.collections : []
    return call(
      'knowledge_search',
      { query: asked.arguments.question, collection, limit: limitOf(words), local: asked.arguments.local },
      'Passages are asked for.',
    )
  }
  const isBare =
    verb === null &&
    /^(?:(?:the )?(?:top|best)(?: <number>| \S+)?|<number>|all|any|some|three|five|ten) ?(?:relevant |best )?(?:passages?|mentions|snippets|excerpts|hits)(?: |$)|^passages? (?:about|on)/.test(
      line,
    )
  const isSearch =
    isBare ||
    verb === 'search' ||
    (verb === 'look' &&
      /^look (?:(?:for|up)|(?:in|into|inside|through|at) (?:\S+ ){1,5}(?:for|after)) (?!how|what|who|where|why|when|whether)/.test(
        line,
      )) ||
    verb === 'find' ||
    verb === 'get' ||
    verb === 'show' ||
    verb === 'give' ||
    verb === 'list' ||
    verb === 'pull'
  if (!isSearch || /^find out(?: |$)/.test(line)) return null
  if (
    /^(?:get|show|give|list|pull)$/.test(verb ?? '') &&
    !(PASSAGES.test(line) && /(?:about|on|of|for|mention)/.test(line))
  )
    return null
  if (
    /^(?:find|look)$/.test(verb ?? '') &&
    /(?:^| )(?:model|job|member|round)(?: |$)/.test(line) &&
    !PASSAGES.test(line) &&
    !/ (?:about|mention|on) /.test(line)
  )
    return null
  if (verb === 'find' && pathsOf(words).length > 0 && /(?:^| )file(?: |$)/.test(line)) return null
  // `look up in the clinic which days …`: a question.
  if (verb === 'look' && / (?:which|what|who|when|where|how|why|whether) /.test(line)) return null
  const query = queryOf(words.slice(0, limitAt(words)), text)
  if (query === null) return { why: 'It does not say what is to be searched for.' }
  const collection = collectionOf(words, false) ?? placeOf(words) ?? state.collection
  const limit = limitOf(words)
  const several = ownCollections(words)
  const places = several.length > 1 ? several : [collection]
  return {
    calls: places.map((place) =>
      draft(
        'knowledge_search',
        { query, limit, collection: place, local: isLocalOnly(line) ? true : null },
        'Passages are asked for.',
      ),
    ),
  }
}

/** `on this node only`, `stay on this machine`: other members are not asked. */
export const isLocalOnly = (line: string): boolean =>
  /(?:^| )(?:(?:only|just) (?:(?:on|at|in|from|what is|look|search|here|with) )*(?:on |in |from )?(?:this|my|our|the local) (?:node|machine|computer|box)|(?:on|in|from|within|at) (?:this|my|our own) (?:node|machine|computer|box) (?:only|alone)|(?:stay|keep|remain)(?: it)?(?: only)? (?:on|with|within|at|to) (?:this|my|our|the) (?:node|machine|computer|box)|local(?:ly)?(?: only| copies)?$|only local(?:ly)?|just local(?:ly)?|(?:do not|without|not) (?:ask|bother|disturb|search|go to)(?:-?ing)? (?:the )?(?:others?|any(?:one|body) else|other (?:member|node|machine)s?|the village|the network))(?: |$)/.test(
    line,
  )

/** Where what limits a question begins: `…, but stay on this node`. */
const limitAt = (words: readonly Word[]): number => {
  const at = words.findIndex(
    (_, index) =>
      index > 1 && /^(?:,|but|and)$/.test(words[index]!.norm) && isLocalOnly(lineOf(words.slice(index))),
  )
  return at === -1 ? words.length : at
}

function queryOf(words: readonly Word[], text: string): string | null {
  const quoted = words.filter(({ kind }) => kind === 'quoted')
  if (quoted.length === 1 && !/(?:^| )collection <quoted>/.test(lineOf(words))) return quoted[0]!.text
  const marker = words.findIndex(
    ({ norm }, index) =>
      index > 0 &&
      /^(?:for|about|mention|mentions|mentioning|on|regarding|containing|concerning|where|that|to|up|:)$/.test(
        norm,
      ) &&
      !/^<?(?:collection|note|document|folder)/.test(words[index + 1]?.norm ?? ''),
  )
  let start = marker === -1 ? 1 : marker + 1
  if (words[marker]?.norm === 'that' && /^mention/.test(words[start]?.norm ?? '')) start++
  while (
    /^(?:the|a|an|any|all|me|us|everything|anything|something|passage|passages|document|note|about|on|for|mentions?|that|word|words|term|phrase|:|of|i|we|have|has|to|do|say)$/.test(
      words[start]?.norm ?? '',
    )
  )
    start++
  let end = words.length
  const tail = IN_DOCUMENTS.exec(lineOf(words.slice(start)))
  if (tail !== null)
    end =
      start +
      lineOf(words.slice(start))
        .slice(0, tail.index)
        .split(' ')
        .filter((one) => one !== '').length
  return wordsFrom(words, start, text, end) ?? wordsFrom(words, 1, text)
}

/** `look for 'carbon monoxide' in safety`: behind a quote, one word says where. */
function placeOf(words: readonly Word[]): string | null {
  const [at, place] = [words.length - 2, words.at(-1)]
  const isPlace =
    words.some(({ kind }) => kind === 'quoted') &&
    /^(?:in|from|within|inside)$/.test(words[at]?.norm ?? '') &&
    place !== undefined &&
    /^(?:word|id)$/.test(place.kind) &&
    !/^(?:it|them|there|that|this|document|note|file|collection|everything|all|general|total|full)$/.test(
      place.norm,
    )
  return isPlace ? place.text : null
}

const COUNTED_THINGS =
  /^(?:passages?|results?|hits|best|most|top|document|snippets|excerpts|matches|places|lines|quotes|mentions)$/
const ENOUGH =
  /^(?:at most|max|maximum|or (?:so|fewer|less)|will do|is (?:enough|plenty)|are (?:enough|plenty)|would do|please$|only$)/
const AT_MOST = /(?:^| )(?:top|first|best|at most|up to|no more than|not more than|max|maximum|only|just)$/

/** `five passages`, `ten at most`. */
function limitOf(words: readonly Word[]): number | null {
  for (const [at, word] of words.entries()) {
    const value = word.kind === 'number' ? word.value : word.kind === 'word' ? numberWord(word.lower) : null
    if (value === null || !Number.isInteger(value) || value < 1 || value > 100) continue
    const next = words[at + 1]
    const isCount =
      COUNTED_THINGS.test(next?.norm ?? '') ||
      COUNTED_THINGS.test(words[at + 2]?.norm ?? '') ||
      ENOUGH.test(lineOf(words.slice(at + 1, at + 4))) ||
      (AT_MOST.test(lineOf(words.slice(Math.max(0, at - 3), at))) && next?.kind !== 'word')
    if (isCount) return value
  }
  return null
}

/** What a plan's steps give is reported anyway: `and tell me how it went`, `show me the result`. */
const OF_THE_STEPS =
  /(?:^| )(?:how (?:it|that|this|they|things|everything) (?:all )?(?:go|went|do|is|was|turn|cancel|end|finish|finished|came|come|fare|fared)|(?:the|any|its|all|final|both) (?:(?:final|new|resulting|exact|measured|compress) )*(?:result|ratio|size|error|errors|figures|numbers|score|scores|outcome|progress|accuracy|loss|difference|id|vectors?|output|answers?|number|value)s?(?:$| of (?:it|that|this|each|both|the)| when| once| back)|how (?:big|small|large|much smaller|long|many bytes|well|far|good|close|near|similar|alike|different)(?: .*)? (?:it|that|this|they|the (?:result|new|compress|model))|whether (?:it|that|this|they)|if (?:it|that|this|they|something|anything)|what (?:you|it|they|that|this) (?:get|find|give|come|return|print|show|say|output|produce|produces|do|write|outputs?)|(?:the |its )?(?:output|outcome|figures|score|result|verdict)|what (?:come|came) (?:out|of)|what happen|when (?:it|you|that|they|this|everything|all)(?: |$)|the (?:summary|report|job)|it (?:back|to me)|(?:me|us) know$)/
const MEASURED = /^(?:model_|geometry_|evolve_|calculate|code_run|text_embed|job_|file_write|knowledge_index)/

/** Their results say all that there is to know of each thing in them. */
const LISTED =
  /^(?:knowledge_collections|model_list|model_inspect|job_list|job_show|member_list|round_list|round_show|node_status|file_list)$/

/** Questions, and orders to explain: to the documents. Comes after all rules that know a better place to ask. */
export const asking: Rule = ({ clause, verb, state }) => {
  const { words, line, mood, source: text } = clause
  const asks =
    mood === 'question' ||
    /^(?:tell|explain|answer|summarise|ask|say|report|know|quiz|inform)$/.test(verb ?? '') ||
    (/^(?:find|look|check|see|give|show|let)$/.test(verb ?? '') &&
      /(?:^| )(?:out|up|about|into|whether|if|what|how|who|when|where|why|which|summarise-doing|explain-doing|overview|answer|know)(?: |$)/.test(
        line,
      ))
  if (!asks) return state.drafts.length > 0 && SEES_TO.test(line) ? NOTHING_MORE : null
  const last = state.drafts.at(-1)
  if (
    last !== undefined &&
    OF_THE_STEPS.test(line) &&
    (MEASURED.test(last.tool) || /^(?:let|report)/.test(line)) &&
    !/(?:say|about|mention|document|note)/.test(line)
  )
    return NOTHING_MORE
  const named = verb === 'ask' ? askedCollection(words, state) : null
  if (
    named === null &&
    last !== undefined &&
    LISTED.test(last.tool) &&
    !(verb === 'ask' && state.collection !== null) &&
    /(?:^| )(?:they|them|each|it|its|those|one)(?: |$)/.test(line) &&
    !/(?:say|about|mention|document say|note)/.test(line)
  )
    return NOTHING_MORE
  if (
    last?.tool === 'file_read' &&
    /(?:^| )(?:in it|inside|it (?:say|contain|hold|is about|mention)|they say|(?:it|that|this|them|the (?:file|content|contents|text))$)/.test(
      line,
    )
  )
    return NOTHING_MORE
  if (last?.tool === 'twin_recall' && /^look (?:that|it|this) up$|^look up (?:that|it|this)$/.test(line))
    return NOTHING_MORE
  if (
    last?.tool === 'model_inspect' &&
    /(?:^| )(?:parameters|tensors|layers|inputs|outputs|size|big|large)(?: |$)/.test(line)
  )
    return NOTHING_MORE
  if (
    last !== undefined &&
    mood !== 'question' &&
    /^(?:tell|show|give|report|summarise|say|let|know)(?: (?:me|us|it|them|that|this|the result|the answer|everything|know|back))*$/.test(
      line,
    )
  )
    return NOTHING_MORE
  if (
    /^(?:answer|ask|tell|question)(?: (?:me|us|this|that|these|the|following|a|my|question|it))*$/.test(line)
  )
    return NOTHING_MORE
  // `if nothing is found there, ask minutes`: the same question.
  const [other] = ownCollections(words)
  if (
    verb === 'ask' &&
    other !== undefined &&
    last?.tool === 'knowledge_ask' &&
    /^ask(?: (?:the|my|our|in))* \S+(?: (?:instead|too|as well|collection|the same|next|then))*$/.test(line)
  )
    return call('knowledge_ask', { ...last.arguments, collections: [other] }, 'The same is asked elsewhere.')
  let start = named === null ? questionStart(words) : named.end
  if (start === 0 && verb === 'ask') start = 1
  while (
    /^(?:me|us|sage|it|them|my|your|:|,|the (?:document|note|collection))$/.test(words[start]?.norm ?? '') &&
    start > 0
  )
    start++
  const question = wordsFrom(words, start, text)
  if (question === null) return { why: 'It does not say what the question is.' }
  const collection = named?.collection ?? collectionOf(words, false) ?? state.collection
  if (
    /\b(?:only|just) (?:the |some |a few )?(?:passages|excerpts|snippets|hits)|(?:passages|excerpts|snippets) only\b/i.test(
      text,
    )
  )
    return call(
      'knowledge_search',
      {
        query: question,
        collection: collection ?? / (?:in|from) (?:the |my )?([\p{L}\w-]+)\??$/u.exec(question)?.[1],
      },
      'Passages are asked for.',
    )
  const several = ownCollections(words)
  const isAsked =
    text
      .slice(words.at(-1)?.end ?? 0)
      .trimStart()
      .startsWith('?') && !question.endsWith('?')
  return call(
    'knowledge_ask',
    {
      question: isAsked ? `${question}?` : question,
      ...(collection !== null && { collections: several.includes(collection) ? several : [collection] }),
      ...(isLocalOnly(line) && { local: true }),
    },
    'A question about what documents say.',
  )
}

/** `ask the one called recipes how long …`, and after a list of collections `ask recipes how long …`. */
function askedCollection(
  words: readonly Word[],
  state: PlanState,
): { readonly collection: string; readonly end: number } | null {
  const end = words.findIndex(
    ({ lower }, at) =>
      at > 0 && /^(?:what|how|why|who|whom|whose|where|when|which|whether|if|for|about)$/.test(lower),
  )
  const name = words[end - 1]
  if (end < 2 || end > 7 || name === undefined || !/^(?:word|id|quoted)$/.test(name.kind)) return null
  const ahead = lineOf(words.slice(1, end - 1))
  const isOne =
    /^(?:the |my |our )?(?:one|collection|other|other one|second|first)(?: (?:that|which) is)? (?:call|name)$/.test(
      ahead,
    )
  const isListed = state.drafts.some(
    ({ tool }) => tool === 'knowledge_collections' || tool === 'knowledge_index',
  )
  const isBare =
    end === 2 &&
    isListed &&
    name.form === null &&
    !/^(?:me|us|it|them|him|her|sage|magi|king|you|this|that|people|everybody|everyone|documents?|notes?)$/.test(
      name.norm,
    )
  return isOne || isBare ? { collection: name.text, end } : null
}

const SEES_TO =
  /^(?:see to|handle|take care of|sort out|sort|fix|arrange|do|deal with|make|go ahead with|proceed with|get on with)(?: (?:it|that|this|them|all that|so|everything|happen))+$/

const LISTS =
  /^(?:list|show|give|see|get|name|what|which|how|do|is|are|have|tell|check|find|look|summarise|display)$/

export const listingCollections: Rule = ({ clause: { line, mood, words }, verb }) => {
  if (!/(?:^| )(?:collection|knowledge base|knowledge bases|library|libraries)(?: |$)/.test(line)) return null
  if (
    /(?:^| )(?:say|mention|about|tell|explain|mean)(?: |$)/.test(line) &&
    !/^(?:tell|say) (?:me|us)? ?(?:what|which|about) (?:the |my |our |all )?collection/.test(line)
  )
    return null
  if (collectionOf(words, false) !== null && mood !== 'question' && verb !== 'list') return null
  const isAlone =
    /^(?:(?:the|my|our|all|which|how many|any|indexed|there|are|is) )*collection(?: (?:there|are|do|i|we|have|please|exist|exists|now|is))*$/.test(
      line,
    )
  if (isAlone && (mood !== 'order' || verb === 'tell'))
    return call('knowledge_collections', {}, 'The collections are asked for.')
  const head = verb ?? words[0]!.norm
  if (!LISTS.test(head) || !isOwnMatter(words)) return null
  if (
    mood === 'question' &&
    !/(?:what|which|how many|any|list|are there|do (?:i|we) have)(?: .*)? collection/.test(line)
  )
    return null
  return call('knowledge_collections', {}, 'The collections are asked for.')
}
