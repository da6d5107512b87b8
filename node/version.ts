import { readFileSync } from 'node:fs'
import { PACKAGE_ROOT } from './package-root.ts'

/** The version of the package. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('package.json', PACKAGE_ROOT), 'utf8')) as { version: string }
).version

const MAJOR_MINOR = /^(\d+)\.(\d+)\./

/**
 * What to tell a person whose command and whose daemon are of versions that need not understand each other, which differ in more than
 * the last number; null where there is nothing to tell.
 */
export function versionSkew(daemon: string | null, command: string): string | null {
  const [theirs, ours] = [MAJOR_MINOR.exec(daemon ?? ''), MAJOR_MINOR.exec(command)]
  if (theirs === null || ours === null || theirs[0] === ours[0]) return null
  const isOlder =
    Number(theirs[1]) < Number(ours[1]) || (theirs[1] === ours[1] && Number(theirs[2]) < Number(ours[2]))
  return isOlder
    ? `The daemon that runs is version ${daemon}, older than this command (${command}): restart it to upgrade it (docs/upgrade.md).`
    : `The daemon that runs is version ${daemon}, newer than this command (${command}): use the \`village\` of its installation.`
}
