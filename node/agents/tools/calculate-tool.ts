/** The tool `calculate`: exact arithmetic of this node's own (docs/magi.md). */
import { calculate, calculationText, DEFAULT_DIGITS, MAX_DIGITS } from '../magi/calculate/calculate.ts'
import { MAX_LENGTH } from '../magi/calculate/parse.ts'
import { AT_ONCE, own, takes, tool, whole, words } from './define-tool.ts'
import type { Tool } from './tool.ts'

export const CALCULATE_TOOL: Tool = tool<{ expression: string; digits?: number }>({
  name: 'calculate',
  description:
    'Calculates exactly: + - * / ^ % ! mod, brackets, sqrt, root, ln, log2, log10, sin, round, min, max, mean, gcd and others, units of bytes and time, and a unit to give the result in: "4 GB / (50 MB/s) in min".',
  parameters: takes(
    {
      expression: words('What to calculate, for example "17% of 300" or "3 GiB in MB".', MAX_LENGTH),
      digits: whole('Digits that are shown of a value that has no end.', 1, MAX_DIGITS),
    },
    'expression',
  ),
  effect: 'read',
  scope: 'ask',
  cost: AT_ONCE,
  async run({ expression, digits }) {
    const result = calculate(expression, digits ?? DEFAULT_DIGITS)
    const text = calculationText(result)
    return own(text, {
      value: result.value,
      unit: result.unit,
      exact: result.exact,
      fraction: result.fraction,
      text,
    })
  },
})
