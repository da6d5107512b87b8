/**
 * Who may talk to the API at all. The API binds to loopback, but every web page that the user opens can send requests
 * there too: a page under a foreign name that resolves to 127.0.0.1 (DNS rebinding) is told by the Host header, and a
 * page of another origin by Origin and Sec-Fetch-Site. The bearer token, which no page can know, is the last line.
 */
import { timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { VillageError } from '../errors.ts'

export interface GuardedHeaders {
  host?: string | undefined
  origin?: string | undefined
  authorization?: string | undefined
  'sec-fetch-site'?: string | string[] | undefined
}

const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]'])

function hostName(host: string): string | null {
  try {
    const url = new URL(`http://${host}/`)
    // Anything but a bare host and port (user info, a path) is not what a client sends.
    return url.host.replace(/:\d+$/, '') === url.hostname && url.username === '' && url.pathname === '/'
      ? url.hostname
      : null
  } catch {
    return null
  }
}

/**
 * Loopback names always; when the API was bound to another address on purpose, that address and any IP literal too
 * (rebinding needs a name). The port is not compared: a tunnel may show another one.
 */
export function hostAllowed(host: string | undefined, boundHost: string): boolean {
  if (host === undefined) return false
  const name = hostName(host)
  if (name === null) return false
  if (LOOPBACK_NAMES.has(name)) return true
  const bare = boundHost.replace(/^\[|\]$/g, '')
  if (LOOPBACK_NAMES.has(bare) || bare === '::1') return false
  return name.replace(/^\[|\]$/g, '') === bare || isIP(name.replace(/^\[|\]$/g, '')) !== 0
}

/** A page may only call the daemon that served it. Programs send no Origin. */
export function originAllowed(headers: GuardedHeaders): boolean {
  if (headers.origin !== undefined) return headers.origin === `http://${headers.host ?? ''}`
  const site = headers['sec-fetch-site']
  return site === undefined || site === 'same-origin' || site === 'none'
}

/** Empty where there is none. */
export const bearerToken = (authorization: string | undefined): string =>
  /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? ''

/** Constant time in the content; the length of the token is no secret. */
export function tokenMatches(authorization: string | undefined, token: string): boolean {
  const given = Buffer.from(bearerToken(authorization))
  const wanted = Buffer.from(token)
  return given.byteLength === wanted.byteLength && timingSafeEqual(given, wanted)
}

/**
 * Throws API_ORIGIN_REFUSED. Static pages are public: they may be linked to from elsewhere. `origins`: pages of the configuration
 * (api.corsOrigins) that may call what needs a token, compared whole.
 */
export function checkRequest(
  headers: GuardedHeaders,
  init: { boundHost: string; isPublic: boolean; origins?: readonly string[] },
): void {
  if (!hostAllowed(headers.host, init.boundHost))
    throw new VillageError('API_ORIGIN_REFUSED', 'The Host header does not name this daemon')
  if (headers.origin !== undefined && init.origins?.includes(headers.origin) === true) return
  if (headers.origin !== undefined && !originAllowed(headers))
    throw new VillageError('API_ORIGIN_REFUSED', 'The request comes from a page of another origin')
  if (init.isPublic) return
  if (!originAllowed(headers))
    throw new VillageError('API_ORIGIN_REFUSED', 'The request comes from a page of another site')
}
