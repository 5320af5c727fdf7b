// The Files pane: the tree that the guest has at /mnt/lab, with ways to put files into it and to take them out.
import { useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { CacheMode, LabOptions } from '../lab/messages.ts';
import { chosenFiles, droppedEntries } from './dropped.ts';
import { type FileActions, type Target, targetOf } from './file-actions.ts';
import { FilesGrid } from './files-grid.tsx';
import { type FilesModel, isFile, isFolder } from './files-model.ts';
import { formatCount } from './format.ts';
import { Icon, type IconName } from './icons.tsx';
import type { Lab } from './lab-client.ts';
import type { Outcome } from './task-desk.ts';
import { PAUSED, WorkBar } from './work.tsx';

/** What the guest believes of what is changed behind its back, by the timeouts of the cache policy. */
const SEEN: Readonly<Record<CacheMode, string>> = {
  never: 'The guest sees at once what is changed here',
  metadata: 'The guest may not see what is changed here until it forgets what it knows, for a day at most',
  auto: 'The guest sees what is changed here within a second',
  always: 'The guest may not see what is changed here until it forgets what it knows, for a day at most',
};

interface ToolProps {
  icon: IconName;
  label: string;
  title: string;
  disabled: boolean;
  onClick: () => void;
}

/** A button whose word is left out where there is no room for it. */
function Tool({ icon, label, title, disabled, onClick }: ToolProps) {
  return (
    <button type="button" class="tool" title={title} disabled={disabled} onClick={onClick}>
      <Icon name={icon} />
      <span class="word">{label}</span>
    </button>
  );
}

interface FilesProps {
  files: FilesModel;
  actions: FileActions;
}

export function FilesTools({ files, actions }: FilesProps) {
  const filesInput = useRef<HTMLInputElement>(null);
  const folderInput = useRef<HTMLInputElement>(null);
  /** Where the files go that are being chosen. */
  const target = useRef<Target>(targetOf(undefined));
  const list = files.list.value;
  const row = files.current;
  const still = list === undefined || list.readOnly || actions.busy;
  const hasName = row !== undefined && row.parent !== 0;
  const where = targetOf(row);
  const choose = (input: HTMLInputElement | null): void => {
    target.current = where;
    input?.click();
  };
  const chosen = (event: Event): void => {
    const input = event.currentTarget as HTMLInputElement;
    const entries = chosenFiles(input.files ?? []);
    // So that the same files can be chosen again.
    input.value = '';
    void actions.upload(Promise.resolve(entries), target.current);
  };
  return (
    <div class="files-tools">
      <input ref={filesInput} id="upload-files" type="file" multiple hidden onChange={chosen} />
      <input
        ref={(element) => {
          folderInput.current = element;
          // Not in Preact's types.
          element?.setAttribute('webkitdirectory', '');
        }}
        id="upload-folder"
        type="file"
        hidden
        onChange={chosen}
      />
      <Tool
        icon="upload"
        label="Upload"
        title={`Put files into ${where.path}; or drop them on a folder`}
        disabled={still}
        onClick={() => choose(filesInput.current)}
      />
      <Tool
        icon="upload-folder"
        label="Upload folder"
        title={`Put a folder with all that is in it into ${where.path}`}
        disabled={still}
        onClick={() => choose(folderInput.current)}
      />
      <Tool
        icon="new-folder"
        label="New folder"
        title={`Make a folder in ${where.path}`}
        disabled={still}
        onClick={() => void actions.makeFolder(where)}
      />
      <span class="space" />
      <Tool
        icon="keep"
        label="Download"
        title="Save a file (Enter), or a folder as a tar archive"
        disabled={row === undefined || !(isFile(row) || isFolder(row)) || actions.busy}
        onClick={() => row && void actions.download(row)}
      />
      <Tool
        icon="rename"
        label="Rename"
        title="Give it another name (F2)"
        disabled={still || !hasName}
        onClick={() => row && void actions.rename(row)}
      />
      <Tool
        icon="clear"
        label="Delete"
        title="Delete it (Delete)"
        disabled={still || !hasName}
        onClick={() => row && void actions.remove(row)}
      />
    </div>
  );
}

export function OutcomeNote({ outcome, onClose }: { outcome: Outcome; onClose: () => void }) {
  const { kind, text, details } = outcome;
  return (
    <div class={`outcome ${kind}`} role={kind === 'warning' ? 'alert' : 'status'}>
      <div>
        <p>{text}</p>
        {details.length > 0 && (
          <details>
            <summary>Which</summary>
            <ul>
              {details.map((detail) => (
                <li key={detail}>{detail}</li>
              ))}
            </ul>
          </details>
        )}
      </div>
      <button type="button" class="plain" aria-label="Dismiss" onClick={onClose}>
        <Icon name="close" />
      </button>
    </div>
  );
}

function Foot({ files, options }: { files: FilesModel; options: LabOptions }) {
  const list = files.list.value;
  const words = list?.readOnly ? 'Read-only: this is what is stored of the tree' : SEEN[options.cache];
  const policy = list?.readOnly ? '' : ` (cache=${options.cache})`;
  return (
    <p class="files-foot" title={`${words}${policy}.`}>
      <span class="seen">
        {words}
        {policy}.
      </span>
      {list !== undefined && (
        <span class="inodes" key={`${list.inodes} ${list.orphans}`}>
          {formatCount(list.inodes)} {list.inodes === 1 ? 'inode' : 'inodes'}
          {list.orphans > 0 && (
            <span title="Without a name, and kept because the guest has them open or looked up">
              , {formatCount(list.orphans)} without a name
            </span>
          )}
        </span>
      )}
    </p>
  );
}

export function FilesPanel({ lab, files, actions }: FilesProps & { lab: Lab }) {
  const work = actions.work.value;
  const outcome = actions.outcome.value;
  // The button that began it could not be used meanwhile, and so lost the focus.
  useSignalEffect(() => {
    if (!actions.busy && document.activeElement === document.body) document.getElementById('files-grid')?.focus();
  });
  return (
    <div class="files">
      <FilesGrid
        files={files}
        actions={actions}
        onDrop={(transfer, row) => void actions.upload(droppedEntries(transfer), targetOf(row))}
      />
      <Foot files={files} options={lab.options} />
      {/* Each in a place of its own: one that became another would be seen to move. */}
      {actions.looking.value && (
        <div class="over" key="looking">
          <p class="outcome info" role="status">
            Looking through what was dropped…
          </p>
        </div>
      )}
      {work !== undefined && (
        <div class="over" key="work">
          <WorkBar work={work} note={lab.paused.value ? PAUSED : undefined} />
        </div>
      )}
      {work === undefined && outcome !== undefined && (
        <div class="over" key={`outcome ${outcome.text}`}>
          <OutcomeNote
            outcome={outcome}
            onClose={() => {
              actions.outcome.value = undefined;
            }}
          />
        </div>
      )}
    </div>
  );
}
