/**
 * Whether a question is about the node and its village, or about something that documents speak of. `how many members are there` is about the
 * village; `how many members does the beekeepers' club have` has words that nothing of the village is called by.
 */
import { isFunctionWord } from '../rag/answers/function-words.ts'
import { lineOf, type Word } from './clause.ts'
import { isEveryday } from './lexicon.ts'

/** What the village, its nodes and what they hold are spoken of with. */
const OWN =
  /^(?:offer|offers|offered|others|under|much|village|network|online|offline|connected|reachable|running|active|ongoing|pending|failed|finished|completed|cancelled|canceled|current|currently|latest|newest|recent|largest|biggest|smallest|available|installed|known|stored|existing|indexed|searchable|granted|evolution|evolutions|queue|queued|disk|memory|ram|cpu|uptime|version|healthy|health|ok|okay|fine|alive|busy|slow|free|left|hello|else|anyone|anybody|someone|everybody|everyone|currently|overview|total|altogether|language|encoder|encoders|details|info|information|progress|state|states|storage|space|doing|alright|far|people|computers|machines|friends|somebody|progressing|completed|succeeded|successful|roster|registry|local|locally|loaded|exact|zone|timezone|weekday|o'clock|summary|list|lists|far|quick|quickly|briefly|thanks|tensors|layers|parameters|params|inputs|outputs|operators|architecture|weights|codec|card|specs|facts|dims|contents|content|both|together|names|name|ids|sizes|kinds|kind|bigger|smaller|larger|heavier|megabyte|megabytes|gigabyte|mb|gb|overloaded|load|idle|awake|alone|outcome|fail|done|going|through|stuck|ended|waiting|tidy|brief|short|figures|numbers|moment|computer|present|presently|existing|there|here|together|started|queue|queues|tasks|task|ones|count|counts|number|lately|recently|today|yesterday|tonight|overnight|earlier|week|month|night|hour|hours|minutes|just)$/

/** Words that name nothing of the village: with one of them, documents are asked. */
export function isOwnMatter(words: readonly Word[]): boolean {
  const line = lineOf(words)
  // `what does a member do in a round`: about members and rounds as such.
  if (
    /(?:^| )(?:a|an) (?:\S+ )?(?:member|round|job|model|collection|node|village|file|folder)(?: |$)/.test(
      line,
    ) &&
    !/(?:^| )(?:is|are) there /.test(line)
  )
    return false
  return words.every(
    ({ kind, lower, norm, form }) =>
      kind !== 'word' ||
      OWN.test(lower) ||
      isEverydayHere(lower) ||
      (norm !== lower && form === null) ||
      NOUNS_OF_VILLAGE.test(norm) ||
      (form !== null && PLAIN_VERBS.test(norm)),
  )
}

const isEverydayHere = (word: string): boolean =>
  isFunctionWord(word, ['en']) || (isEveryday(word) && !NOT_OWN.test(word))
/** Everyday words that a question about something else is made of. */
const NOT_OWN =
  /^(?:trail|trails|story|stories|wire|price|prices|rain|grain|plain|water|winter|letter|letters|garden|roof|warranty|rent|lease|flower|flowers|honey|bees|hive|hives|recipe|recipes|bread|meeting|meetings|house|home|book|books|contract|contracts|table|tables|river|silver|copper|paper|pepper|building|wedding|leader|reader|driver|teacher|upper|rule|room|rooms)$/
const NOUNS_OF_VILLAGE =
  /^(?:model|job|round|collection|member|village|node|machine|status|health|time|clock|date|file|folder|program|run|evolve|evolve-doing|compress-doing|evaluate-doing|train-doing|merge-doing)$/
const PLAIN_VERBS =
  /^(?:list|show|tell|give|get|have|do|see|know|look|find|check|run|start|finish|fail|cancel|share|make|use|keep|name|call|need|want|say|go|let|take|report|compress|evaluate|train|merge|summarise|display|read|index|search|join|describe|explain|inspect|complete|continue|store|save|wait|pause|update|stop|test)$/
