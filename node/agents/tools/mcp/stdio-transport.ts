/**
 * An MCP server as a process of its own group: small environment, bounded lines, nothing left of it when it is closed. The SDK's own
 * transport passes more of the environment on, and leaves the children of its child alive.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js'
import type { StdioServer } from '../../../config-mcp-servers.ts'
import { VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { ClientSdk } from './client-sdk.ts'

const MAX_MESSAGE_BYTES = 4 * 2 ** 20
const MAX_QUEUED_BYTES = 4 * 2 ** 20
/** Lines that are no messages; some programs greet before they speak the protocol. */
const MAX_GARBAGE_LINES = 100
const MAX_MESSAGES_A_SECOND = 1000
const MAX_ERROR_LINES = 50

export interface StdioTransportInit {
  readonly server: StdioServer
  readonly environment: Record<string, string>
  readonly now: () => number
  readonly leaveMs: number
}

/** Of the whole group; what has ended already is no failure. */
function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // Nobody of the group is left.
  }
}

/** `start` throws MCP_SERVER_UNAVAILABLE where the program cannot be started. */
export function createStdioTransport(
  components: { log: Log; sdk: Pick<ClientSdk, 'ReadBuffer' | 'serializeMessage'> },
  init: StdioTransportInit,
): Transport {
  const { ReadBuffer, serializeMessage } = components.sdk
  const { log } = components
  const { server, environment, now, leaveMs } = init
  const buffer = new ReadBuffer({ maxBufferSize: MAX_MESSAGE_BYTES })
  const left = Promise.withResolvers<void>()
  let child: ChildProcess | undefined
  let closing: Promise<void> | undefined
  let garbage = 0
  let window = { startMs: Number.NEGATIVE_INFINITY, messages: 0 }

  function fail(error: Error): void {
    transport.onerror?.(error)
    void transport.close()
  }

  /** False where too many came in this second: reading them would leave no time for anybody else. */
  function admit(): boolean {
    if (now() - window.startMs >= 1000) window = { startMs: now(), messages: 0 }
    window.messages += 1
    return window.messages <= MAX_MESSAGES_A_SECOND
  }

  function readMessages(): void {
    while (closing === undefined) {
      let message: JSONRPCMessage | null
      try {
        message = buffer.readMessage()
      } catch {
        garbage += 1
        if (garbage > MAX_GARBAGE_LINES) fail(new Error('the server writes what is no protocol'))
        continue
      }
      if (message === null) return
      if (admit()) transport.onmessage?.(message)
      else fail(new Error('the server sends too many messages'))
    }
  }

  function onData(chunk: Buffer): void {
    try {
      buffer.append(chunk)
      readMessages()
    } catch (error) {
      fail(error as Error) // a message over the limit
    }
  }

  async function leave(running: ChildProcess): Promise<void> {
    const wait = (ms: number) =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms)
        void left.promise.then(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    const isThere = () => running.exitCode === null && running.signalCode === null
    running.stdin?.end()
    if (isThere()) await wait(leaveMs)
    if (isThere()) {
      killGroup(running, 'SIGTERM')
      await wait(leaveMs)
    }
    // Also what it started itself and left behind.
    killGroup(running, 'SIGKILL')
    if (running.pid !== undefined) await left.promise
    buffer.clear()
  }

  const transport: Transport = {
    async start() {
      const started = spawn(server.command, server.arguments, {
        env: environment,
        stdio: ['pipe', 'pipe', 'pipe'],
        shell: false,
        // A group of its own, so that all of it can be ended.
        detached: true,
      })
      child = started
      started.stdout.on('data', onData)
      started.stdout.on('error', () => undefined)
      started.stdin.on('error', () => undefined) // EPIPE: its end is told by `exit`
      let lines = 0
      started.stderr.on('data', (chunk: Buffer) => {
        lines += 1
        if (lines <= MAX_ERROR_LINES)
          log.debug({ server: server.name, text: chunk.toString('utf8', 0, 500) }, 'an mcp server wrote')
      })
      started.stderr.on('error', () => undefined)
      const ready = Promise.withResolvers<void>()
      started.once('spawn', () => ready.resolve())
      started.once('error', (error) => {
        left.resolve()
        ready.reject(
          new VillageError('MCP_SERVER_UNAVAILABLE', `The MCP server ${server.name} cannot be started`, {
            cause: error,
            fields: { server: server.name },
          }),
        )
      })
      started.once('exit', () => {
        killGroup(started, 'SIGKILL')
        left.resolve()
        void transport.close()
      })
      await ready.promise
    },
    async send(message) {
      const input = child?.stdin
      if (input === undefined || input === null || !input.writable || closing !== undefined)
        throw new VillageError('MCP_SERVER_UNAVAILABLE', `The MCP server ${server.name} has ended`, {
          fields: { server: server.name },
        })
      if (input.writableLength > MAX_QUEUED_BYTES)
        throw new VillageError('MCP_SERVER_UNAVAILABLE', `The MCP server ${server.name} reads nothing`, {
          fields: { server: server.name },
        })
      input.write(serializeMessage(message))
    },
    close() {
      closing ??= (async () => {
        if (child !== undefined) await leave(child)
        transport.onclose?.()
      })()
      return closing
    },
  }
  return transport
}
