/**
 * The project's own calibration sentences: plain English from a small grammar, over many subjects, moods and lengths. They
 * wake the inputs of a text model's layers as ordinary text does; nobody reads them for what they say. None of them is a
 * sentence that models are evaluated on.
 *
 * Calibrations name sentences by number: append to the lists' end of DOMAINS only with a new task version.
 */
import { seededRandom } from '../evaluate/seeded-random.ts'

/** How many there are. */
export const CALIBRATION_SENTENCES = 512
const SEED = 0x5e11

interface Domain {
  readonly people: readonly string[]
  readonly things: readonly string[]
  /** What people do to things, in the past. */
  readonly deeds: readonly string[]
  readonly places: readonly string[]
  /** What can be said of things. */
  readonly traits: readonly string[]
}

const row = (text: string): string[] => text.split('|').map((part) => part.trim())

function domain(people: string, things: string, deeds: string, places: string, traits: string): Domain {
  return {
    people: row(people),
    things: row(things),
    deeds: row(deeds),
    places: row(places),
    traits: row(traits),
  }
}

const DOMAINS: readonly Domain[] = [
  domain(
    'the nurse|a surgeon|my dentist|the new patient|a pharmacist',
    'the blood sample|her prescription|a broken wrist|the vaccine|an old X-ray',
    'examined|asked about|explained|wrote a note on|lost track of',
    'in the waiting room|at the children’s ward|before the operation|during the night shift',
    'harmless|painful to look at|covered by the insurance|hard to diagnose',
  ),
  domain(
    'the farmer|a beekeeper|two shepherds|my aunt|the vineyard owner',
    'the wheat field|a pair of oxen|the irrigation pump|ripe apricots|the barn roof',
    'inspected|sold|took care of|fenced in|measured',
    'along the valley|after the first frost|near the windmill|on the southern slope',
    'ready for harvest|full of weeds|worth more than last year|damaged by hail',
  ),
  domain(
    'the software engineer|an intern|our database administrator|the whole team|a security researcher',
    'the failing test|a memory leak|the login page|an encrypted backup|the release notes',
    'debugged|rewrote|reviewed|deployed|ignored',
    'on the staging server|in version 4.2|during the outage|over the weekend',
    'slower than expected|backwards compatible|impossible to reproduce|documented nowhere',
  ),
  domain(
    'the goalkeeper|a retired cyclist|both captains|the referee|an unknown swimmer',
    'the final match|a silver medal|the qualifying round|her old record|the penalty',
    'trained for|missed|celebrated|argued over|watched',
    'in the rain|at the Olympic stadium|with ten minutes left|in front of 40,000 people',
    'decided by one point|closer than anyone thought|broadcast live|a matter of luck',
  ),
  domain(
    'the judge|a young lawyer|three witnesses|the accused|the tax office',
    'the contract|an appeal|the stolen painting|a parking fine|the second clause',
    'questioned|signed|withdrew|dismissed|read aloud',
    'in court|under oath|on behalf of the tenants|without further comment',
    'void|written in plain language|older than the law itself|confidential',
  ),
  domain(
    'the astronomer|a physics teacher|several chemists|the research group|a marine biologist',
    'the spectrum of a distant star|an unstable isotope|the coral reef|a strange signal|the control group',
    'observed|published a paper on|simulated|could not explain|calibrated the sensor with',
    'at the observatory|under a microscope|in the third experiment|at −40 degrees',
    'statistically significant|smaller than predicted|visible to the naked eye|radioactive',
  ),
  domain(
    'the conductor|a street musician|the choir|her grandfather|a jazz pianist',
    'the second movement|an out-of-tune piano|a forgotten folk song|the trumpet solo|the applause',
    'rehearsed|improvised on|recorded|hummed|praised',
    'in the concert hall|before midnight|with closed eyes|at their wedding',
    'too loud|strangely moving|in a minor key|the best part of the evening',
  ),
  domain(
    'the cook|a hungry guest|my flatmate|the waiter|an old baker from Lisbon',
    'the onion soup|a pound of butter|the fish stew|some leftover rice|a chocolate cake',
    'tasted|burned|ordered|shared|seasoned',
    'in a tiny kitchen|for dinner|without any salt|at the harbour restaurant',
    'delicious|undercooked|too spicy for children|best served cold',
  ),
  domain(
    'the pilot|a lost tourist|the bus driver|two backpackers|the customs officer',
    'the night train|a rented bicycle|her suitcase|the border crossing|an outdated map',
    'waited for|left behind|paid for|photographed|complained about',
    'between Vienna and Prague|at gate 23|on a gravel road|just after sunrise',
    'delayed by fog|cheaper than flying|fully booked|further away than it looked',
  ),
  domain(
    'the mayor|an angry voter|the opposition|a foreign minister|the election committee',
    'the housing reform|a public debate|the budget deficit|the new airport|a petition',
    'voted against|announced|postponed|defended|campaigned for',
    'in parliament|at the town hall|despite the protests|until next spring',
    'unpopular|long overdue|supported by a narrow majority|a question of money',
  ),
  domain(
    'the schoolteacher|a shy pupil|the headmaster|parents|an exchange student',
    'the spelling test|a history project|the school library|homework|the graduation speech',
    'prepared|forgot|enjoyed|handed in|discussed',
    'in the last lesson|after the holidays|in front of the class|every Tuesday',
    'easier than it seemed|optional|graded twice|full of mistakes',
  ),
  domain(
    'the bank clerk|an investor|small shops|the central bank|a pensioner',
    'the interest rate|a thirty-year loan|the annual report|cheap shares|a savings account',
    'warned about|raised|invested in|calculated|gave up',
    'last quarter|because of inflation|at 2.5 percent|on the stock exchange',
    'riskier than bonds|frozen|below the average|taxed abroad',
  ),
  domain(
    'the carpenter|a plumber|our landlord|the architect|a crew of roofers',
    'the staircase|a leaking pipe|the oak floor|double glazing|the north wall',
    'repaired|measured twice|tore out|painted|promised to fix',
    'on the third floor|by hand|before winter|with borrowed tools',
    'crooked|made of recycled brick|finished at last|not up to code',
  ),
  domain(
    'the biologist|a hunter|the park ranger|schoolchildren|a bird watcher',
    'a grey heron|the oak forest|fox tracks|an invasive beetle|the river otter',
    'followed|counted|photographed|protected|heard',
    'at dusk|in the wetlands|beside a fallen tree|for the first time in years',
    'endangered|shyer than deer|common in the lowlands|active at night',
  ),
  domain(
    'the novelist|a critic|my book club|the translator|an anonymous poet',
    'the first chapter|a bad review|an unfinished manuscript|the main character|a rhyme',
    'reread|misunderstood|translated|quoted|threw away',
    'in a café|by candlelight|for a small publisher|in less than a month',
    'brilliant|too long by half|based on a true story|hard to put down',
  ),
  domain(
    'the electrician|a power company|our neighbours|the mechanic|an inventor',
    'the solar panels|a flat battery|the gearbox|an electric van|the smoke alarm',
    'installed|tested|recycled|switched off|improved',
    'in the garage|during the heatwave|for half the price|in twenty minutes',
    'energy-efficient|out of warranty|louder than before|connected the wrong way round',
  ),
]

const NAMES = row('Maria|Tomasz|Aisha|Mr Okafor|Li Wei|Ingrid|Professor Hall|Yusuf|Chloé|Ravi')
const OPENERS = row(
  'Yesterday|To everyone’s surprise,|As far as I know,|Two weeks ago,|Later that day,|Officially,',
)
const FEELINGS = row('relieved|furious|not convinced|quite proud|a little worried|bored|delighted')
const CAPITAL = /^\p{Ll}/u

/** Sentence `index`, from 0 to CALIBRATION_SENTENCES − 1: the same on every machine. */
export function calibrationSentence(index: number): string {
  const random = seededRandom(SEED + Math.imul(index, 0x9e3779b1))
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  // Every subject as often as any other.
  const { people, things, deeds, places, traits } = DOMAINS[index % DOMAINS.length]!
  const person = pick(people)
  const thing = pick(things)
  const deed = pick(deeds)
  const place = pick(places)
  const trait = pick(traits)
  const name = pick(NAMES)
  const number = 2 + Math.floor(random() * 900)
  const other = DOMAINS[Math.floor(random() * DOMAINS.length)]!
  const shapes: readonly (() => string)[] = [
    () => `${person} ${deed} ${thing} ${place}.`,
    () => `${pick(OPENERS)} ${person} ${deed} ${thing}.`,
    () => `Why was ${thing} ${trait}, and what did ${name} think of it?`,
    () => `${name} said that ${thing} had been ${trait} ${place}.`,
    () => `${thing} may be ${trait}, but ${pick(people)} ${deed} it anyway.`,
    () => `Have you ever seen ${thing} ${place}?`,
    () => `Please tell ${name} that ${person} ${deed} ${thing}.`,
    () => `After ${person} ${deed} ${thing}, ${name} felt ${pick(FEELINGS)}.`,
    () => `${name} and ${person} ${deed} ${thing}, ${pick(other.things)} and ${number} other items ${place}.`,
    () => `It took ${number} days before ${person} ${deed} ${thing} again.`,
    () => `${thing}: ${trait}.`,
    () => `If ${thing} is ${trait}, ${pick(other.people)} will never hear of it ${place}.`,
    () => `Neither ${person} nor ${pick(other.people)} ${deed} ${thing}, which was ${trait}.`,
    () => `“I am ${pick(FEELINGS)},” wrote ${name}, “that ${person} ${deed} ${thing} ${place}.”`,
    () =>
      `${person}, who once ${pick(other.deeds)} ${pick(other.things)}, now ${deed} ${thing} ${pick(other.places)}.`,
    () =>
      `There were ${number} reasons why ${person} ${deed} ${thing} ${place}; the most important one was that ${pick(other.things)} was ${pick(other.traits)}.`,
  ]
  // Another shape for each round over the subjects.
  const shape = shapes[(index + Math.floor(index / DOMAINS.length)) % shapes.length]!
  return shape().replace(CAPITAL, (letter) => letter.toUpperCase())
}
