/** What `auto` can be asked for. Pure. */
import { readSize } from '../../parts/format.js'

const NUMBER = { type: 'number', min: 0 }
/** Targets of `auto`: the parameter, what people call it, its field, and how what stands there is read. */
export const TARGETS = [
  ['ratio', 'times smaller', { ...NUMBER, step: 0.1, defaultValue: 8 }, Number],
  [
    'sizeBytes',
    'size at most',
    {
      type: 'text',
      pattern: '\\d+(\\.\\d+)?( ?[kKmMgGtT][iI]?[bB])?',
      title: 'Such as 4 MB',
      defaultValue: '4 MB',
    },
    (text) => readSize(text.trim()) ?? Number(text),
  ],
  ['bits', 'bits a parameter', { ...NUMBER, step: 0.1, defaultValue: 4 }, Number],
  ['quality', 'share of quality kept', { ...NUMBER, step: 0.001, defaultValue: 0.97 }, Number],
]
/** `{ sizeBytes: 4000000 }` @param {string} name @param {string} text as it was typed */
export const targetOf = (name, text) => {
  const [, , , read] = TARGETS.find(([target]) => target === name)
  return { [name]: read(text) }
}
