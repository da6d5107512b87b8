/**
 * How far a sentence has the form of an answer: a number with a unit where a size or a duration is asked for, a reason where the question asks
 * why. Graded, where `hasAnswerOf` says yes or no: what lacks the form is less likely to answer, not unable to.
 */
import { type AnswerType, answerType, hasAnswerOf } from './answer-type.ts'

/** 0 to 1. */
export type AnswerFit = (sentence: string) => number

const words = (alternatives: string): RegExp => new RegExp(`(?<!\\p{L})(?:${alternatives})(?!\\p{L})`, 'iu')

const HOW_OFTEN = words('how (?:often|frequently)|wie oft|combien de fois|cada cuánto')
const FREQUENCY =
  /(?<!\p{L})(?:every|each|once|twice|daily|weekly|monthly|hourly|yearly|annually|times|never|always|jede[rns]?|chaque|cada)(?!\p{L})|\p{L} an? (?:second|minute|hour|day|week|month|year)(?!\p{L})/iu

const MEASURED = words(
  'how (?:far|tall|high|deep|large|big|small|fast|slow|heavy|wide|broad|thick|hot|cold|long|old|much|soon)|wie (?:alt|lang|weit|hoch|tief|groß|schnell|schwer)|' +
    '(?:what|which)(?: (?:is|are|was|were))?(?: (?:the|its|an?))?(?: [\\p{L}-]+){0,2} ' +
    '(?:size|length|width|height|depth|weight|limit|time-?out|deadline|interval|duration|rate|threshold|percentage|' +
    'proportion|fraction|temperature|speed|age|distance|price|cost|population|capacity|area)s?',
)
/** Behind a figure, or alone in a cell of a table. */
const SHORT_UNIT = '%|°|€|[mµn]?s|min|h|[kcm]?m|k?g|[kKMGT]i?B'
/** Behind a word for a figure as well. */
const LONG_UNIT =
  'bytes?|bits?|words|characters|seconds?|minutes?|hours?|days?|weeks?|months?|years?|metres?|meters?|' +
  'kilomet(?:re|er)s?|miles?|feet|kilograms?|tons?|tonnes?|lit(?:re|er)s?|degrees?|pence|euros?|dollars?|pounds?|Jahren?|Tagen?|Stunden?|Minuten'
const UNIT = new RegExp(
  `\\p{Nd}[ -]?(?:${SHORT_UNIT})(?!\\p{L})|[\\p{Nd}\\p{L}][ -](?:${LONG_UNIT})(?!\\p{L})|[$€£] ?\\p{Nd}|\\| (?:${SHORT_UNIT}|${LONG_UNIT}) \\|`,
  'u',
)

/** Of what is always so, a condition is the answer: `it goes when another needs its room`. */
const WHEN_NOW = /(?<!\p{L})when (?:is|are|does|do|can|may|must|should|will|has|have)(?!\p{L})/iu
const OCCASION = words('when(?:ever)?|after|before|once|until|while|as soon as|if|every|at the (?:end|start)')
/** `Who may …` asks for a role, not a name. */
const WHO_MAY = /(?<!\p{L})who (?:may|can|must|should|could|might)(?!\p{L})/iu
const WHY = words('why|for what reason|warum|weshalb|wieso|pourquoi|perché|por qué')
const REASON = words(
  'because|since|so that|otherwise|therefore|thus|hence|lest|due to|in order to|weil|denn|damit|deshalb|car|parce|afin|porque|perché',
)
const PATH = /[\w.~-]+\/[\w.-]+|(?<![\p{L}\p{N}])[\p{L}_][\w-]*\.[a-z][a-z0-9]{1,5}(?![\p{L}\p{N}])/u
const WHICH_FILE = words('(?:which|what) (?:file|folder|director(?:y|ies)|path)s?')

const BARE = 0.75
const NO_REASON = 0.4
const NO_PATH = 0.4

const graded = (shape: RegExp, otherwise: number): AnswerFit => {
  return (sentence) => (shape.test(sentence) ? 1 : otherwise)
}

function typedFit(type: AnswerType, question: string): AnswerFit {
  const typed = (sentence: string): boolean => hasAnswerOf(type, sentence)
  if (type === 'number' && HOW_OFTEN.test(question))
    return (sentence) => (FREQUENCY.test(sentence) ? 1 : typed(sentence) ? BARE : 0)
  if (type === 'number' && MEASURED.test(question))
    return (sentence) => (!typed(sentence) ? 0 : UNIT.test(sentence) ? 1 : BARE)
  if (type === 'time' && WHEN_NOW.test(question))
    return (sentence) => (typed(sentence) || OCCASION.test(sentence) ? 1 : 0)
  if (type === 'place') return (sentence) => (typed(sentence) || PATH.test(sentence) ? 1 : 0)
  if (type === 'person' && WHO_MAY.test(question)) return () => 1
  return (sentence) => (typed(sentence) ? 1 : 0)
}

/** Where the question does not tell, every sentence fits as well as any other. */
export function answerFit(question: string): AnswerFit {
  const type = answerType(question) ?? (MEASURED.test(question) ? 'number' : null)
  if (type !== null) return typedFit(type, question)
  if (WHY.test(question)) return graded(REASON, NO_REASON)
  if (WHICH_FILE.test(question)) return graded(PATH, NO_PATH)
  return () => 1
}
