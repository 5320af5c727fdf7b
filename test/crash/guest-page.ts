// Put in front of the lab's own worker, in the page with the guest: records its commits, and tells of them beside its messages.
import { FlightRecorder } from './flight-recorder.ts';
import type { KeptOpen } from './moment.ts';
import { watchCommits } from './transactions.ts';

/** The channel between this and the test's part of the page (guest-trial.ts), which passes it on. */
const channel = new BroadcastChannel('crash');
const recorder = new FlightRecorder();
/** Counted from when the workload begins. */
let commits = 0;
let keep: KeptOpen = { commit: 0, ms: 0 };

watchCommits(
  globalThis,
  (event) => {
    if (event.event === 'begin') recorder.begun();
    else recorder.ended();
    channel.postMessage({ name: 'commit', value: event });
  },
  () => (++commits === keep.commit ? keep.ms : 0),
);

channel.onmessage = ({ data }: MessageEvent<{ name: string; value: KeptOpen }>) => {
  if (data.name !== 'arm') return;
  keep = { commit: 0, ms: 0 };
  recorder.start().then(() => {
    // Both ends count from here.
    keep = data.value;
    commits = 0;
    channel.postMessage({ name: 'armed', value: null });
  });
};
