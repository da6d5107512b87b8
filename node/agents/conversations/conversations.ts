/**
 * Conversations with agents, kept for whoever has them: sealed on this node's disk, each asker sees their own. A turn is written when it
 * is asked and again when it is answered, so that a restart loses at most the answer.
 */
import { randomBytes } from 'node:crypto'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import type { SealedStore } from '../../sealed-store.ts'
import type { AgentAnswer, AgentEvent, AgentName, AgentRequest } from '../agent.ts'
import type { Agents } from '../agents.ts'
import type { Asker } from '../asker.ts'
import { splitSentences } from '../rag/answers/split-sentences.ts'
import type { Erasure, Speaker } from '../twin/erasure.ts'
import { recordsOf, speakerIn, speakerPart } from '../twin/records-of.ts'
import { isWorthLearning } from '../twin/subjects.ts'
import { isPerson, type Twin } from '../twin/twin.ts'
import {
  type Answering,
  type Conversation,
  citationsOf,
  createTranscript,
  evidenceLineOf,
  givenTitle,
  messagesOf,
  type Transcript,
  type Turn,
  titleOf,
} from './conversation.ts'
import { isOwnWords } from './own-words.ts'
import { createRunningAnswers } from './running-answers.ts'
import { summarise } from './summarise.ts'

export type ConversationView = Omit<Conversation, 'turns' | 'speaker'> & { readonly messages: number }

export interface TurnWish extends Pick<AgentRequest, 'limits' | 'options' | 'approvals'> {
  readonly text: string
  /** King by default. */
  readonly agent?: AgentName
  readonly model?: string | null
}

export interface Conversations extends Service {
  create(asker: Asker): Promise<ConversationView>
  /** Those of the asker, newest first. */
  list(asker: Asker): ConversationView[]
  /** Throws NOT_FOUND, also for those of others. */
  need(asker: Asker, id: string): Promise<Conversation>
  /** The answer that is being made in it; null: none. Throws NOT_FOUND. */
  answering(asker: Asker, id: string): Answering | null
  /** Cancels that answer; what it had said by then is kept. Resolves when it has ended. Throws NOT_FOUND. */
  cancel(asker: Asker, id: string): Promise<void>
  /** Throws NOT_FOUND, CONVERSATION_BUSY, CONVERSATION_FULL, what Agents.ask throws, and the signal's reason. */
  ask(
    asker: Asker,
    id: string,
    wish: TurnWish,
    signal: AbortSignal,
    onEvent?: (event: AgentEvent) => void,
  ): Promise<AgentAnswer>
  /** Throws NOT_FOUND, CONVERSATION_BUSY, INVALID_ARGUMENT where nothing is left of the title. */
  rename(asker: Asker, id: string, title: string): Promise<ConversationView>
  /** Ends what it waits for, and erases it. Throws NOT_FOUND. */
  remove(asker: Asker, id: string): Promise<void>
}

interface Components {
  readonly store: SealedStore
  readonly agents: Pick<Agents, 'ask'>
  readonly twin: Pick<Twin, 'isEnabled' | 'remember' | 'forgetConversations'>
  readonly erasure: Pick<Erasure, 'onErase'>
  readonly log: Log
}

export interface ConversationsInit {
  /** Whether the Twin learns from conversations. */
  readonly learns: boolean
  /** Whether what is private must not reach the model of a request; undefined: the configuration's model. Throws CHAT_MODEL_UNKNOWN. */
  readonly withholds: (model: string | null | undefined) => Promise<boolean>
  readonly now?: () => number
}

const MAX_TURNS = 400
const LEARNED_CONFIDENCE = 0.6
/** A conversation with fewer turns needs no summary: its title says it. */
const LEAST_SUMMARISED_TURNS = 4

const isOf = (speaker: Speaker, asker: Speaker): boolean =>
  speaker.kind === asker.kind && speaker.id === asker.id

/** Of a record: it says whose it is as well, so that the store keeps the room of each apart. */
const recordId = ({ id, speaker }: { readonly id: string; readonly speaker: Speaker }): string =>
  `${id}/${speakerPart(speaker)}`
const idOf = (record: string): string => record.slice(0, record.indexOf('/'))

const noSuch = () => new VillageError('NOT_FOUND', 'There is no such conversation')

export function createConversations(components: Components, init: ConversationsInit): Conversations {
  const { store, agents, twin, erasure, log } = components
  const now = init.now ?? Date.now
  const index = new Map<string, ConversationView & { readonly speaker: Speaker }>()
  const running = createRunningAnswers()

  erasure.onErase('conversations', 'said', eraseOf)

  /** All of a speaker, also before start() has filled the index: then the records say whose they are. */
  async function eraseOf(speaker: Speaker): Promise<void> {
    const indexed = [...index.values()].filter((entry) => isOf(entry.speaker, speaker))
    for (const { id } of indexed) drop(id)
    const kept = await recordsOf(store, speaker, (record) =>
      isJsonObject(record) ? speakerIn(record.speaker) : null,
    )
    const doomed = [...new Set([...indexed.map(recordId), ...kept])]
    await store.deleteMany(doomed)
    await twin.forgetConversations(doomed.map(idOf))
  }

  async function readable(record: string): Promise<Conversation | 'damaged' | null> {
    try {
      return (await store.getJson(record)) as unknown as Conversation | null // written by write(), and unchanged since
    } catch (error) {
      if (!(error instanceof VillageError) || error.code !== 'SEALED_RECORD_DAMAGED') throw error
      log.error({ code: error.code }, 'a conversation cannot be read')
      return 'damaged'
    }
  }

  function remember(conversation: Conversation): ConversationView {
    const { turns, speaker, ...facts } = conversation
    const view = { ...facts, messages: turns.length }
    index.set(conversation.id, { ...view, speaker })
    return view
  }

  /** Does nothing where it has been erased meanwhile: who is not in the index is not written. */
  async function write(conversation: Conversation): Promise<void> {
    if (!index.has(conversation.id)) return
    await store.put(recordId(conversation), { ...conversation } as unknown as JsonObject) // readonly arrays of plain data
    if (index.has(conversation.id)) remember(conversation)
    // The store drops the oldest where it is full.
    const kept = new Set(store.list().map(({ id }) => idOf(id)))
    for (const id of index.keys()) if (!kept.has(id)) index.delete(id)
  }

  /** What still runs for it does not write it again. */
  function drop(id: string): void {
    index.delete(id)
    void running.end(id, new VillageError('ABORTED', 'The conversation was erased'))
  }

  async function erase({ id, speaker }: Conversation): Promise<void> {
    drop(id)
    await store.delete(recordId({ id, speaker }))
    await twin.forgetConversations([id])
  }

  async function need(asker: Asker, id: string): Promise<Conversation> {
    const entry = index.get(id)
    const record =
      entry !== undefined && isOf(entry.speaker, asker) ? await store.getJson(recordId(entry)) : null
    if (record === null) throw noSuch()
    return record as unknown as Conversation // written by write(), and unchanged since
  }

  /** What the person said of themselves, and what it was about; both where the configuration wants it. */
  async function learn(asker: Asker, conversation: Conversation, said: string): Promise<void> {
    if (!init.learns || !twin.isEnabled() || !isPerson(asker)) return
    const source = { kind: 'learned' as const, conversation: conversation.id }
    for (const { start, end } of isOwnWords(said) ? splitSentences(said, 'en') : []) {
      const sentence = said.slice(start, end)
      if (isWorthLearning(sentence) && index.has(conversation.id))
        await twin.remember({ text: sentence, source, confidence: LEARNED_CONFIDENCE })
    }
    // Nor does a summary hold what may be another's words.
    const text = summarise(
      conversation.turns.filter((turn) => turn.role === 'assistant' || isOwnWords(turn.text)),
    )
    if (conversation.turns.length >= LEAST_SUMMARISED_TURNS && text !== '' && index.has(conversation.id))
      await twin.remember({
        ...{ text, kind: 'summary', confidence: LEARNED_CONFIDENCE },
        source: { kind: 'conversation', conversation: conversation.id },
      })
  }

  async function ask(
    asker: Asker,
    before: Conversation,
    wish: TurnWish,
    transcript: Transcript,
    signal: AbortSignal,
    onEvent: (event: AgentEvent) => void,
  ): Promise<AgentAnswer> {
    const { text, agent = 'king', ...rest } = wish
    const turns: Turn[] = [...before.turns, { role: 'user', text, atMs: now() }]
    const asked: Conversation = {
      ...before,
      ...{ turns, updatedAtMs: now() },
      title: before.title === '' ? titleOf(text) : before.title,
    }
    await write(asked)
    let turn: Turn
    let outcome: { readonly answer: AgentAnswer } | { readonly error: unknown }
    try {
      // Another member sees no private collection either, whatever endpoints may see.
      const isWithheld = wish.options?.node !== undefined || (await init.withholds(wish.model))
      const messages = messagesOf(turns, isWithheld)
      const answer = await agents.ask(
        { approvals: 'wait', ...rest, agent, messages, asker, history: 'kept' },
        signal,
        (event) => {
          transcript.add(event)
          onEvent(event)
        },
      )
      outcome = { answer }
      const calls = transcript.calls()
      // Rules that called nothing have quoted nothing; a model may have been told of the Twin.
      const isPrivate = !isWithheld && (answer.model !== null || calls.length > 0)
      turn = {
        ...{ role: 'assistant', text: answer.text, atMs: now(), agent: answer.agent, model: answer.model },
        ...{ isPrivate },
        ...{ finish: answer.finish, error: null, calls },
        ...{ citations: citationsOf(answer), evidence: evidenceLineOf(answer) },
      }
    } catch (error) {
      outcome = { error }
      const { code, message } =
        error instanceof VillageError ? error : new VillageError('INTERNAL', undefined, { cause: error })
      turn = {
        ...{ role: 'assistant', text: transcript.text(), atMs: now(), agent, model: wish.model ?? null },
        ...{ finish: 'failed', error: { code, message }, citations: [], calls: transcript.callsCutOff() },
      }
    }
    if (index.has(before.id)) {
      const answered: Conversation = { ...asked, turns: [...turns, turn], updatedAtMs: now() }
      await write(answered)
      if ('answer' in outcome)
        await learn(asker, answered, text).catch((error: unknown) =>
          log.warn(
            { code: error instanceof VillageError ? error.code : 'INTERNAL' },
            'the twin learned nothing',
          ),
        )
    }
    if ('error' in outcome) throw outcome.error
    return outcome.answer
  }

  function checkOwn(asker: Asker, id: string): void {
    const entry = index.get(id)
    if (entry === undefined || !isOf(entry.speaker, asker)) throw noSuch()
  }

  return {
    name: 'conversations',
    async start(signal) {
      index.clear()
      for (const { id } of store.list()) {
        signal.throwIfAborted()
        const record = await readable(id)
        if (record !== 'damaged' && record !== null) remember(record)
      }
    },
    async stop() {
      await running.endAll(new VillageError('SHUTTING_DOWN'))
    },
    async create(asker) {
      const atMs = now()
      const conversation: Conversation = {
        ...{ id: randomBytes(6).toString('hex'), title: '', createdAtMs: atMs, updatedAtMs: atMs, turns: [] },
        speaker: { kind: asker.kind, id: asker.id },
      }
      const view = remember(conversation)
      try {
        await write(conversation)
      } catch (error) {
        index.delete(conversation.id)
        throw error
      }
      return view
    },
    list: (asker) =>
      [...index.values()]
        .filter(({ speaker }) => isOf(speaker, asker))
        .map(({ speaker: _, ...view }) => view)
        .sort((a, b) => b.updatedAtMs - a.updatedAtMs),
    need,
    answering(asker, id) {
      checkOwn(asker, id)
      return running.get(id)
    },
    async cancel(asker, id) {
      checkOwn(asker, id)
      if (running.isAnswering(id)) await running.end(id, new VillageError('ABORTED', 'It was cancelled'))
    },
    async ask(asker, id, wish, signal, onEvent = () => {}) {
      checkOwn(asker, id)
      const transcript = createTranscript()
      const answer = { agent: wish.agent ?? 'king', atMs: now(), transcript }
      return running.alone(id, answer, async (ending) => {
        const before = await need(asker, id)
        if (before.turns.length + 2 > MAX_TURNS) throw new VillageError('CONVERSATION_FULL')
        return ask(asker, before, wish, transcript, AbortSignal.any([signal, ending]), onEvent)
      })
    },
    async rename(asker, id, given) {
      const title = givenTitle(given)
      if (title === '')
        throw new VillageError('INVALID_ARGUMENT', 'The title is empty', { fields: { argument: 'title' } })
      checkOwn(asker, id)
      // The answer that comes would be written with the title of before.
      await running.alone(id, null, async () => write({ ...(await need(asker, id)), title }))
      const { turns, speaker: _, ...facts } = await need(asker, id)
      return { ...facts, messages: turns.length }
    },
    async remove(asker, id) {
      await erase(await need(asker, id))
    },
  }
}
