// The one line at the bottom: the guest's state, the counters, what is not stored yet, and where files are kept.
import type { ComponentChildren } from 'preact';
import type { Agreed } from '../lab/messages.ts';
import { formatBytes, formatCount } from './format.ts';
import { Icon } from './icons.tsx';
import type { Lab, LabStage } from './lab-client.ts';
import { StoragePopover } from './storage.tsx';

const STAGE_WORDS: Readonly<Record<LabStage, string>> = {
  loading: 'Loading',
  'opening-tree': 'Opening the tree',
  booting: 'Booting',
  mounted: 'Mounted',
  ready: 'Running',
  rebooting: 'Rebooting',
  'powered-off': 'Powered off',
  stopped: 'Stopped',
  viewing: 'Read-only',
  idle: 'No guest',
  failed: 'Failed',
};

interface CounterProps {
  name: string;
  label: string;
  title: string;
  value: number;
  children: ComponentChildren;
}

function Counter({ name, label, title, value, children }: CounterProps) {
  return (
    <span class={`counter ${name}`} title={title} data-counter={name} data-value={value}>
      <span class="label">{label}</span> <span class="value">{children}</span>
    </span>
  );
}

function State({ lab }: { lab: Lab }) {
  const stage = lab.stage.value;
  const detail = lab.detail.value;
  return (
    <span class="state" data-stage={stage} role="status" title={detail}>
      <span class="dot" aria-hidden="true" />
      {lab.paused.value ? 'Paused' : STAGE_WORDS[stage]}
      {stage === 'stopped' && detail !== '' && <span class="reason">: {detail}</span>}
    </span>
  );
}

function Keep({ lab }: { lab: Lab }) {
  const { persisted } = lab.persistence.value;
  if (persisted === undefined) return null;
  if (persisted) {
    return (
      <span class="kept" title="The browser promised to keep the files of this page, also when the disk runs low">
        files kept
      </span>
    );
  }
  return (
    <button
      type="button"
      class="link"
      title="The browser may remove the files of this page when the disk runs low. Ask it not to."
      onClick={() => void lab.persist()}
    >
      <Icon name="keep" />
      Keep files when the disk is low
    </button>
  );
}

const MOUNT = 'Cache policy of the mount, and the tree that is mounted.';

/** In the title, because the line is full. */
const agreedText = ({ protocol, flags }: Agreed): string =>
  `Agreed with the guest: FUSE ${protocol}, ${flags.join(', ')}.`;

export function StatusLine({ lab }: { lab: Lab }) {
  const { requests, requestsPerSecond, cachedInodes, bytesStored, dirtyBytes, full } = lab.counters.value;
  const { cache, writeback, locks, like } = lab.options;
  const policy = [`cache=${cache}`, writeback && 'writeback', locks && 'locks', like && `like ${like}`].filter(Boolean);
  const agreed = lab.agreed.value;
  return (
    <footer class="status">
      <State lab={lab} />
      <Counter name="requests" label="requests" title="FUSE requests since the page was opened" value={requests}>
        {formatCount(requests)}
      </Counter>
      <Counter name="rate" label="per second" title="FUSE requests over the last second" value={requestsPerSecond}>
        {formatCount(Math.round(requestsPerSecond))}
      </Counter>
      <Counter
        name="inodes"
        label="cached inodes"
        title="Inodes that the guest holds a lookup on: those it has cached"
        value={cachedInodes}
      >
        {formatCount(cachedInodes)}
      </Counter>
      <button
        type="button"
        class="figures"
        popovertarget="storage"
        title="Storage: what is stored, and what room there is"
      >
        <Counter name="stored" label="stored" title="Bytes of file content in the tree" value={bytesStored}>
          {formatBytes(bytesStored)}
        </Counter>
        <Counter
          name="unsaved"
          label="unsaved"
          title="Bytes changed and not yet in the browser's storage"
          value={dirtyBytes}
        >
          {formatBytes(dirtyBytes)}
        </Counter>
        {full && <strong class="full">full</strong>}
      </button>
      <StoragePopover lab={lab} />
      <span class="space" />
      <Keep lab={lab} />
      <span class="mount" title={agreed ? `${MOUNT} ${agreedText(agreed)}` : MOUNT}>
        {policy.join(', ')} · tree {lab.treeName.value}
      </span>
    </footer>
  );
}
