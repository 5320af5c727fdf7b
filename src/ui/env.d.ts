/** Size of v86's WebAssembly in bytes, put in by vite.config.ts: a compressed download does not tell it. */
declare const WASM_SIZE: number;
