/**
 * Connections that have asked nothing yet. Node counts them as busy when a server closes, and waits for their first request; clients open
 * them ahead of need, so that a shutdown would wait for nothing.
 */
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'

/** Follows a server from its first connection on; the function that it returns ends those that are silent. */
export function followSilentConnections(server: Server): () => void {
  const silent = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    silent.add(socket)
    socket.once('close', () => silent.delete(socket))
  })
  server.on('request', ({ socket }: IncomingMessage) => void silent.delete(socket))
  return () => {
    for (const socket of silent) socket.destroy()
  }
}
