/**
 * Every error that a user can cause. Each has a stable `code` for programs, a message that names the value
 * and the rule, and a `remedy` for people. Anything else that is thrown is a bug in Lockstep.
 */
export abstract class LockstepError extends Error {
  abstract readonly code: string;
  /** Process exit code: 1 for a failed run, 2 for bad input. */
  readonly exitCode: 1 | 2 = 2;

  /**
   * @param problem the offending value and the rule it breaks, e.g. `training.batchSize: 100 is not a multiple of shards 8`
   * @param remedy what to do about it, e.g. `use 96 or 104`
   */
  constructor(
    /** What is wrong: the offending value and the rule that it breaks. */
    readonly problem: string,
    /** What to do about it. */
    readonly remedy: string,
  ) {
    super(`${problem}: ${remedy}`);
    this.name = new.target.name;
  }
}

/** A config value that breaks a rule of the schema, or two values that exclude each other. */
export class ConfigError extends LockstepError {
  readonly code = 'LOCKSTEP_CONFIG';
}

/** A data file that is missing, damaged or not what it says it is; a split that cannot be made. */
export class DataError extends LockstepError {
  readonly code = 'LOCKSTEP_DATA';
}

/** A model that cannot be built, or whose output does not fit the loss or the data. */
export class ModelError extends LockstepError {
  readonly code = 'LOCKSTEP_MODEL';
}

/** A model that the compiled engine has no lowering for; `engine: auto` falls back on it. */
export class UnsupportedModelError extends LockstepError {
  readonly code = 'LOCKSTEP_UNSUPPORTED';
}

/** An engine or backend that this machine does not have. */
export class EngineError extends LockstepError {
  readonly code = 'LOCKSTEP_ENGINE';
}

/** A file or folder that cannot be written. */
export class OutputError extends LockstepError {
  readonly code = 'LOCKSTEP_OUTPUT';
}

/** A run that another process trains. */
export class RunBusyError extends OutputError {}

/** A run that is to be gone on with, and has nothing left to do. */
export class RunCompleteError extends ConfigError {}

/** A run that has come to its end, but could not write all that it promised. */
export class UnwrittenError extends LockstepError {
  readonly code = 'LOCKSTEP_UNWRITTEN';
  override readonly exitCode = 1;
}

/** A run whose folder is no longer its own: it was deleted, or another process trains it. */
export class RunLostError extends LockstepError {
  readonly code = 'LOCKSTEP_RUN_LOST';
  override readonly exitCode = 1;
}

/** The loss or the gradient stopped being a finite number, or grew beyond hope. */
export class DivergedError extends LockstepError {
  readonly code = 'LOCKSTEP_DIVERGED';
  override readonly exitCode = 1;
}

/** The coordinator of a run has failed, and tells its workers why. */
export class RunFailedError extends LockstepError {
  readonly code = 'LOCKSTEP_RUN_FAILED';
  override readonly exitCode = 1;
}

/** A file that no server would hand over whole and unharmed. */
export class DownloadError extends LockstepError {
  readonly code = 'LOCKSTEP_DOWNLOAD';
  override readonly exitCode = 1;
}

/** What a peer sent breaks the protocol, or its connection was lost: whoever sent it is dropped. */
export class WireError extends LockstepError {
  readonly code = 'LOCKSTEP_WIRE';
  override readonly exitCode = 1;
}

/** A worker or coordinator that the other side does not admit: token, protocol, engine or numbers differ. */
export class RefusedError extends LockstepError {
  readonly code = 'LOCKSTEP_REFUSED';
}

/** What is to start a run elsewhere is not there, or does not do it. */
export class LaunchError extends LockstepError {
  readonly code = 'LOCKSTEP_LAUNCH';
  override readonly exitCode = 1;
}

/** A run that was to be measured and failed. */
export class ScaleError extends LockstepError {
  readonly code = 'LOCKSTEP_SCALE';
  override readonly exitCode = 1;
}

/** More memory was asked of the system than it gives to this process. */
export class MemoryError extends LockstepError {
  readonly code = 'LOCKSTEP_MEMORY';
  override readonly exitCode = 1;
}
