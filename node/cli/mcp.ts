/**
 * `village mcp`: the MCP of the running daemon on standard input and output, for programs that start their servers themselves. It passes
 * messages on, a line each (specification 2025-11-25, basic/transports, stdio); standard output holds the protocol and nothing else.
 */

import { findDaemon } from '../client.ts'
import { VillageError } from '../errors.ts'
import { isJsonObject } from '../json.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { createMcpBridge } from './mcp-bridge.ts'

const MAX_LINE_UNITS = 4 * 2 ** 20

/** Lines until the input or the signal ends. Throws USAGE at a line that is longer than any message. */
async function* inputLines(signal: AbortSignal): AsyncGenerator<string> {
  const stop = () => void process.stdin.destroy()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  let rest = ''
  try {
    for await (const chunk of process.stdin.setEncoding('utf8') as AsyncIterable<string>) {
      rest += chunk
      const lines = rest.split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > MAX_LINE_UNITS)
        throw new VillageError('USAGE', 'A line of standard input is too long')
      for (const line of lines) if (line.trim() !== '') yield line
    }
    if (rest.trim() !== '') yield rest
  } catch (error) {
    // The stream was ended from here.
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', stop)
    process.stdin.destroy()
  }
}

const refusal = (code: number, message: string) => ({ jsonrpc: '2.0', id: null, error: { code, message } })

/** Throws DAEMON_NOT_RUNNING before it reads anything. Ends with the input, or with Ctrl-C. */
export async function mcp(context: CommandContext): Promise<CommandResult> {
  const { signal } = context
  const directory = (await context.config())['data.dir']
  const write = (message: object) => context.write(`${JSON.stringify(message)}\n`)
  const found = await findDaemon(directory)
  const token = process.env.VILLAGE_KEY || found.token
  const bridge = createMcpBridge({ url: found.url, token, onMessage: write })
  try {
    // One after another, each taken before the next is sent: the order of a session matters.
    for await (const line of inputLines(signal)) {
      let message: unknown
      try {
        message = JSON.parse(line)
      } catch {
        write(refusal(-32700, 'The line is no JSON'))
        continue
      }
      if (isJsonObject(message)) await bridge.send(message)
      else write(refusal(-32600, 'A line holds one message'))
    }
    // Who closes the input may still read what was asked before.
    if (!signal.aborted) await bridge.answered(signal)
  } finally {
    await bridge.close()
  }
  return { document: undefined, text: '' }
}
