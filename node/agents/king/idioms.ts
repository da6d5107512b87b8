/**
 * Turns of phrase that mean one plain thing become that thing before any rule reads the goal: `might I trouble you to` → `could you`,
 * `have a look at` → `look at`, `should it fall below` → `if it falls below`. Offsets stay those of the words that were said.
 */
import { toWord, type Word } from './clause.ts'

const YOU_TO =
  '(?:you|king|sage|magi)(?: (?:please|kindly|maybe|perhaps|just))* to(?: (?:please|kindly|just))?'
const MAY = '(?:can|could|would|might|may|will|shall|must)'
const OFTEN = '(?:(?:please|possibly|perhaps|maybe|just|also|kindly|quickly|really|now|then) )*'
const AMOUNT =
  '(?:over|under|above|below|more|less|better|worse|bigger|smaller|larger|greater|higher|lower|at (?:least|most))'

/** From → to, as patterns over words in lower case with one space between; what is not a word reads `<path>`, `<number>`… */
const TABLE: readonly (readonly [from: string, to: string])[] = [
  // What is waited for.
  ['(?:has|have|is|had) ended', 'is over'],
  ['how (?:it|that|this) (?:all )?ended', 'how it went'],
  ['(?<=until it |till it |once it )ends', 'is over'],
  [
    '(?:, )?(?:but )?(?:not (?:before|until|till)|only (?:after|once|when|as soon as))(?= (?:job|run|the|it|that|<)[^.?!\n]{0,60} (?:has|have|is|are) (?:ended|done|finished|over|through|complete|completed|ready)(?: |$))',
    'after',
  ],
  [
    '(?:work|figure) out(?= (?:the |their |its )?(?:mean|average|sum|total|median|difference)(?: |$))',
    'calculate',
  ],
  // Polite frames.
  [
    `${MAY} (?:i|we) ${OFTEN}(?:ask|trouble|bother|beg|get|have|request|invite|persuade) ${YOU_TO}`,
    'could you',
  ],
  [
    `(?:would|could|will|can) you ${OFTEN}be (?:so|very|a )?(?: ?(?:kind|good|nice|sweet|dear|lovely))?(?: (?:enough to|as to|and|to))`,
    'could you',
  ],
  ['would you be (?:so )?(?:kind|good|nice)(?: enough)?(?: as)? to', 'could you'],
  ['be (?:so )?(?:kind|good|nice)(?: enough)?(?: as)? to', 'could you'],
  ['(?:would|do) you mind(?: awfully)?(?: to)?', 'could you'],
  [
    `(?:i|we) (?:am|are|was|were|have been) (?:just |only )?(?:hoping|wondering|asking|thinking)(?: (?:if|whether|that))? (?:you|king) ${MAY}`,
    'could you',
  ],
  [`(?:i|we) wonder(?:ed)? (?:if|whether) you ${MAY}`, 'could you'],
  [
    `(?:i|we) (?:would|will|should) ${OFTEN}(?:be|really appreciate|appreciate|love|like)(?: (?:so|very|most|it|much|really))*(?: (?:grateful|thankful|happy|glad|pleased|delighted|obliged|it))? if you ${MAY}`,
    'could you',
  ],
  [
    'it would (?:really )?(?:be|help|help me|make me happy)(?: (?:so|very|really|quite))?(?: (?:great|nice|good|lovely|helpful|kind|cool|wonderful|super|perfect|best))?(?: (?:if you (?:could|would|can)|for you to|if you))',
    'could you',
  ],
  ['(?:is it|would it be|will it be) (?:at all )?possible(?: for you)? to', 'could you'],
  [
    '(?:is|would) there (?:be )?(?:a|any) (?:way|chance|possibility)(?: (?:that|for))? you (?:to|could|can|might)',
    'could you',
  ],
  [
    '(?:can|could|may|might|shall) (?:we|i) (?:please )?(?:get|have)(?= [^.?!\n]{1,60} (?:added|compressed|shrunk|indexed|evaluated|tested|merged|trained|cancelled|canceled|stopped|downloaded|pulled|fetched|removed|imported|measured|compared|listed|embedded)(?: |$))',
    'could you get',
  ],
  ['any chance (?:that |of )?you (?:could|can|might|would)', 'could you'],
  ['(?:are|would) you (?:be )?able to', 'could you'],
  [
    '(?:block|hold|hold on|hang on|sit tight|hold your horses|do nothing|stay there) (?=(?:until|till) )',
    'wait ',
  ],
  ['do you think (?:that )?you (?:could|can|might)(?: be able to)?', 'could you'],
  [
    `(?:i|we) (?:would |will |do |just |really )*(?:want|need|like|wish|require|ask|expect|prefer)(?: for)? ${YOU_TO}`,
    'could you',
  ],
  [
    '(?:i|we) (?:would |will |do |just |really )*(?:want|wish) (?=(?:to )?(?:know|see|find|learn|hear|have|make|get) )',
    'could you ',
  ],
  [
    'you (?:please )?(?:could|can|would)(?= [a-z]+ (?:the|a|an|my|it|me|this|that|<[a-z]+>)(?: |$))',
    'please',
  ],
  ['please you(?= )', 'please'],
  ['(?:make|do)(?: me)? to(?= (?:read|show|list|index|compress|search|see|open|find|write))', ''],
  ['(?:help|assist) (?:me|us) (?:to |with |by |in )?', ''],
  ['(?:see to it|make sure|ensure|take care|arrange|make it so|i suggest|i propose)(?: that)? you', 'please'],
  ['(?:i|we) (?:would |should |will )?(?:like|want|wish|prefer|need) that you', 'could you'],
  ['(?:i|we) should (?:like|love|be glad|be happy) to', 'i want to'],
  ['(?:i|we) (?:want|need|would like) ?:', 'please'],
  [
    '(?:may|might|can|could) (?:i|we) (?:please )?(?:ask|know|see|hear|learn)(?= (?:what|which|who|when|where|how|whether|if|why) )',
    'tell me',
  ],
  ['most kindly', 'kindly'],
  ['(?:whenever|when) (?:it|that) (?:suits|pleases|is convenient for) you', ''],
  ['if (?:it|that) (?:pleases|suits) you', ''],
  ['at your (?:leisure|convenience)', ''],
  ['(?:if|as) i may(?: ask| say)?(?= *(?:[,.?!]|$))', ''],
  [
    '(?:do not|no need to|you (?:do not|need not) (?:have|need) to) (?:bother|worry|trouble)(?: (?:with|about|to))?(?= [a-z]+ing )',
    'without',
  ],
  ['(?:do not|no need to|need not) (?:bother|trouble)(?: yourself)?(?: to)?(?= [a-z]+ )', 'do not'],
  [
    '(?:and )?(?:once|as soon as|when|after) (?:that|this|it|all that|everything) (?:is|has been|was) (?:done|finished|ready|complete|completed|through|over)(?= *,? (?:please )?[a-z]+ )',
    'then',
  ],
  // Said beside what is asked.
  [
    '(?:only )?if (?:it|that|this) (?:is not|would not be|is not asking)(?: (?:too|so|that))*(?: (?:much|any|a))?(?: (?:trouble|bother|problem|hassle|inconvenience|to ask))',
    '',
  ],
  [
    'if (?:you|i) (?:do not mind|would not mind|please|would|may|can|could|like|would like|wish|have (?:a|the|some) (?:moment|minute|time|second))(?= *(?:[,.?!]|$))',
    '',
  ],
  [
    '(?:when|whenever|once|as soon as) you (?:have|get|find|got) (?:a|the|some|time|five)(?: (?:moment|minute|minutes|chance|time|second|sec|mins))?',
    '',
  ],
  [
    '(?:excuse|pardon|forgive) me(?: for (?:asking|bothering you|disturbing you|interrupting))?(?: (?:again|please))?',
    '',
  ],
  [
    '(?:i (?:do )?(?:apologise|apologize)|(?:i am |so |very )*sorry)(?: (?:for|to) (?:bothering|bother|disturbing|disturb|troubling|trouble|asking|ask) you(?: again)?)',
    '',
  ],
  [
    '(?:many thanks|thanks a lot|thanks|thank you|cheers|much obliged|bless you|ta|thx|tia)(?: (?:so|very|in|a|for|advance|much|lot|bunch|million|kindly|everything|your help|the help))*(?= *(?:[,.!?]|$))',
    '',
  ],
  ['(?:will|would|could|can) you(?= *(?:\\?|$))', ''],
  [
    '(?:as soon as possible|asap|right away|straight away|right now please|without delay|as quickly as possible)',
    '',
  ],
  [
    '(?:my )?(?:dear|dearest|darling|sweetheart|love|mate|buddy|pal|honey|friend|bro|dude|folks|sir|madam)(?= *[,.?!])',
    '',
  ],
  // Shorthand.
  [
    '(?<=^|[.,;!\\n] |and |then )(?:at|in) the (?:very )?end(?= (?:let|have|ask|write|show|tell|list|compare|evaluate|compress|merge|measure|save|give|run|put|i|we|please)(?: |$))',
    'finally',
  ],
  ['also(?= (?:work|figure) out )', 'then'],
  ['r(?= (?:running|there|the|my|in|online|here|you|u|we|they|done|connected|on) )', 'are'],
  ['n(?= (?:then|tell|show|index|compress|list|search|give|let|save|check|find|what|whats|who))', 'and'],
  ['rn', 'now'],
  [
    '(?:give|assign) (?:it|this|that|the (?:new |resulting )?(?:model|one|result)) (?:the |an? )?(?:id|name)(?: of| :)? (?=[a-z<])',
    'call it ',
  ],
  ['give (?:it )?(?:the )?name (?:of )?(?=[a-z<])', 'call it '],
  [
    '(?:go on|carry on|pick up|keep going)(?= (?:from|with)(?: (?:here|there|this|these words|the (?:words|line|sentence)))?(?: :)? <quoted>)',
    'continue',
  ],
  ['carry on writing', 'continue'],
  [
    '(?:an|nd|adn|und)(?= (?:then|tell|show|index|compress|list|search|give|let|save|check|find|remember|remembr|write|read|evaluate|eval|compare|merge|run) )',
    'and',
  ],
  ['wats', 'what is'],
  ['wat', 'what'],
  ['wen', 'when'],
  ['wich', 'which'],
  ['evrything', 'everything'],
  ['(?:- >|→|= >)', 'as'],
  [
    '(?<=^|[,.;:] |and |then |next )(?:the |a |an )?list of (?=(?:all |my |the |our )*(?:jobs|models|members|collections|files|rounds|runs|folders))',
    'list ',
  ],
  ['atm', 'now'],
  ['at (?:the|this) (?:moment|time|point|minute|instant)', 'now'],
  ['els', 'else'],
  ['whos', 'who is'],
  ['wheres', 'where is'],
  ['hows', 'how is'],
  ['thats', 'that is'],
  ['dunno', 'i do not know'],
  ['(?:tho|lol|haha|hehe|btw|imho|imo|afaik)', ''],
  // Conditions in other orders.
  [
    `(?:assuming|supposing|provided|providing|in the event|on condition|on the condition|given|so long as|in case)(?: that)?(?= (?:it|its|they|the|that|this|<id>|there|nothing|no) )`,
    'if',
  ],
  [
    'should (?=(?:it|they|that|the [a-z]+|its [a-z]+) (?:score|be|turn|come|fall|drop|fail|lose|keep|prove|get|have|exceed|reach|go|end|still|not|take|need)[^?\n]{0,200}(?:[.!\n]|, [^?\n]{0,100}$|$))(?<![a-z] should )',
    'if ',
  ],
  [`only (?:when|if|after)(?= (?:it|its|they|the|that) )`, 'if'],
  [
    `(?:when|whenever|where)(?= (?:it|its [a-z]+|they|the [a-z]+|that|the [a-z]+ [a-z]+) (?:(?:is|are|was|comes? out|turns? out|ends? up|scores?|gets?|has|keeps?|loses?|falls?|drops?) )+(?:still |only |just )?${AMOUNT})`,
    'if',
  ],
  ['(?:except|save) (?:if|when)', 'unless'],
  [
    '(?:or else|failing that|in the other case|if it (?:does|is|did|has) not(?= *,)|if that is not so|if that is not the case)',
    'otherwise',
  ],
  // What is looked at and looked up.
  [
    '(?:have|take|get|give me) (?:a|another|one) (?:quick |close |closer |good |brief |short |little )?(?:look|glance|peek|peep|gander|squint)(?: over)?(?= (?:at|in|into|inside|on|through|for|around|what|whether|if|who|how|under))',
    'look',
  ],
  ['(?:cast|run) (?:an|your) eyes? over', 'look at'],
  [
    '(?:what|whatever) (?:became|has become|had become|came|happened|has happened)(?: (?:of|to|with))',
    'what is the state of',
  ],
  ['what is (?:going on|up|happening) with', 'what is the state of'],
  [
    'how (?:is|are|was) (?=(?:the |my )?(?:job|run|round|training|compression|evaluation|merge|indexing) (?:<id> |<number> )?(?:getting on|getting along|coming along|doing|going|faring|progressing))',
    'what is the state of ',
  ],
  ['(?:keep|have) (?:an|your|one) eyes? on', 'watch'],
  ['keep track of', 'watch'],
  [
    '(?:i forget|i forgot|i have forgotten|i always forget|i never remember|i can never remember|i do not remember|i cannot remember|i do not recall|i no longer know|i keep forgetting|i have no idea|i do not know|no idea|it escapes me)(?= (?:what|which|who|when|where|how|whether|if) )',
    'tell me',
  ],
  [
    '(?:i|we) (?:would|should|will) be (?:so |very |really )?(?:glad|happy|grateful|curious|interested|keen|pleased)(?: if (?:i|we) could)? to (?:know|hear|see|learn|find out)',
    'tell me',
  ],
  [
    '(?:i|we) (?:am|are) (?:curious|keen|eager|interested)(?: to (?:know|hear|see|learn))?(?= (?:what|which|who|when|where|how|whether|if) )',
    'tell me',
  ],
  ['(?:let me have|hand me)(?= (?:the|a|an|my|all|both|<path>)(?: |$))', 'show me'],
  [
    'the (?:outcome|result|answer|figures|score|output|summary|numbers)(?: (?:be|is to be|should be))? (?:written|saved|stored|put|kept)(?= (?:down )?(?:to|in|into|under|as) <path>)',
    'save the result',
  ],
  [
    '(?:can|could|would|will|may|might)(?= (?:the|my|our|this|that|all|both|encoder|<[a-z]+>)(?: [a-z<>-]+){0,6} (?:please )?be (?:please )?(?:added|compressed|shrunk|indexed|evaluated|tested|merged|trained|cancelled|canceled|stopped|downloaded|pulled|fetched|imported|measured|compared)(?: [a-z<>-]+){0,8}(?: ,)? please(?: |$))',
    'could you get',
  ],
  ['(?:i|we) (?:only|just|merely|simply|really only) (?=(?:want|need|wish|would like) )', 'i '],
  ['(?:keep|bear) (?:that|this|it) in mind', 'remember that'],
  // What is done.
  [
    '(?:put an end to|call off|put a stop to|bring to (?:an end|a halt)|pull the plug on|shut down(?= (?:the )?(?:job|training|<id>)))',
    'cancel',
  ],
  ['(?:get rid of|throw away|throw out|do away with)', 'delete'],
  ['get (?:a )?hold of', 'pull'],
  [
    '(?:pare|whittle|scale|slim|trim|boil|squeeze|cut|bring|shave|strip|knock|crush|press) (?=(?:it|them|that|this|<id>|encoder|the (?:model|encoder|thing)|both) (?:down|back) )',
    'compress ',
  ],
  ['(?:pare|whittle|scale|slim|trim|boil|squeeze|shave|knock|crush|press)(?: it)? down', 'compress'],
  [
    'get (?=(?:it|that|this|<id>|encoder|the (?:model|encoder)|both) (?:down to|under|below|to (?:under|below|about|around|fit|a |half|<size>|<percent>)))',
    'compress ',
  ],
  [
    '(?:put|bring|melt|blend|throw|glue|stick|bake) (?=(?:<id>|the two|them|both|these two|it) (?:and <id> )?(?:together|into one))',
    'merge ',
  ],
  ['(?:make|turn) (?=(?:<id> and <id>|the two|them|both|these two) into (?:one|a single))', 'merge '],
  [
    '(?:put|set|place|hold|lay) (?=(?:<id> and <id>|the two|them|both|these two|it) (?:side by side|head to head|next to|against|beside))',
    'compare ',
  ],
  ['(?:jot|note|write|put|take) (?:it )?down (?=(?:that|for me that|somewhere that) )', 'remember '],
  ['(?:make|take) (?:a |yourself a )?(?:mental )?note (?:of the fact )?(?:that|of|:)', 'remember'],
  ['(?:file|store|keep) (?:away )?(?:in your memory|for later) (?:that|:)', 'remember'],
  ['(?:do not (?:ever )?forget|never forget)(?= (?:that|my|i|we|he|she|our) )', 'remember'],
  ['(?:bring|keep) (?=(?:<path>|it|the folder) (?:up to date|current))', 'index '],
  ['(?:hold|hang) on (?:until|till|for)', 'wait for'],
  ['(?:sit|stand|be patient)(?: tight)? (?:until|till)', 'wait until'],
  ['(?:add|tot|sum|count)(?: (?:them|these|those|it|that))? up', 'add up'],
  ['(?:do|carry out|conduct|undertake)(?= (?:a|an|the) [a-z]+-?[a-z]*ing )', 'run'],
  ['(?:roll|stick) with', 'use'],
  [
    'go (?:for|with)(?= (?:int4|int8|ternary|seedlm|trellis|seedtrellis|vptq|auto|slerp|ties|linear|dare))',
    'use',
  ],
  [
    '(?:is|are|was|were|being) (?:lying|sitting|stored|kept|located|hidden|to be found|found)(?= (?:in|under|inside|at|around|there|on) )',
    'is',
  ],
  ['more (?:small|little|compact)', 'smaller'],
  ['every(?:thing)? (?:that|which) (?:is|has been|was|you have|we have|i have) indexed', 'all collections'],
  [
    '(?:what|which) (?:is|has been|have you|have we|have i)(?: (?:already|all|so far))* indexed(?= *(?:[?.!,]|$))',
    'which collections are there',
  ],
]

interface Idiom {
  readonly pattern: RegExp
  readonly to: readonly string[]
}
const IDIOMS: readonly Idiom[] = TABLE.map(([from, to]) => ({
  pattern: new RegExp(`(?:${from})(?<=\\S| )(?= |$|(?<= ))`, 'y'),
  to: to.split(' ').filter((word) => word !== ''),
}))

const shown = ({ kind, lower }: Word): string =>
  kind === 'word' ? lower : kind === 'mark' ? lower : kind === 'break' ? '\n' : `<${kind}>`

/** Time grows with the words: each idiom is tried once at each of them. */
export function plainWords(words: readonly Word[]): Word[] {
  const starts: number[] = []
  let line = ''
  for (const word of words) {
    starts.push(line.length)
    line += `${shown(word)} `
  }
  const plain: Word[] = []
  for (let at = 0; at < words.length; ) {
    const found = idiomAt(line, starts[at]!)
    if (found === null) {
      plain.push(words[at]!)
      at++
      continue
    }
    let next = at
    while (next < words.length && starts[next]! < starts[at]! + found.length) next++
    const [first, last] = [words[at]!, words[next - 1]!]
    for (const text of found.to)
      plain.push(
        toWord({
          ...{ kind: 'word', text, lower: text, value: null, language: null },
          ...{ start: first.start, end: last.end },
        }),
      )
    at = next
  }
  return plain
}

function idiomAt(line: string, start: number): { length: number; to: readonly string[] } | null {
  for (const { pattern, to } of IDIOMS) {
    pattern.lastIndex = start
    const match = pattern.exec(line)
    if (match !== null && match[0] !== '') return { length: match[0].length, to }
  }
  return null
}
