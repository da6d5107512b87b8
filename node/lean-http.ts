/**
 * Keeps 13 MB out of every daemon. The first `import … from 'node:http'` of a program reads everything that the module exports, and
 * three of its exports (WebSocket, CloseEvent and MessageEvent, passed on from the globals of the same names) load the whole client of
 * `fetch` when they are read. Nothing here uses them through `node:http`, so they are emptied before anybody imports it: this
 * file comes first in main.ts, and the rest of the program is imported after it. The globals stay as they are.
 */
const http = process.getBuiltinModule('node:http')
for (const name of ['WebSocket', 'CloseEvent', 'MessageEvent'])
  if (Object.getOwnPropertyDescriptor(http, name)?.configurable === true)
    Object.defineProperty(http, name, { value: undefined, configurable: true })
