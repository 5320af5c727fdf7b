// The worker's side of the browser harness: functions that a test calls by name, and events that it is told of.

/** Tells the test of something that happened, in order; the value has to survive JSON. */
export type Emit = (name: string, value: unknown) => void;

/** What a test can call. Argument and result have to survive JSON. */
export type Functions = Record<string, (argument: never, emit: Emit) => unknown>;

/** From the page. */
interface Call {
  id: number;
  name: string;
  argument: unknown;
}

/** To the page: events, and the end of each call. */
export type Said =
  | { type: 'event'; name: string; value: unknown }
  | { type: 'done'; id: number; result: unknown }
  | { type: 'failed'; id: number; message: string };

interface WorkerScope {
  postMessage(message: Said): void;
  onmessage: ((event: { data: Call }) => void) | null;
}

/** Answers the calls of the page that this worker belongs to. */
export function serve(functions: Functions): void {
  const scope = globalThis as unknown as WorkerScope;
  const emit: Emit = (name, value) => scope.postMessage({ type: 'event', name, value });
  const perform = async ({ name, argument }: Call): Promise<unknown> => {
    const found = functions[name];
    if (!found) throw new Error(`the worker has no function ${name}`);
    return found(argument as never, emit);
  };
  scope.onmessage = ({ data }) => {
    perform(data).then(
      (result) => scope.postMessage({ type: 'done', id: data.id, result }),
      (error: unknown) => {
        const message = error instanceof Error ? `${error.stack ?? error}` : String(error);
        scope.postMessage({ type: 'failed', id: data.id, message });
      },
    );
  };
}
