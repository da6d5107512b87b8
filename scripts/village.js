#!/usr/bin/env node
// The `village` command on Node 24: the sources of a clone, or what a package holds of them without their types.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runOnNode24 } from './run.js'

const [source = '', emitted = ''] = ['../node/main.ts', '../dist/node/main.js'].map((file) =>
  fileURLToPath(new URL(file, import.meta.url)),
)
runOnNode24(existsSync(source) ? source : emitted, process.argv.slice(2))
