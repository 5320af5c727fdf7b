// The dialog of the named trees: which there are, and what can be done with them.
import { useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { NamedTree } from '../lab/messages.ts';
import { OutcomeNote } from './files-panel.tsx';
import { formatCount } from './format.ts';
import { Icon } from './icons.tsx';
import type { Lab } from './lab-client.ts';
import { type Findings, findingText, TreesModel } from './trees-model.ts';
import { PAUSED, WorkBar } from './work.tsx';

function stateOf({ open, locked }: NamedTree): string {
  if (open) return 'open here';
  return locked ? 'open in another tab' : '';
}

function TreeList({ model }: { model: TreesModel }) {
  const trees = model.trees.value;
  const at = trees.findIndex(({ name }) => name === model.chosen.value);
  const move = (index: number): void => {
    const tree = trees[Math.max(0, Math.min(trees.length - 1, index))];
    if (tree === undefined) return;
    model.chosen.value = tree.name;
    requestAnimationFrame(() => document.getElementById(`tree-${tree.name}`)?.scrollIntoView({ block: 'nearest' }));
  };
  return (
    <div
      class="tree-list"
      role="listbox"
      tabIndex={0}
      aria-label="Trees"
      aria-activedescendant={at < 0 ? undefined : `tree-${model.chosen.value}`}
      onKeyDown={(event) => {
        const to = new Map([
          ['ArrowUp', at - 1],
          ['ArrowDown', at + 1],
          ['Home', 0],
          ['End', trees.length - 1],
        ]).get(event.key);
        if (to === undefined) return;
        event.preventDefault();
        move(to);
      }}
    >
      {trees.map((tree, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the list has the focus and takes the keys
        // biome-ignore lint/a11y/useFocusableInteractive: as above
        <div
          key={tree.name}
          id={`tree-${tree.name}`}
          role="option"
          aria-selected={index === at}
          onClick={() => move(index)}
        >
          <span class="tree-name">{tree.name}</span>
          <span class="small">{stateOf(tree)}</span>
        </div>
      ))}
    </div>
  );
}

function FindingList({ model, findings }: { model: TreesModel; findings: Findings }) {
  const { count, tree } = findings;
  return (
    <section class="findings" aria-label="Findings">
      <p>
        <strong>
          The check found {formatCount(count)} {count === 1 ? 'thing' : 'things'} wrong with {tree}.
        </strong>{' '}
        Nothing was changed.
      </p>
      <ul>
        {findings.findings.map((finding, index) => (
          <li key={index}>{findingText(finding)}</li>
        ))}
        {count > findings.findings.length && <li>and {formatCount(count - findings.findings.length)} more</li>}
      </ul>
      <div class="actions">
        <button type="button" class="danger" onClick={() => void model.repair(findings)}>
          Repair {tree}
        </button>
        <button
          type="button"
          onClick={() => {
            model.findings.value = undefined;
          }}
        >
          Leave it
        </button>
      </div>
    </section>
  );
}

function Actions({ model }: { model: TreesModel }) {
  const tree = model.current;
  const action = (label: string, does: (tree: NamedTree) => void, title: string, unless = false, kind = '') => (
    <button
      type="button"
      class={kind}
      title={title}
      disabled={tree === undefined || model.busy || unless}
      onClick={() => tree && does(tree)}
    >
      {label}
    </button>
  );
  const { open = false, locked = false } = tree ?? {};
  const elsewhere = locked && !open;
  return (
    <fieldset class="tree-actions" aria-label={`Tree ${tree?.name ?? ''}`}>
      {action('Open', (it) => model.open(it), 'Mount it in the guest, which is restarted', open, 'primary')}
      {action('Copy…', (it) => void model.copy(it), 'Make another tree of what is in it', elsewhere)}
      {action('Rename…', (it) => void model.rename(it), 'Call it otherwise', elsewhere)}
      {action('Export', (it) => void model.exportTree(it), 'Save it as a tar archive', elsewhere)}
      {action('Check', (it) => void model.check(it), 'Look whether what is stored of it fits together', elsewhere)}
      {action('Reset…', (it) => void model.reset(it), 'Put the example in place of its files', elsewhere, 'danger')}
      {action(
        'Delete…',
        (it) => void model.remove(it),
        open ? 'It is open: open another tree first' : 'Delete it with all its files',
        open || elsewhere,
        'danger',
      )}
    </fieldset>
  );
}

function Dialog({ lab, model, onClose }: { lab: Lab; model: TreesModel; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const element = dialog.current as HTMLDialogElement;
    element.showModal();
    element.querySelector<HTMLElement>('[role=listbox]')?.focus();
    return () => element.close();
  }, [model]);
  // Which one is open changes with what the lab does.
  useSignalEffect(() => {
    if (lab.stage.value !== 'loading') void model.refresh();
  });
  // The button that began it could not be used meanwhile, and so lost the focus.
  useSignalEffect(() => {
    const idle = model.work.value === undefined;
    if (idle && document.activeElement === document.body)
      dialog.current?.querySelector<HTMLElement>('[role=listbox]')?.focus();
  });
  const work = model.work.value;
  const outcome = model.outcome.value;
  const findings = model.findings.value;
  return (
    <dialog ref={dialog} class="dialog trees" aria-labelledby="trees-title" onClose={onClose}>
      <div class="dialog-head">
        <h2 id="trees-title">Trees</h2>
        <button type="button" class="plain" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      <p class="small">
        A tree is what the guest has at <code>/mnt/lab</code>. Each is kept in this browser under its name.
      </p>
      <div class="tree-columns">
        <TreeList model={model} />
        <Actions model={model} />
      </div>
      <div class="actions tree-new">
        <input
          ref={input}
          id="import-tar"
          type="file"
          accept=".tar,.gz,.tgz,application/x-tar,application/gzip"
          hidden
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            // So that the same file can be chosen again; the list is empty from then on.
            event.currentTarget.value = '';
            if (file) void model.importTree(file);
          }}
        />
        <button type="button" disabled={model.busy} onClick={() => void model.create()}>
          New tree…
        </button>
        <button
          type="button"
          disabled={model.busy}
          title="Make a tree of a tar archive"
          onClick={() => input.current?.click()}
        >
          Import…
        </button>
      </div>
      {work !== undefined && <WorkBar work={work} note={lab.paused.value ? PAUSED : undefined} />}
      {work === undefined && outcome !== undefined && (
        <OutcomeNote
          outcome={outcome}
          onClose={() => {
            model.outcome.value = undefined;
          }}
        />
      )}
      {work === undefined && findings !== undefined && <FindingList model={model} findings={findings} />}
    </dialog>
  );
}

/** The button with the tree's name, and the dialog that it opens. */
export function Trees({ lab }: { lab: Lab }) {
  const model = useMemo(() => new TreesModel(lab), [lab]);
  const open = useSignal(false);
  const button = useRef<HTMLButtonElement>(null);
  const close = (): void => {
    open.value = false;
    button.current?.focus();
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        class="tool tree-button"
        aria-haspopup="dialog"
        title={`Tree ${lab.treeName.value}: open another, make, copy, export, check trees`}
        onClick={() => {
          open.value = true;
        }}
      >
        <Icon name="trees" />
        <span class="word">Tree {lab.treeName.value}</span>
      </button>
      {open.value && <Dialog lab={lab} model={model} onClose={close} />}
    </>
  );
}
