/**
 * Plain sentences for fluency: a grammar with agreement of number, and little stories about an animal with a name, a
 * wish and a friend, whose things and places stay the same from the first sentence to the last.
 */
import { type Draw, drawFor } from './item.ts'
import { OBJECTS, PEOPLE } from './words.ts'

const ANIMALS = ['fox', 'bear', 'mouse', 'hare', 'bird', 'frog', 'hedgehog', 'squirrel'] as const
const ANIMAL_NAMES = ['Pim', 'Tato', 'Momo', 'Fips', 'Lulu', 'Bobo', 'Kiki', 'Nala'] as const
const MOODS = ['happy', 'sad', 'tired', 'hungry', 'brave', 'shy'] as const
const PLACES = ['wood', 'garden', 'river', 'hill', 'lake', 'field'] as const
const THINGS = ['ball', 'kite', 'drum', 'hat', 'boat', 'lamp', 'bell', 'key'] as const
const COLOURS = ['red', 'blue', 'green', 'yellow', 'white', 'black'] as const
const SIZES = ['big', 'small', 'old', 'new', 'round', 'long'] as const

const NOUNS = [
  ['bird', 'birds'],
  ['child', 'children'],
  ['farmer', 'farmers'],
  ['mouse', 'mice'],
  ['woman', 'women'],
  ['boy', 'boys'],
  ['girl', 'girls'],
  ['man', 'men'],
] as const
const VERBS = [
  ['sees', 'see'],
  ['follows', 'follow'],
  ['likes', 'like'],
  ['helps', 'help'],
  ['hears', 'hear'],
  ['finds', 'find'],
] as const
const INTRANSITIVE = [
  ['sings', 'sing'],
  ['sleeps', 'sleep'],
  ['runs', 'run'],
  ['laughs', 'laugh'],
  ['waits', 'wait'],
] as const

/** A noun phrase, and whether it is plural: the verb must agree with its head, not with the nearest noun. */
function nounPhrase(draw: Draw, deep = true): { words: string; plural: 0 | 1 } {
  const plural = draw.integer(0, 1) as 0 | 1
  const noun = draw.pick(NOUNS)[plural]
  const adjective = draw.chance(0.4) ? `${draw.pick(SIZES)} ` : ''
  const article = plural === 1 ? draw.pick(['the', 'many', 'two', 'some']) : draw.pick(['the', 'one', 'this'])
  const tail = deep && draw.chance(0.25) ? ` near ${nounPhrase(draw, false).words}` : ''
  return { words: `${article} ${adjective}${noun}${tail}`, plural }
}

export function sentence(draw: Draw): string {
  const subject = nounPhrase(draw)
  const words = draw.chance(0.5)
    ? `${subject.words} ${draw.pick(VERBS)[subject.plural]} ${nounPhrase(draw).words}`
    : `${subject.words} ${draw.pick(INTRANSITIVE)[subject.plural]} ${draw.pick(['in the', 'near the'])} ${draw.pick(PLACES)}`
  return `${words[0]!.toUpperCase()}${words.slice(1)}.`
}

export function story(draw: Draw): string {
  const [name, friend] = draw.shuffle(ANIMAL_NAMES)
  const [animal, other] = draw.shuffle(ANIMALS)
  const [place, away] = draw.shuffle(PLACES)
  const [before, after] = draw.pick([
    ['sad', 'happy'],
    ['shy', 'brave'],
    ['hungry', 'happy'],
  ] as const)
  const thing = `${draw.pick(COLOURS)} ${draw.pick(THINGS)}`
  const opening = draw.pick([
    `Once upon a time there was a ${animal} named ${name}.`,
    `There was once a little ${animal}. Its name was ${name}.`,
  ])
  const middle = draw.pick([
    `${name} had a ${thing}, but one day it was lost. ${name} was ${before}. ${friend} the ${other} looked for the ${thing} near the ${away} and found it.`,
    `${name} wanted a ${thing}. ${friend} the ${other} had a ${thing} and lived near the ${away}. ${name} was ${before}. Then ${friend} gave the ${thing} to ${name}.`,
    `One day ${name} went to the ${away} and met ${friend} the ${other}. ${friend} was ${before}. ${name} gave a ${thing} to ${friend}. Then ${friend} was ${after}.`,
  ])
  const end = draw.pick([
    `Now ${name} was ${after}, and they went back to the ${place} together.`,
    `${name} said thank you and took the ${thing} home to the ${place}.`,
    `From that day on ${name} and ${friend} were friends.`,
  ])
  return `${opening} ${name} lived near the ${place}. ${middle} ${end}`
}

/** A few sentences that describe one person's day, with things that are counted the same throughout. */
export function day(draw: Draw): string {
  const person = draw.pick(PEOPLE)
  const things = draw.pick(OBJECTS)
  const mood = draw.pick(MOODS)
  return `${person} was ${mood} today. In the morning ${person} took the ${things} to the ${draw.pick(PLACES)}. In the evening ${person} brought the ${things} home and was not ${mood} any more.`
}

/** One document of plain text: a story, a day, or some sentences of the grammar. */
export function plainText(seed: number, index: number): string {
  const draw = drawFor(seed, 'plain text', index)
  const kind = draw.integer(0, 3)
  if (kind < 2) return story(draw)
  if (kind === 2) return day(draw)
  return Array.from({ length: 4 }, () => sentence(draw)).join(' ')
}
