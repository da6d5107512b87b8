/** A small judged collection in BEIR's layout, with a query for each document and one that nobody judged. */
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'

const TOPICS = [
  'anchors',
  'bridges',
  'cellars',
  'drains',
  'embers',
  'ferries',
  'gutters',
  'hinges',
  'inlets',
  'jetties',
  'kilns',
  'ladders',
]

export const JUDGED_QUERIES = TOPICS.length

/** `text` of a document holds its topic; its title does not. */
export async function writeJudgedFolder(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
  const documents = TOPICS.flatMap((topic, at) => [
    { _id: `d${at}`, title: `Note ${at}`, text: `All about ${topic} and how they are kept in order.` },
    { _id: `x${at}`, title: '', text: `Something else is kept here, number ${at}.` },
  ])
  const queries = [
    ...TOPICS.map((topic, at) => ({ _id: `q${at}`, text: `how are ${topic} kept` })),
    { _id: 'none', text: 'what' },
  ]
  await writeFile(path.join(directory, 'corpus.jsonl'), lines(documents))
  await writeFile(path.join(directory, 'queries.jsonl'), lines(queries))
  const rows = TOPICS.map((_, at) => `q${at}\td${at}\t1`)
  await writeFile(path.join(directory, 'qrels.tsv'), ['query-id\tcorpus-id\tscore', ...rows, ''].join('\n'))
}
