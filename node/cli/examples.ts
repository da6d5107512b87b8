/** Examples of each command, shown by its `--help` and in docs/cli.md. A test parses every one of them. */

export interface Example {
  /** As it is typed, from `village` on. */
  readonly line: string
  /** What it does. */
  readonly doc: string
}

const of = (doc: string, line: string): Example => ({ line, doc })

/** By the name of the command's row. */
export const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  start: [
    of('With everything at its default.', 'village start'),
    of(
      'On a small machine, its data on another disk.',
      'village start --profile edge --data.dir /mnt/village',
    ),
  ],
  status: [of('For a script.', 'village status --json')],
  resources: [of('Follow what the node takes.', 'village resources --watch')],
  doctor: [of('What keeps this node from running well.', 'village doctor')],
  'config list': [of('Every key, also those at their default.', 'village config list --all')],
  'config get': [of('One key.', 'village config get api.port')],
  'config set': [of('Lend at most two cores.', 'village config set resources.maxCpuCores 2')],
  'config unset': [of('Back to the default.', 'village config unset resources.maxCpuCores')],
  completion: [of('For bash.', 'village completion bash')],
  'service install': [
    of('A service of your own.', 'village service install'),
    of(
      'One of the machine, within 2 GB; look before it is done.',
      'village service install --system --memory 2GB --print',
    ),
  ],
  'service uninstall': [of('The one of the machine; its data stays.', 'village service uninstall --system')],
  'service status': [of('Whether it runs.', 'village service status')],
  'backup create': [of('Keys, state and settings in one file.', 'village backup create village.backup')],
  'backup verify': [of('Whether it could be restored.', 'village backup verify village.backup')],
  restore: [of('Into an empty data directory.', 'village restore village.backup')],
  upgrade: [of('Back to the data as it was before.', 'village upgrade --roll-back')],
  'key create': [
    of('For Prometheus.', 'village key create prometheus --scope read'),
    of('For a program that asks, for a month.', 'village key create notebook --scope ask --expires 30d'),
  ],
  'key revoke': [of('It is refused from now on.', 'village key revoke prometheus')],
  create: [of('A private village.', 'village create "Maple Street"')],
  invite: [
    of('For one person, for a week.', 'village invite --role member --expires 7d'),
    of('For a class of twenty.', 'village invite --uses 20'),
  ],
  withdraw: [of('Nobody joins by it any more.', 'village withdraw 3f2a')],
  join: [of('With the text of an invite.', 'village join village1…')],
  leave: [of('Also as its last admin.', 'village leave --force')],
  revoke: [of('Shut a member out, and say why.', 'village revoke 12D3KooW… --reason "laptop was stolen"')],
  dial: [of('A member at an address.', 'village dial /ip4/192.168.1.20/tcp/4001')],
  pardon: [of('Take its results again.', 'village pardon 12D3KooW…')],
  index: [
    of('A folder, and whatever changes in it.', 'village index ~/Documents --collection papers --watch'),
    of('For members of the village.', 'village index handbook.pdf --collection handbook --access village'),
  ],
  'collection show': [of('Its documents.', 'village collection show papers --documents')],
  'collection set': [
    of('For members of the village from now on.', 'village collection set papers --access village'),
  ],
  'collection rm': [of('One document of it.', 'village collection rm papers --document letter.md')],
  'collection tune': [
    of(
      'Its weight, by questions with known answers.',
      'village collection tune papers --judged questions.jsonl',
    ),
  ],
  'collection export': [
    of('To a file that can be carried.', 'village collection export papers -o papers.car'),
  ],
  'collection import': [of('Under another name.', 'village collection import papers.car --as archive')],
  search: [
    of('Everywhere in the village.', 'village search heat pump warranty'),
    of(
      'In one collection of this node, and why it ranks so.',
      'village search heat pump --collection papers --local --explain',
    ),
  ],
  passage: [of('With what stands around it.', 'village passage 9f86d0818…/12 --around 1')],
  ask: [of('An answer with its sources.', 'village ask "How long is the warranty of the heat pump?"')],
  decisions: [of('The last five of King.', 'village decisions --limit 5')],
  'approvals approve': [of('Let a call run.', 'village approvals approve 7c1e')],
  'approvals deny': [of('Refuse it.', 'village approvals deny 7c1e')],
  'audit list': [of('What agents wrote.', 'village audit list --tool file_write --limit 20')],
  'audit clear': [of('Without being asked.', 'village audit clear --yes')],
  'tools servers': [of('Ask them again.', 'village tools servers --refresh')],
  'tools accept': [
    of('Let agents use a server’s tools as they are now.', 'village tools accept calendar 9f86d081'),
  ],
  chat: [of('Go on where you were.', 'village chat --continue last')],
  'twin list': [of('What it remembers of a thing.', 'village twin list coffee')],
  'twin add': [of('Tell it something.', 'village twin add "I read German and English"')],
  'twin edit': [of('Correct it.', 'village twin edit 5d "I read German, English and Polish"')],
  'twin forget': [of('One memory.', 'village twin forget 5d')],
  'twin export': [of('To a file.', 'village twin export twin.json')],
  'twin erase': [of('All of it.', 'village twin erase --yes')],
  'model list': [of('Those that members share, too.', 'village model list --village')],
  'model add': [
    of('The encoder that comes with the daemon.', 'village model add --embedded encoder'),
    of('A file.', 'village model add model.onnx --id mine'),
  ],
  'model pull': [of('From a hub.', 'village model pull sentence-transformers/all-MiniLM-L6-v2 --id minilm')],
  'model cancel-pull': [of('End it.', 'village model cancel-pull 4b')],
  'model share': [of('Not any more.', 'village model share minilm --stop')],
  'model inspect': [of('Its tensors.', 'village model inspect encoder')],
  'model unpack': [of('As a model that onnxruntime runs.', 'village model unpack encoder-int4 out/')],
  'model rm': [of('Forget it.', 'village model rm minilm')],
  compress: [
    of('To 4 bits a weight, and wait for it.', 'village compress encoder --codec int4 --wait'),
    of('As small as keeps 97% of its quality.', 'village compress encoder --quality 0.97'),
  ],
  generate: [of('Go on with a text.', 'village generate village-lm "The village" --max-tokens 40')],
  embed: [of('A vector for each text.', 'village embed encoder "a first text" "a second text"')],
  evaluate: [of('The built-in suite.', 'village evaluate encoder --suite similarity --wait')],
  compare: [of('Two models on the same items.', 'village compare encoder encoder-int4 --suite similarity')],
  train: [of('On a file of yours.', 'village train encoder --data pairs.jsonl --epochs 1 --wait')],
  'rounds show': [of('How a run stands.', 'village rounds show 8e1f')],
  'rounds watch': [of('Follow it.', 'village rounds watch 8e1f')],
  'rounds start': [of('Begin what waits for its start.', 'village rounds start 8e1f')],
  'rounds pause': [of('Let it stand.', 'village rounds pause 8e1f')],
  'rounds resume': [of('Let it go on.', 'village rounds resume 8e1f')],
  'rounds stop': [of('End it early.', 'village rounds stop 8e1f')],
  'rounds join': [of('Lend it this node.', 'village rounds join 8e1f')],
  'rounds leave': [of('Not any more.', 'village rounds leave 8e1f')],
  'rounds suggest': [of('A candidate of your own.', 'village rounds suggest 8e1f genome.json')],
  'rounds rm': [of('Forget a run that has ended.', 'village rounds rm 8e1f')],
  'ledger show': [of('Its last ten blocks.', 'village ledger show 8e1f --limit 10')],
  'ledger verify': [of('Every signature and hash.', 'village ledger verify 8e1f')],
  'ledger export': [of('For somebody else to verify.', 'village ledger export 8e1f run.ledger')],
  federate: [of('Try it on this machine first.', 'village federate federation.yaml --simulate')],
  'federations show': [of('Until it ends.', 'village federations show a1b2 --wait')],
  'federations stop': [of('Keep what it has learned.', 'village federations stop a1b2 --publish')],
  'federations rm': [of('Forget one that has ended.', 'village federations rm a1b2')],
  geometry: [of('Two models and the way between them.', 'village geometry encoder encoder-int4 --wait')],
  'evolve run': [of('What would be done.', 'village evolve run evolve.yaml --dry-run')],
  'evolve report': [of('As a page.', 'village evolve report 8e1f --html report.html')],
  merge: [of('By a recipe.', 'village merge recipe.yaml --id merged --wait')],
  'self-evolution history': [of('What came of it.', 'village self-evolution history search')],
  'self-evolution run': [of('Now.', 'village self-evolution run search')],
  'self-evolution rollback': [of('To an earlier version.', 'village self-evolution rollback search --to 2')],
  'self-evolution resume': [of('After a roll-back.', 'village self-evolution resume search')],
  'jobs show': [of('Follow it to its end.', 'village jobs show 5f3c --wait')],
  'jobs retry': [of('After what kept it from its end is mended.', 'village jobs retry 5f3c --wait')],
  'jobs cancel': [of('End it.', 'village jobs cancel 5f3c')],
  'jobs priority': [of('Before the others.', 'village jobs priority 5f3c 10')],
  'jobs rm': [of('Forget one that has ended.', 'village jobs rm 5f3c')],
  'artifact list': [of('Those half fetched, too.', 'village artifact list --all')],
  'artifact add': [of('A folder, kept.', 'village artifact add photos/ --pin photos')],
  'artifact get': [of('Into a file.', 'village artifact get bafy… -o photos.zip')],
  'artifact fetch': [of('From members that have it.', 'village artifact fetch bafy… --pin photos')],
  'artifact pin': [of('Keep it.', 'village artifact pin bafy… photos')],
  'artifact unpin': [of('Not any more.', 'village artifact unpin bafy… photos')],
  'artifact rm': [of('Also where a model needs it.', 'village artifact rm bafy… --force')],
  'artifact export': [of('For a USB stick.', 'village artifact export bafy… -o stick.car')],
  'artifact import': [of('From it.', 'village artifact import stick.car')],
}

/** The section of the help, empty where there is none. */
export function exampleText(command: string): string {
  const rows = EXAMPLES[command] ?? []
  if (rows.length === 0) return ''
  return `\nExamples:\n${rows.map(({ line, doc }) => `  # ${doc}\n  ${line}\n`).join('')}`
}
