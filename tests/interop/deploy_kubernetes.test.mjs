/* The Kubernetes manifests: rendered by kustomize, each object held to its schema, and what they say of
 * our programs held to the programs. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1';
import { Deployment } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, Namespace, Service, ServiceAccount } from 'kubernetes-models/v1';
import { parse, parseAllDocuments } from 'yaml';

import { mqQueue } from '../lib/bullmq.mjs';
import { addressOf, metricsOf } from '../lib/http.mjs';
import { missing, ROOT, startProgram } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';

const DEPLOY = join(ROOT, 'deploy/kubernetes');
const MODELS = { ConfigMap, Deployment, HorizontalPodAutoscaler, Namespace, NetworkPolicy, PodDisruptionBudget, ScaledObject, Service, ServiceAccount };
/* Older ones know no `labels`. */
const renderer = [['kubectl', 'kustomize'], ['kustomize', 'build']].find(([program, verb]) => spawnSync(program, [verb, join(DEPLOY, 'base')]).status === 0);
const options = { skip: renderer ? missing('cartrita-queued', 'cartrita-worker', 'plugins/file.so') : 'neither kubectl of today nor kustomize is installed' };
const SLOW_MS = 60_000;

function render(overlay) {
  const [program, verb] = renderer;
  return parseAllDocuments(execFileSync(program, [verb, join(DEPLOY, overlay)], { encoding: 'utf8' })).map((document) => document.toJS());
}

const find = (objects, kind, name) => objects.find((object) => object.kind === kind && object.metadata.name.startsWith(name));
const containerOf = (deployment) => deployment.spec.template.spec.containers[0];

test('each object of each overlay is one, and hardened as the namespace demands', options, () => {
  for (const overlay of ['base', 'keda', 'hpa']) {
    const objects = render(overlay);
    for (const object of objects) {
      const Model = MODELS[object.kind];
      assert.ok(Model, `no schema for ${object.kind}`);
      new Model(object).validate();
      if (object.kind !== 'Namespace') assert.equal(object.metadata.namespace, 'cartrita', `${object.kind} ${object.metadata.name}`);
    }
    for (const deployment of objects.filter(({ kind }) => kind === 'Deployment')) {
      const pod = deployment.spec.template.spec;
      const container = containerOf(deployment);
      assert.deepEqual([pod.securityContext.runAsNonRoot, pod.securityContext.seccompProfile.type, pod.automountServiceAccountToken], [true, 'RuntimeDefault', false]);
      assert.deepEqual(container.securityContext, { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true });
      assert.ok(container.resources.requests && container.resources.limits.memory);
      const labels = deployment.spec.template.metadata.labels;
      for (const [key, value] of Object.entries(deployment.spec.selector.matchLabels)) assert.equal(labels[key], value);
      const budget = objects.find((object) => object.kind === 'PodDisruptionBudget' && object.metadata.name === deployment.metadata.name);
      assert.deepEqual(budget.spec.selector.matchLabels, { 'app.kubernetes.io/name': labels['app.kubernetes.io/name'] });
    }
  }
});

test('ports, names and times fit together', options, () => {
  const objects = render('keda');
  const queued = find(objects, 'Deployment', 'cartrita-queued');
  const worker = find(objects, 'Deployment', 'cartrita-worker');
  const ports = Object.fromEntries(containerOf(queued).ports.map(({ name, containerPort }) => [name, containerPort]));
  const args = containerOf(queued).args.join(' ');
  assert.match(args, new RegExp(`--listen=tcp://0.0.0.0:${ports.workers} `));
  assert.match(args, new RegExp(`--http=0.0.0.0:${ports.http} `));
  const service = find(objects, 'Service', 'cartrita-queued');
  assert.ok(containerOf(worker).args.includes(`--server=${service.metadata.name}:${ports.workers}`));
  for (const deployment of [queued, worker]) {
    const { livenessProbe, readinessProbe, ports: open } = containerOf(deployment);
    assert.deepEqual([livenessProbe.httpGet.path, readinessProbe.httpGet.path], ['/healthz', '/readyz']);
    for (const probe of [livenessProbe, readinessProbe]) assert.ok(open.some(({ name }) => name === probe.httpGet.port));
  }
  const grace = Number(/--grace=(\d+)s/.exec(args)[1]);
  assert.ok(queued.spec.template.spec.terminationGracePeriodSeconds > grace);
  const config = parse(find(objects, 'ConfigMap', 'cartrita-worker').data['worker.yaml']);
  assert.ok(worker.spec.template.spec.terminationGracePeriodSeconds > parseInt(config.grace, 10));
  const [pool] = config.pools;
  const { queues } = parse(find(objects, 'ConfigMap', 'cartrita-queued').data['queued.yaml']);
  const [queue] = queues;
  assert.equal(queue.name, pool.queue);
  assert.equal(queue.scaling.slots, pool.processes * pool.concurrency, 'slots of a pod');
  const { spec } = find(objects, 'ScaledObject', 'cartrita-worker');
  assert.equal(spec.scaleTargetRef.name, worker.metadata.name);
  assert.ok(spec.triggers[0].metadata.query.includes(`cartrita_queue_wanted_workers{queue="${queue.name}"}`));
  assert.equal(spec.maxReplicaCount, queue.scaling.max);
  const hpa = find(render('hpa'), 'HorizontalPodAutoscaler', 'cartrita-worker');
  assert.deepEqual(hpa.spec.metrics[0].external.metric, { name: 'cartrita_queue_wanted_workers', selector: { matchLabels: { queue: queue.name } } });
});

test('the command lines and configurations are ones that our programs take', options, async (t) => {
  const objects = render('keda');
  const redis = await startRedis(t, { password: 'pw' });
  const dir = await temporaryDirectory(t);
  const put = async (name, text) => {
    await writeFile(join(dir, name), text);
    return join(dir, name);
  };
  const places = {
    '/etc/cartrita/queued.yaml': await put('queued.yaml', find(objects, 'ConfigMap', 'cartrita-queued').data['queued.yaml']),
    '/etc/cartrita/worker.yaml': await put('worker.yaml', find(objects, 'ConfigMap', 'cartrita-worker').data['worker.yaml']),
    '/run/secrets/redis/redis-password': await put('password', 'pw\n'),
    'redis://cartrita-daemon@redis:6379': `redis://127.0.0.1:${redis.port}`,
    'tcp://0.0.0.0:8619': `unix:${dir}/queued.sock`,
    'cartrita-queued:8619': `unix:${dir}/queued.sock`,
    '0.0.0.0:8620': '127.0.0.1:0',
  };
  const argsOf = (name) =>
    containerOf(find(objects, 'Deployment', name)).args.map((arg) => Object.entries(places).reduce((text, [from, to]) => text.replace(from, to), arg));
  const env = { XDG_RUNTIME_DIR: dir, TMPDIR: dir };
  const daemon = startProgram(t, 'cartrita-queued', argsOf('cartrita-queued'), { env });
  const url = await addressOf(daemon);
  const worker = startProgram(t, 'cartrita-worker', argsOf('cartrita-worker'), { env });
  const workerUrl = await addressOf(worker);
  await until(async () => (await fetch(`${workerUrl}/readyz`)).status === 200, { what: 'the worker to be ready', deadlineMs: SLOW_MS, describe: () => worker.log });
  const queue = mqQueue(t, redis, 'image-processing');
  await queue.add('image', {});
  await until(async () => (await metricsOf(url)).has('cartrita_queue_wanted_workers{queue="image-processing"}'), { what: 'the metric', deadlineMs: SLOW_MS, describe: () => daemon.log });
  await worker.stop();
  await daemon.stop();
});
