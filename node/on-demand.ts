/**
 * Packages that are loaded when they are first used, and that most nodes never use: what is imported at the top of a file is paid for
 * by every daemon, in memory and at every start. Loading is synchronous, so that who uses them stays as simple as with an import.
 */
import { createRequire } from 'node:module'
import type snowball from 'snowball-stemmers'

const require = createRequire(import.meta.url)

/** YAML: 3 MB of memory. */
export const yaml = (): typeof import('yaml') => require('yaml')

/** Stemmers of all languages: 5 MB. */
export const snowballStemmers = (): typeof snowball => require('snowball-stemmers')

/** Sensors of systems other than Linux: 4 MB. */
export const systemInformation = (): typeof import('systeminformation') => require('systeminformation')
