/** The command line run in this process against a test API. */
import { runCommandLine } from '../../node/cli/run.ts'
import { startTestApi, type TestApi } from './api-server.ts'

export interface Ran {
  code: number
  out: string
  err: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the command printed
  json: any
}

export function village(directory: string, ...args: string[]): Promise<Ran> {
  return villageWith({}, directory, ...args)
}

/** `signal` aborts at Ctrl-C; `onError` is given each piece of standard error as it comes. */
export async function villageWith(
  init: { signal?: AbortSignal; onError?: (text: string) => void },
  directory: string,
  ...args: string[]
): Promise<Ran> {
  let out = ''
  let err = ''
  const code = await runCommandLine({
    arguments: ['--data.dir', directory, ...args],
    environment: {},
    stdout: {
      write(text) {
        out += text
      },
    },
    // Not a terminal: no progress bars.
    stderr: {
      isTTY: false,
      write(text: string) {
        err += text
        init.onError?.(text)
        return true
      },
    } as unknown as NodeJS.WriteStream, // nothing else of a stream is used when it is no terminal
    signal: init.signal ?? new AbortController().signal,
  })
  return { code, out, err, json: args.includes('--json') ? JSON.parse(out) : null }
}

export async function withApi(
  run: (cli: (...args: string[]) => Promise<Ran>, server: TestApi) => Promise<void>,
): Promise<void> {
  const server = await startTestApi()
  try {
    await run((...args) => village(server.directory, ...args), server)
  } finally {
    await server.close()
  }
}
