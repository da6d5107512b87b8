/**
 * A language model with no model in it, as a process of its own: an OpenAI-compatible server that takes a known time to its first token. It tells
 * the process that started it where it listens, and when the first byte of each answer left it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type EndpointReply, startScriptedEndpoint } from '../../test/helpers/scripted-endpoint.ts'

/** To its first token. */
const THINKING_MS = 20
const CALLS = 4

/** `turns N` in the conversation makes it call a tool N times before it answers. */
function reply(
  messages: readonly { readonly role: string; readonly content: string | null }[],
): Omit<EndpointReply & { text: string }, 'before'> | { calls: { name: string; arguments: object }[] } {
  const wanted = messages.some(
    ({ role, content }) => role === 'user' && content?.includes('what time') === true,
  )
    ? CALLS
    : 0
  const made = messages.filter(({ role }) => role === 'tool').length
  // Another time zone each time: an equal call would be refused.
  if (made < wanted) return { calls: [{ name: 'time_now', arguments: { zone: `Etc/GMT+${made + 1}` } }] }
  return { text: 'It is late, and the answer is forty-two words long at the most.' }
}

const endpoint = await startScriptedEndpoint({
  script: ({ messages }) => ({ ...reply(messages), before: sleep(THINKING_MS) }),
})
process.on('message', () => process.send?.({ firstByteAtMs: endpoint.firstByteAtMs.at(-1) }))
process.once('disconnect', () => process.exit(0))
process.send?.({ url: endpoint.url })
