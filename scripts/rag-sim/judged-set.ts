/** What is searched: documents with queries and judgements, from a folder in BEIR's layout or made up. */
import { createHash } from 'node:crypto'
import {
  judgedFiles,
  readJudgedDocuments,
  readJudgedQueries,
} from '../../node/compute/evaluate/judged-collection.ts'
import { seededRandom } from '../../node/compute/evaluate/seeded-random.ts'

export interface JudgedText {
  /** 32 hexadecimal digits. */
  readonly id: string
  readonly title: string
  readonly text: string
}

export interface JudgedQuestion {
  readonly text: string
  /** Gains by id of the document. */
  readonly relevant: ReadonlyMap<string, number>
}

export interface JudgedSet {
  readonly name: string
  readonly documents: readonly JudgedText[]
  readonly queries: readonly JudgedQuestion[]
}

/** Throws FILE_UNREADABLE, EVALUATION_DATA_INVALID. */
export function loadJudgedSet(directory: string, name: string): JudgedSet {
  const files = judgedFiles(directory, { needsCorpus: true })
  const documents = readJudgedDocuments(files.corpus)
  const known = new Set(documents.map(({ id }) => id))
  return {
    name,
    documents: documents.map(({ id, title, text }) => ({ id: documentId(id), title, text })),
    queries: readJudgedQueries(files, (id) => known.has(id)).map(({ text, relevant }) => ({
      text,
      relevant: new Map([...relevant].map(([id, gain]) => [documentId(id), gain])),
    })),
  }
}

const TOPIC_WORDS = 400
const COMMON_WORDS = 1_500
const WORDS_BY_TEXT = 90
/** A query has this many words of its document: half of them of the topic. */
const WORDS_BY_QUERY = 6

/**
 * Texts about topics, whose words follow Zipf's law, and queries that are words of one text, which is what they look for. Found is
 * it only where its rare words are not drowned by the topic.
 */
export function generateJudgedSet(init: {
  documents: number
  topics: number
  queries: number
  seed: number
}): JudgedSet {
  const random = seededRandom(init.seed)
  const zipf = (count: number) => Math.floor(count ** random()) - 1
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const texts = Array.from({ length: init.documents }, (_, at) => {
    const topic = at % init.topics
    const ofTopic = () => `t${topic}w${zipf(TOPIC_WORDS)}`
    const words = Array.from({ length: WORDS_BY_TEXT }, () =>
      random() < 0.3 ? ofTopic() : `c${zipf(COMMON_WORDS)}`,
    )
    return { id: documentId(`generated ${at}`), title: ofTopic(), words }
  })
  const queries = Array.from({ length: init.queries }, (): JudgedQuestion => {
    const { id, words } = pick(texts)
    const ofTopic = words.filter((word) => word.startsWith('t'))
    const chosen = Array.from({ length: WORDS_BY_QUERY }, (_, at) =>
      pick(at % 2 === 0 && ofTopic.length > 0 ? ofTopic : words),
    )
    return { text: chosen.join(' '), relevant: new Map([[id, 1]]) }
  })
  const documents = texts.map(({ id, title, words }) => ({ id, title, text: words.join(' ') }))
  return { name: 'generated', documents, queries }
}

const documentId = (name: string) => createHash('sha256').update(name).digest('hex').slice(0, 32)
