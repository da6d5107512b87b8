/**
 * The words that the rules know: many words for one thing become one word, in any inflection, with slips of spelling. A verb knows its
 * form: only the plain form orders something (`index it`; not `indexing`, not `the indexed files`).
 */
import { editDistance } from '../../nearest.ts'

export type VerbForm = 'plain' | 'ing' | 'past' | 's'

export interface KnownWord {
  /** The one word for it. */
  readonly word: string
  readonly kind: 'verb' | 'noun'
  readonly form: VerbForm
}

/** The first word is the one that rules see. */
const VERBS = `
compress shrink squeeze quantise quantize squash slim minify downsize halve
index ingest reindex
search grep query
find locate
tell inform
explain describe clarify
answer
summarise summarize recap outline
list enumerate
show display print present
inspect
evaluate benchmark assess score rate grade reevaluate
test
check verify validate recheck
measure gauge
compare contrast
merge combine blend fuse mix
average
train finetune fine-tune retrain
teach
evolve
generate complete
continue
write compose draft
embed vectorise vectorize encode
run execute perform
start launch begin trigger kick
wait await
cancel abort stop kill terminate halt
read open
cat
scan
save store
put
add register
import
load
pull download fetch
remember memorise memorize memorize
recall
forget
delete remove erase wipe purge rm
share publish
invite
revoke ban expel
calculate compute calc
solve
convert
reduce trim cut
multiply
divide
subtract
create
call name
rename
move
copy
unpack
export
upload
send email mail
watch
restart reboot
install
update upgrade
configure
keep
make
give
have
get
need
want
bring
take
let
use
go
turn
look
know
say
mention
learn
ask
repeat
do
report
see
quiz
prove
try
finish
pause
resume
join
leave
buy order
book
translate
`

const IRREGULAR: Readonly<Record<string, readonly [string, VerbForm]>> = {
  ran: ['run', 'past'],
  found: ['find', 'past'],
  told: ['tell', 'past'],
  shown: ['show', 'past'],
  wrote: ['write', 'past'],
  written: ['write', 'past'],
  taught: ['teach', 'past'],
  made: ['make', 'past'],
  given: ['give', 'past'],
  gave: ['give', 'past'],
  got: ['get', 'past'],
  kept: ['keep', 'past'],
  brought: ['bring', 'past'],
  took: ['take', 'past'],
  taken: ['take', 'past'],
  went: ['go', 'past'],
  knew: ['know', 'past'],
  said: ['say', 'past'],
  done: ['do', 'past'],
  did: ['do', 'past'],
  does: ['do', 's'],
  had: ['have', 'past'],
  has: ['have', 's'],
  saw: ['see', 'past'],
  seen: ['see', 'past'],
  sent: ['send', 'past'],
  began: ['start', 'past'],
  begun: ['start', 'past'],
  forgot: ['forget', 'past'],
  forgotten: ['forget', 'past'],
  left: ['leave', 'past'],
}

/** Names of doings: `run an evaluation of x` orders what `evaluate x` orders. */
const DOINGS: Readonly<Record<string, string>> = {
  compression: 'compress',
  quantisation: 'compress',
  quantization: 'compress',
  indexing: 'index',
  evaluation: 'evaluate',
  assessment: 'evaluate',
  comparison: 'compare',
  merging: 'merge',
  training: 'train',
  finetuning: 'train',
  'fine-tuning': 'train',
  evolution: 'evolve',
  calculation: 'calculate',
  computation: 'calculate',
  conversion: 'convert',
  measurement: 'measure',
  summary: 'summarise',
  explanation: 'explain',
  description: 'explain',
  embedding: 'embed',
  generation: 'generate',
}

const NOUNS = `
model models checkpoint checkpoints llm llms lm
job jobs
round rounds
collection collections
folder folders directory directories dir
file files
document documents doc docs paper papers
note notes
member members peer peers neighbour neighbours neighbor neighbors
village
node machine computer daemon
status health
time clock
date
geometry
quality
result results
answer answers
code
program programs script scripts snippet
benchmark benchmarks
perplexity
similarity
recipe
config configuration
adapter
vector vectors
`

const words = (line: string): string[] => line.split(/\s+/).filter((word) => word !== '')
const lines = (table: string): string[][] =>
  table
    .split('\n')
    .map(words)
    .filter((row) => row.length > 0)

function inflect(verb: string): [string, VerbForm][] {
  const last = verb.at(-1)!
  const e = last === 'e' && verb !== 'see'
  const y = /[^aeiou]y$/.test(verb)
  const doubled = /^[^aeiou]*[aeiou][bdgmnprt]$/.test(verb) || /(?:cel|get|submit|begin|mit)$/.test(verb)
  const stem = e ? verb.slice(0, -1) : doubled ? verb + last : verb
  return [
    [verb, 'plain'],
    [y ? `${verb.slice(0, -1)}ies` : /(?:s|x|ch|sh|o)$/.test(verb) ? `${verb}es` : `${verb}s`, 's'],
    [`${stem}ing`, 'ing'],
    [y ? `${verb.slice(0, -1)}ied` : `${stem}ed`, 'past'],
    // Both spellings: cancelled, canceled.
    ...(verb.endsWith('cel')
      ? ([
          [`${verb}ed`, 'past'],
          [`${verb}ing`, 'ing'],
        ] as [string, VerbForm][])
      : []),
  ]
}

function build(): Map<string, KnownWord> {
  const known = new Map<string, KnownWord>()
  const put = (text: string, word: KnownWord) => {
    if (!known.has(text)) known.set(text, word)
  }
  for (const [text, [word, form]] of Object.entries(IRREGULAR)) put(text, { word, kind: 'verb', form })
  for (const row of lines(VERBS))
    for (const verb of row)
      for (const [text, form] of inflect(verb)) put(text, { word: row[0]!, kind: 'verb', form })
  for (const row of lines(NOUNS))
    for (const noun of row) put(noun, { word: row[0]!, kind: 'noun', form: noun === row[0] ? 'plain' : 's' })
  return known
}

const KNOWN: ReadonlyMap<string, KnownWord> = build()

/** Words of other kinds that must not be taken for a slip of a known one. */
const OTHER_WORDS = new Set(
  words(`a about above after afterwards again against all already also although always am among an and another any anybody anyone anything are
    around as at away back be because been before being below beside best better between big bigger biggest both bottom but by can case cost could
    current currently day days down during each early either else end enough even ever every everybody everyone everything exactly except fact
    far fast few first five for four free from full further good great half hand happen happens happened hard has he help her here him his
    home hour hours house how however i idea if in inside instead into is issue it its itself just keyword kind large last late later least less
    like likely line little live long lot low mail main many matter may maybe me mean meant mine minute minutes moment month more most much must my
    near never new next nice no none nor not nothing now number numbers of off often old on once one only onto open or other others our out
    over own part parts people per person piece place plan please point problem quick quickly quite quote rather real really reason rest right
    room rule safe same say second seconds seen seem self set several shall she short should side since single size small smaller so some somebody
    someone something soon sort speed still stuff subject such sum sure ten text than thank thanks that the their them then there these they thing
    things think third this those though three through till times title to today together tomorrow too top total toward trail two under until unless up
    upon us very via was way we week weeks well were what whatever when whenever where whether which while who whole whom whose why will
    with within without word words work works world would year years yes yesterday yet you your yours trains trail mode model's code coded node
    nodes share shares stories story state rating wire price prices rain brain grain plain store stored tower water winter letter better matter
    later latest rate rates date dates data table tables lost list lists least life light night right eight contract contracts garden roof
    warranty cost costs rent lease flower flowers honey bees hive hives recipe recipes bread meeting meetings minutes letter letters
    message messages history version versions member memory station staion reader leader header render rider finder minder tender sender
    index's merger mercy verge serge large charge change changes changed charges given taken driven proven seven eleven cover covers recover
    discover paint painted pointer printer winter planner manager keeper teacher trainer runner reading heading meaning morning evening
    building ceiling feeling hearing bearing wedding spelling price prize prime drive driver river silver copper paper pepper upper`),
)

/** Names that look like slips. */
const NAMES = new Set(
  words('encoder encoders decoder sore spar earn teaches readme compresso notebook notebooks'),
)

/** Slips are looked for in words of this length. */
const SLIP_LENGTH = { min: 4, max: 20 }
const TARGETS: readonly string[] = [...KNOWN.keys()].filter((word) => word.length > SLIP_LENGTH.min)
const SLIPS = new Map<string, KnownWord | null>()
/** Words of askers that are remembered at most. */
const MAX_SLIPS = 5000

const doingOf = (word: string): KnownWord | null =>
  Object.hasOwn(DOINGS, word) ? { word: DOINGS[word]!, kind: 'noun', form: 'plain' } : null

/** Whether `word` names a doing (`compression`). */
export function doingVerb(word: string): string | null {
  return doingOf(word)?.word ?? null
}

/** What a word is, in any inflection and with a slip of spelling; null for all others. `word` in lower case. */
export function knownWord(word: string): KnownWord | null {
  const known = KNOWN.get(word) ?? (word.startsWith('re-') ? KNOWN.get(word.slice(3)) : undefined)
  if (known !== undefined) return known
  if (OTHER_WORDS.has(word) || NAMES.has(word) || doingOf(word) !== null) return null
  if (word.length < SLIP_LENGTH.min || word.length > SLIP_LENGTH.max || !/^[a-z-]+$/.test(word)) return null
  const before = SLIPS.get(word)
  if (before !== undefined) return before
  const found = slipOf(word)
  if (SLIPS.size >= MAX_SLIPS) SLIPS.clear()
  SLIPS.set(word, found)
  return found
}

/** One slip in a short word, two in a long one; the first letter is seldom wrong; two letters swapped are one slip. */
function slipOf(word: string): KnownWord | null {
  const most = word.length >= 9 ? 2 : 1
  let [best, bestDistance] = [null as string | null, most + 1]
  for (const target of TARGETS) {
    if (target[0] !== word[0] || Math.abs(target.length - word.length) > most) continue
    const distance = isSwap(word, target) ? 1 : editDistance(word, target)
    if (distance < bestDistance) [best, bestDistance] = [target, distance]
  }
  return best === null ? null : KNOWN.get(best)!
}

function isSwap(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  const at = [...a].findIndex((char, index) => char !== b[index])
  return (
    at >= 0 &&
    at + 1 < a.length &&
    a[at] === b[at + 1] &&
    a[at + 1] === b[at] &&
    a.slice(at + 2) === b.slice(at + 2)
  )
}

/** Whether a word is one of everyday English that says nothing about what to do. */
export function isEveryday(word: string): boolean {
  return OTHER_WORDS.has(word)
}
