/** Progress of a call as notifications of MCP (specification 2025-11-25, basic/utilities/progress). */

const MIN_INTERVAL_MS = 100
const MAX_MESSAGE_UNITS = 500

export interface ProgressNotice {
  readonly method: 'notifications/progress'
  readonly params: {
    readonly progressToken: string | number
    readonly progress: number
    readonly message: string
  }
}

/**
 * A function that takes lines for people and sends them, with a count that rises; nothing where the client gave no token. Lines that
 * follow each other faster than a reader follows are left out, so that a busy tool does not fill the stream.
 */
export function createProgress(init: {
  token: string | number | undefined
  send(notice: ProgressNotice): Promise<void>
  now: () => number
}): (message: string) => void {
  const { token, send, now } = init
  if (token === undefined) return () => undefined
  let count = 0
  let sentAtMs = Number.NEGATIVE_INFINITY
  return (message) => {
    const atMs = now()
    if (atMs - sentAtMs < MIN_INTERVAL_MS) return
    sentAtMs = atMs
    count += 1
    void send({
      method: 'notifications/progress',
      params: { progressToken: token, progress: count, message: message.slice(0, MAX_MESSAGE_UNITS) },
      // The client may have gone away meanwhile; the call itself learns of that by its signal.
    }).catch(() => undefined)
  }
}
