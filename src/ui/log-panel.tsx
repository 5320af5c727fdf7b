// The request log with its tools, and the details of the chosen request below it.
import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import type { LogRecord } from '../lab/record.ts';
import { formatCount } from './format.ts';
import { Icon } from './icons.tsx';
import { LogGrid } from './log-grid.tsx';
import type { LogModel } from './log-model.ts';
import { RequestDetail } from './request-detail.tsx';
import { makeSplit, Splitter } from './splitter.tsx';

const detailSplit = makeSplit('detail', 52, 15, 85);

/** What the log holds, in words: how many, how many of them match, how many are gone. */
function Tally({ log }: { log: LogModel }) {
  void log.version.value;
  const { view, store } = log;
  const filtered = log.filterText.value.trim() !== '';
  return (
    <span class="tally">
      <span role="status">
        {filtered
          ? `${formatCount(view.length)} of ${formatCount(view.total)}`
          : `${formatCount(view.total)} ${view.total === 1 ? 'request' : 'requests'}`}
      </span>
      {view.unscanned > 0 && <span> · looking…</span>}
      {view.paused && view.heldBack > 0 && <span> · {formatCount(view.heldBack)} waiting</span>}
      {store.overwritten > 0 && (
        <span
          class="overwritten"
          title="The log keeps the newest 300,000 requests or 64 MiB; these older ones are gone"
        >
          {' '}
          · {formatCount(store.overwritten)} overwritten
        </span>
      )}
    </span>
  );
}

function Toggle(props: {
  pressed: boolean;
  icon: 'follow' | 'pause' | 'resume';
  label: string;
  title: string;
  onClick: () => void;
}) {
  const { pressed, icon, label, title, onClick } = props;
  return (
    <button type="button" class="tool" aria-pressed={pressed} title={title} onClick={onClick}>
      <Icon name={icon} />
      {label}
    </button>
  );
}

export function LogTools({ log }: { log: LogModel }) {
  return (
    <div class="log-tools">
      <input
        type="search"
        id="log-filter"
        aria-label="Filter by opcode, path, error"
        placeholder="Filter: opcode, path, error"
        title="All words have to be found in opcode, path or error"
        value={log.filterText.value}
        spellcheck={false}
        autocomplete="off"
        onInput={(event) => log.setFilter(event.currentTarget.value)}
      />
      <Tally log={log} />
      <Toggle
        pressed={log.follow.value}
        icon="follow"
        label="Follow"
        title="Keep the newest request in sight; scrolling up ends it"
        onClick={() => {
          log.follow.value = !log.follow.value;
          log.changed();
        }}
      />
      <Toggle
        pressed={log.paused.value}
        icon={log.paused.value ? 'resume' : 'pause'}
        label="Pause"
        title="Hold the list still; requests are recorded all the same"
        onClick={() => log.setPaused(!log.paused.value)}
      />
      <button type="button" class="tool" title="Forget all requests so far" onClick={() => log.clear()}>
        <Icon name="clear" />
        Clear
      </button>
    </div>
  );
}

export function LogView({ log }: { log: LogModel }) {
  const open = useSignal(false);
  const selected = log.selected.value;
  const record = useMemo<LogRecord | undefined>(
    () => (selected !== undefined && selected >= log.store.begin ? log.store.record(selected) : undefined),
    [log, selected],
  );
  useEffect(() => {
    if (selected === undefined) open.value = false;
  }, [selected]);
  const shown = open.value && record !== undefined;
  const close = (): void => {
    open.value = false;
    document.getElementById('log-grid')?.focus();
  };
  return (
    <div
      class={`log-split ${shown ? 'open' : ''}`}
      style={shown ? { '--split': `${detailSplit.share.value}%` } : undefined}
    >
      <LogGrid
        log={log}
        onOpen={() => {
          open.value = true;
        }}
        onClose={close}
      />
      {shown && (
        <>
          <Splitter split={detailSplit} label="Height of the list" orientation="horizontal" controls="log-grid" />
          <RequestDetail key="detail" log={log} record={record} onClose={close} />
        </>
      )}
    </div>
  );
}
