// The right pane: the request log and the files of the tree, each in a tab.
import type { Signal } from '@preact/signals';
import { hasFiles } from './dropped.ts';
import type { FileActions } from './file-actions.ts';
import type { FilesModel } from './files-model.ts';
import { FilesPanel, FilesTools } from './files-panel.tsx';
import type { Lab } from './lab-client.ts';
import { LogTools, LogView } from './log-panel.tsx';
import { Tabs } from './tabs.tsx';

export type Side = 'log' | 'files';

const TABS: readonly { id: Side; label: string }[] = [
  { id: 'log', label: 'Requests' },
  { id: 'files', label: 'Files' },
];

interface SidePaneProps {
  lab: Lab;
  files: FilesModel;
  actions: FileActions;
  side: Signal<Side>;
}

export function SidePane({ lab, files, actions, side }: SidePaneProps) {
  const isLog = side.value === 'log';
  return (
    <section
      class="pane side-pane"
      id="side-pane"
      aria-label={isLog ? 'Requests' : 'Files'}
      onDragEnter={(event) => {
        if (hasFiles(event.dataTransfer)) side.value = 'files';
      }}
    >
      <div class="pane-head">
        <Tabs label="Requests and files" tabs={TABS} chosen={side} panels="side" />
        {isLog ? <LogTools log={lab.log} /> : <FilesTools files={files} actions={actions} />}
      </div>
      <div class="screens">
        <div class={`screen ${isLog ? '' : 'behind'}`} id="side-log" role="tabpanel" aria-labelledby="tab-log">
          <LogView log={lab.log} />
        </div>
        <div class={`screen ${isLog ? 'behind' : ''}`} id="side-files" role="tabpanel" aria-labelledby="tab-files">
          {!isLog && <FilesPanel lab={lab} files={files} actions={actions} />}
        </div>
      </div>
    </section>
  );
}
