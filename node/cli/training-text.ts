/** What people read of a training: one line while it runs, and its report. */
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts'
import { count, facts } from './format.ts'

const part = (value: JsonValue | undefined): JsonObject =>
  isJsonObject(value ?? null) ? (value as JsonObject) : {}
const loss = (value: JsonValue | undefined): string => (typeof value === 'number' ? value.toFixed(4) : '?')

/** Figures of `training:metrics` events as `step 120 of 1,000, loss 2.3102, held out 2.4011, 5,120 tokens/s`. */
export function createTrainingLine(): (figures: JsonObject) => { share: number; text: string } {
  let heldOut: JsonValue = null
  return (figures) => {
    const { step, steps, tokensPerSecond } = figures
    heldOut = figures.heldOutLoss ?? heldOut
    const parts = [
      `step ${count(Number(step))} of ${count(Number(steps))}`,
      `loss ${loss(figures.loss)}`,
      ...(heldOut === null ? [] : [`held out ${loss(heldOut)}`]),
      ...(Number(tokensPerSecond) > 0 ? [`${count(Math.round(Number(tokensPerSecond)))} tokens/s`] : []),
    ]
    return { share: Number(step) / Math.max(1, Number(steps)), text: parts.join(', ') }
  }
}

const ENDINGS: Readonly<Record<string, string>> = {
  steps: 'all steps done',
  early: 'stopped early: the held-out loss fell no more',
}

/** The report of a trained model, or the result of the job that made it. */
export function trainingText(report: JsonObject): string {
  const config = part(report.config)
  const data = part(report.data)
  const best = isJsonObject(report.best ?? null) ? (report.best as JsonObject) : null
  const method = config.method === 'lora' ? `LoRA of rank ${String(config.rank)}` : 'all weights'
  const ending = ENDINGS[String(report.ended)] ?? String(report.ended)
  return facts([
    ...(typeof report.id === 'string' ? ([['new model', report.id]] as [string, string][]) : []),
    [
      'trained',
      `${method}, ${count(Number(report.step))} of ${count(Number(report.steps))} steps; ${ending}`,
    ],
    ['data', `${count(Number(data.documents))} documents, ${count(Number(data.tokens))} tokens`],
    ['loss', `${loss(report.loss)} nats a token at the end`],
    ...(best === null
      ? ([['held out', 'nothing: what it is worth was not measured']] as [string, string][])
      : ([
          [
            'held out',
            `${loss(report.heldOutBefore)} before, ${loss(best.heldOutLoss)} at step ${count(Number(best.step))}, whose weights these are`,
          ],
        ] as [string, string][])),
    ...(Number(data.cutTokens) > 0
      ? ([['cut', `${count(Number(data.cutTokens))} tokens did not fit their rows`]] as [string, string][])
      : []),
  ])
}
