/** `village start`: runs the daemon in this process until it is told to stop. */
import { createDaemon } from '../daemon.ts'
import { VERSION } from '../version.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { duration, facts } from './format.ts'

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

export async function start(context: CommandContext): Promise<CommandResult> {
  const config = await context.config()
  // Run from a clone by npm there is no `village` on the PATH.
  const command = process.env.npm_lifecycle_event === undefined ? 'village' : 'npm run village --'
  const daemon = await createDaemon(config, context.sources)
  const stop = () => daemon.stop()
  context.signal.addEventListener('abort', stop, { once: true })
  // A terminal that closes ends what runs in it; whoever keeps a service running asks it to read its configuration again.
  const endHangup = process.stdin.isTTY ? () => {} : context.onHangup(() => void daemon.settings.readAgain())
  try {
    await daemon.start()
    // Since the process began: what a person waits for.
    const tookMs = performance.now()
    const { kernels } = daemon
    const village = daemon.village()
    const started = {
      version: VERSION,
      peer: daemon.peerId,
      url: daemon.api.url(),
      dashboard: daemon.api.dashboardLink(),
      dataDirectory: config['data.dir'],
      native: kernels.native,
      reason: kernels.reason,
      simd: kernels.simd,
      village: village?.name ?? null,
      readyMs: Math.round(tookMs),
    }
    context.write(
      context.json
        ? `${JSON.stringify(started)}\n`
        : `${facts([
            ['village', VERSION],
            ['peer', started.peer],
            ['data', started.dataDirectory],
            [
              'kernels',
              kernels.native ? `native (${kernels.simd})` : `TypeScript reference: ${kernels.reason}`,
            ],
            [
              'member of',
              started.village ?? `no village yet: \`${command} create NAME\` or \`${command} join INVITE\``,
            ],
            // A log keeps what a service prints, and has no need of the token.
            [
              'dashboard',
              context.columns === null
                ? `${started.url} (\`${command} status\` in a terminal prints the link that opens it)`
                : started.dashboard,
            ],
            ['ready in', duration(tookMs)],
          ])}\n`,
    )
    await aborted(context.signal)
  } finally {
    endHangup()
    context.signal.removeEventListener('abort', stop)
    await daemon.stop()
  }
  return { document: undefined, text: '' }
}
