// Every way in which the lab cannot start or go on: what happened, and what to do about it. Pure.
import type { FailureCode, StartHow } from '../lab/messages.ts';

export type PageFailureCode =
  | FailureCode
  /** Workers that are modules are missing. */
  | 'no-module-workers'
  /** A file did not come. */
  | 'download'
  /** A file is not what the manifest says. */
  | 'damaged'
  /** The worker ended with an error of its own. */
  | 'worker-crashed';

export interface Failure {
  code: PageFailureCode;
  /** The technical reason, for the curious. */
  detail: string;
  /** The file concerned. */
  file?: string;
}

export interface FailureText {
  title: string;
  /** What happened, in plain words. */
  what: string;
  /** What to do. */
  advice: string;
  /** Label of the button that starts the lab again; undefined where that cannot help. */
  retry: string | undefined;
  /** Other ways to start it. */
  ways?: readonly { label: string; how: StartHow }[];
}

const NEEDED = 'The lab needs a current Chromium, Chrome, Edge, Firefox or Safari.';

const LOOK = { label: 'Look at it read-only', how: 'read-only' } as const;
const TAKE_OVER = { label: 'Take over', how: 'take-over' } as const;

type Texts = (failure: Failure) => FailureText;

const TEXTS: Readonly<Record<PageFailureCode, Texts>> = {
  'no-wasm': () => ({
    title: 'This browser does not run WebAssembly',
    what: 'The emulator is a WebAssembly program, and this browser has none or was told not to run it.',
    advice: `${NEEDED} Some hardening settings (such as a lockdown mode) switch WebAssembly off: make an exception for this site.`,
    retry: undefined,
  }),
  'no-module-workers': () => ({
    title: 'This browser is too old for the lab',
    what: 'The emulator runs in a module worker, which this browser does not have.',
    advice: NEEDED,
    retry: undefined,
  }),
  'no-indexeddb': () => ({
    title: 'This browser refuses to store files',
    what: 'The file tree is kept in IndexedDB, and the browser does not open it for this page.',
    advice:
      'Private windows and blocked site data do that. Open the page in a normal window, or allow it to store data, then try again.',
    retry: 'Try again',
  }),
  'tree-locked': () => ({
    title: 'This tree is open in another tab',
    what: 'Only one tab at a time may write a tree, so that no write is ever lost.',
    advice:
      'You can look at the tree here while the other tab writes it, or take it over: the other tab then stops its guest and stores everything first. Or choose another tree in the settings.',
    retry: 'Try again',
    ways: [LOOK, TAKE_OVER],
  }),
  'taken-over': ({ detail }) => ({
    title: 'Another tab took this tree over',
    what: `${detail}. The guest of this tab was stopped.`,
    advice: 'Go on in the other tab. Or take the tree back: the other tab then stops its guest and stores everything.',
    retry: undefined,
    ways: [{ ...TAKE_OVER, label: 'Take it back' }, LOOK],
  }),
  'not-handed-over': ({ detail }) => ({
    title: 'The other tab keeps the tree',
    what: `It was asked for the tree, and keeps it: ${detail}.`,
    advice:
      'Ask again when that is over. Where room is missing, remove files there, or free space on the disk; what is not stored is lost if you insist.',
    retry: undefined,
    ways: [
      { ...TAKE_OVER, label: 'Ask again' },
      { label: 'Take over, and lose what is not stored', how: 'take-over-anyway' },
      LOOK,
    ],
  }),
  'tree-wanted': ({ detail }) => ({
    title: 'Another tab asked for this tree and did not get it',
    what: `${detail}.`,
    advice: 'Remove files in /mnt/lab, or free space on the disk; then the other tab can ask again.',
    retry: undefined,
  }),
  'tree-name': ({ detail }) => ({
    title: 'There is no such tree',
    what: detail,
    advice: 'Choose another tree.',
    retry: 'Try again',
  }),
  'tree-newer': () => ({
    title: 'This tree was written by a newer version of the lab',
    what: 'This version does not know its format and leaves it untouched.',
    advice: 'Reload the page to get the newer version, or choose another tree in the settings.',
    retry: 'Try again',
  }),
  'tree-old': ({ detail }) => ({
    title: 'This tree is stored as an older version of the lab did',
    what: `${detail}. Nothing was changed.`,
    advice:
      'Free space on the disk and try again: the change needs as much as the tree has. Or look at the tree, and export it.',
    retry: 'Try again',
    ways: [LOOK],
  }),
  'tree-damaged': () => ({
    title: 'The stored tree is damaged',
    what: 'What the browser has stored for this tree does not fit together. Nothing was changed.',
    advice: 'Check it under “Trees”: that names what is wrong, and repairs it if you wish. Or open another tree there.',
    retry: 'Try again',
  }),
  'tree-lost': () => ({
    title: 'The tree is no longer ours',
    what: 'Another tab took it over while this one did not answer, or the data of this site were removed. The guest of this tab was stopped; what it had not stored by then is lost.',
    advice: 'Go on in the other tab, or take the tree back: it is as it was last stored.',
    retry: 'Start again',
    ways: [{ ...TAKE_OVER, label: 'Take it back' }, LOOK],
  }),
  'store-failing': () => ({
    title: 'The browser’s storage fails',
    what: 'The stored tree could not be read or written just now. What the guest wrote is kept in memory and tried again.',
    advice: 'Leave the page open until this goes away. If it stays, restarting the browser may help.',
    retry: 'Try again',
  }),
  quota: () => ({
    title: 'The storage is full',
    what: 'The disk, or the share of it that the browser gives this site, has no room. The guest sees “No space left on device”.',
    advice:
      'Remove files in /mnt/lab, or free space on the disk. What could not be stored yet is kept and tried again.',
    retry: 'Try again',
  }),
  emulator: () => ({
    title: 'The emulator stopped',
    what: 'The emulated machine ended in a way it should not. The tree is as it was last stored.',
    advice: 'Start it again. If it happens again, please report it with the text below.',
    retry: 'Start again',
  }),
  'device-broken': () => ({
    title: 'The guest broke its queue',
    what: 'The device found a request ring that makes no sense and asked for a reset (DEVICE_NEEDS_RESET).',
    advice: 'Restart the guest. The tree is not affected.',
    retry: 'Start again',
  }),
  internal: () => ({
    title: 'Something went wrong in the lab',
    what: 'This is a mistake of ours. The tree is as it was last stored.',
    advice: 'Start it again. If it happens again, please report it with the text below.',
    retry: 'Start again',
  }),
  'worker-crashed': () => ({
    title: 'The lab’s worker crashed',
    what: 'The background program that runs the guest ended. The tree is as it was last stored.',
    advice:
      'Start it again. If the browser is short of memory, close other tabs or choose less guest memory in the settings.',
    retry: 'Start again',
  }),
  download: ({ file }) => ({
    title: 'A file could not be downloaded',
    what: `${file ?? 'A file'} did not come.`,
    advice: 'Check the connection and try again; what was already loaded is kept.',
    retry: 'Try again',
  }),
  damaged: ({ file }) => ({
    title: 'The guest image is damaged',
    what: `${file ?? 'A file'} is not the one that belongs to this page: its SHA-256 differs.`,
    advice:
      'Try again. If that does not help, the copy on the server is broken, and whoever hosts it has to build it anew.',
    retry: 'Try again',
  }),
};

export const failureText = (failure: Failure): FailureText => TEXTS[failure.code](failure);

/** A failure that the lab goes on after: told in a notice, not instead of the terminal. */
export const isPassing = (failure: Failure): boolean =>
  failure.code === 'quota' || failure.code === 'store-failing' || failure.code === 'tree-wanted';
