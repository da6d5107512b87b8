/** Modules joined into one script: what they export, once run, is what it was apart. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { joinModules, modulesOf } from '../../node/api/dashboard-join.ts'

const SOURCES: Record<string, string> = {
  '/d/app.js': `import plus from './lib/plus.js'
import {
  first,
  second as other,
} from './parts/pair.js'
export const sum = plus(first, other())
export const later = () => import('./parts/pair.js')
export const outside = () => import('./pages/page.js')
`,
  '/d/parts/pair.js': `const here = 1
/** export const no = 1 */
export const first = here
export async function third() {}
export function second() {
  return 2
}
`,
  '/d/lib/plus.js': 'var n=1;export default function(a,b){return a+b}',
}
const sourceOf = (url: string) => SOURCES[url] ?? ''
const run = (text: string) => import(`data:text/javascript,${encodeURIComponent(text)}`)

test('each module runs once, before those that import it; what is not joined is loaded when it is asked for', async () => {
  const modules = modulesOf(['/d/app.js'], sourceOf)
  assert.equal([...modules.keys()], ['/d/lib/plus.js', '/d/parts/pair.js', '/d/app.js'])
  const { text, link } = joinModules(modules, '/d/first.js')
  const { module1, module2 } = await run(text)
  assert.is(module2.sum, 3)
  assert.is(await module2.later(), module1)
  assert.equal(Object.keys(module1).toSorted(), ['first', 'second', 'third'])
  assert.match(text, "import('/d/pages/page.js')")
  assert.match(
    link('/d/pages/page.js', "import { first as one } from '../parts/pair.js'\n"),
    "import { module1 } from '/d/first.js'; const { first: one } = module1",
  )
})

test('what cannot be joined is refused, not served broken', () => {
  const join = (source: string) => joinModules(new Map([['/d/x.js', source]]), '/d/first.js')
  assert.throws(() => join("export * from './y.js'\n"), /cannot be joined/)
  assert.throws(() => join("import * as all from './y.js'\n"), /cannot be joined/)
  assert.throws(
    () => modulesOf(['/a.js'], (url) => `import { x } from '${url === '/a.js' ? './b.js' : './a.js'}'\n`),
    /imports itself/,
  )
})

test.run()
