/**
 * Operations on short words that are spelt with spaces, so that the model meets each letter as a token of its own.
 * Split by word: a held-out word (or for a list its content as a whole) occurs in no question of training.
 */
import {
  type Domain,
  type Draw,
  drawFor,
  drawForSplit,
  isHeldOut,
  type Split,
  type TaskItem,
} from './item.ts'

const CONSONANTS = 'bcdfghjklmnprstvwz'
const VOWELS = 'aeiou'

/** A word that can be spoken: consonants and vowels in turn, sometimes one twice. Of 3 to 6 letters. */
function word(draw: Draw): string {
  const length = draw.integer(3, 6)
  let vowelNext = draw.chance(0.4)
  let letters = ''
  while (letters.length < length) {
    letters += draw.pick([...(vowelNext ? VOWELS : CONSONANTS)])
    if (!draw.chance(0.15)) vowelNext = !vowelNext
  }
  return letters
}

const spelt = (letters: string | readonly string[]) => [...letters].join(' ')

interface Operation {
  readonly name: string
  make(draw: Draw): { question: string; answer: string; content: string }
}

/** An operation on one word: its question ends with `W` for the spelt word. */
function onWord(name: string, questions: readonly string[], apply: (letters: string[]) => string): Operation {
  return {
    name,
    make(draw) {
      const letters = word(draw)
      const question = draw.pick(questions).replace(/W$/, spelt(letters))
      return { question, answer: apply([...letters]), content: letters }
    },
  }
}

export const OPERATIONS: readonly Operation[] = [
  onWord('reverse', ['Reverse: W', 'Say backwards: W'], (letters) => spelt(letters.reverse())),
  onWord('first letter', ['What is the first letter of: W', 'How does it begin: W'], ([first]) => first!),
  onWord(
    'last letter',
    ['What is the last letter of: W', 'How does it end: W'],
    (letters) => letters.at(-1)!,
  ),
  onWord('upper case', ['Write in capitals: W', 'In upper case: W'], (letters) =>
    spelt(letters).toUpperCase(),
  ),
  onWord('sort', ['Sort the letters: W', 'In order of the alphabet: W'], (letters) => spelt(letters.sort())),
  onWord('repeat', ['Write twice: W', 'Repeat: W'], (letters) => spelt([...letters, ...letters])),
  onWord('length', ['How many letters: W', 'How long is it: W'], (letters) => String(letters.length)),
  {
    name: 'count',
    make(draw) {
      // Three letters in all, so that one count is about as frequent as another.
      const few = draw.shuffle([...CONSONANTS, ...VOWELS]).slice(0, 3)
      const letters = Array.from({ length: draw.integer(3, 6) }, () => draw.pick(few)).join('')
      const one = draw.pick(few)
      const count = [...letters].filter((letter) => letter === one).length
      const question = draw.pick([
        `How often is ${one} in: ${spelt(letters)}`,
        `Count ${one} in: ${spelt(letters)}`,
      ])
      return { question, answer: String(count), content: letters }
    },
  },
  {
    name: 'contains',
    make(draw) {
      const letters = word(draw)
      const one = draw.chance(0.5) ? draw.pick([...letters]) : draw.pick([...CONSONANTS, ...VOWELS])
      const question = draw.pick([
        `Is there ${one} in: ${spelt(letters)}`,
        `Does it have ${one}: ${spelt(letters)}`,
      ])
      return { question, answer: letters.includes(one) ? 'yes' : 'no', content: letters }
    },
  },
]

function item(seed: number, split: Split, index: number): TaskItem {
  const draw = drawFor(seed, `strings ${split}`, index)
  const operation = draw.pick(OPERATIONS)
  const { question, answer } = drawForSplit(
    split,
    () => operation.make(draw),
    (candidate) => isHeldOut(`word ${candidate.content}`),
  )
  return {
    prompt: `Question: ${question}\nAnswer:`,
    completion: ` ${answer}`,
    answer,
    group: operation.name,
  }
}

export const STRINGS: Domain = {
  name: 'strings',
  title: 'Operations on short words that are spelt letter by letter',
  heldOut: 'by word: no held-out word occurs in a question of training',
  item,
}
