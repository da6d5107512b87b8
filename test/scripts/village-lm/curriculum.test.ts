import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { suite, test } from 'uvu'
import * as assert from 'uvu/assert'
import { documents } from '../../../scripts/village-lm/corpus.ts'
import { contentOf } from '../../../scripts/village-lm/curriculum/arithmetic.ts'
import { DOMAINS } from '../../../scripts/village-lm/curriculum/domains.ts'
import { drawFor, isHeldOut, type Split, type TaskItem } from '../../../scripts/village-lm/curriculum/item.ts'
import { plainText } from '../../../scripts/village-lm/curriculum/sentences.ts'
import { FACTS, fill } from '../../../scripts/village-lm/curriculum/world.ts'
import { RECIPES } from '../../../scripts/village-lm/recipes.ts'
import { heldOutItems } from '../../../scripts/village-lm/suites.ts'

/** What a question asks, read from its text alone: the contents that must not be on both sides of the split. */
const CONTENTS: Readonly<Record<string, (item: TaskItem) => string[]>> = {
  arithmetic: ({ completion }) => steps(completion).flatMap((step) => contentOf(step) ?? []),
  facts: ({ prompt }) => [prompt.split('\n')[0]!],
  strings: ({ prompt }) => [/: ([a-z](?: [a-z])*)\n/.exec(prompt)![1]!],
}

/** The right answer, worked out anew from the question's text. */
const ORACLES: Readonly<Record<string, (item: TaskItem) => string>> = {
  arithmetic({ prompt, completion }) {
    const given = [...prompt.matchAll(/\d+/g)].map(([digits]) => Number(digits))
    let result = given[0]!
    for (const [index, { left, operator, right }] of steps(completion).entries()) {
      assert.equal([left, right], [result, given[index + 1]!], prompt)
      result = operator === '+' ? left + right : operator === '-' ? left - right : left * right
    }
    assert.is(given.length, steps(completion).length + 1)
    return String(result)
  },
  facts({ prompt, choices }) {
    const [asked, ...lines] = prompt.split('\n')
    const fact = FACTS.find(({ attribute, ...rest }) =>
      attribute.questions.some((question) => `Question: ${fill(question, { attribute, ...rest })}` === asked),
    )!
    assert.equal(
      lines.slice(0, -1).map((line) => line.slice(2)),
      choices,
    )
    assert.is(new Set(choices).size, 4)
    assert.ok(choices!.includes(` ${fact.value}`))
    return fact.value
  },
  strings({ prompt, group }) {
    const [, asked, spelt] = /Question: (.*): (.*)\n/.exec(prompt)!
    const letters = spelt!.split(' ')
    const one = / ([a-z])( in)?$/.exec(asked!)?.[1] ?? ''
    const count = letters.reduce((sum, letter) => sum + Number(letter === one), 0)
    const answers: Record<string, string> = {
      reverse: [...letters].reverse().join(' '),
      'first letter': spelt![0]!,
      'last letter': spelt!.at(-1)!,
      'upper case': spelt!.toUpperCase(),
      sort: [...letters].sort().join(' '),
      repeat: `${spelt} ${spelt}`,
      length: String(letters.length),
      count: String(count),
      contains: count > 0 ? 'yes' : 'no',
    }
    return answers[group]!
  },
}

const whole = ({ prompt, text }: { prompt: string; text: string }) => prompt + text

function steps(completion: string) {
  return [...completion.matchAll(/(\d+) ([-+*]) (\d+) = \d+/g)].map(([, left, operator, right]) => ({
    left: Number(left),
    operator: operator as '+' | '-' | '*',
    right: Number(right),
  }))
}

const everyItem = fc.record({ seed: fc.nat(), index: fc.nat(), domain: fc.constantFrom(...DOMAINS) })

test('every answer is what its question asks for, on both sides of the split', () => {
  fc.assert(
    fc.property(everyItem, fc.constantFrom<Split>('train', 'held-out'), ({ seed, index, domain }, split) => {
      const item = domain.item(seed, split, index)
      assert.is(item.answer, ORACLES[domain.name]!(item), item.prompt + item.completion)
      assert.ok(item.prompt.endsWith('\nAnswer:'))
      assert.ok(item.completion.startsWith(' ') && item.completion.endsWith(item.answer))
      assert.equal(domain.item(seed, split, index), item)
    }),
    { numRuns: 600 },
  )
})

for (const domain of DOMAINS)
  test(`${domain.name}: no held-out content is in the training text of any seed`, () => {
    const contents = CONTENTS[domain.name]!
    const trained = new Set<string>()
    const trainedPrompts = new Set<string>()
    for (let index = 0; index < 6000; index++) {
      const item = domain.item(index % 7, 'train', index)
      trainedPrompts.add(item.prompt)
      for (const content of contents(item)) trained.add(content)
      if (domain.name === 'arithmetic')
        for (const make of [domain.support!, domain.drill!])
          for (const step of steps(whole(make(index % 7, index)))) trained.add(contentOf(step) ?? '')
    }
    const items = heldOutItems(domain)
    assert.is(items.length, 500)
    for (const item of items) {
      assert.not(trainedPrompts.has(item.prompt))
      // At least one of an item's contents is new, for all but arithmetic its only one.
      assert.ok(
        contents(item).some((content) => !trained.has(content)),
        item.prompt,
      )
    }
  })

test('a content belongs to one side by its hash, one in eight to the held-out one', () => {
  const held = Array.from({ length: 8000 }, (_, index) => isHeldOut(`content ${index}`)).filter(
    Boolean,
  ).length
  assert.ok(held > 850 && held < 1150, String(held))
})

test('integers are within their bounds and shuffles keep all', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: -50, max: 50 }), fc.nat(100), (seed, low, span) => {
      const draw = drawFor(seed, 'bounds', 0)
      const drawn = draw.integer(low, low + span)
      assert.ok(drawn >= low && drawn <= low + span)
      const list = Array.from({ length: span }, (_, index) => index)
      assert.equal(
        draw.shuffle(list).sort((a, b) => a - b),
        list,
      )
    }),
  )
})

test('stories keep their hero, and the verb agrees with its head', () => {
  for (let index = 0; index < 400; index++) {
    const text = plainText(5, index)
    const hero = /(?:named|Its name was) (\w+)\./.exec(text)?.[1]
    if (hero !== undefined) assert.ok(text.split(hero).length > 3, text)
    if (/^(This|One) /.test(text))
      assert.match(text, /^(This|One) (\w+ )?(bird|child|farmer|mouse|woman|boy|girl|man)\b/)
  }
})

const golden = suite('the text of every recipe')
for (const recipe of RECIPES)
  golden(`${recipe.name} is the same on every machine`, () => {
    const hash = createHash('sha256')
    for (const document of documents({ mix: recipe.mix, count: 300, seed: recipe.seed }))
      hash.update(JSON.stringify(document))
    assert.is(hash.digest('hex').slice(0, 16), GOLDEN[recipe.name])
  })
const GOLDEN: Readonly<Record<string, string>> = {
  base: '047ced485ad0abc2',
  arithmetic: 'df545c462e0a2e14',
  facts: '16109da97492a421',
  strings: 'f70cca8b06327db0',
}

test.run()
golden.run()
