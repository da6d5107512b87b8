/** The tables of words that the rules know (lexicon.ts reads them): verbs and nouns with their synonyms, one row each. */
import type { VerbForm } from './lexicon.ts'

/** The first word is the one that rules see. */
export const VERBS = `
compress shrink squeeze quantise quantize squash slim minify downsize halve compact condense miniaturise miniaturize pack squish lighten pare whittle deflate prune distil
index ingest reindex digest absorb catalogue catalog
search grep query scour rummage comb
find locate discover hunt
tell inform enlighten advise
explain describe clarify elucidate
answer
summarise summarize recap outline digest
list enumerate ls itemise itemize
show display print present reveal dump echo
inspect examine dissect introspect
evaluate benchmark assess score rate grade reevaluate eval appraise
test
check verify validate recheck confirm ascertain doublecheck
measure gauge
compare contrast juxtapose diff
merge combine blend fuse mix stack unite unify amalgamate marry meld interpolate melt wed
average
train finetune fine-tune retrain tune adapt
teach
evolve
generate complete 
continue
write compose draft 
embed vectorise vectorize encode 
run execute perform
start launch begin trigger kick initiate commence fire
wait await 
cancel abort stop kill terminate halt quit interrupt end scrap ditch
read open
cat
scan
save store
put
add register enrol enroll append
import
load
pull download fetch grab obtain acquire retrieve
remember memorise memorize memorize memorise
recall
forget unlearn unremember
delete remove erase wipe purge rm discard drop
share publish
invite
revoke ban expel
calculate compute calc 
solve
convert
reduce trim cut lower decrease
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

export const IRREGULAR: Readonly<Record<string, readonly [string, VerbForm]>> = {
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
  shrunk: ['compress', 'past'],
  shrank: ['compress', 'past'],
  forgetting: ['forget', 'ing'],
  stopt: ['cancel', 'past'],
  sought: ['search', 'past'],

  halving: ['compress', 'ing'],
}

/** Names of doings: `run an evaluation of x` orders what `evaluate x` orders. */
export const DOINGS: Readonly<Record<string, string>> = {
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
  finetune: 'train',
  benchmarking: 'evaluate',
  recalculation: 'calculate',
  shrinkage: 'compress',
  computations: 'calculate',
  comparisons: 'compare',
  evaluations: 'evaluate',
  fusion: 'merge',
  combination: 'merge',
}

export const NOUNS = `
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
