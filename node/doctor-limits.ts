/** Checks of what the machine lets a process have: memory, open files, watched folders. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { freemem, totalmem } from 'node:os'
import type { Config } from './config.ts'
import type { Check } from './doctor.ts'
import { readMemoryCap } from './memory-cap.ts'

type Finding = Omit<Check, 'name'>
const ok = (message: string): Finding => ({ level: 'ok', message, fix: null })
const warn = (message: string, fix: string): Finding => ({ level: 'warn', message, fix })

const MIB = 2 ** 20
const GIB = 2 ** 30
/** What the daemon takes with the embedded encoder loaded, and somewhat more. */
const NEEDED_BYTES = 512 * MIB
const LOW_FREE_BYTES = 256 * MIB
const NEEDED_FILES = 4_096
const NEEDED_WATCHES = 16_384

const gib = (bytes: number) => `${(bytes / GIB).toFixed(1)} GiB`

export async function checkMemory({ config }: { readonly config: Config }): Promise<Finding> {
  const cap = readMemoryCap()
  const haveBytes = Math.min(cap?.limitBytes ?? Number.POSITIVE_INFINITY, totalmem())
  const freeBytes = Math.min(cap === null ? freemem() : cap.limitBytes - cap.usedBytes, freemem())
  const said = `${gib(haveBytes)}${cap === null ? '' : ' (a cap of the service or container)'}, ${gib(freeBytes)} are free`
  const lent = config['resources.maxMemoryBytes']
  if (haveBytes < NEEDED_BYTES)
    return warn(said, 'Set profile to edge; with less than 0.5 GiB tasks and models are refused.')
  if (lent !== null && lent > haveBytes)
    return warn(
      `${said}, and resources.maxMemoryBytes lends ${gib(lent)}`,
      'Lower resources.maxMemoryBytes below what there is.',
    )
  if (freeBytes < LOW_FREE_BYTES)
    return warn(said, 'Close other programs, or set profile to edge: the daemon pauses when memory is short.')
  return ok(said)
}

/** `Max open files  1024  524288  files`, from /proc/self/limits; null where there is no such thing. */
export function openFilesLimit(limits: string): number | null {
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1]
  if (soft === undefined) return null
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
}

export async function checkOpenFiles(): Promise<Finding> {
  const limit = openFilesLimit(await readFile('/proc/self/limits', 'utf8').catch(() => ''))
  if (limit === null) return ok('this system does not tell a limit')
  return limit >= NEEDED_FILES
    ? ok(`${limit === Number.POSITIVE_INFINITY ? 'any number' : limit} may be open at once`)
    : warn(
        `only ${limit} may be open at once, and each connection, block and index needs one`,
        `Run: ulimit -n ${NEEDED_FILES} before the start; a service of \`village service install\` sets it by itself.`,
      )
}

/** Folders that are watched for changes take one watch each (inotify(7)). */
export async function checkWatches(): Promise<Finding> {
  const folder = '/proc/sys/fs/inotify'
  if (!existsSync(folder)) return ok('this system has no limit of its own')
  const read = async (name: string) => Number((await readFile(`${folder}/${name}`, 'utf8')).trim())
  const [watches, instances] = [await read('max_user_watches'), await read('max_user_instances')]
  const said = `${watches} folders in ${instances} programs can be watched`
  return watches >= NEEDED_WATCHES && instances >= 64
    ? ok(said)
    : warn(
        said,
        `Run as root: sysctl fs.inotify.max_user_watches=${NEEDED_WATCHES} fs.inotify.max_user_instances=128; large folders that are watched miss changes otherwise.`,
      )
}
