/**
 * The project's own docs as a real index, and questions about them (test/vectors/answers/docs-questions.json): `answered` by a passage that
 * has a known text, `near miss` (of the project's matters, answered nowhere), `other subject`. Half are `tuned`: the confidence was fitted on
 * them; the `held-out` ones are only measured.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Chunk } from '../../node/agents/rag/document.ts'
import { chunkDocument } from '../../node/agents/rag/ingest/chunk.ts'
import { DEFAULT_PARSE_LIMITS } from '../../node/agents/rag/ingest/formats/format.ts'
import { parseMarkdown } from '../../node/agents/rag/ingest/formats/markdown.ts'
import type { SearchBackend } from '../../node/agents/rag/search-types.ts'
import type { EmbedTexts } from './answer-collections.ts'
import { openIndexed } from './indexed-collection.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const QUESTIONS = path.join(ROOT, 'test/vectors/answers/docs-questions.json')

export interface DocsQuestion {
  readonly kind: 'answered' | 'near miss' | 'other subject'
  readonly split: 'tuned' | 'held-out'
  readonly question: string
  /** Of `answered`: pages with the text that answers, and that text as it stands in the Markdown. */
  readonly sources?: readonly string[]
  readonly answer?: string
}

export interface DocsCollection {
  readonly name: string
  readonly questions: readonly DocsQuestion[]
  readonly chunks: number
  readonly pages: readonly string[]
  readonly backend: SearchBackend
  only(pages: readonly string[]): SearchBackend
  without(pages: readonly string[]): SearchBackend
  withoutPassages(answer: string): SearchBackend
  /** The document's whole text, for the offsets of citations. */
  textOf(page: string): string
  close(): void
}

export const docsQuestions = (): DocsQuestion[] =>
  JSON.parse(readFileSync(QUESTIONS, 'utf8')) as DocsQuestion[]

/** Words and figures alone: ingest drops the marks of Markdown. */
const plain = (text: string): string =>
  text
    .replace(/\]\([^)]*\)/g, ' ')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()

export const holdsAnswer = (text: string, answer: string): boolean => plain(text).includes(plain(answer))

export function docsPages() {
  return readdirSync(path.join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file.split(path.sep).join('/')}`)
    .sort()
    .map((source) => {
      const parsed = parseMarkdown(readFileSync(path.join(ROOT, source)), {
        extension: '.md',
        stem: path.basename(source, '.md'),
        limits: DEFAULT_PARSE_LIMITS,
      })
      const id = createHash('sha256').update(source).digest('hex').slice(0, 32)
      const mediaType = 'text/markdown'
      const chunks = chunkDocument(id, { ...parsed, language: 'en', mediaType })
      const text = parsed.blocks.map((block) => block.text).join('\n\n')
      return { id, source, title: parsed.title, mediaType, chunks, text }
    })
}

export async function openDocsCollection(embed: EmbedTexts): Promise<DocsCollection> {
  const pages = docsPages()
  const texts = pages.flatMap(({ chunks }) =>
    chunks.map(({ title, headings, text }) => [title, ...headings, text].join('\n')),
  )
  const { dims, vectors } = await embed(texts)
  let at = 0
  const documents = pages.map(({ id, source, title, mediaType, chunks }) => {
    const from = at
    at += chunks.length
    return {
      record: {
        ...{ id, source, title, mediaType, language: 'en', contentHash: '0'.repeat(64) },
        ...{ sizeBytes: 1, modifiedAtMs: 0, fields: {} },
      },
      chunks,
      vectors: vectors.slice(from * dims, at * dims),
    }
  })
  const { chunks, backend, keeping, close } = openIndexed('docs', documents, dims)
  const idsOf = (sources: readonly string[]) =>
    new Set(pages.filter(({ source }) => sources.includes(source)).map(({ id }) => id))
  return {
    name: 'docs',
    questions: docsQuestions(),
    chunks,
    backend,
    pages: pages.map(({ source }) => source),
    only(sources) {
      const ids = idsOf(sources)
      return keeping(({ document }: Chunk) => ids.has(document))
    },
    without(sources) {
      const ids = idsOf(sources)
      return keeping(({ document }) => !ids.has(document))
    },
    withoutPassages: (answer) => keeping(({ text }) => !holdsAnswer(text, answer)),
    textOf: (page) => pages.find(({ source }) => source === page)?.text ?? '',
    close,
  }
}
