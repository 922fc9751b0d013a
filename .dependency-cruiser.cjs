'use strict';
// Who may import whom (docs/architecture.md). Layers only look down; a folder is entered through its index.ts.
const folders = {
  ports: [],
  protocol: [],
  host: ['ports'],
  supervisor: ['ports', 'statecharts'],
  pipe: ['protocol', 'ports'],
  manifests: ['protocol', 'ports'],
  files: ['ports', 'supervisor', 'statecharts'],
  gitlab: ['protocol', 'ports', 'supervisor', 'statecharts', 'files'],
  git: ['protocol', 'ports', 'supervisor', 'statecharts'],
  store: ['protocol', 'ports', 'supervisor', 'statecharts'],
  inspect: ['supervisor', 'statecharts', 'ports'],
  actors: [
    'ports',
    'protocol',
    'statecharts',
    'supervisor',
    'pipe',
    'manifests',
    'gitlab',
    'git',
    'store',
    'inspect',
  ],
};
// The machine itself (host) is for composition roots only.
const below = [...Object.keys(folders), 'statecharts'];
folders.kas = below;
folders.agentk = below;
folders.sim = below;
// Needs charts and nothing of the product; what it simulates comes from sim.
folders.testing = ['statecharts', 'sim'];
// Simulated worlds run both programs; nobody may import them but those named below.
const world = '^src/sim/(world|wire)/';
// It looks at set-ups of both programs with their own code.
folders.doctor = [...below, 'kas', 'agentk'];

const path = (folder) => (folder === 'statecharts' ? '^statecharts/' : `^src/${folder}/`);
const law = Object.entries(folders).map(([folder, allowed]) => ({
  name: `layers-look-down-${folder}`,
  severity: 'error',
  from: { path: path(folder), pathNot: world },
  to: {
    path: ['^src/', '^statecharts/'],
    pathNot: [path(folder), ...allowed.map(path)],
  },
}));
const indexOnly = Object.keys(folders).map((folder) => ({
  name: `through-the-index-${folder}`,
  comment: 'A folder is entered through its index.ts (or the index.ts of one of its named sub-folders).',
  severity: 'error',
  from: { path: '^src/', pathNot: path(folder) },
  to: {
    path: path(folder),
    pathNot: [
      `^src/${folder}/index\\.ts$`,
      `^src/${folder}/[a-z0-9-]+/index\\.ts$`,
      `^src/${folder}/main\\.ts$`,
      // A version needs nothing of what it is the version of.
      `^src/${folder}/build-info\\.ts$`,
    ],
  },
}));

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'statecharts-are-pure',
      comment: 'A chart imports xstate, other charts and types of the protocol; nothing that can do I/O.',
      severity: 'error',
      from: { path: '^statecharts/' },
      to: { path: '^src/', pathNot: '^src/protocol/' },
    },
    {
      name: 'statecharts-no-node-modules',
      severity: 'error',
      from: { path: '^statecharts/' },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev'], pathNot: 'node_modules/xstate' },
    },
    {
      name: 'statecharts-protocol-types-only',
      severity: 'error',
      from: { path: '^statecharts/' },
      to: { path: '^src/protocol/', dependencyTypesNot: ['type-only'] },
    },
    ...law,
    ...indexOnly,
    {
      name: 'sockets-are-behind-ports',
      comment:
        'What lives and decides asks the outside through ports and adapters, or a simulation could not hold it.',
      severity: 'error',
      from: {
        path: '^(statecharts|src/(actors|supervisor|protocol|gitlab/cache|store/memory|sim/(kernel|network)))/',
      },
      to: { path: '^(node:)?(net|tls|dgram|dns|http|https|undici)(/|$)', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'layers-look-down-world',
      severity: 'error',
      from: { path: world },
      to: {
        path: ['^src/', '^statecharts/'],
        pathNot: [...below, 'sim', 'kas', 'agentk'].map(path),
      },
    },
    {
      name: 'the-world-is-for-simulations',
      comment: 'It holds both programs: a daemon that imported it would be both.',
      severity: 'error',
      from: { path: '^src/', pathNot: [world, '^src/cli/', '^src/testing/'] },
      to: { path: world },
    },
    {
      name: 'nothing-imports-cli',
      severity: 'error',
      from: { path: '^(src|statecharts)/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'testing-is-for-tests',
      severity: 'error',
      from: { path: '^(src|statecharts)/', pathNot: '^src/testing/' },
      to: { path: '^src/testing/' },
    },
    {
      name: 'no-tests-in-src',
      severity: 'error',
      from: { path: '^(src|statecharts)/' },
      to: { path: '^(test|bench|scripts)/' },
    },
    {
      name: 'pages-import-pictures-and-words',
      comment:
        'The pages run in browsers: of ours they take the pictures of charts and the words of the API.',
      severity: 'error',
      from: { path: '^web/' },
      to: {
        path: '^(src|statecharts|test|scripts|bench)/',
        pathNot: ['^src/inspect/charts/', '^src/kas/dashboard/wire\\.ts$'],
      },
    },
    {
      name: 'pages-are-nobodys-library',
      severity: 'error',
      from: { path: '^(src|statecharts)/' },
      to: { path: '^web/' },
    },
    {
      name: 'layout-at-build-time-only',
      comment: 'The product carries places, made by scripts/charts; not what makes them.',
      severity: 'error',
      from: { path: '^(src|statecharts)/' },
      to: { path: 'node_modules/elkjs' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
