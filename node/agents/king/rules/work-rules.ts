/** Jobs, runs of evolution, and what the node and the village say of themselves. */
import { toWord, type Word } from '../clause.ts'
import { numberWord } from '../number-words.ts'
import { isOwnMatter } from '../own-matters.ts'
import { isName, pathsOf } from '../slots.ts'
import { zonesIn } from '../time-zones.ts'
import { readTokens } from '../tokens.ts'
import { call, draft, NOTHING_MORE, type Outcome, type Rule, type RuleInput } from './rule.ts'

export const SHOWS =
  /^(?:list|show|give|see|get|tell|check|find|look|display|what|which|how|is|are|do|have|inspect|summarise|name|report|let|who|was|were|has|any|explain|know|need|want|go|watch|say|take|whether|if|when|where|any|member|model|collection|job)$/

export const isShown = ({ clause: { mood, words }, verb }: RuleInput): boolean =>
  mood !== 'order' ? SHOWS.test(verb ?? words[0]!.norm) || mood === 'statement' : SHOWS.test(verb ?? '')

/** The id behind `job` or `run`, or the one that looks like an id. */
function idAfter(words: readonly Word[], noun: RegExp): string | null {
  for (const [at, word] of words.entries()) {
    if (!noun.test(word.norm)) continue
    let next = at + 1
    while (
      /^(?:call|name|with|id|number|no|#|:|the|of|evolve-doing|run|round|job)$/.test(words[next]?.norm ?? '')
    )
      next++
    const named = words[next]
    if (named !== undefined && /^(?:id|quoted|number)$/.test(named.kind))
      return named.kind === 'number' ? named.text : named.text
    const left = words[at - 1]
    if (left !== undefined && left.kind === 'id') return left.text
  }
  return null
}

const STATES: readonly (readonly [RegExp, string])[] = [
  [
    /(?:^| )(?:failed|fail|broken|broke|crashed|failing|went wrong|go wrong|gone wrong|(?:did|do|have|has) not work(?:ed)?)(?: |$)/,
    'failed',
  ],
  [/(?:^| )(?:cancel|cancelled|canceled|aborted)(?: |$)/, 'cancelled'],
  [
    /(?:^| )(?:done|finish|finished|completed|complete|ended|successful|succeeded|(?:is|are|was|were|be) do)(?: |$)/,
    'done',
  ],
  [
    /(?:^| )(?:run|running|active|current|currently|ongoing|pending|in progress|going on|unfinished|busy|still|right now)(?: |$)/,
    'running',
  ],
]

/** `which jobs have run lately`: all of them. */
export const stateOf = (line: string): string | null =>
  /(?:^| )have (?:been )?run(?: |$)/.test(line)
    ? null
    : (STATES.find(([pattern]) => pattern.test(line))?.[1] ?? null)

const isJob = (line: string): boolean => /(?:^| )job(?: |$)/.test(line)
const isRound = (line: string): boolean =>
  /(?:^| )(?:round|evolve-doing|evolutions|generation|generations|evolve)(?: |$)/.test(line)

/** `the last 5 jobs`, `three newest`. */
export function countIn(words: readonly Word[]): number | null {
  for (const [at, { kind, value, lower }] of words.entries()) {
    const count = kind === 'number' ? value : numberWord(lower)
    if (count === null || !Number.isSafeInteger(count) || count < 1) continue
    if (
      /^(?:last|latest|newest|first|top|most)$/.test(words[at - 1]?.lower ?? '') ||
      /^(?:last|latest|newest|recent|most|job)$/.test(words[at + 1]?.norm ?? '')
    )
      return count
  }
  return null
}

/** A job that was waited for is shown with what came of it. */
const ITS_OUTCOME =
  /^(?:show|tell|give|say|report|let)(?: (?:me|us|know|the|its|what|how|is|came|come|of|it|went|go|out|has|have|state|outcome|result|results|end|ended|result of it|then|please))+$/

export const jobs: Rule = (input) => {
  const { clause, verb, state } = input
  const { line, words } = clause
  const id = idAfter(words, /^(?:job|task)$/)
  const job = id ?? state.job
  if (clause.mood !== 'question' && /^(?:cancel)$/.test(verb ?? '')) {
    if (isRound(line) && !isJob(line))
      return { why: 'No tool ends a run of evolution: `village rounds stop RUN` does.' }
    const named =
      id ??
      words.find((word, at) => at > 0 && word.kind === 'id')?.text ??
      (isJob(line) && /(?:^| )(?:all|every|any)(?: |$)/.test(line) ? null : state.job)
    if (named === null || named === undefined)
      return { why: 'It does not say which job is to be cancelled (`village jobs`).' }
    const others = words.flatMap((word, at) =>
      word.kind === 'id' && word.text !== named && words[at - 1]?.norm !== 'run' && /\d/.test(word.text)
        ? [word.text]
        : [],
    )
    return {
      calls: [named, ...others].map((one) => draft('job_cancel', { job: one }, 'A job is to end.')),
    }
  }
  if (clause.mood !== 'question' && verb === 'wait') {
    const named =
      id ??
      words.find(
        (word, at) =>
          word.kind === 'id' && /^(?:for|until|on)$/.test(words[at - 1]?.norm ?? '') && isName(word),
      )?.text
    if (named !== undefined) return call('job_wait', { job: named }, 'A job is to be waited for.')
    if (typeof state.job === 'string' && state.drafts.at(-1)?.tool !== 'job_wait')
      return call('job_wait', { job: state.job }, 'A job is to be waited for.')
    return state.job !== null || state.drafts.length > 0
      ? NOTHING_MORE
      : { why: 'It does not say which job is to be waited for.' }
  }
  if (
    /(?:^| )(?:what|anything|something|nothing|which) (?:(?:is|are|still|currently|now|leave|left|there|waiting|else) )*(?:run|running|going on|(?:waiting )?in the queue|queued|in progress)(?: |$)/.test(
      line,
    ) &&
    !/(?:document|note|village|say)/.test(line) &&
    !words.some(({ lower }) => lower === 'runs')
  )
    return call('job_list', { state: 'running' }, 'The jobs that run are asked for.')
  if (state.drafts.at(-1)?.tool === 'job_wait' && id === null && ITS_OUTCOME.test(line)) return NOTHING_MORE
  if (!isJob(line) || !isShown(input)) return null
  if (id !== null) return call('job_show', { job: id }, 'A job is asked for.')
  if (
    clause.mood !== 'question' &&
    job !== null &&
    /(?:^| )(?:the|that|this) job(?: |$)/.test(line) &&
    !words.some(({ lower }) => lower === 'jobs')
  )
    return call('job_show', { job }, 'A job is asked for.')
  if (
    !isOwnMatter(words) ||
    /(?:^| )(?:say|mention|document|note|how do|what is a|mean|work)(?: |$)/.test(line)
  )
    return null
  return call('job_list', { state: stateOf(line), limit: countIn(words) }, 'The jobs are asked for.')
}

export const rounds: Rule = (input) => {
  const { clause, verb, state } = input
  const { line, words } = clause
  const config = pathsOf(words).find((path) => /\.(?:ya?ml|json)$/i.test(path)) ?? pathsOf(words)[0]
  const starts =
    verb === 'evolve' ||
    (/^(?:start|run|launch|go)$/.test(verb ?? '') &&
      config !== undefined &&
      /\.(?:ya?ml|json)$/i.test(config)) ||
    (/^(?:start|run|make|do|go|use|try)$/.test(verb ?? '') && isRound(line))
  if (clause.mood !== 'question' && starts) {
    const path = config ?? state.path
    if (path === null || path === undefined)
      return { why: 'A run of evolution needs a configuration file (docs/evolve.md); the goal names none.' }
    return call('evolve_start', { config: path }, 'Models are to be improved together.')
  }
  const named = words.find(({ kind, text }) => kind === 'id' && /^(?:run|r|round)[-_:](?=.*\d)/i.test(text))
  if (named !== undefined && isShown(input))
    return call('round_show', { run: named.text }, 'A run of evolution is asked for.')
  if (
    state.run !== null &&
    /^(?:show|display|list|inspect|see|check|look at|tell|watch|follow|report|let|keep|give|how|what|is)(?: (?:me|us|it|that|this|how|far|is|about|on|state|of|the|its|progress|status|what|with|goes|go|get|getting|come|along|do|know|posted|informed|to|so|run|round|evolve-doing|one|things|everything|stand|stands|straight|right|after|afterwards|then|now|doing|far|has|have|got))*$/.test(
      line,
    ) &&
    state.drafts.at(-1)?.tool !== 'round_show' &&
    !words.some(({ lower }) => /^(?:rounds|runs|evolutions)$/.test(lower))
  )
    return call('round_show', { run: state.run }, 'The run that was started is asked for.')
  // `list the evolution runs and show me 0b77d2`.
  const [listed] = words.filter(
    ({ kind, text }) => kind === 'id' && /^(?=[0-9a-f]*\d)[0-9a-f]{4,}$/i.test(text),
  )
  if (listed !== undefined && isShown(input) && !isJob(line) && state.drafts.at(-1)?.tool === 'round_list')
    return call('round_show', { run: listed.text }, 'A run of evolution is asked for.')
  const isOfRuns =
    isRound(line) ||
    (isShown(input) &&
      /(?:which|what|how many|any|all|my|our|the|are) (?:\S+ )?run(?: |$)/.test(line) &&
      words.some(({ lower }) => lower === 'runs')) ||
    /(?:^| )run <id>(?: |$)/.test(line) ||
    /^(?:list|show)(?: (?:me|all|the|my|our))* run(?:$| )/.test(line)
  if (!isOfRuns || !isShown(input)) return null
  if (
    /(?:^| )(?:say|mention|document|note|how do (?:i|you|we|one|the|a)|what is|mean|work|explain)(?: |$)/.test(
      line,
    ) &&
    !/(?:state|status|progress)/.test(line)
  )
    return null
  const run = idAfter(words, /^(?:round|run|evolve-doing|evolve)$/)
  if (run !== null) return call('round_show', { run }, 'A run of evolution is asked for.')
  const isPlural = words.some(({ lower }) => /^(?:rounds|runs|evolutions)$/.test(lower))
  if (state.run !== null && !isPlural && /(?:^| )(?:the|it|that)(?: |$)/.test(line))
    return call('round_show', { run: state.run }, 'The run that was started is asked for.')
  if (!isOwnMatter(words)) return null
  return call('round_list', {}, 'The runs of evolution are asked for.')
}

const MEMBERS =
  /(?:^| )(?:member|who (?:else )?(?:is|are) (?:online|here|around|connect|connected|there|on|in (?:the|my|our|this)? ?(?:village|network))|who (?:else )?(?:is|are) (?:currently |now |also )?(?:in|part of|online|here|around|connected|on)|(?:people|computers|machines|machine|node) (?:are )?(?:in|of|on) (?:the|my|our|this) (?:village|network)|how many (?:people|computers|machines|machine|node)|(?:anyone|anybody|someone|somebody|who)(?: else)? (?:is )?(?:online|here|connected|around|there|awake|in (?:the|my|our|this) village))(?: |$)/

/** `show run 8e1f and who takes part in it`: it is told with the run. */
const TAKES_PART =
  /^(?:(?:tell|show) me )?(?:who|which (?:member|node|machine)s?) (?:else )?(?:is|are|do|be|take|has|have|run|work)(?: |$)(?!.*(?:online|connected|village))/

export const members: Rule = (input) => {
  const { line, mood } = input.clause
  if (
    mood === 'question' &&
    /^(?:is|are) .*(?:connected|online|in|part of|member of)(?: to)?(?: (?:the|our|my|this) village)?$/.test(
      line,
    ) &&
    /(?:^| )(?:connected|online|village|member)(?: |$)/.test(line)
  )
    return call('member_list', {}, 'The members are asked for.')
  const last = input.state.drafts.at(-1)?.tool ?? ''
  if (/^(?:round|job)_show$/.test(last) && TAKES_PART.test(line)) return NOTHING_MORE
  if (!MEMBERS.test(line) || !isShown(input) || !isOwnMatter(input.clause.words)) return null
  if (
    /(?:^| )(?:say|mention|about|document|note|how do|become|committee)(?: |$)/.test(line) ||
    (mood === 'question' && /^(?:why|how (?!many)|when|what (?:do|does|can|is))/.test(line))
  )
    return null
  return call('member_list', {}, 'The members are asked for.')
}

const STATUS =
  /(?:^| )(?:status|uptime|how (?:busy|loaded|stressed|full|hot|warm|healthy|well) (?:is|are|do|does) (?:this|the|my|our|your) (?:node|machine|disk|memory|cpu)|disk space|free (?:memory|disk|space|ram)|(?:memory|disk|cpu|ram) (?:usage|use|left|free)|(?:memory|disk|cpu|ram|space) (?:is|are|do|does) (?:it |the node |you |we |i |this )?(?:left|free|available|use|used|using|have)|how (?:the|this|my|our|your) (?:node|machine|computer|server)(?: itself)? (?:is|are|do|does)|how (?:are|is) (?:the|this|my|our|your) (?:node|machine|computer|server)(?: itself)? (?:do|doing|feel|feeling|hold|cope|get|fare)|how (?:are|is) (?:you|the (?:node|machine|daemon|server)|this (?:node|machine)|my (?:node|machine)|everything|things)|(?:load|busyness|health) of (?:this|the|my) (?:node|machine)|(?:node|machine) (?:is )?(?:overloaded|overwhelmed|overburdened|swamped|stressed|busy|idle|healthy|ok|okay|alive|up|doing|fine|alright)|version (?:of|are|is)|(?:what|which) version|health check|(?:is|are) (?:the node|you|the machine|this machine|this node|everything|all) (?:healthy|ok|okay|alive|up|running|run|fine|alright|well|good)|all right with (?:this|the|my) (?:node|machine)|how long (?:has|have|is) (?:the|this|it|you))(?: |$)/

export const status: Rule = (input) => {
  const { line } = input.clause
  if (
    !STATUS.test(line) ||
    !(isShown(input) || input.clause.mood === 'question') ||
    !isOwnMatter(input.clause.words)
  )
    return null
  if (
    /(?:^| )(?:say|mention|about|document|note|collection|job|model|round|evolve-doing|order|application|project)(?: |$)/.test(
      line,
    ) &&
    !/(?:^| )(?:node|machine)(?: |$)/.test(line)
  )
    return null
  return call('node_status', {}, 'The state of the node is asked for.')
}

const CLOCK =
  /(?:^| )(?:what (?:is the )?time(?: is it)?(?: now| in| right| at| please|$)|what (?:is )?(?:the )?(?:current |exact |local )?(?:time|date)(?: is it)?(?: now| today| in| right| at|$)|what (?:day|date|month|year|weekday)(?: of the (?:week|month))? (?:is it|is today|do we have|it is)|(?:the )?(?:current|exact|local|right) (?:time|date|day)|(?:today's|todays|today) date|date of today|the (?:time|date)(?: now| please| today| in| right|$| of day)|date today|time now|clock|what is today|time it is|day it is|day of the week)(?: |$)/

/** `my son works in Lisbon. What time is it there?` */
const ELSEWHERE = /(?:^| )(?:there|he|she|they|him|her|his|their|them)(?: |$)/

export const zonesMeant = ({ clause: { words, line }, state: { said } }: RuleInput): string[] => {
  const zones = zonesIn(words)
  return zones.length > 0 || said === null || !ELSEWHERE.test(line)
    ? zones
    : zonesIn(readTokens(said).map(toWord))
}

export const clock: Rule = (input) => {
  const { line } = input.clause
  if (!CLOCK.test(line)) return null
  if (
    /(?:^| )(?:document|note|mention|meeting|deadline|file|did|was|will|train|start|open|arrive|leave)(?: |$)/.test(
      line.replace('time', ''),
    )
  )
    return null
  const zones = zonesMeant(input)
  const zone = zones[0]
  if (zone === undefined && !isOwnMatter(input.clause.words)) return null
  const asked = zones.length === 0 ? [undefined] : zones.slice(0, 8)
  return { calls: asked.map((one) => draft('time_now', { zone: one }, 'The time is asked for.')) }
}

/** `is job-12ab done`, `how far is it`: of a job that the goal names by its id alone. */
export const namedJob: Rule = ({ clause: { line, words, mood }, state }): Outcome | null => {
  if (
    (mood !== 'question' &&
      !/^(?:show|tell|check|see|give|report|list|display|look|know|find|inspect) /.test(line)) ||
    !/(?:^| )(?:done|do|finish|finished|ready|progress|far|over|fail|failed|run|running|state|status|outcome|result|end|ended|going|still|through|stuck)(?: |$)/.test(
      line,
    ) ||
    !isOwnMatter(words)
  )
    return null
  const id = words.find(
    (word) =>
      word.kind === 'id' &&
      isName(word) &&
      /^(?:job[-_:]?\w+|(?=[0-9a-f-]*\d)[0-9a-f-]{4,})$/i.test(word.text),
  )
  if (id !== undefined) return call('job_show', { job: id.text }, 'A job is asked for.')
  return state.job !== null &&
    (typeof state.job === 'string' || state.drafts.length > 0) &&
    /(?:^| )(?:it|that|this|the (?:job|train-doing|run))(?: |$)/.test(line)
    ? call('job_show', { job: state.job }, 'A job is asked for.')
    : null
}
