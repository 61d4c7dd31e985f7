// Asks a verifier that was not written here whether credentials hold.
//   node verify.mjs < cases.json
// In: {"cases": [{"credential", "documents", "now"}], "contexts": {url: document}}; documents are what a verifier
// would fetch (DID documents, status lists), by URL. Out: [{"verified", "revoked", "problem"}],
// in order; `verified` is that signatures and dates hold, `revoked` what the status list says.
// Nothing is fetched: a URL that is not in the input is an error.
import * as Ed25519Multikey from '@digitalbazaar/ed25519-multikey';
import * as vc from '@digitalbazaar/vc';
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import {checkStatus} from '@digitalbazaar/vc-bitstring-status-list';
import {cryptosuite} from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite';
import {text} from 'node:stream/consumers';

// A did:key is its own document.
async function didKey(url) {
  const [did, fragment] = url.split('#');
  const publicKeyMultibase = did.slice('did:key:'.length);
  const key = await Ed25519Multikey.from({
    id: `${did}#${publicKeyMultibase}`, type: 'Multikey', controller: did, publicKeyMultibase
  });
  const method = await key.export({publicKey: true, includeContext: true});
  if(fragment) {
    return method;
  }
  return {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: did, assertionMethod: [method]
  };
}

function loader(known) {
  return async url => {
    const base = url.split('#')[0];
    let document = known[url];
    if(!document && url.startsWith('did:key:')) {
      document = await didKey(url);
    }
    if(!document && known[base]?.verificationMethod) {
      const method = known[base].verificationMethod.find(one => one.id === url);
      document = method && {'@context': 'https://w3id.org/security/multikey/v1', ...method};
    }
    if(!document) {
      throw new Error(`nothing is fetched: ${url}`);
    }
    return {contextUrl: null, documentUrl: url, document};
  };
}

function problem(error) {
  const causes = error.errors ?? error.cause?.errors ?? [];
  return [error.message, ...causes.map(problem)].join(': ');
}

const {cases, contexts} = JSON.parse(await text(process.stdin));
const results = [];
for(const {credential, documents = {}, now} of cases) {
  const documentLoader = loader({...contexts, ...documents});
  const suite = new DataIntegrityProof({cryptosuite});
  const result = await vc.verifyCredential({
    credential, suite, documentLoader, now: new Date(now),
    checkStatus: options => checkStatus({...options, verifyBitstringStatusListCredential: true})
  });
  const status = result.statusResult?.error;
  results.push({
    verified: result.verified,
    revoked: result.statusResult?.results?.some(one => one.status) ?? null,
    problem: result.verified ? null : problem(result.error ?? status ?? new Error('no reason given'))
  });
}
console.log(JSON.stringify(results));
