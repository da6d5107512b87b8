/**
 * The gossip topics of this node: bounded in size and rate, from members only, validated before they are passed on.
 * Gossip carries announcements and hashes; bulk moves on streams.
 */
import { type Message, TopicValidatorResult } from '@libp2p/gossipsub'
import type { PeerId } from '@libp2p/interface'
import { VillageError } from '../errors.ts'
import { createHistogram, type HistogramReading } from '../histogram.ts'
import type { Log } from '../log.ts'
import type { Host } from './host.ts'
import type { Role } from './membership/records.ts'
import { createRateLimit } from './rate-limit.ts'

export type Validation = 'accept' | 'ignore' | 'reject'

export interface TopicInit {
  maxBytes: number
  /** Runs before a message is passed on; `from` is the member that signed it. */
  validate(bytes: Uint8Array, from: string): Validation | Promise<Validation>
  handle(bytes: Uint8Array, from: string): void
}

export interface Topics {
  register(topic: string, init: TopicInit): void
  names(prefix: string): string[]
  maxBytes(): number
  attach(host: Host, prefix: string): void
  /** What becomes of a message, before it is passed on or handled. */
  judge(topic: string, message: { from: string; signed: boolean; bytes: Uint8Array }): Promise<Validation>
  /** Since the start, by topic: what was decided of messages, and how long that took. */
  totals(): { judged: { topic: string; result: Validation; count: number }[]; seconds: HistogramReading }
}

/** Messages that one member may publish on one topic in a minute. */
const MESSAGES_BY_MINUTE = 600

const RESULTS: Record<Validation, TopicValidatorResult> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}

export function createTopics(
  components: { log: Log },
  init: {
    roleOf: (peer: string) => Role | null
    isRevoked: (peer: string) => boolean
    now?: () => number
  },
): Topics {
  const { log } = components
  const now = init.now ?? Date.now
  const rows = new Map<string, TopicInit>()
  const rate = createRateLimit({ byMinute: MESSAGES_BY_MINUTE })
  const judged = new Map<string, Record<Validation, number>>()
  const seconds = createHistogram<'topic'>()

  async function judge(
    topic: string,
    { from, signed, bytes }: { from: string; signed: boolean; bytes: Uint8Array },
  ): Promise<Validation> {
    const row = rows.get(topic)
    if (row === undefined || !signed || init.isRevoked(from)) return 'reject'
    // Perhaps a member that this node has not heard of yet: not the fault of who passed it on.
    if (init.roleOf(from) === null) return 'ignore'
    if (bytes.byteLength > row.maxBytes) return 'reject'
    if (!rate.take(`${topic} ${from}`, now())) return 'ignore'
    try {
      return await row.validate(bytes, from)
    } catch (error) {
      log.debug({ err: error, peer: from, topic }, 'gossip could not be validated')
      return 'reject'
    }
  }

  async function validate(topic: string, message: Message): Promise<TopicValidatorResult> {
    const startedMs = performance.now()
    const { data } = message
    const result =
      message.type === 'signed'
        ? await judge(topic, { from: message.from.toString(), signed: true, bytes: data })
        : 'reject'
    const counts = judged.get(topic)
    if (counts !== undefined) counts[result] += 1
    seconds.observe({ topic }, (performance.now() - startedMs) / 1000)
    return RESULTS[result]
  }

  return {
    judge,
    register(topic, row) {
      if (rows.has(topic)) throw new VillageError('INTERNAL', `The topic ${topic} has two handlers`)
      rows.set(topic, row)
      judged.set(topic, { accept: 0, ignore: 0, reject: 0 })
    },
    totals: () => ({
      judged: [...judged].flatMap(([topic, counts]) =>
        (['accept', 'ignore', 'reject'] as const).map((result) => ({ topic, result, count: counts[result] })),
      ),
      seconds: seconds.read(),
    }),
    names: (prefix) => [...rows.keys()].map((topic) => prefix + topic),
    maxBytes: () => Math.max(1_024, ...[...rows.values()].map((row) => row.maxBytes)),
    attach(host, prefix) {
      const { pubsub } = host.services
      for (const topic of rows.keys())
        pubsub.topicValidators.set(prefix + topic, (_from: PeerId, message: Message) =>
          validate(topic, message),
        )
      pubsub.addEventListener('message', ({ detail }) => {
        const row = rows.get(detail.topic.slice(prefix.length))
        if (row === undefined || detail.type !== 'signed') return
        try {
          row.handle(detail.data, detail.from.toString())
        } catch (error) {
          log.error({ err: error, topic: detail.topic }, 'a gossip handler failed')
        }
      })
    },
  }
}
