/** The Node that a bundle brings along: the binary of the npm package `node-PLATFORM`, checked against what is written here. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { extract } from 'tar'
import type { Platform } from './contents.ts'
import { npm } from './npm.ts'

/** The version that package-lock.json pins for this project's own work; a test holds the two equal. */
export const NODE_VERSION = '24.21.0'

/** `npm view node-PLATFORM@VERSION dist.integrity` */
const INTEGRITY: Record<Platform, string> = {
  'linux-x64':
    'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  'linux-arm64':
    'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
}

/** Throws where the bytes are not those that `integrity` (`sha512-BASE64`) stands for. */
export function checkIntegrity(bytes: Buffer, integrity: string, name: string): void {
  const found = `sha512-${createHash('sha512').update(bytes).digest('base64')}`
  if (found !== integrity) throw new Error(`${name} has the hash ${found}, not ${integrity}`)
}

/** Puts bin/node and LICENSE into `target`, which is there. */
export async function fetchRuntime(platform: Platform, work: string, target: string): Promise<void> {
  const name = `node-${platform}@${NODE_VERSION}`
  const packed = npm(['pack', name, '--json', '--prefer-offline', '--pack-destination', work], work)
  const [{ filename } = { filename: '' }] = JSON.parse(packed) as { filename: string }[]
  const archive = path.join(work, filename)
  checkIntegrity(readFileSync(archive), INTEGRITY[platform], name)
  await extract({ file: archive, cwd: target, strip: 1 }, ['package/bin/node', 'package/LICENSE'])
}
