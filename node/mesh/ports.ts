/**
 * The addresses to listen on. Port 0 in the configuration means "any, but keep it": the port of the first start is
 * stored and used again, so that members find the node where it was. A configured port that is busy is an error.
 */
import { createServer } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { VillageError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { JsonTable } from '../store.ts'

const TCP = 'tcp'

function portOf(address: string): number | null {
  const part = multiaddr(address)
    .getComponents()
    .find(({ name }) => name === TCP)
  return part?.value === undefined ? null : Number(part.value)
}

export function withPort(address: string, port: number): string {
  return address.replace(/\/tcp\/\d+/, `/tcp/${port}`)
}

function hostOf(address: string): string | undefined {
  return multiaddr(address)
    .getComponents()
    .find(({ name }) => name === 'ip4' || name === 'ip6')?.value
}

/** Whether this process could listen there now. */
function isFree(host: string | undefined, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)))
  })
}

/** Throws PORT_BUSY when a port that the configuration names is in use. */
export async function chooseListenAddresses(
  components: { log: Log; ports: JsonTable<number> },
  configured: readonly string[],
): Promise<string[]> {
  const chosen: string[] = []
  for (const address of configured) {
    const port = portOf(address)
    const host = hostOf(address)
    if (port === null) {
      chosen.push(address)
    } else if (port !== 0) {
      if (!(await isFree(host, port)))
        throw new VillageError('PORT_BUSY', `Port ${port} of mesh.listen is in use`, {
          fields: { port, address },
        })
      chosen.push(address)
    } else {
      const kept = await components.ports.get(address)
      const usable = kept !== undefined && (await isFree(host, kept))
      if (kept !== undefined && !usable)
        components.log.warn({ port: kept, address }, 'the port of the last run is in use; taking another')
      chosen.push(usable ? withPort(address, kept) : address)
    }
  }
  return chosen
}

/** Stores the ports that the host got, by configured address: call it when the host listens. */
export async function keepPorts(
  components: { ports: JsonTable<number> },
  configured: readonly string[],
  listening: readonly string[],
): Promise<void> {
  for (const address of configured) {
    if (portOf(address) !== 0) continue
    const isWebSocket = address.endsWith('/ws')
    const match = listening.find(
      (candidate) => candidate.includes('/ws') === isWebSocket && !candidate.includes('/p2p-circuit'),
    )
    const port = match === undefined ? null : portOf(match)
    if (port !== null) await components.ports.put(address, port)
  }
}
