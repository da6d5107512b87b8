/** What a person wants remembered; and what agents have no tool for. */
import { lineOf } from '../clause.ts'
import { call, NOTHING_MORE, type Rule, wordsFrom } from './rule.ts'

const ABOUT_ME =
  /^(?:what (?:do|did|can|had|have) (?:you|i) (?:know|remember|recall|tell|say|store|keep)|do (?:you )?(?:still )?(?:remember|recall|know)(?: |$)|(?:have|did) i (?:ever )?(?:tell|told|mention|say)|(?:which|what|when|where|who|how) (?:\S+ ){0,3}(?:did|do|have) i (?:ever )?(?:tell|told|say to|said to|mention(?:ed)? to) you|what (?:is|are|was|were) my (?:\S+ )?(?:name|birthday|favourite|favorite|favourites|preference|preferences|address|phone|hobby|hobbies|allergies|allergy|job title|wife|husband|dog|cat|pin|size|doctor)|(?:recall|remind me)(?: |$)|(?:have|do) (?:you|i) (?:got |have |keep )?(?:a |any )?(?:record|note|memory) of my(?: |$)|who am i(?: |$)|what (?:do|did) i (?:like|prefer|love|hate|usually|often|always)(?: |$)|what (?:is|was) it (?:that )?i (?:tell|told|say|said|mention|mentioned)|what (?:i|we) (?:have )?(?:tell|told|said|say|mention)(?:ed)? (?:you )?|when is my (?:\S+ )?(?:birthday|anniversary)|what have i (?:told|said))/

export const remembering: Rule = ({ clause, verb, at, state }) => {
  const { words, line, mood, source } = clause
  if (state.drafts.at(-1)?.tool === 'twin_recall' && /(?:^| )memory(?: |$)/.test(line)) return NOTHING_MORE
  if (
    mood === 'question'
      ? ABOUT_ME.test(line) &&
        !words.some(({ own }) => own?.model !== undefined) &&
        !/(?:document|note|collection)/.test(line)
      : verb === 'recall' ||
        /^remind me (?:what|of|about|who|when|where)/.test(line) ||
        /^tell me (?:what|everything|all|anything) you (?:know|remember)(?: |$)|^(?:show|list)(?: me)? (?:what you|my (?:memories|memory|preferences))|^(?:tell|show)(?: me)? (?:everything|what|all) (?:that )?you (?:know|remember)/.test(
          line,
        )
  )
    return call(
      'twin_recall',
      { query: wordsFrom(words, 0, source) },
      'What was remembered for the asker is asked for.',
    )
  if (
    /^tell me what (?:you|i) (?:know|remember|tell|told|say|said)(?: |$)/.test(line) &&
    !/(?:document|note|collection)/.test(line)
  )
    return call(
      'twin_recall',
      { query: wordsFrom(words, 2, source) },
      'What was remembered for the asker is asked for.',
    )
  if (mood === 'question') return null
  const noted =
    /^(?:note|keep in mind|take note|make a (?:mental )?note|bear in mind|memo|remember)(?: (?:that|of|down|for (?:me|later|next time|the future|ever)|this|:|the (?:following|fact)))*(?: |$)/.exec(
      line,
    )?.[0]
  if (verb === 'remember' || noted !== undefined) {
    let start = noted === undefined ? at + 1 : noted.trim().split(' ').length
    while (/^(?:that|:|,|to self)$/.test(words[start]?.norm ?? '')) start++
    const isThat = /^(?:it|that|this|them|those|these)?$/.test(
      lineOf(words.slice(start)).replace(
        / (?:for me|please|well|always|forever|for later|for next time|in mind|down)$/,
        '',
      ),
    )
    const text =
      isThat || (words[start - 1]?.norm === 'that' && start >= words.length)
        ? state.said
        : wordsFrom(words, start, source)
    return text === null
      ? { why: 'It does not say what is to be remembered.' }
      : call('twin_remember', { text }, 'The asker wants it remembered.')
  }
  if (
    verb !== 'forget' &&
    !(
      verb === 'delete' &&
      /(?:^| )(?:memory|memories|what you (?:know|remember)|remember|from your memory)(?: |$)/.test(line)
    )
  )
    return null
  let start = at + 1
  while (/^(?:that|:|,|about|what i (?:said|told)|the (?:fact|thing))$/.test(words[start]?.norm ?? ''))
    start++
  const query = wordsFrom(words, start, source)
  return query === null
    ? { why: 'It does not say what is to be forgotten.' }
    : call('twin_forget', { query }, 'The asker wants it forgotten.')
}

/** Orders that no tool carries out, and what does. */
const NO_TOOL: readonly (readonly [verb: RegExp, object: RegExp, why: string])[] = [
  [
    /^delete$/,
    /(?:^| )(?:collection|library|index|knowledge)(?: |$)/,
    'No tool deletes a collection: `village collection rm NAME` does.',
  ],
  [/^delete$/, /(?:^| )job(?: |$)/, 'No tool removes a job: `village jobs rm JOB` does.'],
  [/^delete$/, /(?:^| )model(?: |$)|<id>/, 'No tool deletes a model: `village model rm MODEL` does.'],
  [/^delete$/, /(?:)/, 'No tool deletes files or anything else.'],
  [
    /^share$/,
    /(?:)/,
    'No tool shares anything: `village model share MODEL` and `village collection set NAME --access village` do.',
  ],
  [
    /^(?:invite|revoke|join|leave|ban)$/,
    /(?:)/,
    'No tool changes who is in the village: `village invite`, `village join`, `village leave` and `village revoke` do.',
  ],
  [/^create$/, /(?:^| )village(?: |$)/, 'No tool makes a village: `village create NAME` does.'],
  [
    /^create$/,
    /(?:^| )collection(?: |$)/,
    'A collection is made when something is indexed into it; the goal names no folder.',
  ],
  [
    /^(?:pause|resume)$/,
    /(?:)/,
    'No tool pauses a run: `village rounds pause RUN` and `village rounds resume RUN` do.',
  ],
  [/^unpack$/, /(?:)/, 'No tool unpacks a model: `village model unpack MODEL DIRECTORY` does.'],
  [
    /^export$/,
    /(?:)/,
    'No tool exports: `village collection export NAME` and `village artifact export CID` do.',
  ],
  [
    /^(?:restart|update|configure|install)$/,
    /(?:)/,
    'No tool changes the node itself or its configuration (docs/config.md).',
  ],
  [/^(?:rename|move|upload|send|watch|buy|order|book)$/, /(?:)/, 'There is no tool for that.'],
]

export const impossible: Rule = ({ clause: { line, mood }, verb }) => {
  if (mood === 'question' || verb === null) return null
  const row = NO_TOOL.find(([pattern, object]) => pattern.test(verb) && object.test(line))
  return row === undefined ? null : { why: row[2] }
}
