/** Runs a script of this project in namespaces of its own, which end with it however it ends. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { NODE_FLAGS } from '../run.js'

/** `namespaces`: further words of unshare than those for network and processes. Returns the exit code. */
export async function runApart(namespaces: readonly string[], words: readonly string[]): Promise<number> {
  const apart = [...namespaces, '--net', '--pid', '--fork', '--kill-child', '--mount-proc']
  const child = spawn('unshare', [...apart, process.execPath, ...NODE_FLAGS, ...words], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}
