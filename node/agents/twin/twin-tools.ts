/** What agents can do with the Twin of the person who asks them. */
import { VillageError } from '../../errors.ts'
import { AT_ONCE, own, takes, tool, untrusted, words } from '../tools/define-tool.ts'
import type { Tool, ToolContext } from '../tools/tool.ts'
import { MAX_MEMORY_CHARACTERS, type Memory } from './memory.ts'
import { isPerson, type Twin } from './twin.ts'
import { readTwinWords } from './twin-words.ts'

const FOUND = 10

const shown = ({ id, kind, text }: Memory) => ({ id, kind, text })

/** What was picked from conversations may be words that the person passed on; what they told the Twin themselves is theirs. */
const resultOf = (memories: readonly Memory[]) =>
  memories.every(({ source }) => source.kind === 'told' || source.kind === 'added') ? own : untrusted

/** Members and keys of lesser rights have no memory here; what leaves this machine gets none of it. */
function needPerson(context: ToolContext): void {
  if (!isPerson(context.asker))
    throw new VillageError('API_SCOPE', 'Only the owner of a node has a Twin on it')
}

export interface TwinToolComponents {
  readonly twin: Pick<Twin, 'search' | 'list' | 'remember' | 'named' | 'forget'>
}

export function createTwinTools(components: TwinToolComponents): readonly Tool[] {
  const { twin } = components
  return [
    tool<{ query: string }>({
      name: 'twin_recall',
      description: 'Looks up what the person who asks has told this node to remember about them.',
      parameters: takes({ query: words('What it should be about, or a question.') }, 'query'),
      effect: 'read',
      scope: 'admin',
      cost: { latencyMs: 60, cpuSeconds: 0.1, leavesNode: false },
      async run({ query }, context) {
        needPerson(context)
        if (!context.seesPrivate)
          throw new VillageError('PRIVATE_WITHHELD', 'What the Twin knows is not shown to a remote model')
        const wish = readTwinWords(query)
        const isAll = wish?.kind === 'recall' && wish.about === null
        const found = isAll
          ? twin.list().slice(0, FOUND)
          : (await twin.search(query, FOUND, context.signal)).map(({ memory }) => memory)
        return resultOf(found)(
          found.length === 0
            ? 'nothing is remembered about that'
            : found.length === 1
              ? '1 memory'
              : `${found.length} memories`,
          {
            memories: found.map(shown),
          },
        )
      },
    }),
    tool<{ text: string }>({
      name: 'twin_remember',
      description:
        'Remembers a fact about the person who asks, or how they want things, when they ask for it. It takes the place of what it contradicts.',
      parameters: takes(
        { text: words('What they said, as a sentence of theirs.', MAX_MEMORY_CHARACTERS) },
        'text',
      ),
      effect: 'change',
      scope: 'admin',
      cost: AT_ONCE,
      async run({ text }, context) {
        needPerson(context)
        const { memory, replaced, isNew } = await twin.remember({
          text,
          source: { kind: 'told', conversation: null },
        })
        const summary = !isNew
          ? 'was known already'
          : replaced.length > 0
            ? 'remembered, in place of what it contradicts'
            : 'remembered'
        return resultOf([memory, ...replaced])(summary, {
          memory: shown(memory),
          replaced: replaced.map(shown),
          isNew,
        })
      },
    }),
    tool<{ query: string }>({
      name: 'twin_forget',
      description:
        'Erases the one memory that the words name, when the person asks for it. Where several fit it erases none and lists them.',
      parameters: takes({ query: words('What is to be forgotten, in the words of the person.') }, 'query'),
      effect: 'change',
      scope: 'admin',
      cost: AT_ONCE,
      async run({ query }, context) {
        needPerson(context)
        const [first, ...others] = twin.named(query)
        if (first === undefined)
          return own('nothing like it was remembered', { forgotten: null, candidates: [] })
        if (others.length > 0) {
          // A remote model learns how many there are, not what they say.
          const candidates = context.seesPrivate ? [first, ...others].map(shown) : []
          return resultOf([first, ...others])(`${others.length + 1} memories fit; none was erased`, {
            forgotten: null,
            candidates,
          })
        }
        await twin.forget(first.id)
        return own('forgotten, and erased', { forgotten: first.id, candidates: [] })
      },
    }),
  ]
}
