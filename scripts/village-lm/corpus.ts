/**
 * The training text of a model: documents of several sources in given shares, in an order that a seed decides. Pure by
 * (seed, number).
 */
import { DOMAINS } from './curriculum/domains.ts'
import { type Document, drawFor } from './curriculum/item.ts'
import { plainText } from './curriculum/sentences.ts'

/** A domain's questions, what supports them, drill, or plain sentences. */
export type Source = 'plain' | `${string} questions` | `${string} support` | `${string} drill`

export interface MixPart {
  readonly source: Source
  /** Share of the documents, relative to the other parts. */
  readonly weight: number
}

type Maker = (seed: number, index: number) => Document

function makerOf(source: Source): Maker {
  if (source === 'plain') return (seed, index) => ({ prompt: '', text: plainText(seed, index) })
  const [name, kind] = source.split(' ')
  const domain = DOMAINS.find((one) => one.name === name)
  if (domain === undefined) throw new Error(`there is no domain ${name}`)
  if (kind === 'questions')
    return (seed, index) => {
      const { prompt, completion } = domain.item(seed, 'train', index)
      return { prompt, text: completion }
    }
  const make = kind === 'support' ? domain.support : domain.drill
  if (make === undefined) throw new Error(`the domain ${name} has no ${kind}`)
  return make
}

/** `count` documents. The same seed and mix give the same text on every machine. */
export function* documents(init: {
  mix: readonly MixPart[]
  count: number
  seed: number
}): Generator<Document> {
  const { mix, count, seed } = init
  const parts = mix.map(({ source, weight }) => ({ make: makerOf(source), weight }))
  const total = parts.reduce((sum, { weight }) => sum + weight, 0)
  for (let index = 0; index < count; index++) {
    let place = drawFor(seed, 'mix', index).integer(0, total - 1)
    const part = parts.find(({ weight }) => {
      place -= weight
      return place < 0
    })
    yield part!.make(seed, index)
  }
}
