/** A grammar holds the arguments of every tool, so that a small model can call each of them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { argumentsConstraint, callConstraint, choiceOf } from '../../../node/agents/chat/call-protocol.ts'
import type { Grammars } from '../../../node/compute/generate/constraint.ts'
import { createGrammars } from '../../../node/compute/generate/grammars.ts'
import type { Constraint } from '../../../node/compute/generate/language-model.ts'
import { loadLanguageTokenizer } from '../../../node/compute/models/tokenizer.ts'
import { writeTinyLanguageModel } from '../../helpers/language-models.ts'
import { createToolServices } from '../../helpers/tool-services.ts'

const test = suite('grammars of tools')
const { tools } = createToolServices()
let directory = ''
let grammars: Grammars
test.before(() => {
  directory = mkdtempSync(join(tmpdir(), 'village-tool-grammars-'))
  const { card } = writeTinyLanguageModel(directory, 'llama', { adapters: false })
  grammars = createGrammars(card, loadLanguageTokenizer(directory))
})
test.after(() => {
  grammars.dispose()
  rmSync(directory, { recursive: true, force: true })
})

async function holds(constraint: Constraint): Promise<void> {
  const matcher = await grammars.matcher(constraint)
  try {
    const mask = await matcher.mask()
    assert.ok(mask === null || mask.some((word) => word !== 0), 'some token may begin it')
  } finally {
    matcher.dispose()
  }
}

for (const tool of tools) test(`${tool.name}: its arguments`, () => holds(argumentsConstraint(tool)))

test('a call of any of them, and the choice between them', async () => {
  for (const name of ['arguments', 'parameters']) await holds(callConstraint(tools, name))
  await holds(choiceOf(tools, true))
})

test.run()
