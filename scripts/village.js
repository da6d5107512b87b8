#!/usr/bin/env node
// The `village` command: starts node/main.ts on Node 24.
import { fileURLToPath } from 'node:url'
import { runOnNode24 } from './run.js'

runOnNode24(fileURLToPath(new URL('../node/main.ts', import.meta.url)), process.argv.slice(2))
