/**
 * What every first look needs is asked for before the rest of the dashboard is run and drawn, so that the daemon answers meanwhile.
 * This module stands first in the script (dashboard-files.ts).
 */
import { authorization, takeToken } from './token.js'

/** Part of the store's state → where it is read. */
export const FIRST_PATHS = {
  status: '/api/v1/status',
  members: '/api/v1/members',
  jobs: '/api/v1/jobs',
  resources: '/api/v1/resources',
}

/** @type {Map<string, Promise<Response>>} */
const begun = new Map()

if (takeToken() !== null)
  for (const path of Object.values(FIRST_PATHS)) {
    const response = fetch(path, { headers: { authorization: authorization() } })
    // Whoever takes it sees the failure; until then nobody waits for it.
    response.catch(() => undefined)
    begun.set(path, response)
  }

/** The answer that is on its way, once. @param {string} path @returns {Promise<Response> | undefined} */
export function takeBegun(path) {
  const response = begun.get(path)
  begun.delete(path)
  return response
}
