/** JSON Schemas of what search and answers take and give. */
import { SEARCH_MODES } from '../agents/rag/query/search-options.ts'
import type { JsonSchema } from './routes/route.ts'
import { amount, anyText, flag, integer, listOf, object, oneOf, orNull, text } from './schemas.ts'

export const MAX_QUERY_CHARACTERS = 10_000
const share: JsonSchema = { type: 'number', minimum: 0, maximum: 1 }

const FILTER_VALUE: JsonSchema = {
  anyOf: [{ type: 'string', maxLength: 1024 }, { type: 'number' }, { type: 'boolean' }],
}

/** What search and answers have in common. A filter is an object, or as people write it: `year>1990`. */
export const SCOPE_PROPERTIES = {
  collections: { type: 'array', items: text(256), minItems: 1, maxItems: 64 },
  local: flag,
  deadlineMs: integer(50, 30_000),
  mode: oneOf(...SEARCH_MODES),
  feedback: flag,
  filters: {
    type: 'array',
    items: {
      anyOf: [
        text(1200),
        object({
          field: text(64),
          test: oneOf('equals', 'not-equals', 'below', 'above', 'starts-with'),
          value: FILTER_VALUE,
        }),
      ],
    },
    maxItems: 32,
  },
  language: { type: 'string', pattern: '^[a-z]{2,3}$' },
  perDocument: integer(1, 100),
  weight: share,
} satisfies Record<string, JsonSchema>

export const MISSING = listOf(
  object({ collection: anyText, segments: integer(), chunks: integer(), reason: anyText }),
)
export const WARNINGS = listOf(object({ code: anyText, message: anyText }))

export const RECORD = object({
  id: anyText,
  source: anyText,
  title: orNull(anyText),
  language: orNull(anyText),
  mediaType: anyText,
  contentHash: anyText,
  sizeBytes: integer(),
  modifiedAtMs: amount,
  fields: {
    type: 'object',
    additionalProperties: { anyOf: [anyText, amount, flag] },
  },
})

const FIELD = orNull(oneOf('title', 'heading', 'body'))

const EXPLANATION = object({
  terms: listOf(
    object({
      term: anyText,
      field: FIELD,
      weight: amount,
      frequency: amount,
      documentFrequency: amount,
      idf: amount,
      contribution: amount,
    }),
  ),
  length: amount,
  averageLength: amount,
  normalisedLexical: orNull(amount),
  normalisedCosine: orNull(amount),
  weight: amount,
  isConsistent: orNull(flag),
})

const SNIPPET = object({
  text: anyText,
  highlights: listOf(object({ start: integer(), end: integer() })),
})

export const HIT = object({
  rank: integer(1),
  score: amount,
  wordsFound: integer(),
  wordsAsked: integer(),
  collection: anyText,
  vouchedBy: listOf(anyText),
  segment: anyText,
  chunk: integer(),
  document: anyText,
  record: RECORD,
  ordinal: integer(),
  title: anyText,
  headings: listOf(anyText),
  page: orNull(integer(1)),
  sections: listOf(object({ start: integer(), page: orNull(integer(1)), headings: listOf(anyText) })),
  language: orNull(anyText),
  start: integer(),
  end: integer(),
  text: anyText,
  snippet: SNIPPET,
  lexical: orNull(amount),
  cosine: orNull(amount),
  explain: orNull(EXPLANATION),
})

export const QUERY_TERMS = listOf(
  object({
    term: anyText,
    field: FIELD,
    weight: amount,
    documentFrequency: amount,
    idf: amount,
    isAdded: flag,
  }),
)

export const PASSAGE = object(
  {
    segment: anyText,
    chunk: integer(),
    document: anyText,
    ordinal: integer(),
    title: anyText,
    headings: listOf(anyText),
    text: anyText,
    page: orNull(integer(1)),
    sections: listOf(object({ start: integer(), page: orNull(integer(1)), headings: listOf(integer()) })),
    start: integer(),
    end: integer(),
    language: orNull(anyText),
    record: RECORD,
  },
  ['sections'],
)

export const ANSWER_PROPERTIES = {
  question: anyText,
  text: anyText,
  sentences: listOf(
    object({ text: anyText, citation: integer(1), score: amount, start: integer(), end: integer() }),
  ),
  sources: listOf(
    object({
      number: integer(1),
      collection: anyText,
      document: anyText,
      ordinal: integer(),
      segment: anyText,
      chunk: integer(),
      title: orNull(anyText),
      source: anyText,
      page: orNull(integer(1)),
      headings: listOf(anyText),
      start: integer(),
      end: integer(),
      text: anyText,
      snippet: SNIPPET,
      score: amount,
      vouchedBy: listOf(anyText),
    }),
  ),
  confidence: orNull(share),
  threshold: orNull(share),
  isFound: flag,
  missingWords: listOf(anyText),
  generated: orNull(
    object({
      model: anyText,
      text: anyText,
      citations: listOf(integer(1)),
      unknownCitations: integer(),
      promptTokens: integer(),
      completionTokens: integer(),
    }),
  ),
  queries: listOf(anyText),
  parts: listOf(object({ question: anyText, confidence: share, isFound: flag })),
  missing: MISSING,
  warnings: WARNINGS,
  tookMs: amount,
  village: orNull(anyText),
  agent: anyText,
  request: anyText,
  steps: listOf(object({ agent: anyText, tool: anyText })),
} satisfies Record<string, JsonSchema>
