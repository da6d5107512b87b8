/**
 * Checks of `village doctor` that only a node within its village can make: members that cannot be reached and why, whether others reach
 * this node, clocks and versions. Addresses are tried now: what failed an hour ago may work.
 */
import type { Check } from '../doctor.ts'
import { toVillageError, type VillageError } from '../errors.ts'
import type { Member } from './membership/village-info.ts'
import type { Mesh } from './mesh.ts'

type Finding = Omit<Check, 'name'>
export interface MeshCheck {
  readonly name: string
  run(): Promise<Finding>
}

const ok = (message: string): Finding => ({ level: 'ok', message, fix: null })
const warn = (message: string, fix: string): Finding => ({ level: 'warn', message, fix })
const fail = (message: string, fix: string): Finding => ({ level: 'fail', message, fix })

const DIAL_MS = 3_000
/** Beyond these the doctor would take minutes. */
const MAX_MEMBERS = 12
const MAX_ADDRESSES = 4
const WARN_SKEW_MS = 10_000
/** From here on announcements and invites of the others are refused. */
const FAIL_SKEW_MS = 60_000

/** What the operating system says of a connection, in plain words (errno(3)). */
const SYSTEM_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: its daemon is stopped, or has another port now',
  EHOSTUNREACH: 'there is no way to that machine: it is off, or in another network',
  ENETUNREACH: 'this machine has no way to that network',
  EHOSTDOWN: 'that machine is off',
  ETIMEDOUT: 'no answer: it is off, or a firewall drops what comes',
  ECONNRESET: 'the connection was cut',
  ENOTFOUND: 'its name is not known',
  EACCES: 'a firewall of this machine forbids it',
  EPERM: 'a firewall of this machine forbids it',
}

/** The codes within an error and what caused it: libp2p wraps and merges them. */
function systemCodes(error: unknown, depth = 0): string[] {
  if (!(error instanceof Error) || depth > 6) return []
  const { code, cause } = error as { code?: unknown; cause?: unknown }
  const merged: unknown[] = error instanceof AggregateError ? error.errors : []
  const inner = [cause, ...merged].flatMap((one) => systemCodes(one, depth + 1))
  return typeof code === 'string' ? [code, ...inner] : inner
}

/** Why a dial failed, for people. */
export function dialWords(error: unknown): string {
  const failure: VillageError = toVillageError(error)
  const known = systemCodes(error).find((code) => SYSTEM_WORDS[code] !== undefined)
  if (failure.code === 'PEER_UNREACHABLE' && known !== undefined) return SYSTEM_WORDS[known]!
  if (failure.code === 'TIMEOUT' || failure.code === 'PEER_UNREACHABLE') return SYSTEM_WORDS.ETIMEDOUT!
  // One of the table: what the other side refused, or what it is.
  return failure.message
}

const isLoopback = (address: string) => /^\/ip4\/127\.|^\/ip6\/::1\//.test(address)
const isRelayed = (address: string) => address.includes('/p2p-circuit')
const PRIVATE =
  /^\/ip4\/(?:10|127|169\.254|192\.168|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])|172\.(?:1[6-9]|2\d|3[01]))\.|^\/ip6\/(?:::1|f[cd][0-9a-f]{2}|fe[89ab][0-9a-f]):?/i
const isPublic = (address: string) => !isRelayed(address) && !PRIVATE.test(address)
/** Without the peer ID, which says nothing to people. */
const shown = (address: string) => address.replace(/\/p2p\/\w+$/, '')

interface MeshParts {
  readonly mesh: Pick<Mesh, 'village' | 'peers' | 'addresses' | 'addressesOf' | 'dial' | 'clockSkewsMs'>
  readonly members: () => readonly Member[]
}

async function checkMember({ mesh }: MeshParts, member: Member): Promise<Finding> {
  const addresses = (await mesh.addressesOf(member.peer)).slice(0, MAX_ADDRESSES)
  if (addresses.length === 0)
    return warn(
      'is not connected, and nobody knows an address of it',
      'It is found when its daemon runs in the same network (mDNS), or by an address in mesh.bootstrap.',
    )
  const tries = await Promise.all(
    addresses.map(async (address) => {
      try {
        await mesh.dial(address, { signal: AbortSignal.timeout(DIAL_MS) })
        return null
      } catch (error) {
        return `${shown(address)}: ${dialWords(error)}`
      }
    }),
  )
  const reasons = tries.filter((reason) => reason !== null)
  if (reasons.length < tries.length) return ok('was not connected, and is now')
  return warn(
    `cannot be reached. ${reasons.join('; ')}`,
    'Start its daemon, and let its port through the firewalls between; a relay (mesh.relayServer of a member) helps where none can be opened.',
  )
}

/** One row for each member that is not connected. */
export function memberChecks(parts: MeshParts): MeshCheck[] {
  if (parts.mesh.village() === null) return []
  const current = parts
    .members()
    .filter(({ self, revoked, leftAtMs }) => !self && revoked === null && leftAtMs === null)
  const away = current.filter(({ connected }) => !connected)
  const rows = away.slice(0, MAX_MEMBERS).map((member) => ({
    name: `member ${member.name || member.peer.slice(-8)}`,
    run: () => checkMember(parts, member),
  }))
  return [
    {
      name: 'members',
      async run() {
        const said = `${current.length - away.length} of ${current.length} others are connected`
        const rest = away.length - rows.length
        return ok(rest > 0 ? `${said}; ${rest} more of the absent ones were not tried` : said)
      },
    },
    ...rows,
  ]
}

async function checkReachability({ mesh }: MeshParts, profile: string): Promise<Finding> {
  if (mesh.village() === null) return ok('this node is in no village and listens to nobody')
  const addresses = mesh.addresses()
  const inbound = mesh.peers().filter(({ direction, relayed }) => direction === 'inbound' && !relayed).length
  const came = inbound === 0 ? '' : `; ${inbound} connected by themselves`
  if (addresses.every(isLoopback))
    return warn(
      'only programs of this machine reach this node',
      'Set mesh.listen to /ip4/0.0.0.0/tcp/0 so that other machines can connect.',
    )
  if (profile !== 'wan')
    return ok(
      `reached in the local network at ${addresses
        .filter((one) => !isLoopback(one))
        .map(shown)
        .join(', ')}${came}`,
    )
  const open = addresses.filter(isPublic)
  if (open.length > 0) return ok(`reached from the internet at ${open.map(shown).join(', ')}${came}`)
  return addresses.some(isRelayed)
    ? ok(`behind a router (NAT), reached through a relay${came}`)
    : warn(
        `behind a router (NAT), and no relay was found${came}`,
        'Switch mesh.upnp on, forward the port by hand and name the address in mesh.announce, or ask a member with a public address to set mesh.relayServer.',
      )
}

function checkClocks({ mesh }: MeshParts): Finding {
  const skews = [...mesh.clockSkewsMs().values()].toSorted((a, b) => a - b)
  if (skews.length === 0) return ok('no member has told the time yet')
  const median = skews[Math.floor(skews.length / 2)]!
  const seconds = Math.round(Math.abs(median) / 1_000)
  const said = `${seconds} s ${median > 0 ? 'behind' : 'ahead of'} the clocks of ${skews.length} ${skews.length === 1 ? 'member' : 'members'}`
  const fix =
    'Set the clock, or switch time synchronisation on (timedatectl set-ntp true): invites and announcements depend on it.'
  if (Math.abs(median) >= FAIL_SKEW_MS) return fail(said, fix)
  return Math.abs(median) >= WARN_SKEW_MS
    ? warn(said, fix)
    : ok(`agrees with ${skews.length} ${skews.length === 1 ? 'member' : 'members'}`)
}

function checkVersions({ mesh }: MeshParts, version: string): Finding {
  const versions = mesh.peers().flatMap(({ capabilities }) => capabilities?.version ?? [])
  const others = versions.filter((one) => one !== version)
  if (others.length === 0) return ok(`${version}, as ${versions.length} connected members have`)
  const seen = [...new Set(others)]
    .slice(0, 5)
    .map((one) => one.slice(0, 32))
    .join(', ')
  return warn(
    `this node has ${version}, ${others.length} of ${versions.length} connected members have another (${seen})`,
    'Upgrade the older ones: members with different versions share only what both know.',
  )
}

/** Rows that a daemon adds to the doctor's. */
export function meshChecks(
  parts: MeshParts,
  init: { readonly profile: string; readonly version: string },
): MeshCheck[] {
  return [
    { name: 'reachability', run: () => checkReachability(parts, init.profile) },
    ...(parts.mesh.village() === null
      ? []
      : [
          { name: 'clocks', run: async () => checkClocks(parts) },
          { name: 'versions', run: async () => checkVersions(parts, init.version) },
        ]),
    ...memberChecks(parts),
  ]
}
