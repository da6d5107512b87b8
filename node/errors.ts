/**
 * The one error class and the table of its codes.
 *
 * Every failure that a person or a program can meet has a row here: `http` is the status that the API answers with,
 * `title` says what went wrong and `fix` says what to do about it. docs/errors.md is checked against this table.
 * Groups are ordered by domain; add a code to its group.
 */
export const ERRORS = {
  // general
  INTERNAL: {
    http: 500,
    title: 'Something failed inside the daemon',
    fix: 'Read the log; report it if it happens again.',
  },
  INVALID_ARGUMENT: {
    http: 400,
    title: 'An argument is not valid',
    fix: 'Correct the named argument and try again.',
  },
  NOT_FOUND: {
    http: 404,
    title: 'There is no such thing',
    fix: 'Check the name or id; the list command shows what there is.',
  },
  ABORTED: {
    http: 499,
    title: 'The operation was cancelled',
    fix: 'Nothing to do; start it again if it was not meant.',
  },
  TIMEOUT: {
    http: 504,
    title: 'The operation took too long',
    fix: 'Try again; raise the limit if it happens on a slow machine.',
  },
  SHUTTING_DOWN: { http: 503, title: 'The daemon is shutting down', fix: 'Try again after it has started.' },

  // config
  CONFIG_UNKNOWN_KEY: {
    http: 400,
    title: 'The configuration has a key that does not exist',
    fix: 'Use the suggested key, or remove it.',
  },
  CONFIG_INVALID_VALUE: {
    http: 400,
    title: 'A configuration value is not valid',
    fix: 'Correct the value; `village start --help` lists keys, units and ranges.',
  },
  CONFIG_UNREADABLE: {
    http: 400,
    title: 'The configuration file cannot be read',
    fix: 'Check that the file exists, may be read and is JSON.',
  },
  CONFIG_NOT_WRITABLE: {
    http: 409,
    title: 'The configuration file cannot be written',
    fix: 'Let the user that runs the daemon write the file and its folder, or set the keys by the command line or the environment.',
  },
  LOG_UNWRITABLE: {
    http: 500,
    title: 'The log file cannot be written',
    fix: 'Let the user that runs the daemon write log.file and its folder, or name another.',
  },
  CONFIG_NO_FILE: {
    http: 409,
    title: 'This daemon was started without a configuration file',
    fix: 'Whoever embeds it sets its configuration; a daemon of `village start` has a file.',
  },

  // store and disk
  DATA_DIR_LOCKED: {
    http: 409,
    title: 'Another daemon uses this data directory',
    fix: 'Stop the other daemon, or start this one with another --data.dir.',
  },
  DATA_DIR_READ_ONLY: {
    http: 500,
    title: 'The data directory cannot be written',
    fix: 'Give the user write permission, or choose another --data.dir.',
  },
  DATA_VERSION_UNSUPPORTED: {
    http: 500,
    title: 'The data directory was written by a newer version',
    fix: 'Update the daemon, or use another --data.dir.',
  },
  DATA_CORRUPT: {
    http: 500,
    title: 'Stored data is damaged',
    fix: 'Restore the data directory from a backup, or move it away and start anew.',
  },
  DISK_FULL: {
    http: 507,
    title: 'The disk or the configured disk share is full',
    fix: 'Free space, run `village artifact gc`, or raise resources.maxDiskBytes.',
  },
  IDENTITY_INVALID: {
    http: 500,
    title: 'The key file of this node is not valid',
    fix: 'Restore identity.key from a backup; deleting it gives the node a new identity.',
  },

  // backup, restore, upgrade
  BACKUP_FAILED: {
    http: 500,
    title: 'The backup could not be made',
    fix: 'Try again; the named file changed or cannot be kept. Nothing was left under the name of the backup.',
  },
  BACKUP_BUSY: {
    http: 409,
    title: 'Another backup of this node is being taken',
    fix: 'Try again when it has ended; one that nobody reads is ended after a minute.',
  },
  BACKUP_INVALID: {
    http: 400,
    title: 'The file is no whole backup of a node',
    fix: 'Take another copy of the backup; nothing of this one was put in place.',
  },
  BACKUP_PASSPHRASE: {
    http: 400,
    title: 'The passphrase does not fit',
    fix: 'Give the passphrase that the backup was made with, in a file, with --passphrase-file.',
  },
  RESTORE_NOT_EMPTY: {
    http: 409,
    title: 'The data directory is in use',
    fix: 'Restore into an empty one with --data.dir, or say --replace: what is there is kept beside it.',
  },
  UPGRADE_FAILED: {
    http: 500,
    title: 'The data could not be brought to the format of this version',
    fix: 'Nothing of it was changed: the version before starts with it. Read the cause, free the disk where it is full, and start again.',
  },
  ROLL_BACK_NOTHING: {
    http: 404,
    title: 'There is nothing to roll back to',
    fix: 'Restore a backup that the older version made.',
  },

  // sealed stores: conversations, the Twin, the audit
  SEALED_STORE_LOCKED: {
    http: 500,
    title: 'An encrypted store does not open with the key of this node',
    fix: 'Restore identity.key from a backup; without it the store cannot be read, and its folder under sealed/ can only be removed.',
  },
  SEALED_STORE_DAMAGED: {
    http: 500,
    title: 'The key file of an encrypted store is cut off or gone',
    fix: 'Restore the data directory from a backup, or remove the named folder: its records cannot be read any more.',
  },
  SEALED_RECORD_DAMAGED: {
    http: 500,
    title: 'An encrypted record was changed, cut off or removed on disk',
    fix: 'Restore the data directory from a backup, or delete the record.',
  },
  SEALED_STORE_FULL: {
    http: 507,
    title: 'An encrypted store has as many records or bytes as it may have',
    fix: 'Delete what is no longer needed, or raise the limit in the configuration.',
  },
  SEALED_RECORD_TOO_LARGE: {
    http: 413,
    title: 'What is to be stored encrypted is too large for one record',
    fix: 'Store less of it.',
  },

  TWIN_DISABLED: {
    http: 409,
    title: 'The Twin is switched off',
    fix: 'Set twin.enabled, if this node shall remember what its owner tells it.',
  },
  CONVERSATION_FULL: {
    http: 409,
    title: 'A conversation has as many messages as one may have',
    fix: 'Begin a new conversation.',
  },
  CONVERSATION_BUSY: {
    http: 409,
    title: 'A conversation waits for the answer to its last message',
    fix: 'Wait until it is answered, or cancel it.',
  },

  // protocols
  PROTOCOL_MALFORMED: {
    http: 502,
    title: 'A peer sent something that its protocol does not allow',
    fix: 'Update both daemons; if it goes on, revoke the peer.',
  },
  PROTOCOL_FRAME_TOO_LARGE: {
    http: 502,
    title: 'A frame is larger than its protocol allows',
    fix: 'Update both daemons; if it goes on, revoke the peer.',
  },
  PROTOCOL_UNEXPECTED_END: {
    http: 502,
    title: 'A peer ended a stream too early',
    fix: 'Try again; another provider is used where there is one.',
  },
  PEER_DISCONNECTED: {
    http: 502,
    title: 'The connection to a peer was lost',
    fix: 'Try again when the peer is back; `village peers` shows who is connected.',
  },
  PEER_UNREACHABLE: {
    http: 502,
    title: 'A peer cannot be reached',
    fix: 'Check that it runs and that its address and port can be reached from here.',
  },
  PEER_BUSY: {
    http: 503,
    title: 'A peer refused more work for now',
    fix: 'Nothing to do: the request is repeated later.',
  },

  // mesh: villages, invites, members
  VILLAGE_NONE: {
    http: 409,
    title: 'This node is in no village',
    fix: 'Create one with `village create`, or join one with `village join INVITE`.',
  },
  VILLAGE_ALREADY_JOINED: {
    http: 409,
    title: 'This node is already in a village',
    fix: 'Leave it first with `village leave`, or start a second daemon with another --data.dir.',
  },
  VILLAGE_KEY_MISMATCH: {
    http: 502,
    title: 'The other side does not speak with the key of this village',
    fix: 'Check that the address is that of a member, and ask an admin for a new invite.',
  },
  VILLAGE_LAST_ADMIN: {
    http: 409,
    title: 'This node is the last admin of a village that has other members',
    fix: 'Have somebody join with `village invite --role admin` first, or repeat with `--force`.',
  },
  VILLAGE_FULL: {
    http: 507,
    title: 'The village holds as many records as it may',
    fix: 'Ask an admin to start a new village; this one takes no more members.',
  },
  INVITE_MALFORMED: {
    http: 400,
    title: 'This is not an invite',
    fix: 'Copy the whole text, from `village1` to its end.',
  },
  INVITE_ALTERED: {
    http: 400,
    title: 'The invite was changed or was not issued by an admin of the village',
    fix: 'Copy the invite again from where it was issued, or ask an admin for a new one.',
  },
  INVITE_EXPIRED: {
    http: 410,
    title: 'The invite has expired',
    fix: 'Ask an admin for a new one; if it should be valid, check the clock of this machine.',
  },
  INVITE_USED: {
    http: 410,
    title: 'The invite has been used as often as it may',
    fix: 'Ask an admin for a new one.',
  },
  INVITE_REVOKED: {
    http: 410,
    title: 'The invite was withdrawn',
    fix: 'Ask an admin for a new one.',
  },
  INVITE_OTHER_VILLAGE: {
    http: 409,
    title: 'The invite is for another village',
    fix: 'Use the addresses that came with the invite, or ask an admin of this village for one.',
  },
  MEMBER_UNKNOWN: {
    http: 403,
    title: 'The peer is not a member of this village',
    fix: 'Join the village with an invite; ask an admin for one.',
  },
  MEMBER_REVOKED: {
    http: 403,
    title: 'This membership was revoked by an admin of the village',
    fix: 'This identity cannot come back; to join again, start with a new --data.dir and ask an admin for an invite.',
  },
  MEMBER_NOT_ADMIN: {
    http: 403,
    title: 'Only an admin of the village may do this',
    fix: 'Ask an admin; `village members` shows who is one.',
  },
  MEMBER_ACCESS: {
    http: 403,
    title: 'The role of this peer does not allow this protocol',
    fix: 'Ask an admin of the village for an invite with a higher role.',
  },
  CLOCK_SKEWED: {
    http: 409,
    title: 'The clocks of the two machines are more than ten minutes apart',
    fix: 'Set the clock of this machine, then try again.',
  },
  PEER_RATE_LIMITED: {
    http: 429,
    title: 'A peer asks too often',
    fix: 'Nothing to do: the request is repeated later.',
  },
  PROTOCOL_UNSUPPORTED: {
    http: 502,
    title: 'The peer does not speak this protocol',
    fix: 'Update both daemons to the same version.',
  },
  PORT_BUSY: {
    http: 409,
    title: 'A port that the configuration names is in use',
    fix: 'Stop the program that uses it, or choose another port; 0 takes a free one.',
  },

  // models, sessions and evaluation
  MODEL_MALFORMED: {
    http: 422,
    title: 'The model file is not valid ONNX or safetensors',
    fix: 'Fetch or export the model again; a cut-off download is the usual cause.',
  },
  MODEL_EXTERNAL_DATA_INVALID: {
    http: 422,
    title: 'The external data of a model is missing or not allowed',
    fix: 'Put the data file beside the .onnx file: a plain file, named without `..`, not a link.',
  },
  MODEL_UNSUPPORTED: {
    http: 422,
    title: 'The model uses something that this version does not support',
    fix: 'Export the model with ordinary operators and dense tensors.',
  },
  MODEL_TOO_LARGE: {
    http: 422,
    title: 'The model is too large for one ONNX file',
    fix: 'Write it with external data.',
  },
  MODEL_CARD_INVALID: {
    http: 422,
    title: 'The model directory is not complete',
    fix: 'A model directory holds model.onnx, tokenizer.json and model.json; add the model again.',
  },
  MODEL_MISMATCH: {
    http: 422,
    title: 'The files of a model do not belong together',
    fix: 'Fetch all files from the same revision of the same model; the message names the field.',
  },
  TOKENIZER_INVALID: {
    http: 422,
    title: "A model's tokenizer cannot be used",
    fix: 'Use the tokenizer.json that was published with the model; the message names the field.',
  },
  MODEL_NO_CHAT_TEMPLATE: {
    http: 409,
    title: 'The model has no chat template',
    fix: 'Give a prompt instead of messages, or use a model that was trained for conversations.',
  },
  CHAT_TEMPLATE_FAILED: {
    http: 422,
    title: "A model's chat template is wrong, or refuses the conversation",
    fix: 'Change the messages as the message says, or mend chat_template in tokenizer_config.json.',
  },
  SESSION_FAILED: {
    http: 422,
    title: 'The model could not be loaded or run',
    fix: 'Read the reason in the log; check that the inputs match the model.',
  },
  EVALUATION_RESULT_MALFORMED: {
    http: 502,
    title: 'An evaluation result is not valid',
    fix: 'Run the evaluation again; a peer that goes on sending such results is quarantined.',
  },

  // hubs of models
  HUB_UNREACHABLE: {
    http: 502,
    title: 'The hub cannot be reached, or broke off',
    fix: 'Check the network and the proxy settings; pull again to go on where it stopped.',
  },
  HUB_STALLED: {
    http: 504,
    title: 'The hub sends nothing any more',
    fix: 'Pull again to go on where it stopped.',
  },
  HUB_RATE_LIMITED: {
    http: 429,
    title: 'The hub wants fewer requests',
    fix: 'Wait a while and pull again; with a token in HF_TOKEN the limits are higher.',
  },
  HUB_REFUSED: {
    http: 403,
    title: 'The hub refuses access to the model',
    fix: 'Check the name; set HF_TOKEN for the daemon to a token that may read it, and accept its terms on the hub.',
  },
  HUB_NOT_FOUND: {
    http: 404,
    title: 'The hub has no such model, revision or file',
    fix: 'Check the name and the revision.',
  },
  HUB_ANSWER_INVALID: {
    http: 502,
    title: 'The hub answered with something that is not valid',
    fix: 'Pull again later, or from another hub; check that the URL is that of a Hugging Face compatible hub.',
  },
  HUB_FILE_CORRUPT: {
    http: 502,
    title: 'A file of the hub has the wrong bytes, twice',
    fix: 'Pull again later; if it happens again the file on the hub, or something in between, is damaged.',
  },
  HUB_NOTHING_TO_PULL: {
    http: 422,
    title: 'The model has no files that could be used',
    fix: 'Choose a model with safetensors or ONNX weights; pickled weights are never read.',
  },
  PULL_UNKNOWN: {
    http: 404,
    title: 'There is no such pull',
    fix: '`village model pulls` lists them.',
  },
  PULLS_BUSY: {
    http: 503,
    title: 'Enough pulls run at once',
    fix: 'Wait until one has ended, or cancel one (`village model pulls`).',
  },
  SHARE_UNKNOWN: {
    http: 404,
    title: 'No member of the village shares such a model',
    fix: '`village model list --village` shows what is shared; its owner has to be connected.',
  },

  // building graphs from weights
  MODEL_ARCHITECTURE_UNSUPPORTED: {
    http: 422,
    title: 'The architecture of the model is not one that a graph can be built for',
    fix: 'Look at docs/models.md for the families; import the model as ONNX, or its weights alone with --weights-only.',
  },
  MODEL_CONFIG_INVALID: {
    http: 422,
    title: 'A key of config.json or of a file beside it is missing or not valid',
    fix: 'Compare the named key with the published model. For a value that cannot be read take the model as an ONNX graph, or keep its weights with --weights-only.',
  },
  MODEL_WEIGHT_MISSING: {
    http: 422,
    title: 'The weights lack a tensor that the configuration asks for',
    fix: 'Check that config.json and all safetensors files belong to the same model.',
  },
  MODEL_WEIGHT_SHAPE: {
    http: 422,
    title: 'A tensor has another shape or type than the configuration asks for',
    fix: 'Check that config.json and the safetensors files belong to the same model.',
  },
  MODEL_WEIGHT_UNUSED: {
    http: 422,
    title: 'The weights have a tensor that the architecture has no place for',
    fix: 'The model differs from its family: import it as ONNX, or its weights alone with --weights-only.',
  },
  MODEL_PICKLE_REFUSED: {
    http: 422,
    title: 'The weights are a pickle file, which can run any program when it is read',
    fix: 'Fetch the model as safetensors, or convert it on a machine where you trust the file.',
  },
  MODEL_CHECKPOINT_INVALID: {
    http: 422,
    title: 'The llama2.c checkpoint or its tokenizer is not valid',
    fix: 'Give the .bin checkpoint of the legacy version and the tokenizer .bin that it was trained with.',
  },

  // evaluation
  EVALUATION_DATA_INVALID: {
    http: 400,
    title: 'The data of an evaluation cannot be used',
    fix: 'Correct the named line or file; docs/evaluate.md says what each suite takes.',
  },
  EVALUATION_ITEMS_MALFORMED: {
    http: 422,
    title: 'A list of evaluation items is malformed',
    fix: 'Take fewer or shorter items; a list that came from a peer is made anew by submitting the evaluation again.',
  },
  EVALUATION_NOT_COMPARABLE: {
    http: 409,
    title: 'Two evaluations cannot be compared',
    fix: 'Compare evaluations of the same items: the same suite, data and options.',
  },

  // api and command line
  API_UNAUTHORIZED: {
    http: 401,
    title: 'The API token is missing or wrong',
    fix: 'Open the link that `village start` printed, or send the text of api.token as a bearer token.',
  },
  API_ORIGIN_REFUSED: {
    http: 403,
    title: 'The request comes from a web page or a host name that is not this daemon’s',
    fix: 'Use the address that `village start` printed.',
  },
  API_SCOPE: {
    http: 403,
    title: 'The key may not do this',
    fix: 'Use a key of the scope that is named (`village key create NAME --scope SCOPE`), or the token of this node.',
  },
  KEY_UNKNOWN: {
    http: 404,
    title: 'There is no such key',
    fix: '`village key list` shows the keys there are.',
  },
  KEY_NAME_TAKEN: {
    http: 409,
    title: 'Another key has this name',
    fix: 'Choose another name, or revoke the other key first.',
  },
  KEYS_FULL: {
    http: 409,
    title: 'There are as many keys as this node keeps',
    fix: 'Revoke keys that are no longer used (`village key list` says when each was).',
  },
  KEY_RATE_LIMITED: {
    http: 429,
    title: 'The key makes more requests in a minute than it may',
    fix: 'Wait as long as the Retry-After header says.',
  },
  KEY_QUOTA_SPENT: {
    http: 429,
    title: 'The key has used up what it may in a day',
    fix: 'Wait until midnight UTC (the Retry-After header says how long), or ask the owner of the node for a larger quota.',
  },
  RESPONSE_UNKNOWN: {
    http: 404,
    title: 'There is no such stored response',
    fix: 'Send the whole conversation as input. Responses are kept for 30 days, for the key that made them, unless `store` is false.',
  },
  API_RATE_LIMITED: {
    http: 429,
    title: 'Too many requests from this address',
    fix: 'Wait as long as the Retry-After header says, or raise api.requestsByMinute.',
  },
  API_ROUTE_UNKNOWN: {
    http: 404,
    title: 'The API has no such path',
    fix: 'Read /api/v1/openapi.json for the paths that there are.',
  },
  API_METHOD_NOT_ALLOWED: {
    http: 405,
    title: 'The path does not take this method',
    fix: 'Use a method that the Allow header names.',
  },
  API_BODY_MALFORMED: {
    http: 400,
    title: 'The body cannot be read',
    fix: 'Send valid JSON with its content length.',
  },
  API_BODY_TOO_LARGE: {
    http: 413,
    title: 'The body is larger than allowed',
    fix: 'Send less, or raise api.maxBodyBytes; artifacts are uploaded as application/octet-stream.',
  },
  API_MEDIA_TYPE: {
    http: 415,
    title: 'The path does not take this content type',
    fix: 'Send the content type that /api/v1/openapi.json names for the path.',
  },
  API_RANGE: {
    http: 416,
    title: 'The range lies outside the content',
    fix: 'Ask for a range within the size that the Content-Range header tells.',
  },
  API_TOO_MANY_CLIENTS: {
    http: 503,
    title: 'Too many clients follow the events',
    fix: 'Close a dashboard or another client, then try again.',
  },
  ADDRESS_UNAVAILABLE: {
    http: 400,
    title: 'The address cannot be listened on',
    fix: 'Set an address of this machine; 127.0.0.1 always works.',
  },
  DAEMON_NOT_RUNNING: {
    http: 503,
    title: 'No daemon runs on this data directory',
    fix: 'Start it with `village start`, or name its data directory with --data.dir.',
  },
  USAGE: {
    http: 400,
    title: 'The command line is not valid',
    fix: 'Read `village --help`, or `village COMMAND --help`.',
  },
  FILE_REFUSED: {
    http: 403,
    title: 'The file may not be used',
    fix: 'Name another file: the data directory of the daemon holds its keys, and /proc, /sys and /dev are the system.',
  },
  FILE_UNREADABLE: {
    http: 400,
    title: 'A file cannot be read',
    fix: 'Check the path and that you may read it.',
  },
  FILE_UNWRITABLE: {
    http: 400,
    title: 'A file cannot be written',
    fix: 'Check the path, and that you may write it; what is there already is replaced only where you say so.',
  },

  // jobs, trust and the model registry
  JOB_UNKNOWN: {
    http: 404,
    title: 'There is no job with this id',
    fix: '`village jobs` lists the jobs of this node; a job is known only where it was submitted.',
  },
  JOB_KIND_UNKNOWN: {
    http: 400,
    title: 'There is no job of this kind',
    fix: 'Use one of the kinds that the message names.',
  },
  JOB_FINISHED: {
    http: 409,
    title: 'The job has already ended',
    fix: 'Submit it again if it is needed again.',
  },
  JOB_RUNNING: {
    http: 409,
    title: 'The job is still running',
    fix: 'Wait for it or cancel it first.',
  },
  JOB_CANCELLED: { http: 409, title: 'The job was cancelled', fix: 'Submit it again if it is needed.' },
  JOB_TOO_LARGE: {
    http: 422,
    title: 'The job has more tasks than one job may have',
    fix: 'Split it: one job for each part of the model or of the suite.',
  },
  TASK_KIND_UNKNOWN: {
    http: 400,
    title: 'This node knows no task of this kind',
    fix: 'Update the daemon of the worker; the task goes to another one meanwhile.',
  },
  TASK_FAILED: {
    http: 500,
    title: 'A task of the job failed',
    fix: 'Read the reason with `village jobs show`; submit the job again when it is removed.',
  },
  LEASE_UNKNOWN: {
    http: 409,
    title: 'There is no such lease',
    fix: 'Nothing to do: the lease has ended and its task was given to another worker.',
  },
  LEASE_REVOKED: {
    http: 409,
    title: 'The lease was taken back',
    fix: 'Nothing to do: the task is done, cancelled or given to another worker.',
  },
  RESULT_INVALID: {
    http: 502,
    title: 'The result of a task is not right',
    fix: 'Nothing to do: it is not used and the task is computed again; see `village doctor` on the peer.',
  },
  PEER_QUARANTINED: {
    http: 403,
    title: 'The peer is quarantined and gets no work from this node',
    fix: 'Wait until the quarantine ends, or pardon the peer when its fault is repaired.',
  },
  WORK_PAUSED: {
    http: 503,
    title: 'The node takes no work at present',
    fix: '`village status` shows the reason: battery, temperature or memory.',
  },
  RESOURCES_INSUFFICIENT: {
    http: 422,
    title: 'The task needs more memory than this node lends',
    fix: 'Raise resources.maxMemoryBytes, or let a larger member join.',
  },
  MODEL_NOT_PACKED: {
    http: 409,
    title: 'The model has no packed form',
    fix: 'Name a compressed model, or the CID of a packed one; `village model list` shows which are.',
  },
  MODEL_UNKNOWN: {
    http: 404,
    title: 'There is no such model',
    fix: '`village model list` shows the models of this node; add one with `village model add`.',
  },
  MODEL_ID_TAKEN: {
    http: 409,
    title: 'Another model has this id',
    fix: 'Choose another --id, or remove the other model first.',
  },
  COMPRESS_QUALITY_LOW: {
    http: 422,
    title: 'The compressed model would keep too little of its quality',
    fix: 'Take more bits or a larger target, calibrate, give the named tensors a better codec, or lower --keep.',
  },
  COMPRESS_TARGET_UNREACHABLE: {
    http: 422,
    title: 'No choice of codecs meets the target',
    fix: 'Take the nearest target that the message names, or compress smaller weights as well: --min-weights.',
  },
  MODEL_NOTHING_TO_COMPRESS: {
    http: 422,
    title: 'The model has no weight matrix that is large enough to compress',
    fix: 'Take the original of a compressed model, or a model with MatMul, Gemm or Gather weights; --min-weights takes smaller ones.',
  },

  // artifacts
  CID_INVALID: {
    http: 400,
    title: 'A content identifier is not valid',
    fix: 'Copy the whole identifier as `village artifact list` prints it; it must be a SHA-256 CID.',
  },
  ARTIFACT_MISSING: {
    http: 404,
    title: 'This node does not hold the artifact whole',
    fix: 'Fetch it from the village first: `village artifact fetch CID`.',
  },
  ARTIFACT_CORRUPT: {
    http: 502,
    title: 'Bytes do not match their hash',
    fix: 'Fetch the artifact again; if a peer sent them, it is dropped; if the disk did, check the disk.',
  },
  ARTIFACT_INVALID_MANIFEST: {
    http: 422,
    title: 'The manifest of an artifact is not valid',
    fix: 'Ask whoever published it to add it again; no provider can repair it.',
  },
  ARTIFACT_UNAVAILABLE: {
    http: 503,
    title: 'No reachable peer provides what is missing of the artifact',
    fix: 'Try again when a peer that holds it is online; what has arrived is kept.',
  },
  ARTIFACT_TOO_LARGE: {
    http: 413,
    title: 'The artifact is larger than this node takes',
    fix: 'Raise resources.maxDiskBytes, or use a smaller artifact.',
  },
  ARTIFACT_PINNED: {
    http: 409,
    title: 'A model or a job needs the artifact',
    fix: 'Remove the model or the job that pins it, or repeat with `--force` (`?force=true` in the API).',
  },
  ARTIFACT_UNSUPPORTED_FILE: {
    http: 422,
    title: 'A file or a name cannot be part of an artifact',
    fix: 'Use regular files and directories with plain names, not links; remove the named one.',
  },
  CAR_MALFORMED: {
    http: 422,
    title: 'The CAR file is damaged or incomplete',
    fix: 'Export it again; nothing of it was added.',
  },
  // calibration
  CALIBRATION_DATA_INVALID: {
    http: 422,
    title: 'The calibration data does not fit the model',
    fix: 'Give one item a line: a text for a model with a tokenizer, else a JSON object of input names and arrays.',
  },
  CALIBRATION_MALFORMED: {
    http: 422,
    title: 'A calibration is not valid',
    fix: 'Calibrate again; if it came whole, whoever made it runs another version or lies.',
  },
  // generation
  CONTEXT_TOO_LONG: {
    http: 422,
    title: 'A text has more tokens than the model can take',
    fix: 'Shorten the prompt, or ask for fewer tokens.',
  },
  GENERATE_TOO_LARGE: {
    http: 422,
    title: 'A request needs more cache memory than is allowed',
    fix: 'Ask for fewer tokens, shorten the prompt, or raise generate.memoryBytes.',
  },
  GENERATE_BUSY: {
    http: 503,
    title: 'Too many requests wait for the model',
    fix: 'Try again after the time in Retry-After, or raise generate.maxQueued.',
  },
  GENERATE_NO_MEMORY: {
    http: 507,
    title: 'The model does not fit into the memory that generation may take',
    fix: 'Wait until other models are idle, raise generate.memoryBytes, or use a compressed model.',
  },
  CONSTRAINT_UNSUPPORTED: {
    http: 400,
    title: 'The output cannot be held to this schema, pattern or list',
    fix: 'Leave out what the message names, or ask for plain JSON.',
  },
  ADAPTER_INVALID: {
    http: 422,
    title: 'An adapter cannot be used with this model',
    fix: 'Use an adapter that was trained from this model, and a model that was built with inputs for adapters.',
  },
  MODEL_NOT_LANGUAGE: {
    http: 409,
    title: 'The model does not generate text',
    fix: 'Choose a model of the kind `language` (`village model list`).',
  },
  MODEL_NOT_ENCODER: {
    http: 409,
    title: 'The model does not embed texts',
    fix: 'Choose a model of the kind `encoder` (`village model list`).',
  },

  // training
  TRAIN_OPERATOR_UNSUPPORTED: {
    http: 422,
    title: 'The model has an operator that cannot be trained',
    fix: 'Import the model from its safetensors: the graph builder writes operators that have gradients.',
  },
  TRAIN_MODEL_UNSUITABLE: {
    http: 422,
    title: 'This model cannot be trained in this way',
    fix: 'Take a language model with weights in float32 that the graph builder wrote, with adapters for LoRA.',
  },
  TRAIN_DIVERGED: {
    http: 422,
    title: 'Training has diverged: the loss or a gradient is no number any more',
    fix: 'Start again with a lower --learning-rate, a longer --warmup, or --clip 1; --from JOB begins with the weights that were kept.',
  },
  TRAIN_DATA_INVALID: {
    http: 422,
    title: 'The training data cannot be used',
    fix: 'Correct the line of the file that is named; docs/training.md shows the formats.',
  },
  TRAIN_CHECKPOINT_INVALID: {
    http: 500,
    title: 'A checkpoint of a training is damaged or of another training',
    fix: 'Cancel the job and start the training again.',
  },

  // codecs and the worker pool
  CODEC_MALFORMED: {
    http: 422,
    title: 'Packed weights are not valid',
    fix: 'Fetch them again; if they came whole, whoever packed them runs another version or lies.',
  },
  CODEC_NON_FINITE: {
    http: 422,
    title: 'The weights contain a NaN or an infinity',
    fix: 'Export the model again; a training run that diverged is the usual cause.',
  },
  CODEC_NEEDS_FORCE: {
    http: 422,
    title: 'This codec would lose most of what these weights hold',
    fix: 'Choose int4 or seedlm, or repeat with `--force` (the parameter force: true in the API).',
  },

  // agents of other members (node/agents/village)
  AGENT_NOT_OFFERED: {
    http: 403,
    title: 'The member does not offer this agent',
    fix: 'See `village agents` for who offers which; its owner sets agents.offer.',
  },
  AGENT_MEMBER_FAILED: {
    http: 502,
    title: 'The agent of another member failed',
    fix: 'Ask another member, or an agent of this node.',
  },

  // magi: calculating (node/agents/magi/calculate)
  CALCULATION_INVALID: {
    http: 400,
    title: 'That cannot be calculated',
    fix: 'Correct the place that the message names; docs/magi.md lists operators, functions and units.',
  },
  CALCULATION_TOO_LARGE: {
    http: 400,
    title: 'A number of the calculation, or the work that it takes, is too large',
    fix: 'Ask for smaller numbers, or have it computed by a program (code_run).',
  },

  // the sandbox and what runs in it
  SANDBOX_UNAVAILABLE: {
    http: 503,
    title: 'There is no sandbox on this machine, so that no code is run',
    fix: 'Install bubblewrap (Debian: apt-get install bubblewrap); `village doctor` says what else is missing.',
  },
  SANDBOX_PROGRAM_MISSING: {
    http: 503,
    title: 'The program that the sandbox is to run is not installed',
    fix: 'Install it for the whole system (Debian: apt-get install python3), in /usr/local/bin, /usr/bin or /bin.',
  },
  SANDBOX_FAILED: {
    http: 500,
    title: 'The sandbox could not be set up',
    fix: 'Run `village doctor`; it tries the sandbox and says what is missing.',
  },
  HUMANEVAL_MALFORMED: {
    http: 422,
    title: 'The file of programming problems is not valid',
    fix: 'Use HumanEval.jsonl or HumanEval.jsonl.gz as published.',
  },

  // collections and indexing
  CONFIRMATION_NEEDED: {
    http: 400,
    title: 'Somebody has to say that it is meant',
    fix: 'Add --yes to the same command where it is.',
  },
  COLLECTION_UNKNOWN: {
    http: 404,
    title: 'There is no such collection',
    fix: '`village collection list` shows what there is.',
  },
  COLLECTION_EXISTS: {
    http: 409,
    title: 'A collection of this name exists already',
    fix: 'Choose another name, or remove the collection first.',
  },
  COLLECTION_CORRUPT: {
    http: 500,
    title: 'The description of a collection on the disk is damaged',
    fix: 'Restore its directory from a backup, or `village collection rm NAME` and index it again.',
  },
  COLLECTION_SPREAD: {
    http: 409,
    title: 'The text of the collection lies with other members',
    fix: 'Set it to keep a copy here, and try again when the copy is complete.',
  },
  COLLECTION_ARCHIVE_INVALID: {
    http: 422,
    title: 'The file is no archive of a collection, or is damaged',
    fix: 'Give a file that `village collection export` wrote; where it is one, export again and copy it whole.',
  },
  DOCUMENT_UNKNOWN: {
    http: 404,
    title: 'There is no such document in the collection',
    fix: '`village collection show NAME --documents` lists them.',
  },
  INDEX_PATH_REFUSED: {
    http: 403,
    title: 'The path may not be indexed',
    fix: 'Index another folder: the data directory of the daemon holds its keys.',
  },
  INDEX_RUN_UNKNOWN: {
    http: 404,
    title: 'There is no such run of indexing',
    fix: '`village index --list` shows those that go on and the last that have ended.',
  },
  INDEX_RUNS_BUSY: {
    http: 429,
    title: 'Too many runs of indexing wait already',
    fix: 'Try again when one has ended, or cancel one.',
  },

  // answers to questions
  ANSWER_EMPTY: {
    http: 502,
    title: 'The language model wrote no answer',
    fix: 'Ask without it (`village ask --no-generate`), or choose another model.',
  },
  PASSAGE_UNKNOWN: {
    http: 404,
    title: 'The passage cannot be read',
    fix: 'It was removed, or nobody who holds it is here: search again.',
  },

  // knowledge: routing (node/agents/rag/routing)
  SKETCH_MALFORMED: {
    http: 502,
    title: 'The sketch of a segment is not valid',
    fix: 'Nothing to do: the segment is not searched; if it goes on, update the daemon of its owner.',
  },
  ANSWER_IMPLAUSIBLE: {
    http: 502,
    title: 'A peer answered a search with what cannot be true',
    fix: 'Nothing to do: its answer is dropped and it is not asked for a while; if it goes on, revoke the peer.',
  },

  // agents: the index of a collection
  INDEX_EXISTS: {
    http: 409,
    title: 'There is an index in this directory already',
    fix: 'Open it, or choose another directory.',
  },
  INDEX_MISSING: {
    http: 404,
    title: 'There is no index in this directory',
    fix: 'Index something into the collection first; `village collection list` shows what there is.',
  },
  INDEX_CORRUPT: {
    http: 500,
    title: 'The index of a collection is damaged',
    fix: 'Remove the collection and index its folder again; the documents themselves are not touched.',
  },
  INDEX_VERSION_UNSUPPORTED: {
    http: 500,
    title: 'The index was written by a newer version',
    fix: 'Update the daemon, or index the folder again under another name.',
  },
  INDEX_LOCKED: {
    http: 409,
    title: 'Another process writes this index',
    fix: 'Stop the other daemon, or use another --data.dir.',
  },
  SEARCH_TOO_COSTLY: {
    http: 503,
    title: 'A search would read more than a node does for another',
    fix: 'Ask with fewer or rarer words and phrases; collections of this node are searched without this limit.',
  },
  INDEX_SEGMENT_AWAY: {
    http: 409,
    title: 'The text of this segment lies with other members',
    fix: 'Ask the village: a search goes to the members that hold it.',
  },

  // segments of an index
  SEGMENT_CORRUPT: {
    http: 500,
    title: 'A segment of an index is damaged, or is not what its name says',
    fix: 'Index the collection again, or remove the replica: it is fetched anew from another member.',
  },
  SEGMENT_VERSION_UNSUPPORTED: {
    http: 500,
    title: 'A segment of an index was written by a newer version',
    fix: 'Update the daemon.',
  },

  // knowledge of the village (node/agents/rag/village)
  KNOWLEDGE_EMPTY: {
    http: 404,
    title: 'There is no collection to search',
    fix: 'Index a folder: `village index PATH --collection NAME`, or wait until a member shares a collection.',
  },
  KNOWLEDGE_UNAVAILABLE: {
    http: 503,
    title: 'Nobody who holds the collections answers',
    fix: 'Try again when the members that hold them are here; `village collection list` shows how many are.',
  },
  COLLECTION_TOO_LARGE: {
    http: 413,
    title: 'The collection has too many segments, or too much deleted in them, to be shared with the village',
    fix: 'Make the collection anew with larger segments, or divide it.',
  },
  COLLECTION_LIMIT: {
    http: 409,
    title: 'This node shares as many collections as a village takes of one member',
    fix: 'Set collections that need not be shared to private, or join them into fewer.',
  },
  COLLECTION_RECORD_REFUSED: {
    http: 409,
    title:
      'The record of the collection was not taken: a newer one has come, or this node is no member any more',
    fix: 'Nothing to do if it goes away by itself; otherwise see that no second node runs with this identity.',
  },
  SEGMENT_ABSENT: {
    http: 404,
    title: 'The peer does not hold this segment',
    fix: 'Nothing to do: the collection has just changed, and the next search finds where it lies now.',
  },
  SKETCH_UNKNOWN: {
    http: 404,
    title: 'The sketch of the segment is not here: what others say of the segment could not be checked',
    fix: 'Nothing to do: sketches are fetched as soon as a member that has them is here.',
  },
  ANSWER_UNCONFIRMED: {
    http: 502,
    title: 'A member found less than the sketch of its segment promises, and no other member could be asked',
    fix: 'Search again when the owner of the collection is here; if it goes on, revoke the member that holds it.',
  },
  SEGMENT_UNPROMISING: {
    http: 404,
    title: 'The segment was not asked: by their sketches others promise more',
    fix: 'Raise knowledge.maxPeers to ask more members, or search fewer collections.',
  },

  // federated learning (node/federated/learn)
  FEDERATION_UNKNOWN: {
    http: 404,
    title: 'There is no federation with this id on this node',
    fix: '`village federations list` shows them.',
  },
  FEDERATION_ENDED: {
    http: 409,
    title: 'The federation has ended',
    fix: 'Start another one with `village federate CONFIG`.',
  },
  FEDERATION_CONFIG_INVALID: {
    http: 422,
    title: 'The configuration of a federation cannot be used',
    fix: 'Correct the key that the message names (docs/federated.md).',
  },
  FEDERATION_TOO_FEW: {
    http: 409,
    title: 'Too few clients took part in the rounds of a federation',
    fix: 'Ask members to offer data (`federate.data`), lower clients.minimum, or give rounds more time.',
  },
  FEDERATION_REFUSED: {
    http: 403,
    title: 'This member takes no part in the federation',
    fix: 'Nothing to do: its owner has not offered the data, or its limits for today are reached.',
  },
  FEDERATION_ROUND_STALE: {
    http: 409,
    title: 'The round of the federation is over, or was never offered to this peer',
    fix: 'Nothing to do: the next round comes by itself.',
  },
  UPDATE_MALFORMED: {
    http: 422,
    title:
      'An update of a federation has not the form or the size that was agreed, or a value that is no number',
    fix: 'Nothing to do: it is not used, and the client is named in the report of the federation.',
  },
  UPDATE_TOO_LARGE: {
    http: 422,
    title: 'An update of a federation is far larger than those of the other clients may be',
    fix: 'Nothing to do: it is not used, and the client is named; raise aggregation.maxNorm if it was honest.',
  },

  // merging models (node/federated/merge)
  MERGE_RECIPE_INVALID: {
    http: 400,
    title: 'A merge recipe is not valid',
    fix: 'Correct what is named; docs/merge.md lists the keys, the methods and their parameters.',
  },
  MERGE_MODEL_UNSUITABLE: {
    http: 409,
    title: 'A model cannot be merged in this way',
    fix: 'Use models with float weights: unpack a compressed one, and merge an adapter into its model first.',
  },
  MERGE_TENSOR_MISSING: {
    http: 409,
    title: 'A model lacks a tensor that the merge needs',
    fix: 'Merge models of one architecture with the same layers, or choose layers with slices.',
  },
  MERGE_SHAPE_MISMATCH: {
    http: 409,
    title: 'A tensor has different shapes in the models of a merge',
    fix: 'Merge models of the same size; for vocabularies that differ give a tokenizer_source.',
  },
  MERGE_NOT_FINITE: {
    http: 422,
    title: 'A merged tensor has values that are no numbers',
    fix: 'Check the models for infinities, and the weights of the recipe for values that are far too large.',
  },
  MERGE_TOKENIZER_DIFFERS: {
    http: 409,
    title: 'The models of a merge have different tokenizers',
    fix: 'Give a tokenizer_source (union, base or a model), so that each row of the embedding goes to its token.',
  },
  MERGE_CHANGED: {
    http: 409,
    title: 'A merge did not come out as it was recorded',
    fix: 'Bring the files that are named back; `village model inspect` shows the hashes that they had.',
  },

  // runs of evolution (node/federated/rounds)
  RUN_UNKNOWN: {
    http: 404,
    title: 'This node knows no such run',
    fix: 'Check the id (`village rounds`); a run of another member is heard of when that member is connected.',
  },
  RUN_UNSUPPORTED: {
    http: 422,
    title: 'This version of the software cannot take part in the run',
    fix: 'Update this node to the version of the member that announced the run.',
  },
  RUN_OVER: {
    http: 409,
    title: 'The run is over',
    fix: 'Look at its result (`village rounds show`), or start another one.',
  },
  RUN_TOO_MANY: {
    http: 429,
    title: 'This node has as many runs as it may',
    fix: 'Wait until one has ended, stop one (`village rounds stop`), remove one (`village rounds rm`), or raise rounds.maxRuns.',
  },
  RUN_NOT_ALLOWED: {
    http: 403,
    title: 'Only the announcer of a run and the admins of the village may do this',
    fix: 'Ask the announcer (`village rounds show`) or an admin.',
  },
  // ledgers of runs (node/federated/ledger)
  LEDGER_MALFORMED: {
    http: 502,
    title: 'A record of a run has a form that is not allowed',
    fix: 'A file: take it again with `village ledger export`. From a peer: update the daemon that made it; if it goes on, revoke it.',
  },
  LEDGER_UNSIGNED: {
    http: 502,
    title: 'A record of a run is not signed by whom it names',
    fix: 'Nothing was taken over from it; if a peer goes on sending such records, revoke it.',
  },
  LEDGER_BROKEN: {
    http: 409,
    title: 'A block does not fit the chain of its run',
    fix: 'Fetch the ledger again from another member; `village ledger verify` says at which height it fails.',
  },
  LEDGER_UNCERTIFIED: {
    http: 409,
    title: 'A block of a run was not agreed by its committee',
    fix: 'Fetch the ledger again from another member; revoke who gave it.',
  },
  LEDGER_REFUSED: {
    http: 409,
    title: 'A block says something that its run does not allow',
    fix: 'Update the daemon: members with other rules than the committee cannot follow the run.',
  },
  LEDGER_CORRUPT: {
    http: 500,
    title: 'The stored ledger of a run is damaged',
    fix: 'It is fetched again from other members; where there is none, the run has to be announced anew.',
  },

  // worker threads
  WORKER_CRASHED: {
    http: 500,
    title: 'A worker thread ended while it worked',
    fix: 'Nothing to do: it is replaced; lower the load or raise the memory cap if it happens again.',
  },

  // ingest: folders, files and parsers
  FILE_UNSUPPORTED: {
    http: 415,
    title: 'Files of this format are not read',
    fix: 'Convert it to text, Markdown, HTML, PDF, DOCX or EPUB.',
  },
  FILE_TOO_LARGE: {
    http: 413,
    title: 'A file, or a line or part of it, is larger than allowed',
    fix: 'Split it, or raise knowledge.maxFileBytes (for text, CSV and JSON lines: knowledge.maxTextBytes).',
  },
  FILE_EMPTY: {
    http: 422,
    title: 'A file has no text',
    fix: 'Nothing to do; there is nothing in it that could be found.',
  },
  FILE_SPECIAL: {
    http: 422,
    title: 'This is a device, a pipe or a socket, not a file',
    fix: 'Nothing to do: only regular files are read.',
  },
  FILE_CHANGING: {
    http: 409,
    title: 'A file was changed while it was read',
    fix: 'Index it again when its program has finished writing.',
  },
  FILE_NAME_INVALID: {
    http: 422,
    title: 'A file name is not valid UTF-8, has control characters or is too long',
    fix: 'Rename the file.',
  },
  BINARY_FILE: {
    http: 422,
    title: 'A file is named like text but holds binary data',
    fix: 'Check the file; give it the extension that fits its content.',
  },
  FILE_TYPE_MISMATCH: {
    http: 422,
    title: 'The content of a file is not of the format that its name says',
    fix: 'Check the file; give it the extension that fits its content.',
  },
  LINK_OUTSIDE: {
    http: 422,
    title: 'A link leads out of the indexed folder',
    fix: 'Index the folder that it leads to as well, if that is meant.',
  },
  LINK_BROKEN: {
    http: 422,
    title: 'A link leads nowhere or in a circle',
    fix: 'Remove or mend the link.',
  },
  FOLDER_TOO_DEEP: {
    http: 422,
    title: 'A folder lies deeper than is walked',
    fix: 'Index the deep folder by itself.',
  },
  PARSE_FAILED: {
    http: 422,
    title: 'A file could not be parsed',
    fix: 'Check that it opens in its own program; save or export it again.',
  },
  PARSE_MEMORY: {
    http: 507,
    title: 'A file needs more memory to parse than is allowed',
    fix: 'Split it, or raise knowledge.parserMemoryBytes.',
  },
  PARSE_TIMEOUT: {
    http: 504,
    title: 'A file takes longer to parse than is allowed',
    fix: 'Split it, or raise knowledge.parserTimeoutMs.',
  },
  ARCHIVE_BOMB: {
    http: 422,
    title: 'A packed document would unpack to far more than is allowed',
    fix: 'Do not trust the file; if it is yours, save it without large pictures or split it.',
  },
  ARCHIVE_MALFORMED: {
    http: 422,
    title: 'A packed document is damaged',
    fix: 'Fetch or save the file again.',
  },
  DOCUMENT_MALFORMED: {
    http: 422,
    title: 'A document breaks the rules of its format',
    fix: 'Check that it opens in its own program; save or export it again.',
  },
  DOCUMENT_ENCRYPTED: {
    http: 422,
    title: 'A document is encrypted',
    fix: 'Save a copy without a password or copy protection.',
  },
  PDF_NO_TEXT: {
    http: 422,
    title: 'A PDF has no text, only pictures of it',
    fix: 'Run text recognition (OCR) over it first, for example with ocrmypdf.',
  },
  LINE_MALFORMED: {
    http: 422,
    title: 'A line of a JSON lines file is not an object with text',
    fix: 'Give each line a JSON object with `text`, and `title` and `id` if there are any.',
  },
  // search (node/agents/rag/query)
  SEARCH_WITHOUT_VECTORS: {
    http: 409,
    title: 'None of the collections has vectors',
    fix: 'Search with --mode lexical or hybrid, or index the collection again with an encoder.',
  },
  JUDGEMENTS_UNMATCHED: {
    http: 422,
    title: 'The judgements name no document of the collection',
    fix: 'Name documents by their id, their source (`village collection show` lists both) or their field `id`.',
  },
  JUDGEMENTS_TOO_FEW: {
    http: 422,
    title: 'There are too few judged queries to tune by',
    fix: 'Judge more queries; a hundred or more give a weight that can be relied on.',
  },

  // workloads of evolution (node/federated/workloads)
  EVOLVE_CONFIG_INVALID: {
    http: 400,
    title: 'The configuration of a run of evolution is not valid',
    fix: 'Correct the named key; docs/evolve.md has every key and examples that are ready to run.',
  },
  EVOLVE_MODELS_DIFFER: {
    http: 400,
    title: 'Models that are to be evolved together are not alike',
    fix: 'Take models of one architecture, shape and tokenizer; `village merge` can join vocabularies first.',
  },
  EVOLVE_NOT_HERE: {
    http: 501,
    title: 'This node cannot score candidates of that kind',
    fix: 'Nothing to do; other members of the village score them.',
  },
  EVOLVE_NOT_SETTLED: {
    http: 400,
    title: 'The description of a workload still names things of one machine',
    fix: 'Announce it through `village evolve`, which puts everything into artifacts first.',
  },

  // self-evolution (node/federated/self-evolution)
  SELF_EVOLUTION_GOALS_INVALID: {
    http: 400,
    title: 'The goals of self-evolution are not valid',
    fix: 'Correct the named key of the file that selfEvolution.goals names; docs/self-evolution.md has every key.',
  },
  SELF_EVOLUTION_OFF: {
    http: 409,
    title: 'Self-evolution is off',
    fix: 'Set selfEvolution.enabled and selfEvolution.goals, and start the daemon anew.',
  },
  SELF_EVOLUTION_GOAL_UNKNOWN: {
    http: 404,
    title: 'There is no such goal',
    fix: 'Check the name: `village self-evolution status` lists the goals.',
  },
  SELF_EVOLUTION_BUSY: {
    http: 409,
    title: 'A run of self-evolution goes on, or a goal is paused',
    fix: 'Wait until the run has ended (`village self-evolution status`), or resume the goal.',
  },
  SELF_EVOLUTION_BUDGET_SPENT: {
    http: 429,
    title: "The day's budget of self-evolution is spent",
    fix: 'Wait until tomorrow (UTC), or raise the budget in the file of goals.',
  },
  SELF_EVOLUTION_NO_PRESENT: {
    http: 400,
    title: 'A goal does not evolve what it is to change',
    fix: 'Name the target among the models of the workload: as a parent or the base of merges, as the model that is perturbed.',
  },
  SELF_EVOLUTION_BUILD_DIFFERS: {
    http: 409,
    title: 'The winner that was built here is not what the members agreed on',
    fix: 'Look at who built it (`village rounds show`): a member that states something else may be lying, or runs another version.',
  },
  SELF_EVOLUTION_NO_VERSION: {
    http: 404,
    title: 'There is no such version to go back to',
    fix: '`village self-evolution history GOAL` lists the versions that are kept.',
  },

  // federated: aggregation and privacy
  AGGREGATE_TOO_FEW_CLIENTS: {
    http: 409,
    title: 'Too few clients answered for the aggregation rule',
    fix: 'Wait for more clients, lower `adversaries`, or choose a rule that needs fewer.',
  },
  UPDATE_INVALID: {
    http: 422,
    title: 'The update of a client cannot be used',
    fix: 'Nothing to do: the client is left out of the round; if it goes on, update or revoke it.',
  },
  FEDERATE_EXCLUDED: {
    http: 400,
    title: 'Two settings of a federation exclude each other',
    fix: 'Change one of the two that are named; docs/federated.md has the table.',
  },
  SECURE_SUM_TOO_FEW: {
    http: 409,
    title: 'Too few clients are left for a secure sum',
    fix: 'Nothing to do: the round is repeated; lower the threshold if clients often drop out.',
  },
  SECURE_SUM_REFUSED: {
    http: 502,
    title: 'The other side of a secure sum broke its rules',
    fix: 'Nothing to do: nothing was given away; if it goes on, revoke the peer.',
  },
  // federated: geometry
  GEOMETRY_TEXTS_INVALID: {
    http: 422,
    title: 'The texts cannot be used to look at a model',
    fix: 'Give a UTF-8 file with a text on each line, 25 or more; without --data the built-in sentences are taken.',
  },
  GEOMETRY_MODEL_UNSUITABLE: {
    http: 422,
    title: 'This geometry cannot be measured of such a model',
    fix: 'Barriers need two language models of one shape, layers a model with a graph and a tokenizer (docs/geometry.md).',
  },

  // agents: requests, permission, approvals
  AGENT_UNKNOWN: {
    http: 404,
    title: 'There is no such agent',
    fix: '`village agents` lists the agents of this node.',
  },
  AGENT_OPTION_INVALID: {
    http: 400,
    title: 'An option of a request is none that the agent has',
    fix: 'Leave it away, or correct it: `fields.option` names it, and docs/agents.md lists the options of each agent.',
  },
  DECISION_UNKNOWN: {
    http: 404,
    title: 'The decision log has no such request',
    fix: '`village decisions` lists the requests that it has; the oldest go first (agents.decisionRecords).',
  },
  AGENT_BUSY: {
    http: 429,
    title: 'The agents of this node are busy',
    fix: 'Try again in a moment, or raise agents.maxRequests.',
  },
  AGENT_LEASE_INVALID: {
    http: 403,
    title: 'A step was delegated without a lease that holds',
    fix: 'Nothing to do: a lease ends with the request that it was made for, and never gives more than the giver has.',
  },
  TOOL_UNKNOWN: {
    http: 404,
    title: 'There is no such tool, or it is not for this asker',
    fix: '`village tools` lists the tools and what each needs.',
  },
  TOOL_ARGUMENTS_INVALID: {
    http: 400,
    title: 'The arguments do not fit the tool',
    fix: 'Correct the named argument; `village tools --json` has the schema of each.',
  },
  APPROVAL_UNKNOWN: {
    http: 404,
    title: 'No call waits under this id',
    fix: '`village approvals` lists the calls that wait; one that was decided, has expired or whose request has ended is gone.',
  },
  APPROVALS_FULL: {
    http: 429,
    title: 'Too many calls wait for approval',
    fix: 'Decide those that wait: `village approvals`.',
  },

  // agents: models and tools
  SERVICE_MANAGER_UNKNOWN: {
    http: 400,
    title: 'This machine has no service manager that is known',
    fix: 'Name one with --manager and see what it would be given with --print; or let whatever starts your programs run `village start`.',
  },
  SERVICE_NEEDS_ROOT: {
    http: 403,
    title: 'A service of the whole machine can only be changed by root',
    fix: 'Run the command with sudo, or leave --system away for a service of your own.',
  },
  SERVICE_USER_UNKNOWN: {
    http: 400,
    title: 'The user who is to run the service does not exist',
    fix: 'Make it (`useradd --system --shell /usr/sbin/nologin village`), or name another with --user.',
  },
  SERVICE_NOT_INSTALLED: {
    http: 404,
    title: 'The service is not installed',
    fix: '`village service install` installs it; with --system where it belongs to the machine.',
  },
  SERVICE_FAILED: {
    http: 500,
    title: 'The service manager refused',
    fix: 'The message is its own; its log says more (`village service status` names it).',
  },
  CHAT_MODEL_UNKNOWN: {
    http: 404,
    title: 'There is no such model to talk to',
    fix: '`GET /v1/models` lists what can be talked to, `/model` in `village chat` too; endpoints are named in agents.endpoints.',
  },
  CHAT_FIELD_UNSUPPORTED: {
    http: 400,
    title: 'The model cannot do what a field of the request asks for',
    fix: 'Leave the named field out, or ask another model.',
  },
  CHAT_CALL_INVALID: {
    http: 502,
    title: 'The model called a function with arguments that do not follow its strict schema',
    fix: 'Ask again, or force the call (tool_choice): then a local model can write nothing else.',
  },
  CHAT_ENDPOINT_FAILED: {
    http: 502,
    title: 'An endpoint of the configuration did not answer as it should',
    fix: 'Check agents.endpoints, the key in the environment, and whether the server is well.',
  },
  CHAT_ENDPOINT_BUSY: {
    http: 503,
    title: 'An endpoint of the configuration is busy or limits its rate',
    fix: 'Try again later.',
  },
  PRIVATE_WITHHELD: {
    http: 403,
    title: 'What is private on this node is not shown to whom the answer would go',
    fix: 'Ask with a local model or without one; agents.endpointsMaySee says what remote endpoints may see.',
  },
  FOLDER_NOT_GRANTED: {
    http: 403,
    title: 'Agents may not touch this path',
    fix: 'Name a folder in agents.folders (`name=/path` to read, `name=/path:rw` to write) and use `name/…` paths.',
  },
  // agents: tools of MCP servers
  MCP_SERVER_UNAVAILABLE: {
    http: 503,
    title: 'An MCP server of the configuration cannot be used',
    fix: 'Check agents.mcpServers and whether the server runs by itself; `village tools servers` shows its state. It is tried again with growing pauses.',
  },
  MCP_TOOL_CHANGED: {
    http: 409,
    title: 'An MCP server has changed what it says of a tool',
    fix: 'Look at the change: `village tools servers` shows it, and the command that takes it.',
  },
} as const satisfies Record<string, { http: number; title: string; fix: string }>

export type ErrorCode = keyof typeof ERRORS

export interface ErrorOptions {
  cause?: unknown
  /** Machine-readable facts (never secrets): they go to the log and to the `fields` member of problem details. */
  fields?: Record<string, string | number | boolean | null>
}

/** The error that this project throws. `message` is one sentence about this occurrence; `code` is its row in ERRORS. */
export class VillageError extends Error {
  override readonly name = 'VillageError'
  readonly code: ErrorCode
  readonly fields: Record<string, string | number | boolean | null>

  constructor(code: ErrorCode, message: string = ERRORS[code].title, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.fields = options.fields ?? {}
  }

  get http(): number {
    return ERRORS[this.code].http
  }

  get fix(): string {
    return ERRORS[this.code].fix
  }
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text)
}

/** Turns anything thrown into a VillageError: known system errors get their own code, the rest is INTERNAL. */
export function toVillageError(error: unknown): VillageError {
  if (error instanceof VillageError) return error
  if (!(error instanceof Error)) return new VillageError('INTERNAL', String(error), { cause: error })
  const systemCode = (error as NodeJS.ErrnoException).code
  if (error.name === 'AbortError') return new VillageError('ABORTED', undefined, { cause: error })
  if (error.name === 'TimeoutError') return new VillageError('TIMEOUT', undefined, { cause: error })
  if (systemCode === 'ENOSPC' || systemCode === 'EDQUOT')
    return new VillageError('DISK_FULL', undefined, { cause: error })
  if (systemCode === 'EROFS' || systemCode === 'EACCES')
    return new VillageError('DATA_DIR_READ_ONLY', error.message, { cause: error })
  return new VillageError('INTERNAL', error.message, { cause: error })
}
