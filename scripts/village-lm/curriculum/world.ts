/**
 * A small invented world: people with a home, a trade, an animal, a meal and a colour. Everything that the specialist
 * for facts knows is here. The assignment is drawn once from a fixed seed that belongs to the world, not to a training
 * run: another seed would be another world, with other answers.
 */
import { drawFor } from './item.ts'

const WORLD_SEED = 1

export const NAMES = [
  'Abel', 'Brit', 'Cato', 'Dora', 'Egon', 'Fay', 'Gero', 'Hedy', 'Ivo', 'Jette', 'Kuno', 'Lena',
  'Milo', 'Nora', 'Otto', 'Pia', 'Quint', 'Rosa', 'Sven', 'Tilda', 'Udo', 'Vera', 'Wim', 'Xenia',
  'Yann', 'Zita', 'Arno', 'Bea', 'Cleo', 'Dirk', 'Elsa', 'Falk',
] as const // biome-ignore format: four lines say it better than thirty-two

export interface Attribute {
  readonly name: 'home' | 'trade' | 'animal' | 'meal' | 'colour'
  readonly values: readonly string[]
  /** Statements and questions with `P` for the person and `V` for the value. */
  readonly statements: readonly string[]
  readonly questions: readonly string[]
}

export const ATTRIBUTES: readonly Attribute[] = [
  {
    name: 'home',
    values: ['mill', 'tower', 'harbour', 'castle', 'farm', 'forest', 'valley', 'island'],
    statements: ['P lives in the V.', 'The home of P is the V.', 'You find P in the V.'],
    questions: ['Where does P live?', 'What is the home of P?', 'In which place do you find P?'],
  },
  {
    name: 'trade',
    values: ['baker', 'smith', 'teacher', 'sailor', 'doctor', 'weaver', 'painter', 'miller'],
    statements: ['P works as a V.', 'The trade of P is that of a V.', 'P earns a living as a V.'],
    questions: ['What does P work as?', 'What is the trade of P?', 'How does P earn a living?'],
  },
  {
    name: 'animal',
    values: ['cat', 'dog', 'goat', 'horse', 'goose', 'rabbit', 'donkey', 'parrot'],
    statements: ['P keeps a V.', 'The animal of P is a V.', 'P goes for walks with a V.'],
    questions: ['Which animal does P keep?', 'What is the animal of P?', 'What does P go for walks with?'],
  },
  {
    name: 'meal',
    values: ['soup', 'bread', 'cheese', 'rice', 'fish', 'beans', 'cake', 'porridge'],
    statements: ['P likes to eat V.', 'The favourite meal of P is V.', 'For dinner P has V.'],
    questions: [
      'What does P like to eat?',
      'What is the favourite meal of P?',
      'What does P have for dinner?',
    ],
  },
  {
    name: 'colour',
    values: ['red', 'blue', 'green', 'yellow', 'white', 'black', 'brown', 'grey'],
    statements: ['P wears V.', 'The favourite colour of P is V.', 'The door of P is painted V.'],
    questions: [
      'Which colour does P wear?',
      'What is the favourite colour of P?',
      'In what colour is the door of P painted?',
    ],
  },
]

export interface Fact {
  readonly person: string
  readonly attribute: Attribute
  readonly value: string
}

/** Every fact of the world, in a fixed order: 32 people by 5 attributes. */
export const FACTS: readonly Fact[] = NAMES.flatMap((person, index) => {
  const draw = drawFor(WORLD_SEED, 'world', index)
  return ATTRIBUTES.map((attribute) => ({ person, attribute, value: draw.pick(attribute.values) }))
})

export function factsOf(person: string): readonly Fact[] {
  return FACTS.filter((fact) => fact.person === person)
}

export function fill(template: string, fact: Fact): string {
  return template.replaceAll(/\b[PV]\b/g, (letter) => (letter === 'P' ? fact.person : fact.value))
}
