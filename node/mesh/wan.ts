/**
 * What the wan profile adds to the host: ways in from outside the local network. None of it runs in the lan profile,
 * which makes no traffic beyond that network; host.ts does not even load it there (it is 10 MB of memory).
 */
import { autoNATv2 } from '@libp2p/autonat-v2'
import { bootstrap } from '@libp2p/bootstrap'
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { dcutr } from '@libp2p/dcutr'
import { uPnPNAT } from '@libp2p/upnp-nat'
import type { Config } from '../config.ts'

const MAX_RESERVATIONS = 32
/** libp2p's defaults (128 KiB in 2 minutes) cannot carry an artifact. */
const RELAY_DATA_BYTES = 4n * 2n ** 30n
const RELAY_DURATION_MS = 60 * 60_000

/** Reachability, hole punching, relaying for others (circuit relay v2) and a port forward (UPnP). */
export function wanOptions(config: Pick<Config, 'mesh.bootstrap' | 'mesh.upnp' | 'mesh.relayServer'>) {
  return {
    transports: [circuitRelayTransport()],
    /** Makes the node reserve a slot at a relay and listen through it. */
    listen: ['/p2p-circuit'],
    discovery:
      config['mesh.bootstrap'].length > 0 ? [bootstrap({ list: [...config['mesh.bootstrap']] })] : [],
    services: {
      autonat: autoNATv2(),
      dcutr: dcutr(),
      ...(config['mesh.upnp'] ? { upnp: uPnPNAT({ portMappingDescription: 'AIVillage' }) } : {}),
      ...(config['mesh.relayServer']
        ? {
            relay: circuitRelayServer({
              reservations: {
                maxReservations: MAX_RESERVATIONS,
                defaultDataLimit: RELAY_DATA_BYTES,
                defaultDurationLimit: RELAY_DURATION_MS,
              },
            }),
          }
        : {}),
    },
  }
}
