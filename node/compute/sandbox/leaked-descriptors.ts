/**
 * Open files that this process would hand on to every program it starts: those it was itself started with, and those
 * that a library opened without the flag O_CLOEXEC. A program in the sandbox must not get them.
 */
import { readdir, readFile } from 'node:fs/promises'

const O_CLOEXEC = 0o2000000
const STANDARD = 3

/** Numbers of the descriptors above the standard ones that survive an exec. */
export async function leakedDescriptors(): Promise<number[]> {
  const numbers = (await readdir('/proc/self/fdinfo')).map(Number).filter((number) => number >= STANDARD)
  const leaked = await Promise.all(
    numbers.map(async (number) => {
      // It may have been closed since the listing.
      const text = await readFile(`/proc/self/fdinfo/${number}`, 'utf8').catch(() => '')
      const flags = /^flags:\s+([0-7]+)$/m.exec(text)?.[1]
      return flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0
    }),
  )
  return numbers.filter((_, index) => leaked[index] === true)
}
