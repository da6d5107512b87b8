import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPassageEmbedder, passageWindows } from '../../../../node/agents/rag/vectors/embed-passages.ts'

const test = suite('vectors of passages')

/** An encoder that reads so many words; a vector counts a, b and c in them. */
function wordEncoder(maxTokens: number) {
  const seen: string[] = []
  const embed = async (texts: readonly string[]) => {
    seen.push(...texts)
    const words = texts.map((text) => text.split(/\s+/))
    const vectors = Float32Array.from(
      words.flatMap((list) =>
        ['a', 'b', 'c'].map((word) => list.slice(0, maxTokens).filter((one) => one === word).length),
      ),
    )
    return {
      dims: 3,
      vectors,
      tokens: Int32Array.from(words, (list) => Math.min(list.length, maxTokens)),
      truncated: Uint8Array.from(words, (list) => Number(list.length > maxTokens)),
    }
  }
  return { seen, embed }
}
test('a window has the headings above its beginning, not all of a passage', () => {
  const text = `${'one '.repeat(50)}\n\n${'two '.repeat(50)}`
  const sections = [
    { start: 0, page: 1, headings: [0] },
    { start: text.indexOf('two'), page: 2, headings: [1] },
  ]
  const windows = passageWindows({ title: 'T', headings: ['Spring', 'Winter'], text, sections }, 50)
  assert.equal(
    windows.map((window) => window.split('\n').slice(0, 2)),
    [
      ['T', 'Spring'],
      ['T', 'Winter'],
    ],
  )
})

const passage = (text: string, title = '', headings: string[] = []) => ({ title, headings, text })
const rounded = (vectors: Float32Array) =>
  Array.from(vectors, (value) => Math.round(value ** 2 * 1000) / 1000)

test('the end of a passage counts as much as its beginning', async () => {
  const { seen, embed } = wordEncoder(100)
  const { dims, vectors } = await createPassageEmbedder(embed)([
    passage(`${'a '.repeat(57)}${'b '.repeat(57)}`, 'Title', ['Title', 'Part']),
    passage('c'),
    passage(''),
  ])
  assert.is(dims, 3)
  assert.equal(rounded(vectors), [0.5, 0.5, 0, 0, 0, 1, 0, 0, 0])
  const [, first, second] = seen
  assert.is(first, `Title\nPart\n${'a '.repeat(57).trim()}`)
  assert.is(second, `Title\nPart\n${'b '.repeat(57).trim()}`)
})

test('an encoder that reads it whole gets it whole, and is asked once how much it reads', async () => {
  const { seen, embed } = wordEncoder(1000)
  const passages = createPassageEmbedder(embed)
  await passages([passage('a '.repeat(220))])
  await passages([passage('b '.repeat(220))])
  assert.is(seen.length, 3)
})

test('windows cover a text, are about equally long, and are few', () => {
  for (const count of [1, 72, 73, 145, 5000]) {
    const words = Array.from({ length: count }, (_, at) => `w${at}`)
    const windows = passageWindows(passage(words.join('\n')), 72)
    assert.equal(windows.join('\n').split('\n'), words)
    const sizes = windows.map((window) => window.split('\n').length)
    assert.ok(windows.length <= 16 && Math.max(...sizes) - sizes[0]! <= 0)
  }
  const unspaced = passageWindows(passage('漢'.repeat(2000)), 72)
  assert.is(unspaced.join('').length, 2000)
  assert.ok(unspaced.length > 1)
})

test('short passages need no word with the encoder about its length', async () => {
  const { seen, embed } = wordEncoder(100)
  await createPassageEmbedder(embed)([passage('a'), passage('b '.repeat(40))])
  assert.is(seen.length, 2)
})

test('a failed encoder is asked again', async () => {
  let failures = 1
  const { embed } = wordEncoder(1000)
  const passages = createPassageEmbedder(async (texts) => {
    if (failures-- > 0) throw new Error('busy')
    return embed(texts)
  })
  const long = [passage('a '.repeat(50))]
  assert.is(await passages(long).catch(({ message }: Error) => message), 'busy')
  assert.equal(rounded((await passages(long)).vectors), [1, 0, 0])
})

test.run()
