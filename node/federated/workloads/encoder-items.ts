/** The texts that encoders are compared by, as scorers hold them: `<split>.items` in a directory. Run in worker threads. */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { encodeItems, readItems } from '../../compute/evaluate/items.ts'
import { SENTENCE_GROUPS } from '../../compute/evaluate/sentences.ts'
import { readRows } from '../../compute/evaluate/suite-data.ts'
import { VillageError } from '../../errors.ts'
import { contentShare, splitOf } from './item-sets.ts'
import type { ItemCounts } from './task-items.ts'
import type { ItemSplit } from './workload.ts'

export interface EncoderItemsRequest {
  /** JSON lines with a `text` each, on this machine; null takes the project's own sentences. */
  readonly path: string | null
  readonly finalShare: number
  readonly selectionItems: number
  readonly validationItems: number
  readonly finalItems: number
  readonly outDir: string
}

const fileOf = (directory: string, split: ItemSplit) => path.join(directory, `${split}.items`)

/** Throws INVALID_ARGUMENT where a split has none, EVALUATION_DATA_INVALID for what is no data. */
export function writeEncoderItems(request: EncoderItemsRequest): ItemCounts {
  const given =
    request.path === null ? SENTENCE_GROUPS.flat() : readRows(request.path, (row) => row.text('text'))
  const texts = [...new Set(given)].sort((a, b) => contentShare(a) - contentShare(b) || (a < b ? -1 : 1))
  mkdirSync(request.outDir, { recursive: true })
  const write = (split: ItemSplit): number[] => {
    const own = texts
      .filter((text) => splitOf(text, request.finalShare) === split)
      .slice(0, request[`${split}Items`])
    if (own.length === 0 && split === 'validation') return [0]
    if (own.length === 0)
      throw new VillageError('INVALID_ARGUMENT', `There are too few texts for a ${split} set`, {
        fields: { argument: 'data', texts: texts.length },
      })
    const items = own.map((text) => ({ prefix: '', item: { type: 'embed' as const, text } }))
    writeFileSync(fileOf(request.outDir, split), encodeItems(items))
    return [own.length]
  }
  return { selection: write('selection'), validation: write('validation'), final: write('final') }
}

/** Texts of a split; the list comes from a peer: throws EVALUATION_ITEMS_MALFORMED. */
export function readEmbedItems(directory: string, split: ItemSplit, count: number): string[] {
  return readItems(fileOf(directory, split), 0, count).map((item) => {
    if (item.type === 'embed') return item.text
    throw new VillageError('EVALUATION_ITEMS_MALFORMED', 'The list of texts has items of another type')
  })
}
