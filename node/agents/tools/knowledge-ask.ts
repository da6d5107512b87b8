/** The tool that answers a question out of the collections: Sage's, and what King sends questions to. */
import type { JsonObject, JsonValue } from '../../json.ts'
import type { Answer } from '../rag/answers/answer.ts'
import { type Answers, MAX_QUESTION_CHARACTERS, MAX_SENTENCES, MAX_SOURCES } from '../rag/answers/answers.ts'
import { parseFilter } from '../rag/query/parse-filter.ts'
import { SEARCH_MODES, type SearchMode } from '../rag/query/search-options.ts'
import type { FieldFilter } from '../rag/search-types.ts'
import type { Knowledge } from '../rag/village/knowledge.ts'
import { evidencePack } from '../sage/evidence-pack.ts'
import { createSageAnswers, type SageOptions } from '../sage/sage-answers.ts'
import { amount, oneOf, several, takes, tool, whole, words, yesOrNo } from './define-tool.ts'
import { hereOnly, type ScopeComponents, visibleScope } from './knowledge-tools.ts'
import type { Tool } from './tool.ts'

export interface KnowledgeAskComponents extends ScopeComponents {
  readonly answers: Pick<Answers, 'ask'>
  readonly knowledge: Pick<Knowledge, 'search' | 'collections'>
}

interface AskGiven {
  readonly question: string
  readonly collections?: readonly string[]
  readonly local?: boolean
  readonly deadlineMs?: number
  readonly mode?: SearchMode
  readonly feedback?: boolean
  readonly filters?: readonly (string | FieldFilter)[]
  readonly language?: string
  readonly perDocument?: number
  readonly weight?: number
  readonly sources?: number
  readonly sentences?: number
  readonly threshold?: number
  readonly model?: string
  readonly former?: readonly string[]
}

const MAX_FORMER = 8
const filter: JsonObject = {
  anyOf: [
    words('As people write it: year>1990, source^=notes/', 1200),
    takes(
      {
        field: words('language, source, title or a field of the documents.', 64),
        test: oneOf('What must hold.', 'equals', 'not-equals', 'below', 'above', 'starts-with'),
        value: { anyOf: [{ type: 'string', maxLength: 1024 }, { type: 'number' }, { type: 'boolean' }] },
      },
      'field',
      'test',
      'value',
    ),
  ],
}

/** Of POST /api/v1/ask, and of the options of Sage and King. */
export const ASK_PARAMETERS: Readonly<Record<string, JsonObject>> = {
  collections: several(
    words('Name of a collection: `notes`, or `notes@peer` of another member.', 256),
    1,
    64,
  ),
  local: yesOrNo('Only what lies on this node.'),
  deadlineMs: whole('Answer by then with what has come.', 50, 30_000),
  mode: oneOf('How passages are ranked; hybrid by default.', ...SEARCH_MODES),
  feedback: yesOrNo('Expand the query by words of the best passages.'),
  filters: several(filter, 0, 32),
  language: { type: 'string', pattern: '^[a-z]{2,3}$', description: 'Of the question (ISO 639-1).' },
  perDocument: whole('Passages of one document at most.', 1, 100),
  weight: amount('Share of the vectors in the score.', 0, 1),
  sources: whole('Sources at most.', 1, MAX_SOURCES),
  sentences: whole('Sentences at most.', 1, MAX_SENTENCES),
  threshold: amount('Confidence below which nothing was found.', 0, 1),
  model: words('A language model of this node that puts it into words as well (experimental).', 128),
}

const filtersOf = (given: readonly (string | FieldFilter)[]): FieldFilter[] =>
  given.map((one) => (typeof one === 'string' ? parseFilter(one) : one))

function optionsOf(given: AskGiven, collections: readonly string[] | undefined): SageOptions {
  const { question: _question, former: _former, collections: _named, local, filters, ...rest } = given
  return {
    ...rest,
    ...(collections !== undefined && { collections }),
    ...(local !== undefined && { isLocal: local }),
    ...(filters !== undefined && { filters: filtersOf(filters) }),
    // What is configured for questions of people is asked for by name here.
    model: given.model ?? null,
  }
}

/** What a model or a program reads of it; the whole is in the evidence. */
function contentOf(answer: Answer): JsonObject {
  const sources = answer.sources.map(
    ({ number, collection, title, source, page, headings, start, end }): JsonValue => ({
      ...{ number, collection, title, source, page, headings, start, end },
    }),
  )
  const { question, isFound, confidence, threshold, queries } = answer
  return {
    ...{ question, isFound, confidence, threshold, queries },
    answer: answer.text,
    sources,
    generated: answer.generated?.text ?? null,
    parts: answer.parts.map((part): JsonObject => ({ ...part })),
    missing: [...new Set(answer.missing.map(({ collection }) => collection))],
  }
}

export function createKnowledgeAskTool(components: KnowledgeAskComponents): Tool {
  const sage = createSageAnswers(components)
  return tool<AskGiven>({
    name: 'knowledge_ask',
    description:
      'Answers a question with sentences of the indexed documents and their sources, or says that the collections do not hold an answer.',
    parameters: takes(
      {
        question: words('The question, in whole words.', MAX_QUESTION_CHARACTERS),
        ...ASK_PARAMETERS,
        former: several(
          words('What the same person asked before, the oldest first.', MAX_QUESTION_CHARACTERS),
          0,
          MAX_FORMER,
        ),
      },
      'question',
    ),
    effect: 'read',
    scope: 'ask',
    cost: { latencyMs: 300, cpuSeconds: 0.2, leavesNode: true },
    async run(given, context) {
      const collections = await visibleScope(components, context, given.collections)
      const { question, former = [] } = given
      const answer = await sage.ask(
        question,
        {
          options: { ...optionsOf(given, collections), ...(context.staysHere && { isLocal: true }) },
          former,
        },
        context.signal,
      )
      if (answer.generated !== null) context.countTokens(answer.generated)
      const evidence = evidencePack(answer)
      return {
        content: { ...contentOf(answer), ...(context.staysHere && { askedOnly: 'this node' }) },
        trust: 'untrusted',
        summary: `${
          answer.isFound
            ? `an answer with ${evidence.items.length} sources, evidence ${Math.round(100 * answer.confidence)}%`
            : 'not found in the collections'
        }${hereOnly(context)}`,
        evidence,
      }
    },
  })
}
