/** The official client of OpenAI's API against a real daemon. */
import { suite } from 'uvu'
import { chatTests } from '../helpers/openai-chat.ts'
import { limitTests } from '../helpers/openai-limits.ts'
import { responseTests } from '../helpers/openai-responses.ts'
import { type OpenAiWorld, openAiWorld } from '../helpers/openai-world.ts'

const test = suite('openai client')
let world: OpenAiWorld | undefined

test.before(async () => {
  world = await openAiWorld()
})
test.after(() => world?.close())

chatTests(test, () => world!)
limitTests(test, () => world!)
responseTests(test, () => world!)
test.run()
