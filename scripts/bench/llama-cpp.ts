/**
 * llama.cpp on the same weights, where it can be loaded: `VILLAGE_LLAMA_DIR` names a directory in whose node_modules the
 * package node-llama-cpp is (it is no dependency of the project). One thread, greedy, as the runtime's own figure.
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { writeGguf } from './gguf.ts'

/** What is used of the package. */
interface LlamaPackage {
  getLlama(options: object): Promise<{
    loadModel(options: { modelPath: string }): Promise<{
      createContext(options: object): Promise<{
        getSequence(): {
          clearHistory(): Promise<void>
          evaluate(tokens: readonly number[], options: object): AsyncIterable<number>
        }
        dispose(): Promise<void>
      }>
    }>
    dispose(): Promise<void>
  }>
}

export interface LlamaRunner {
  /** Decodes `count` tokens behind the prompt; milliseconds of wall time and of the processor for them, the first left out. */
  decode(
    prompt: readonly number[],
    count: number,
  ): Promise<{ ms: number; cpuMs: number; tokens: readonly number[] }>
  close(): Promise<void>
}

export const cpuMs = (since?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1000
}

/** Null where the package cannot be loaded. */
export async function openLlama(source: string, signal: AbortSignal): Promise<LlamaRunner | null> {
  const directory = process.env.VILLAGE_LLAMA_DIR
  if (directory === undefined) return null
  const entry = path.join(directory, 'node_modules/node-llama-cpp/dist/index.js')
  if (!existsSync(entry)) return null
  const { getLlama } = (await import(pathToFileURL(entry).href)) as LlamaPackage
  const file = path.join(source, 'model.gguf')
  writeGguf(source, file)
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' })
  const model = await llama.loadModel({ modelPath: file })
  const context = await model.createContext({ contextSize: 512, threads: 1, sequences: 1 })
  const sequence = context.getSequence()
  return {
    async decode(prompt, count) {
      await sequence.clearHistory()
      const tokens: number[] = []
      let startedAt = 0
      let used: NodeJS.CpuUsage | undefined
      for await (const token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
        signal.throwIfAborted()
        // From the first token on: reading the prompt is another figure.
        if (tokens.length === 0) [startedAt, used] = [performance.now(), process.cpuUsage()]
        tokens.push(token)
        if (tokens.length > count) break
      }
      return { ms: performance.now() - startedAt, cpuMs: cpuMs(used), tokens }
    },
    async close() {
      await context.dispose()
      await llama.dispose()
    },
  }
}
