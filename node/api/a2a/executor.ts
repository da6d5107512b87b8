/** Runs an agent for a message of A2A and tells its client, as events of a task, what comes of it. */
import { randomUUID } from 'node:crypto'
import { type Message, type Part, Role, type TaskState as State, TaskState } from '@a2a-js/sdk'
import {
  AgentEvent,
  type AgentExecutor,
  type ExecutionEventBus,
  type RequestContext,
} from '@a2a-js/sdk/server'
import type { AgentAnswer, AgentName } from '../../agents/agent.ts'
import type { Asker } from '../../agents/asker.ts'
import { toVillageError, VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'
import type { AgentCalls } from '../mcp/agent-calls.ts'
import type { Conversations } from './conversations.ts'
import { A2A_AGENTS } from './skills.ts'

/** Key of a call's state under which the endpoint leaves who asks. */
export const ASKER_STATE = 'village:asker'
/** A key may be called what the owner is called. */
export const ownerName = ({ kind, id }: Pick<Asker, 'kind' | 'id'>) => `${kind}:${id}`
const MAX_TASKS = 8
const MAX_TEXT_UNITS = 64 * 1024
/** Text that is streamed in one event: each event is merged into the stored task. */
const PIECE_UNITS = 512
const ANSWER = 'answer'

export interface ExecutorComponents {
  readonly log: Log
  readonly agents: Pick<AgentCalls, 'ask'>
  readonly conversations: Conversations
}

export interface ExecutorInit {
  /** The agent of the path; null: what the message's metadata names as `skill`, else King. */
  readonly agent: AgentName | null
  readonly now: () => number
  /** Aborts when the asker may ask no more. */
  readonly revoked: (asker: Asker) => AbortSignal | null
}

export interface Executor extends AgentExecutor {
  /** Ids of the tasks of an asker that go on. */
  runningOf(owner: string): string[]
  /** Ends what goes on for an asker; resolves when it has ended. */
  endOf(owner: string): Promise<void>
  /** Ends what goes on; resolves when it has ended. */
  stop(): Promise<void>
}

const textPart = (value: string): Part => ({
  content: { $case: 'text', value },
  metadata: undefined,
  filename: '',
  mediaType: 'text/plain',
})

/** Throws INVALID_ARGUMENT: agents read text. */
function textOf({ parts }: Message): string {
  const texts = parts.map(({ content }) => (content?.$case === 'text' ? content.value : null))
  if (texts.some((text) => text === null))
    throw new VillageError('INVALID_ARGUMENT', 'The agents of this node read parts of text alone')
  const text = texts.join('\n').trim()
  if (text === '') throw new VillageError('INVALID_ARGUMENT', 'The message has no text')
  if (text.length > MAX_TEXT_UNITS)
    throw new VillageError('INVALID_ARGUMENT', `The message has more than ${MAX_TEXT_UNITS} characters`)
  return text
}

/** Throws AGENT_UNKNOWN. */
function agentOf(init: ExecutorInit, { metadata }: Message): AgentName {
  if (init.agent !== null) return init.agent
  const skill: unknown = metadata?.skill
  if (skill === undefined) return 'king'
  const known = A2A_AGENTS.find((name) => name === skill)
  if (known === undefined) throw new VillageError('AGENT_UNKNOWN')
  return known
}

function metadataOf({ id, agent, model, finish, evidence, observations }: AgentAnswer): JsonObject {
  return {
    ...{ id, agent, model, finish },
    isFound: evidence?.isFound ?? null,
    confidence: evidence?.confidence ?? null,
    sources: (evidence?.items ?? []).map(
      ({ number, collection, document, title, source, page, start, end }) => ({
        ...{ number, collection, document, title, source, page, start, end },
      }),
    ),
    calls: observations.map(({ call, outcome }) => ({ tool: call.tool, outcome: outcome.kind })),
  }
}

export function createExecutor(components: ExecutorComponents, init: ExecutorInit): Executor {
  const { log, agents, conversations } = components
  const running = new Map<string, { asker: Asker; controller: AbortController; done: Promise<void> }>()

  function publisher({ taskId, contextId }: RequestContext, bus: ExecutionEventBus) {
    const message = (text: string, metadata?: JsonObject): Message => ({
      messageId: randomUUID(),
      ...{ contextId, taskId },
      role: Role.ROLE_AGENT,
      parts: [textPart(text)],
      metadata: metadata as Message['metadata'],
      extensions: [],
      referenceTaskIds: [],
    })
    const statusOf = (state: State, text: string | null, metadata?: JsonObject) => ({
      state,
      message: text === null ? undefined : message(text, metadata),
      timestamp: new Date(init.now()).toISOString(),
    })
    return {
      begin: (user: Message) =>
        bus.publish(
          AgentEvent.task({
            id: taskId,
            contextId,
            status: statusOf(TaskState.TASK_STATE_WORKING, null),
            artifacts: [],
            history: [user],
            metadata: undefined,
          }),
        ),
      status: (state: State, text: string | null, metadata?: JsonObject) =>
        bus.publish(
          AgentEvent.statusUpdate({
            ...{ taskId, contextId, metadata: undefined },
            status: statusOf(state, text, metadata),
          }),
        ),
      artifact: (text: string, given: { append: boolean; lastChunk: boolean; metadata?: JsonObject }) =>
        bus.publish(
          AgentEvent.artifactUpdate({
            ...{ taskId, contextId, append: given.append, lastChunk: given.lastChunk, metadata: undefined },
            artifact: {
              artifactId: ANSWER,
              name: ANSWER,
              description: '',
              parts: [textPart(text)],
              metadata: given.metadata as Message['metadata'],
              extensions: [],
            },
          }),
        ),
    }
  }

  async function run(
    request: RequestContext,
    bus: ExecutionEventBus,
    controller: AbortController,
  ): Promise<void> {
    const asker = request.context.state.get(ASKER_STATE) as Asker
    const { userMessage, contextId } = request
    const publish = publisher(request, bus)
    publish.begin(userMessage)
    try {
      const text = textOf(userMessage)
      const agent = agentOf(init, userMessage)
      if (
        [...running.values()].filter((task) => ownerName(task.asker) === ownerName(asker)).length > MAX_TASKS
      )
        throw new VillageError('AGENT_BUSY')
      const revoked = init.revoked(asker)
      const signal = revoked === null ? controller.signal : AbortSignal.any([controller.signal, revoked])
      let pending = ''
      let isStreamed = false
      const flush = () => {
        if (pending !== '') publish.artifact(pending, { append: isStreamed, lastChunk: false })
        isStreamed ||= pending !== ''
        pending = ''
      }
      const answer = await agents.ask(
        {
          agent,
          messages: [...conversations.turns(ownerName(asker), contextId), { role: 'user', content: text }],
          asker,
          approvals: 'refuse',
        },
        signal,
        (event) => {
          if (event.kind === 'text') {
            pending += event.text
            if (pending.length >= PIECE_UNITS) flush()
          } else if (event.kind === 'call')
            publish.status(TaskState.TASK_STATE_WORKING, `${event.agent} calls ${event.tool}`)
        },
      )
      // What was erased meanwhile is not kept.
      signal.throwIfAborted()
      // Whole, in the place of the pieces: an answer may end with more than was streamed.
      publish.artifact(answer.text, { append: false, lastChunk: true, metadata: metadataOf(answer) })
      conversations.add(ownerName(asker), contextId, text, answer.text)
      publish.status(TaskState.TASK_STATE_COMPLETED, answer.text, metadataOf(answer))
    } catch (thrown) {
      const error = toVillageError(controller.signal.aborted ? controller.signal.reason : thrown)
      if (error.code === 'INTERNAL') log.error({ err: thrown }, 'a task of A2A failed')
      const { code } = error
      const text = code === 'INTERNAL' ? 'Something failed inside the daemon' : `${code}: ${error.message}`
      const state =
        code === 'ABORTED'
          ? TaskState.TASK_STATE_CANCELED
          : code === 'INVALID_ARGUMENT' || code === 'AGENT_UNKNOWN' || code === 'AGENT_BUSY'
            ? TaskState.TASK_STATE_REJECTED
            : TaskState.TASK_STATE_FAILED
      publish.status(state, text, { code })
    } finally {
      bus.finished()
    }
  }

  return {
    async execute(request, bus) {
      const { taskId } = request
      const controller = new AbortController()
      const asker = request.context.state.get(ASKER_STATE) as Asker
      const ended = Promise.withResolvers<void>()
      running.set(taskId, { asker, controller, done: ended.promise })
      try {
        await run(request, bus, controller)
      } finally {
        running.delete(taskId)
        ended.resolve()
      }
    },
    async cancelTask(taskId) {
      // The handler has checked that the task is the caller's own.
      const task = running.get(taskId)
      task?.controller.abort(new VillageError('ABORTED'))
      await task?.done
    },
    runningOf: (owner) =>
      [...running].filter(([, { asker }]) => ownerName(asker) === owner).map(([id]) => id),
    async endOf(owner) {
      const theirs = [...running.values()].filter(({ asker }) => ownerName(asker) === owner)
      for (const { controller } of theirs)
        controller.abort(new VillageError('ABORTED', 'What was said was erased'))
      await Promise.all(theirs.map(({ done }) => done))
    },
    async stop() {
      for (const { controller } of running.values()) controller.abort(new VillageError('SHUTTING_DOWN'))
      await Promise.all([...running.values()].map(({ done }) => done))
    },
  }
}
