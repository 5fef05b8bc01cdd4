/** The functions of an MPI library (MPI 3.1) that lines need, by the binary interface of Open MPI or of MPICH. */
import { fstatSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { LibraryHandle } from 'koffi';
import { ConfigError, WireError } from '../../errors.js';

type KoffiModule = typeof import('koffi');

/** A number of a process or a handle: Open MPI's are pointers, MPICH's whole numbers. */
type Handle = bigint | number;
type Address = bigint;

const require = createRequire(import.meta.url);

/** A remedy: what is to be set where there is no MPI. One without the other is refused. */
export const withoutMpi = 'set cluster.transport: websocket, and cluster.allReduce: auto where that is mpi';

/** `H` is a handle, `A` an address. */
const signatures = {
  MPI_Init_thread: ['A', 'A', 'int', 'A'],
  MPI_Finalize: [],
  MPI_Comm_rank: ['H', 'A'],
  MPI_Comm_size: ['H', 'A'],
  MPI_Comm_set_errhandler: ['H', 'H'],
  MPI_Allreduce: ['A', 'A', 'int', 'H', 'H', 'H'],
  MPI_Iallreduce: ['A', 'A', 'int', 'H', 'H', 'H', 'A'],
  MPI_Ibarrier: ['H', 'A'],
  MPI_Bcast: ['A', 'int', 'H', 'int', 'H'],
  MPI_Isend: ['A', 'int', 'H', 'int', 'int', 'H', 'A'],
  MPI_Irecv: ['A', 'int', 'H', 'int', 'int', 'H', 'A'],
  MPI_Test: ['A', 'A', 'A'],
  MPI_Testall: ['int', 'A', 'A', 'A'],
  MPI_Cancel: ['A'],
  MPI_Request_free: ['A'],
  MPI_Error_string: ['int', 'A', 'A'],
} as const;
type FunctionName = keyof typeof signatures;
type MpiFunction = ((...values: unknown[]) => number) & {
  async(...values: [...unknown[], (error: Error | null, code: number) => void]): void;
};

/** What differs between the two. */
interface Interface {
  readonly handle: 'void *' | 'int';
  readonly world: Handle;
  readonly byte: Handle;
  readonly float: Handle;
  readonly double: Handle;
  readonly sum: Handle;
  /** Says that what is sent lies where the result is to be. */
  readonly inPlace: Address;
  readonly returnErrors: Handle;
  /** Where no status is wanted. */
  readonly ignored: Address;
  readonly ignoredAll: Address;
}

/** Names of libraries: Open MPI 4 and 5; what follows MPICH's interface (MPICH, Intel MPI, MVAPICH, Cray's). */
const openMpi = process.platform === 'darwin' ? ['libmpi.40.dylib'] : ['libmpi.so.40'];
const mpich = process.platform === 'darwin' ? ['libmpi.12.dylib'] : ['libmpi.so.12', 'libmpich.so.12'];

/** Variables by which the launcher of one kind of MPI tells a process that it is part of a job. */
const launchers = {
  openMpi: ['OMPI_COMM_WORLD_SIZE'],
  mpich: ['PMI_SIZE', 'PMI_RANK', 'MPIR_CVAR_CH4_NETMOD'],
  either: ['PMIX_RANK'],
} as const;

/** Whether this process was started as one of an MPI job. */
export const inJob = (env: NodeJS.ProcessEnv = process.env): boolean =>
  Object.values(launchers).some((names) => names.some((name) => env[name] !== undefined));

/**
 * Number of the file by which MPICH and others of its kin talk to their launcher, where that is not open: its library then ends the process.
 * Programs such as npx start others without it.
 */
export function lostLauncherFile(env: NodeJS.ProcessEnv = process.env): number | undefined {
  const file = Number(env.PMI_FD || Number.NaN);
  if (!Number.isInteger(file)) return undefined;
  try {
    return fstatSync(file).isSocket() ? undefined : file;
  } catch {
    return file;
  }
}

/** Processes that the launcher says there are; undefined where it does not. */
export const launched = (env: NodeJS.ProcessEnv = process.env): number | undefined => {
  const size = Number(env.OMPI_COMM_WORLD_SIZE ?? env.PMI_SIZE);
  return Number.isInteger(size) ? size : undefined;
};

/** Whether the job is one of MPICH or its kin. */
const isOfMpich = (env: NodeJS.ProcessEnv): boolean =>
  !launchers.openMpi.some((name) => name in env) && launchers.mpich.some((name) => name in env);

/** Processes of the job, which only one kind of library knows how to meet, ask for that one first. */
function candidates(env: NodeJS.ProcessEnv): string[] {
  if (env.LOCKSTEP_MPI) return [env.LOCKSTEP_MPI];
  return isOfMpich(env) ? [...mpich, ...openMpi] : [...openMpi, ...mpich];
}

export class MpiLibrary {
  /** File that was loaded. */
  readonly file: string;
  readonly byte: Handle;
  readonly float: Handle;
  readonly double: Handle;
  readonly sum: Handle;
  readonly inPlace: Address;
  readonly world: Handle;
  /** Of a request where several stand behind each other. */
  readonly requestBytes: number;
  readonly #interface: Interface;
  readonly #koffi: KoffiModule;
  /** Collected, it would take the code with it. */
  protected readonly handle: LibraryHandle;
  readonly #functions: Readonly<Record<FunctionName, MpiFunction>>;
  /** For numbers that functions give back. */
  readonly #out = new Int32Array(new SharedArrayBuffer(1024));
  readonly #outAt: Address;

  constructor(koffi: KoffiModule, file: string) {
    this.file = file;
    this.#koffi = koffi;
    // Parts of it, which it loads by itself, look for its names among those of the whole process.
    this.handle = koffi.load(file, { global: true, lazy: true });
    // It leaves behind what threads call when they end, which may be after koffi has unloaded it: this keeps it for good.
    koffi.load(null).func('dlopen', 'void *', ['str', 'int'])(file, 1);
    this.#interface = this.#recognize();
    const { handle, world, byte, float, double, sum, inPlace } = this.#interface;
    [this.world, this.byte, this.inPlace] = [world, byte, inPlace];
    [this.float, this.double, this.sum] = [float, double, sum];
    this.requestBytes = koffi.sizeof(handle);
    const types = { H: handle, A: 'void *', int: 'int' } as const;
    const entries = Object.entries(signatures).map(([name, parameters]) => [
      name,
      this.handle.func(
        name,
        'int',
        parameters.map((type) => types[type]),
      ),
    ]);
    this.#functions = Object.fromEntries(entries) as Record<FunctionName, MpiFunction>;
    this.#outAt = this.address(this.#out);
  }

  #recognize(): Interface {
    const global = (name: string) => this.#koffi.address(this.handle.symbol(name, 'char')) as Address;
    try {
      return {
        handle: 'void *',
        world: global('ompi_mpi_comm_world'),
        byte: global('ompi_mpi_byte'),
        float: global('ompi_mpi_float'),
        double: global('ompi_mpi_double'),
        sum: global('ompi_mpi_op_sum'),
        inPlace: 1n,
        returnErrors: global('ompi_mpi_errors_return'),
        ignored: 0n,
        ignoredAll: 0n,
      };
    } catch {
      this.handle.symbol('MPI_UNWEIGHTED', 'char');
      // mpi.h of MPICH; fixed by the MPICH ABI Compatibility Initiative.
      return {
        handle: 'int',
        world: 0x44000000,
        byte: 0x4c00010d,
        float: 0x4c00040a,
        double: 0x4c00080b,
        sum: 0x58000003,
        inPlace: 2n ** 64n - 1n,
        returnErrors: 0x54000001,
        ignored: 1n,
        ignoredAll: 1n,
      };
    }
  }

  /** Where numbers lie, for functions that keep the address: the memory must not be collected meanwhile. */
  address(numbers: NodeJS.ArrayBufferView): Address {
    return this.#koffi.address(numbers) as Address;
  }

  /** @param offset bytes into a memory that threads share */
  addressIn(memory: WebAssembly.Memory, offset: number): Address {
    return this.address(new Uint8Array(memory.buffer, offset));
  }

  /** @throws WireError with what the library says, when it fails */
  call(name: FunctionName, ...values: unknown[]): void {
    this.#check(name, this.#functions[name](...values));
  }

  /** Calls a function whose last parameter is where it puts a number. */
  ask(name: FunctionName, ...values: unknown[]): number {
    this.call(name, ...values, this.#outAt);
    return this.#out[0];
  }

  /** Calls a function on a thread of its own, since it waits for other processes. */
  wait(name: FunctionName, ...values: unknown[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#functions[name].async(...values, (error: Error | null, code: number) => {
        try {
          if (error) throw error;
          this.#check(name, code);
          resolve();
        } catch (failure) {
          reject(failure as Error);
        }
      });
    });
  }

  /** @param request where a request is. @returns whether it is done; then it is gone */
  test(request: Address): boolean {
    return this.#tested(this.#functions.MPI_Test(request, this.#outAt, this.#interface.ignored), 'MPI_Test');
  }

  testAll(count: number, requests: Address): boolean {
    const { ignoredAll } = this.#interface;
    return this.#tested(this.#functions.MPI_Testall(count, requests, this.#outAt, ignoredAll), 'MPI_Testall');
  }

  #tested(code: number, name: FunctionName): boolean {
    this.#check(name, code);
    return this.#out[0] !== 0;
  }

  /** Ends the process at once, whatever its threads do. */
  exit(code: number): void {
    this.#koffi.load(null).func('_exit', 'void', ['int'])(code);
  }

  /** Errors end no process, but are returned. */
  returnErrors(): void {
    this.call('MPI_Comm_set_errhandler', this.world, this.#interface.returnErrors);
  }

  #check(name: FunctionName, code: number): void {
    if (code === 0) return;
    const text = new Uint8Array(this.#out.buffer, 64, 512);
    this.#functions.MPI_Error_string(code, this.address(text), this.#outAt);
    const said = Buffer.from(text.slice(0, this.#out[0])).toString();
    throw new WireError(`${name} failed (${said})`, 'see what mpirun says');
  }
}

let loaded: MpiLibrary | undefined;

/**
 * The library of this process, which is loaded once.
 * @throws ConfigError when there is none, or it is of a kind that is not known
 */
export function mpiLibrary(): MpiLibrary {
  if (loaded) return loaded;
  // UCX, below MPICH, puts functions of its own in the place of those by which a process gets memory, while other threads ask for some: under
  // MPICH 4.0.2 and UCX 1.13 a process was lost by that once in 60 starts on a busy machine. Without, it registers memory for each message anew.
  if (isOfMpich(process.env)) process.env.UCX_MEM_EVENTS ??= 'n';
  const failures: string[] = [];
  for (const file of candidates(process.env)) {
    try {
      loaded = new MpiLibrary(require('koffi') as KoffiModule, file);
      return loaded;
    } catch (error) {
      failures.push((error as Error).message.split('\n')[0]);
    }
  }
  throw new ConfigError(
    `no MPI library loads here that follows the interface of Open MPI 4 and 5 or of MPICH (${failures.join('; ')})`,
    `install one (Debian: apt-get install libopenmpi3), name its file in LOCKSTEP_MPI, or ${withoutMpi}`,
  );
}
