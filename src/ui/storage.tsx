// What is stored and what is not, in the status line; and in a popover how much room there is, with what to do about it.
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import type { Counters } from '../lab/messages.ts';
import { formatBytes, formatCount } from './format.ts';
import { Icon } from './icons.tsx';
import { type Lab, TaskError } from './lab-client.ts';

const MIB = 2 ** 20;

/** `98.2 % of 1,204 reads`; of chunks, which is what is looked up. */
export function hitRate({ chunkHits, chunkMisses }: Pick<Counters, 'chunkHits' | 'chunkMisses'>): string {
  const total = chunkHits + chunkMisses;
  if (total === 0) return 'nothing was read yet';
  return `${((chunkHits / total) * 100).toFixed(1)} % of ${formatCount(total)}`;
}

/** Where the figure of what is available comes from: the least of what is known. */
function whyAvailable({ learnedLimit }: Counters, limit: number | undefined): string {
  const known = ['the browser’s estimate'];
  if (limit !== undefined) known.push(`your limit of ${formatBytes(limit * MIB)}`);
  if (learnedLimit !== undefined) known.push(`${formatBytes(learnedLimit)}, where it was full before`);
  return known.length === 1 ? `by ${known[0]}` : `the least of ${known.join(', ')}`;
}

function Fact({ name, value, children }: { name: string; value: string; children?: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <strong>{value}</strong>
        {children !== undefined && <span class="small"> {children}</span>}
      </dd>
    </div>
  );
}

function evicts(persisted: boolean | undefined): string {
  if (persisted === undefined) return 'this browser does not say whether it keeps the files';
  return persisted ? 'the browser keeps the files' : 'the browser may remove the files';
}

export function StoragePopover({ lab }: { lab: Lab }) {
  const saying = useSignal('');
  const saving = useSignal(false);
  const counters = lab.counters.value;
  const { bytesStored, availableBytes, dirtyBytes, cachedBytes, full } = counters;
  const { limit, chunkCache } = lab.options;
  const { persisted } = lab.persistence.value;
  const isOpen = lab.stage.value !== 'viewing' && counters.operations > 0;

  const save = async (): Promise<void> => {
    saving.value = true;
    saying.value = '';
    try {
      await lab.task({ do: 'sync' });
      saying.value = 'Everything is stored.';
    } catch (error) {
      if (!(error instanceof TaskError)) throw error;
      saying.value = error.message;
    } finally {
      saving.value = false;
    }
  };

  return (
    <div id="storage" popover="auto" class="popover storage" role="dialog" aria-labelledby="storage-title">
      <h2 id="storage-title">Storage</h2>
      {full && (
        <p class="full-words" role="alert">
          The storage is full. What was written last is kept in memory and not stored; the guest sees “No space left on
          device” until there is room. Delete files, or free space on the disk.
        </p>
      )}
      <dl class="storage-facts">
        <Fact name="Used" value={formatBytes(bytesStored)}>
          by files of this tree
        </Fact>
        <Fact name="Available" value={formatBytes(availableBytes)}>
          {whyAvailable(counters, limit)}
        </Fact>
        <Fact name="Unsaved" value={formatBytes(dirtyBytes)}>
          written and not yet stored
        </Fact>
        <Fact name="In memory" value={formatBytes(cachedBytes)}>
          of at most {formatBytes(chunkCache * MIB)}
        </Fact>
        <Fact name="Read from memory" value={hitRate(counters)} />
        <Fact name="When the disk is low" value={evicts(persisted)} />
      </dl>
      <p class="small said" role="status">
        {saying.value}
      </p>
      <div class="actions">
        {persisted === false && (
          <button
            type="button"
            title="Ask the browser not to remove the files of this page when the disk runs low"
            onClick={() => void lab.persist()}
          >
            <Icon name="keep" />
            Keep files
          </button>
        )}
        <button type="button" class="primary" disabled={!isOpen || saving.value} onClick={() => void save()}>
          Save now
        </button>
      </div>
    </div>
  );
}
