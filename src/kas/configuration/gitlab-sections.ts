/** The sections about GitLab's side: `gitlab`, `gitaly`, and the listeners GitLab and other kas call, `api` and `private_api`. */
import { z } from 'zod';
import {
  count,
  duration,
  isWebAddress,
  rate,
  requiredText,
  text,
  textIfSet,
  webAddressHint,
} from './scalars.ts';
import { checkListen, listenKeys, section } from './sections.ts';

function rateLimit(refillPerSecond: number, bucketSize: number) {
  return section({
    refill_rate_per_second: rate(refillPerSecond),
    bucket_size: count(bucketSize),
  }).prefault({});
}

const externalUrl = textIfSet().refine(
  (value) => value === undefined || value === '' || isWebAddress(value),
  {
    error: webAddressHint,
  },
);

export const gitlabSection = section({
  address: requiredText(
    'the URL of GitLab, such as https://gitlab.example.com (a kas without GitLab has the section standalone instead)',
  ).refine((value) => value === '' || isWebAddress(value), { error: webAddressHint }),
  external_url: externalUrl,
  authentication_secret_file: requiredText('the file with the secret GitLab calls gitlab_kas_secret'),
  ca_certificate_file: text(''),
  api_rate_limit: rateLimit(50, 250),
});

const notStandalone = z
  .unknown()
  .refine((value) => value === undefined, {
    error: 'is not used without GitLab: remove it, or remove the section standalone',
  })
  .transform((): undefined => undefined)
  .optional();

/** What is left of it without GitLab. */
export const standaloneGitlabSection = section({
  address: notStandalone,
  external_url: externalUrl,
  authentication_secret_file: notStandalone,
  ca_certificate_file: notStandalone,
  api_rate_limit: notStandalone,
});

export const gitalySection = section({
  global_api_rate_limit: rateLimit(30, 70),
  per_server_api_rate_limit: rateLimit(15, 40),
});

function jwtListenKeys(address: string, caller: string) {
  return {
    ...listenKeys(address),
    authentication_secret_file: requiredText(`the file with the secret that signs what ${caller} sends`),
    max_connection_age: duration(7_200_000),
    listen_grace_period: duration(5_000),
  };
}

export const apiSection = section({
  listen: section(jwtListenKeys('127.0.0.1:8153', 'GitLab')).superRefine(checkListen).prefault({}),
});

export const privateApiSection = section({
  listen: section({ ...jwtListenKeys('127.0.0.1:8155', 'other kas'), ca_certificate_file: text('') })
    .superRefine(checkListen)
    .prefault({}),
});
