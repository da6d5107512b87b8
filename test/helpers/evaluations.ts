/** Evaluations of a tiny language model on items of one's own. */
import { Readable } from 'node:stream'
import * as assert from 'uvu/assert'
import type { JsonObject } from '../../node/json.ts'
import type { JobNode } from './job-nodes.ts'
import { end } from './toy-village.ts'

/** Questions, prompts and texts in equal parts, the same in every run. */
export function customSuite(items: number): string {
  const words = ['salt', 'river', 'lamp', 'seven', 'glass', 'north', 'clay', 'wheel']
  const word = (index: number) => words[index % words.length]!
  const row = (index: number): JsonObject => {
    const id = `item-${index}`
    if (index % 3 === 0) {
      const choices = [0, 1, 2, 3].map((step) => ` ${word(index + step * 3)}`)
      const context = `Question: what comes after ${word(index * 5)}?\nAnswer:`
      return { type: 'choice', id, group: 'choices', context, choices, answer: index % 4 }
    }
    if (index % 3 === 1)
      return {
        type: 'generate',
        id,
        group: 'texts',
        prompt: `The ${word(index * 3)} and the ${word(index)}`,
        answer: 'e',
        match: 'contains',
        stop: ['\n\n'],
        maxTokens: 12,
      }
    return { type: 'text', id, group: 'readings', text: `${word(index)} on the ${word(index + 1)} side` }
  }
  return Array.from({ length: items }, (_, index) => `${JSON.stringify(row(index))}\n`).join('')
}

/** Stores a file on a node, as an upload does. */
export async function storeFile(node: JobNode, text: string): Promise<string> {
  const { cid } = await node.artifacts.addStream(Readable.from([Buffer.from(text)]), { name: 'data.jsonl' })
  return cid
}

/** Runs an `evaluate` job to its end. */
export async function evaluateOn(node: JobNode, params: JsonObject): Promise<JsonObject> {
  const { id } = await node.jobs.submit({ kind: 'evaluate', params })
  const summary = await end(node, id)
  assert.is(summary.state, 'done', JSON.stringify(summary.error))
  return summary.result!
}
