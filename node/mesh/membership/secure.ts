/**
 * Connection security with membership inside it: Noise XX (`@chainsafe/libp2p-noise`), then the hello of
 * protocols/hello.ts on the encrypted connection, before any muxer. Who is not let in gets one frame with a code, and no
 * protocol, identify included, ever answers it. Specification: docs/protocols/transport.md.
 */
import { type NoiseComponents, noise } from '@chainsafe/libp2p-noise'
import type {
  ConnectionEncrypter,
  MessageStream,
  SecureConnectionOptions,
  SecuredConnection,
} from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { toVillageError, VillageError } from '../../errors.ts'
import { Hello, SECURE_PROTOCOL, Verdict, Welcome } from '../protocols/hello.ts'
import type { Message } from '../protocols/message.ts'
import type { Gate } from './gate.ts'

export interface SecureInit {
  gate: Gate
  /** Why the listener (or this node) refused; libp2p itself would only pass on the text of the error. */
  onRefused(connection: MessageStream, peer: string, error: VillageError): void
}

interface Exchange {
  send<T>(message: Message<T>, value: T): Promise<void>
  receive<T>(message: Message<T>): Promise<T>
  unwrap(): MessageStream
}

function exchange(stream: MessageStream, signal: AbortSignal): Exchange {
  const frames = lpStream(stream, { maxDataLength: SECURE_PROTOCOL.maxFrameBytes })
  return {
    send: (message, value) => frames.write(message.encode(value), { signal }),
    receive: async (message) => message.decode((await frames.read({ signal })).subarray()),
    unwrap: () => frames.unwrap(),
  }
}

/** The connection is closed gracefully, so that the frame with the code arrives before the end does. */
async function refuse(stream: MessageStream, error: VillageError, signal: AbortSignal): Promise<never> {
  await stream.close({ signal }).catch((reason: Error) => stream.abort(reason))
  throw error
}

export function secure(init: SecureInit): (components: NoiseComponents) => ConnectionEncrypter {
  const { gate } = init
  return (components) => {
    const inner = noise()(components)

    function limit(options: SecureConnectionOptions | undefined): AbortSignal {
      const timeout = AbortSignal.timeout(SECURE_PROTOCOL.frameTimeoutMs)
      return options?.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout])
    }

    async function dial(secured: SecuredConnection, signal: AbortSignal): Promise<MessageStream> {
      const peer = secured.remotePeer.toString()
      const stream = exchange(secured.connection, signal)
      await stream.send(Hello, gate.hello())
      const { verdict, error } = await gate.judge(peer, await stream.receive(Welcome))
      // A listener that refused has closed already; it is owed no verdict.
      if (error !== null) {
        await stream.send(Verdict, verdict).catch(() => undefined)
        return await refuse(secured.connection, error, signal)
      }
      await stream.send(Verdict, verdict)
      return stream.unwrap()
    }

    async function listen(secured: SecuredConnection, signal: AbortSignal): Promise<MessageStream> {
      const peer = secured.remotePeer.toString()
      const stream = exchange(secured.connection, signal)
      const hello = await stream.receive(Hello)
      const answer = await gate.answer(peer, hello)
      await stream.send(Welcome, answer)
      if (answer.code !== '')
        return await refuse(secured.connection, new VillageError('MEMBER_UNKNOWN'), signal)
      await gate.accept(peer, hello, await stream.receive(Verdict))
      return stream.unwrap()
    }

    return {
      protocol: SECURE_PROTOCOL.id,
      async secureOutbound(connection, options) {
        const secured = await inner.secureOutbound(connection, options)
        try {
          return { ...secured, connection: await dial(secured, limit(options)) }
        } catch (error) {
          const reason = toVillageError(error)
          if (reason.code !== 'INTERNAL') init.onRefused(connection, secured.remotePeer.toString(), reason)
          throw reason
        }
      },
      async secureInbound(connection, options) {
        const secured = await inner.secureInbound(connection, options)
        return { ...secured, connection: await listen(secured, limit(options)) }
      },
    }
  }
}
