/** A model's thread without a model: it answers at once, but holds a request for "hold" until that is cancelled. */
import { parentPort } from 'node:worker_threads'
import type { FromEngine, ToEngine } from '../../../node/compute/generate/engine-messages.ts'

const port = parentPort!
const send = (message: FromEngine) => port.postMessage(message)
const generation = { tokens: [1, 2], text: 'ab', finish: 'length', cachedTokens: 0 } as const
port.on('message', (message: ToEngine) => {
  if (message.type === 'close') port.close()
  else if (message.type === 'abort') {
    const error = { code: 'ABORTED', message: '', stack: '', fields: {} } as const
    send({ type: 'failed', id: message.id, error, residentBytes: 1 })
  } else {
    const { id, request } = message
    const held = request.prompt.kind === 'text' && request.prompt.text === 'hold'
    if (held) send({ type: 'token', id, event: { token: 1, text: 'a' } })
    else
      send({
        type: 'done',
        id,
        completion: { ...generation, promptTokens: 1, tokenTexts: {} },
        residentBytes: 1,
      })
  }
})
send({ type: 'ready', residentBytes: 1 })
