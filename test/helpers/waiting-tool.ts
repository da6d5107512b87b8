/** A tool that says when it runs, and runs until it is told to end. */
import { toolNamed } from './agent-parts.ts'

export function waitingTool() {
  const begun = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<unknown>()
  const tool = toolNamed('job_wait', {
    run: (_given, { signal, progress }) => {
      progress('waiting')
      begun.resolve()
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          ended.resolve(signal.reason)
          reject(signal.reason)
        })
      })
    },
  })
  return { tool, begun: begun.promise, ended: ended.promise }
}
