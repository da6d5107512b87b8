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
  '\\p{Nd}[\\p{Nd}.,]*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred|thousand|' +
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

export function hasAnswerOf(type: AnswerType, sentence: string): boolean {
  return HAS[type].test(sentence)
}
