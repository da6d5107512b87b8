/** What kind of answer a question asks for, by its words, and whether a sentence has one. A hint for the choice of sentences, no more. */

export type AnswerType = 'person' | 'time' | 'number' | 'place'

/** `\b` knows ASCII alone. */
const words = (alternatives: string): RegExp => new RegExp(`(?<!\\p{L})(?:${alternatives})(?!\\p{L})`, 'iu')

/** The first that fits counts. */
const QUESTIONS: readonly (readonly [AnswerType, RegExp])[] = [
  ['time', words('when|(?:what|which) (?:year|date|day|month|century)|wann|quand|cuándo|quando')],
  ['number', words('how (?:many|much|old|long|far|tall|high|deep|large|big|fast|heavy|often|wide|hot|cold)')],
  ['number', words('wie ?viele?|wie (?:alt|lang|weit|hoch|tief|groß|schnell|schwer|oft)|combien')],
  ['number', words('cuánt[oa]s?|quant[oaie]s?')],
  [
    'number',
    words('what (?:percentage|proportion|fraction|number|share|temperature|speed|age|distance|length)'),
  ],
  ['person', words('who|whom|whose|wer|wem|wen|qui|quién(?:es)?|chi|quem')],
  [
    'place',
    words('where|wo|woher|wohin|où|dónde|dove|onde|(?:what|which) (?:country|city|town|place|continent)'),
  ],
]

const NUMBER = words(
  '\\p{Nd}[\\p{Nd}.,]*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|' +
    '(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:-\\p{L}+)?|hundred|thousand|' +
    'million|half|twice|dozen|zwei|drei|vier|fünf|zehn|hundert|tausend|deux|trois|quatre|cinq|dix|cent|mille|dos|tres|cuatro|cinco|diez',
)
const TIME = words(
  '1\\d{3}|20\\d{2}|\\d{1,4} ?(?:BC|AD|BCE|CE)|january|february|march|april|may \\d+|june|july|august|september|october|november|' +
    'december|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|century|januar|februar|märz|juni|juli|oktober|dezember|' +
    'janvier|février|avril|juin|juillet|août|septembre|octobre|novembre|décembre|enero|febrero|junio|julio|agosto|octubre|diciembre',
)
/** Two words with capitals, or one after a word in small letters. */
const NAME =
  /\p{Lu}[\p{Ll}'’-]+(?: (?:de|van|von|der|la|le|bin|al))* \p{Lu}[\p{L}'’.-]+|\p{Ll},? \p{Lu}\p{Ll}+/u
const PLACE =
  /(?<!\p{L})(?:in|at|near|from|of|to|on|im|aus|bei|à|en|dans) (?:the |la |le |los |las )?\p{Lu}\p{L}+/u

const HAS: Readonly<Record<AnswerType, RegExp>> = { person: NAME, time: TIME, number: NUMBER, place: PLACE }

/** Null where the question does not tell. */
export function answerType(question: string): AnswerType | null {
  return QUESTIONS.find(([, shape]) => shape.test(question))?.[0] ?? null
}

/** For people: what a question of the type asks for. */
export const ASKS_FOR: Readonly<Record<AnswerType, string>> = {
  person: 'a name',
  time: 'a time',
  number: 'a number',
  place: 'a place',
}

/** More lenient than `hasAnswerOf`, to say that something is missing: a time may be a number, a name or place any capital letter. */
export function mayAnswer(type: AnswerType, sentence: string): boolean {
  if (hasAnswerOf(type, sentence)) return true
  // Scripts without capitals, and words for numbers and times that are not known here.
  if (/[\p{Lo}]/u.test(sentence)) return true
  if (type === 'time') return NUMBER.test(sentence)
  return type !== 'number' && /\p{Ll}\P{L}+\p{Lu}/u.test(sentence)
}

export function hasAnswerOf(type: AnswerType, sentence: string): boolean {
  return HAS[type].test(sentence)
}
