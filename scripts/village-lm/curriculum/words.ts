/** Words that several domains share. Short and common, so that the tokenizer makes one token of most of them. */

/** People of the word problems and stories (the people of the world of facts are others: see world.ts). */
export const PEOPLE = [
  'Anna',
  'Ben',
  'Clara',
  'David',
  'Emma',
  'Finn',
  'Grace',
  'Hugo',
  'Ida',
  'Jonas',
] as const

export const OBJECTS = [
  'apples',
  'pears',
  'plums',
  'nuts',
  'eggs',
  'books',
  'coins',
  'shells',
  'stones',
  'cards',
  'pens',
  'stamps',
] as const
